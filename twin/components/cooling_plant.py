"""Cooling plant: the facility water loop of a hall, pumps, adiabatic dry coolers and chilled air for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.component import Behaviour, Component, quantity
from twin.plan import Asset, Guard, Kind, Place, Plan
from twin.pools import Pool, start_pool

if TYPE_CHECKING:
    from twin.actors import Actor
    from twin.world import World

WATER_J_L_K = 3900.0
"""Heat capacity of the loop per litre: water with 25 % glycol for the winter (CoolProp at 38 °C, rounded)."""


class CoolingPlant(Component, kind="cooling_plant"):
    """Pumps, dry-cooler banks with adiabatic pads, and air units of one hall."""

    title = "Cooling plant"
    channels = {
        "supply_c": ("°C", "facility water to the hall (FWS)"),
        "return_c": ("°C", "facility water from the hall"),
        "power_mw": ("MW", "pumps, fans and air units, without the CDU pumps"),
        "heat_mw": ("MW", "heat taken from the rows"),
        "fan_share": ("1", "fan speed"),
        "banks_count": ("1", "dry-cooler banks running"),
        "air_c": ("°C", "air in the hall"),
        "water_kg_s": ("kg/s", "water evaporated"),
        "flow_share": ("1", "facility water flow, of design"),
    }
    verbs = ("fail", "repair", "derate", "set")

    hall: str = quantity(description="rack hall it cools")
    design_mw: float = quantity(88.0, "heat at design", gt=0, source="700 racks × 132 kW × 0.87 + losses")
    water_l_kw: float = quantity(10.0, "water in the loop per kW of heat", gt=0, source="docs/physics.md")
    design_rise_k: float = quantity(9.0, "temperature rise of the facility water at design", gt=2)
    pumps_count: int = quantity(5, "pumps", ge=1)
    pumps_needed_count: int = quantity(4, "pumps that carry the design flow", ge=1)
    pump_kw: float = quantity(240.0, "one pump at design flow", gt=0, source="3 bar, η 0.78·0.97, derived")
    pump_ups_min: float = quantity(10.0, "time a UPS carries the pumps", ge=0, source="from memory")
    banks_count: int = quantity(16, "dry-cooler banks", ge=1)
    approach_k: float = quantity(8.0, "supply above air at design", gt=2, source="docs/physics.md")
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
        import math

        rise = self.design_rise_k
        need = rise / (rise + self.approach_k)  # effectiveness on the water side
        low, high = 0.1, 20.0
        for _ in range(60):
            ntu = (low + high) / 2
            cr = 1.0 / 1.4
            eps = 1.0 - math.exp((math.exp(-cr * ntu**0.78) - 1.0) * ntu**0.22 / cr)
            low, high = (ntu, high) if eps < need else (low, ntu)
        # the site lies at 1,227 m: air density × 0.86, UA × ρ^0.8 (docs/physics.md); sized for it, with 10 % reserve
        return 1.1 * ntu * flow_w_k

    def _add_channels(self, plan: Plan, index: int) -> None:
        columns = {
            "supply_c": ("supply_c", 1.0), "return_c": ("return_c", 1.0), "power_mw": ("drawn_w", 1e-6),
            "heat_mw": ("heat_in_w", 1e-6), "fan_share": ("fan", 1.0), "banks_count": ("banks_on", 1.0),
            "air_c": ("air_c", 1.0), "water_kg_s": ("water_kg_s", 1.0), "flow_share": ("flow", 1.0),
        }  # fmt: skip
        for suffix, (column, scale) in columns.items():
            unit, text = self.channels[suffix]
            kind: Kind = "mean" if suffix in ("power_mw", "heat_mw", "water_kg_s") else "state"
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
        ups = Place("loop", "ups_j", index)
        plan.guard(Guard(f"{self.name}.ups", self.name, ups, 1.0, below=True, reset=1e6, asset=self.name))

    def behave(self, world: World, me: Actor) -> Behaviour:
        """Stage the restart after a blackout; tell of warm water and empty pump UPS."""
        self._begin(world, me)
        while True:
            yield world.wait(me)
            for alarm in world.take(me):
                self._answer(world, me, alarm)
            self._follow_supply(world, me)
            for _ in me.due_tasks(world.now):
                self._restart(world, me)
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
        world.on_topology(me)

    def _answer(self, world: World, me: Actor, alarm: str) -> None:
        if not world.commissioned(self.hall):
            return
        cause = world.cause_of(self.name)
        if alarm.endswith(".warm"):
            text = "facility water above its limit"
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
