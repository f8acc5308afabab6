"""Cooling plant: the facility water loop of a hall, pumps, adiabatic dry coolers and chilled air for the rest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from twin.component import Behaviour, Component, quantity
from twin.plan import Asset, Guard, Kind, Place, Plan
from twin.pools import Pool, start_pool
from twin.quantities import MS_PER_DAY

if TYPE_CHECKING:
    from twin.actors import Actor
    from twin.world import World

TOWER_DRY_BELOW_C = 3.0
"""Outdoor air below which a tower runs dry: its spray water would freeze (from memory)."""
DESIGN_PA = 87_400.0
"""Air pressure for sizing: the site lies at 1,227 m."""
FREEZE_ALARM_C = 5.0
"""Facility water that cold is told of; 25 % glycol freezes at -10 to -12 °C (from memory)."""
WATER_J_L_K = 3900.0
"""Heat capacity of the loop per litre: water with 25 % glycol for the winter (CoolProp at 38 °C, rounded)."""
LITRE_KG = 1.02
DUST_DAY_MG_M3 = 0.5
AIR_J_KG_K = 1006.0


def saturated_j_kg(temp_c: float, pressure_pa: float) -> float:
    """Enthalpy of saturated air, J per kg of dry air (Magnus form of Alduchov and Eskridge 1996; ext/rejection.pxd)."""
    vapour_pa = 610.94 * math.exp(17.625 * temp_c / (243.04 + temp_c))
    return AIR_J_KG_K * temp_c + 0.62198 * vapour_pa / (pressure_pa - vapour_pa) * (2.501e6 + 1860.0 * temp_c)


def cross_flow(ntu: float, ratio: float) -> float:
    """Effectiveness of a cross-flow cooler, both sides unmixed (Incropera, eq. 11.32)."""
    return 1.0 - math.exp((math.exp(-ratio * ntu**0.78) - 1.0) * ntu**0.22 / ratio)


class CoolingPlant(Component, kind="cooling_plant"):
    """Pumps, dry-cooler banks with adiabatic pads or cooling towers, air units and their chillers of one hall."""

    title = "Cooling plant"
    channels = {
        "supply_c": ("°C", "facility water to the hall (FWS)"),
        "return_c": ("°C", "facility water from the hall"),
        "power_mw": ("MW", "pumps, fans and air units, without the CDU pumps"),
        "heat_mw": ("MW", "heat taken from the rows"),
        "fan_share": ("1", "fan speed"),
        "banks_count": ("1", "dry-cooler banks running"),
        "air_c": ("°C", "air in the hall"),
        "water_kg_s": ("kg/s", "water used: evaporation, blowdown, drift"),
        "evaporated_kg_s": ("kg/s", "water evaporated"),
        "makeup_kg_s": ("kg/s", "water from the mains"),
        "stored_m3": ("m³", "water in the tank"),
        "fouling_share": ("1", "air flow lost to dust"),
        "chillers_count": ("1", "chillers running"),
        "flow_share": ("1", "facility water flow, of design"),
    }
    verbs = ("fail", "repair", "derate", "set")

    hall: str = quantity(description="rack hall it cools")
    design_mw: float = quantity(88.0, "heat at design", gt=0, source="700 racks × 132 kW × 0.87 + losses")
    water_l_kw: float = quantity(10.0, "water in the loop per kW of heat", gt=0, source="docs/physics.md")
    design_rise_k: float = quantity(
        9.0, "temperature rise of the facility water at design", gt=2, source="docs/physics.md, from memory"
    )
    pumps_count: int = quantity(5, "pumps", ge=1, source="4 + 1, choice of this model")
    pumps_needed_count: int = quantity(4, "pumps that carry the design flow", ge=1, source="choice of this model")
    pump_kw: float = quantity(240.0, "one pump at design flow", gt=0, source="3 bar, η 0.78·0.97, derived")
    pump_ups_min: float = quantity(10.0, "time a UPS carries the pumps", ge=0, source="from memory")
    banks_count: int = quantity(16, "banks of dry coolers or towers", ge=1, source="5.5 MW each, choice of this model")
    cooler: Literal["dry", "tower"] = quantity(
        "dry", "dry coolers with pads, or closed-circuit cooling towers", source="choice of this model"
    )
    approach_k: float = quantity(
        8.0,
        "supply above air at design; of a tower above the wet bulb",
        gt=2,
        source="8 K, towers 4 to 6 K, from memory",
    )
    design_wet_bulb_c: float = quantity(
        21.0, "wet bulb a tower is sized for", gt=0, lt=35, source="Zhongwei in July, docs/physics.md"
    )
    tower_air_share: float = quantity(
        0.25, "dry air's capacity flow of a tower, of the water's", gt=0.05, lt=2, source="L/G 1.05, from memory"
    )
    concentration_factor: float = quantity(
        4.0, "cycles of concentration: blowdown = evaporation / (cycles - 1)", gt=1.1, source="3-6, from memory"
    )
    drift_percent: float = quantity(0.002, "drift of a tower, of its spray water", ge=0, source="0.002 %, from memory")
    tank_m3: float = quantity(0.0, "water stored for a loss of the mains", ge=0, source="choice of this model: none")
    chillers_count: int = quantity(
        0, "water-cooled chillers of the air side; 0: air-cooled units with air_cop_factor", ge=0,
        source="choice of this model",
    )  # fmt: skip
    chiller_kw: float = quantity(
        742.0, "reference capacity of a chiller", gt=0, source="Carrier 19XR, Modelica Buildings ElectricEIR"
    )
    chiller_cop_factor: float = quantity(
        5.42, "its reference coefficient of performance", gt=1, source="Carrier 19XR, Modelica Buildings ElectricEIR"
    )
    chilled_c: float = quantity(
        7.0, "chilled water", ge=5.5, le=10, source="range of the Carrier 19XR curves: 5.6 to 10 °C"
    )
    condenser_above_k: float = quantity(
        4.0, "condenser water above air; with towers above the wet bulb", gt=0, source="from memory"
    )
    fouling_per_day: float = quantity(0.0005, "air flow of the coolers lost to dust a day", ge=0, source="from memory")
    dust_day_share: float = quantity(
        0.01, "the same on a day with more than 0.5 mg/m³ of dust", ge=0, source="from memory"
    )
    fouling_cap_share: float = quantity(0.3, "most that dust takes", ge=0, lt=1, source="from memory")
    cleaning_days: float = quantity(90.0, "days between cleanings", gt=0, source="from memory")
    fan_share: float = quantity(0.011, "fan power at design, of the heat", gt=0, source="0.6–1.2 %, from memory")
    adiabatic_share: float = quantity(0.80, "effectiveness of the pads", ge=0, le=1, source="0.70–0.85, from memory")
    adiabatic_from_c: float = quantity(28.0, "air temperature from which the pads are wetted", source="from memory")
    set_min_c: float = quantity(25.0, "lowest facility water set-point", source="docs/physics.md")
    set_max_c: float = quantity(40.0, "highest facility water set-point", source="W40; docs/physics.md")
    air_cop_factor: float = quantity(5.0, "air units and their chiller, at 25 °C outside", gt=1, source="from memory")
    pump_failures_per_year: float = quantity(0.15, "failures of a pump", ge=0, source="IEEE 493 class, from memory")
    pump_repair_h: float = quantity(12.0, "mean time to repair a pump", gt=0, source="from memory")
    bank_failures_per_year: float = quantity(0.1, "failures of a bank", ge=0, source="IEEE 493 class, from memory")
    bank_repair_h: float = quantity(12.0, "mean time to repair a bank", gt=0, source="from memory")
    restart_s: float = quantity(
        90.0, "delay before pumps that stood in a blackout, and the fans, run again", ge=0, source="from memory"
    )

    def lower(self, plan: Plan) -> None:
        """Fill the loop of the hall."""
        if self.hall not in plan.halls:
            from twin.plan import nearest

            path = f"{self.kind}.{self.name}.hall"
            plan.problem(
                path, "no rack hall of this name before it in the file", self.hall, nearest(self.hall, plan.halls)
            )
            return
        index = list(plan.halls).index(self.hall)
        heat_w = self.design_mw * 1e6
        flow_w_k = heat_w / self.design_rise_k
        volume_j_k = self.water_l_kw * self.design_mw * 1e3 * WATER_J_L_K
        # Banks sized so that at design the water leaves approach_k above the air: air flow gets 1.4 × the water's
        # capacity flow, and UA follows from the cross-flow effectiveness that needs (found on a grid, see docs).
        ua = self._bank_ua_w_k(flow_w_k)
        values = {
            "bus_a": plan.buses[f"{self.hall}.a"], "bus_b": plan.buses[f"{self.hall}.b"],
            "c_supply_j_k": volume_j_k / 2, "c_return_j_k": volume_j_k / 2, "flow_w_k": flow_w_k, "q_design_w": heat_w,
            "pumps": self.pumps_count, "pumps_needed": self.pumps_needed_count, "pump_w": self.pump_kw * 1e3,
            "pump_ups_j": self.pump_kw * 1e3 * self.pumps_needed_count * self.pump_ups_min * 60.0,
            "ups_j": self.pump_kw * 1e3 * self.pumps_needed_count * self.pump_ups_min * 60.0,
            "banks": self.banks_count, "bank_ua_w_k": ua / self.banks_count,
            "bank_air_w_k": 1.4 * flow_w_k / self.banks_count, "bank_fan_w": self.fan_share * heat_w / self.banks_count,
            "adiabatic_share": self.adiabatic_share, "adiabatic_from_c": self.adiabatic_from_c,
            "set_min_c": self.set_min_c, "set_max_c": self.set_max_c, "set_above_air_k": self.approach_k,
            "air_cop": self.air_cop_factor, "c_air_j_k": 60.0 * self.design_mw * 1e3, "air_set_c": 26.0,
            "pumps_in_service": self.pumps_count, "banks_in_service": self.banks_count,
            "banks_on": self.banks_count / 2, "power_w": 0.02 * heat_w,
            "flow_kg_s": flow_w_k / WATER_J_L_K * LITRE_KG, "cycles": self.concentration_factor,
            "tank_kg": 1e3 * self.tank_m3, "stored_kg": 1e3 * self.tank_m3,
            "chillers": self.chillers_count, "chillers_in_service": self.chillers_count,
            "chillers_on": min(self.chillers_count, 1),
            "chiller_w": 1e3 * self.chiller_kw, "chiller_cop": self.chiller_cop_factor, "chilled_c": self.chilled_c,
            "condenser_above_k": self.condenser_above_k,
        }  # fmt: skip
        if self.cooler == "tower":
            values |= {
                "tower": 1.0, "adiabatic_share": 1.0, "adiabatic_from_c": TOWER_DRY_BELOW_C,
                "drift_share": self.drift_percent / 100.0,
                "bank_air_w_k": self.tower_air_share * flow_w_k / self.banks_count,
            }  # fmt: skip
        plan.rows["loop"][index].update(values)
        plan.components_at[self.name] = index
        plan.depend(self.hall, self.name)
        for row in range(*plan.halls[self.hall]):
            plan.depend(plan.row_names[row], self.name)
        self._add_channels(plan, index)
        self._add_assets(plan, index)

    def _bank_ua_w_k(self, flow_w_k: float) -> float:
        """Conductance of all banks, W/K, that meets the design approach."""
        slope, air = 1.0, 1.4
        if self.cooler == "tower":
            cold = self.design_wet_bulb_c
            mean = cold + self.approach_k + self.design_rise_k / 2
            rise_j_kg = saturated_j_kg(mean, DESIGN_PA) - saturated_j_kg(cold, DESIGN_PA)
            slope = rise_j_kg / (mean - cold) / AIR_J_KG_K
            air = self.tower_air_share * slope
        rise = self.design_rise_k
        lesser = min(air, 1.0)
        need = rise / (rise + self.approach_k) / lesser  # effectiveness, of the lesser capacity flow
        low, high = 0.1, 20.0
        for _ in range(60):
            ntu = (low + high) / 2
            low, high = (ntu, high) if cross_flow(ntu, lesser / max(air, 1.0)) < need else (low, ntu)
        # the site lies at 1,227 m: air density × 0.86, UA × ρ^0.8 (docs/physics.md); sized for it, with 10 % reserve
        return 1.1 * ntu * flow_w_k * lesser / slope

    def _add_channels(self, plan: Plan, index: int) -> None:
        columns = {
            "supply_c": ("supply_c", 1.0), "return_c": ("return_c", 1.0), "power_mw": ("drawn_w", 1e-6),
            "heat_mw": ("heat_in_w", 1e-6), "fan_share": ("fan", 1.0), "banks_count": ("banks_on", 1.0),
            "air_c": ("air_c", 1.0), "water_kg_s": ("used_kg_s", 1.0), "evaporated_kg_s": ("water_kg_s", 1.0),
            "makeup_kg_s": ("makeup_kg_s", 1.0), "stored_m3": ("stored_kg", 1e-3),
            "fouling_share": ("fouling_share", 1.0), "chillers_count": ("chillers_on", 1.0),
            "flow_share": ("flow", 1.0),
        }  # fmt: skip
        for suffix, (column, scale) in columns.items():
            unit, text = self.channels[suffix]
            kind: Kind = "mean" if suffix in ("power_mw", "heat_mw") or suffix.endswith("kg_s") else "state"
            fine = suffix in ("supply_c", "return_c", "flow_share")
            plan.channel(
                f"{self.name}.{suffix}", Place("loop", column, index), unit, text, kind=kind, scale=scale, fine=fine
            )

    def _add_assets(self, plan: Plan, index: int) -> None:
        running = (Place("loop", "running", index),)
        depends = (f"{self.hall}.a", f"{self.hall}.b")
        plan.asset(Asset(self.name, self.kind, self.name, (), {"in_service": running}, depends))
        for kind, column, count in (
            ("pump", "pumps_in_service", self.pumps_count),
            ("bank", "banks_in_service", self.banks_count),
            ("chiller", "chillers_in_service", self.chillers_count),
        ):
            for k in range(1, count + 1):
                places = {"unit": (Place("loop", column, index),)}
                plan.asset(
                    Asset(f"{self.name}.{kind}-{k:0{len(str(count))}}", kind, self.name, (), places, (self.name,))
                )
        for name, column, text in (
            ("fouling_share", "fouling_share", "air flow lost to dust"),
            ("water", "water", "1 while there is water for the pads"),
        ):
            plan.input(
                f"{self.name}.{name}",
                Place("loop", column, index),
                unit="1",
                description=text,
                minimum=0.0,
                maximum=1.0,
            )
        place = Place("loop", "supply_c", index)
        plan.guard(
            Guard(
                f"{self.name}.warm",
                self.name,
                place,
                self.set_max_c + 4.0,
                reset=self.set_max_c + 2.0,
                asset=self.name,
                mode="soft",
                fine=False,
            )
        )
        plan.guard(
            Guard(
                f"{self.name}.cold",
                self.name,
                place,
                FREEZE_ALARM_C,
                below=True,
                reset=FREEZE_ALARM_C + 3.0,
                asset=self.name,
                mode="soft",
                fine=False,
            )
        )
        ups = Place("loop", "ups_j", index)
        plan.guard(Guard(f"{self.name}.ups", self.name, ups, 1.0, below=True, reset=1e6, asset=self.name))

    def behave(self, world: World, me: Actor) -> Behaviour:
        """Stage the restart after a blackout; tell of warm water and empty pump UPS; gather dust and be cleaned."""
        self._begin(world, me)
        while True:
            yield world.wait(me)
            for alarm in world.take(me):
                self._answer(world, me, alarm)
            self._follow_supply(world, me)
            for task in me.due_tasks(world.now):
                if task == "restart":
                    self._restart(world, me)
                elif task == "clean":
                    self._foul(world, -1.0)
                    me.task("clean", world.now + int(self.cleaning_days * MS_PER_DAY))
                else:
                    self._dust(world, me)
            world.wake_for_tasks(me)

    def _begin(self, world: World, me: Actor) -> None:
        if me.phase == "idle":
            me.phase = "running"
            index = world.plan.components_at[self.name]
            for kind, column, count, rate, hours in (
                ("pump", "pumps_in_service", self.pumps_count, self.pump_failures_per_year, self.pump_repair_h),
                (
                    "dry-cooler bank",
                    "banks_in_service",
                    self.banks_count,
                    self.bank_failures_per_year,
                    self.bank_repair_h,
                ),
            ):
                pool = Pool(self.name, kind, count, rate, hours)
                start_pool(world, pool, "loop", column, index, units=True)
            me.task("day", world.next_local_day(world.now))
            first = world.random(self.name, "cleaning").random() * self.cleaning_days
            me.task("clean", world.now + int(first * MS_PER_DAY))
        world.on_topology(me)

    def _dust(self, world: World, me: Actor) -> None:
        """A day's dust in the coolers' fins."""
        dusty = world.weather_day(world.now - MS_PER_DAY).dust_mg_m3 > DUST_DAY_MG_M3
        self._foul(world, self.dust_day_share if dusty else self.fouling_per_day)
        me.task("day", world.next_local_day(world.now))

    def _foul(self, world: World, more: float) -> None:
        """Let dust take ``more`` of the air flow, up to its cap; what somebody has set beyond stays."""
        place = Place("loop", "fouling_share", world.plan.components_at[self.name])
        now = float(world.arena.column("loop", "fouling_share")[place.index])
        world.put(place, max(min(now + more, max(self.fouling_cap_share, now)), 0.0) if more > 0.0 else 0.0)

    def _answer(self, world: World, me: Actor, alarm: str) -> None:
        if not world.commissioned(self.hall):
            return
        cause = world.cause_of(self.name)
        if alarm.endswith(".warm"):
            text = "facility water above its limit"
        elif alarm.endswith(".cold"):
            text = f"facility water below {FREEZE_ALARM_C:g} °C: its glycol alone keeps it from freezing"
        else:
            text = "pumps stopped: no supply and their UPS is empty"
        seq = world.emit("cooling", self.name, text, priority=1, value=world.guard_value(alarm), cause=cause)
        world.stand(self.name, seq)

    def _follow_supply(self, world: World, me: Actor) -> None:
        """Without supply the fans stop at once, and pumps ride on their UPS. A plant that has failed stands anyway."""
        if not world.commissioned(self.hall) or world.failed(self.name):
            return
        alive = world.alive(f"{self.hall}.a") or world.alive(f"{self.hall}.b")
        if not alive and me.phase != "blackout":
            stand = me.phase == "restarting"
            text = "no supply again: pumps and fans stand" if stand else "fans stopped, pumps on UPS: no supply"
            me.phase = "blackout"
            me.drop_task("restart")
            seq = world.emit("cooling", self.name, text, priority=1, cause=world.cause_of(f"{self.hall}.a"))
            world.stand(self.name, seq)
        elif alive and me.phase == "blackout":
            self._supply_returns(world, me)

    def _supply_returns(self, world: World, me: Actor) -> None:
        """Fans start with the supply where the pumps rode through; pumps that stand are restarted, with the fans."""
        index = world.plan.components_at[self.name]
        left_j, running = (world.arena.column("loop", name)[index] for name in ("ups_j", "running"))
        if left_j <= 1.0 or running < 0.5:
            me.phase = "restarting"
            world.put(Place("loop", "running", index), 0.0)
            me.task("restart", world.now + int(self.restart_s * 1000))
        else:
            self._runs_again(world, me, "fans running again")

    def _restart(self, world: World, me: Actor) -> None:
        if world.failed(self.name):
            me.phase = "blackout"  # its repair finds it so
            return
        world.put(Place("loop", "running", world.plan.components_at[self.name]), 1.0)
        self._runs_again(world, me, "pumps and fans running again")
        world.open_fine()

    def _runs_again(self, world: World, me: Actor, text: str) -> None:
        me.phase = "running"
        world.emit("cooling", self.name, text, priority=0, cause=world.cause_of(self.name))
        world.clear(self.name)
