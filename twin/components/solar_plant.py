"""Solar plant: one block of trackers behind its inverters, with the weather's daily work on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from twin.component import Behaviour, Component, quantity
from twin.components.branches import add_branch, cable_branch, transformer_branch
from twin.components.bus import add_bus, watch_voltage
from twin.curves import pvwatts_loss
from twin.plan import Asset, Place, Plan
from twin.pools import Pool, start_pool
from twin.quantities import MS_PER_DAY, MS_PER_MIN

if TYPE_CHECKING:
    from twin.actors import Actor
    from twin.world import World

RECONNECT_MS = 6 * MS_PER_MIN
RAMP_STEP = 0.1


class SolarPlant(Component, kind="solar_plant"):
    """A block of the solar plant: modules, inverters, collector cable and step-up transformer."""

    title = "Solar block"
    channels = {
        "p_mw": ("MW", "power delivered"),
        "available_mw": ("MW", "power that could be delivered"),
        "soiling_share": ("1", "share of the light lost to dust on the modules"),
        "in_service_share": ("1", "share of the inverter stations in service"),
    }
    verbs = ("open", "close", "trip", "fail", "repair", "derate", "set")

    bus: str = quantity(description="35 kV section its collector feeder ends at")
    dc_mw: float = quantity(description="module power of the bank", gt=0, total=True)
    ac_mw: float = quantity(description="inverter rating of the bank", gt=0, total=True)
    mounting: Literal["tracker", "fixed"] = quantity("tracker", "single-axis trackers, or fixed tilt")
    inverter_efficiency_share: float = quantity(
        0.985, "nominal inverter efficiency", gt=0.9, lt=1, source="from memory"
    )
    derate_from_c: float = quantity(45.0, "air temperature above which inverters derate", source="from memory")
    derate_per_k: float = quantity(0.01, "derating per kelvin above it", ge=0, source="from memory")
    apparent_share: float = quantity(
        1.1, "apparent over active power rating of the inverters", ge=1, source="from memory"
    )
    feeder_km: float = quantity(4.0, "length of the collector cable", gt=0, source="40–50 km² for 2.4 GWp, derived")
    stations_count: int = quantity(40, "inverter stations, which fail one by one", ge=1)
    station_failures_per_year: float = quantity(
        0.8, "failures of a station", ge=0, source="central inverter, from memory"
    )
    station_repair_h: float = quantity(24.0, "mean time to repair a station", gt=0, source="from memory")
    stow_gust_m_s: float = quantity(18.0, "gust at which trackers go flat", gt=0, source="18–20 m/s, from memory")
    soiling_per_day: float = quantity(0.0015, "loss gained a day", ge=0, source="Kimber et al. 2006, pvlib's default")
    soiling_cap_share: float = quantity(0.30, "most that soiling takes", ge=0, le=1, source="Kimber et al. 2006, pvlib")
    cleaning_days: float = quantity(
        14.0, "days between rounds of the cleaning crew", gt=0, source="robots, from memory"
    )
    cleaned_to_share: float = quantity(0.01, "loss left after cleaning", ge=0, le=1)
    full_clean_rain_mm: float = quantity(
        6.0, "rain of a day that cleans fully", gt=0, source="Kimber et al. 2006, pvlib"
    )

    def declare(self, plan: Plan) -> None:
        """Add the collector bus and the inverter bus."""
        add_bus(plan, f"{self.name}.mv", 35.0, self.name, depends=(self.bus,))
        add_bus(plan, f"{self.name}.inv", 0.8, self.name, depends=(f"{self.name}.mv",))

    def lower(self, plan: Plan) -> None:
        """Add cable, step-up transformer and the source."""
        section = plan.bus_index(self.bus, f"{self.kind}.{self.name}.bus")
        collector, low = plan.buses[f"{self.name}.mv"], plan.buses[f"{self.name}.inv"]
        feeder = cable_branch(
            f"{self.name}.feeder", self.name, section, collector, vn_kv=35.0, length_km=self.feeder_km, r_ohm_km=0.012,
            x_ohm_km=0.028, c_nf_km=1500.0, rate_mva=1.15 * self.ac_mw,
        )  # fmt: skip
        add_branch(plan, feeder, asset=False)
        step_up = transformer_branch(
            f"{self.name}.xfmr", self.name, collector, low, sn_mva=1.12 * self.ac_mw, vk_percent=7.0, vkr_percent=0.8,
            pfe_kw=1.0 * self.ac_mw, i0_percent=0.2,
        )  # fmt: skip
        add_branch(plan, step_up, asset=False)
        index = self._add_source(plan, low)
        self._add_asset(plan, index)
        watch_voltage(plan, f"{self.name}.inv", self.name, 0.80, 1.20)

    def _add_source(self, plan: Plan, bus: int) -> int:
        c0, c1, c2 = pvwatts_loss(self.inverter_efficiency_share)
        index = plan.add(
            "source", bus=bus, profile=plan.profiles, dc_peak_w=self.dc_mw * 1e6, ac_rated_w=self.ac_mw * 1e6,
            pdc0_w=self.ac_mw * 1e6 / self.inverter_efficiency_share, loss_0=c0, loss_1=c1, loss_2=c2,
            derate_from_c=self.derate_from_c, derate_per_k=self.derate_per_k,
            s_rated_va=self.apparent_share * self.ac_mw * 1e6,
        )  # fmt: skip
        plan.profiles += 1
        for name, column in (("p_mw", "p_w"), ("available_mw", "available_w")):
            unit, text = self.channels[name]
            plan.channel(f"{self.name}.{name}", Place("source", column, index), unit, text, scale=1e-6)
        for name, column in (("soiling_share", "soiling_share"), ("in_service_share", "in_service")):
            unit, text = self.channels[name]
            plan.channel(f"{self.name}.{name}", Place("source", column, index), unit, text, kind="state")
        return index

    def _add_asset(self, plan: Plan, index: int) -> None:
        places = {
            "in_service": (Place("source", "commissioned", index),),
            "derate": (Place("source", "derate", index),),
            "commission": (Place("source", "commissioned", index),),
        }
        plan.asset(
            Asset(self.name, self.kind, self.name, (f"{self.name}.feeder",), places, (self.bus,), f"{self.name}.inv")
        )
        plan.input(
            f"{self.name}.limit_share", Place("source", "limit_share", index), unit="1", minimum=0.0, maximum=1.0,
            description="active power limit, of the inverter rating",
        )  # fmt: skip
        plan.components_at[self.name] = index

    def behave(self, world: World, me: Actor) -> Behaviour:
        """Dust, rain and cleaning day by day; trackers stowed in gusts; trips and the ramp back after them."""
        self._begin(world, me)
        while True:
            yield world.wait(me)
            for alarm in world.take(me):
                cause = world.cause_of(f"{self.name}.inv") or world.recent_switching()
                self._trip(world, me, cause, alarm)
            self._follow_supply(world, me)
            for task in me.due_tasks(world.now):
                if task == "day":
                    self._day(world, me)
                elif task == "stow":
                    self._stow(world, me)
                elif task == "ramp":
                    self._ramp(world, me)
                elif task == "clean":
                    self._clean(world, me)
            world.wake_for_tasks(me)

    def _begin(self, world: World, me: Actor) -> None:
        if me.phase == "idle":
            me.phase = "running"
            me.data |= {"stowed": False, "trip_seq": None}
            me.task("day", world.next_local_day(world.now))
            first = world.random(self.name, "cleaning").random() * self.cleaning_days
            me.task("clean", world.now + int(first * MS_PER_DAY))
            self._plan_stow(world, me)
            pool = Pool(
                self.name,
                "inverter station",
                self.stations_count,
                self.station_failures_per_year,
                self.station_repair_h,
            )
            start_pool(world, pool, "source", "in_service", world.plan.components_at[self.name])
        world.on_topology(me)

    def _column(self, world: World, name: str) -> float:
        return float(world.arena.column("source", name)[world.plan.components_at[self.name]])

    def _write(self, world: World, name: str, value: float) -> None:
        world.put(Place("source", name, world.plan.components_at[self.name]), value)

    def _day(self, world: World, me: Actor) -> None:
        """One day of dust and rain on the modules."""
        day = world.weather_day(world.now - MS_PER_DAY)
        loss = self._column(world, "soiling_share") + self.soiling_per_day
        if day.dust_mg_m3 > 0.5:
            loss += 0.02 + 0.08 * world.random(self.name, "dust").random()  # a dust event costs 2–10 % (from memory)
        if day.rain_mm >= self.full_clean_rain_mm:
            loss = 0.0
        elif day.rain_mm >= 1.0:
            loss *= 0.5
        self._write(world, "soiling_share", min(loss, self.soiling_cap_share))
        me.task("day", world.next_local_day(world.now))

    def _clean(self, world: World, me: Actor) -> None:
        if self._column(world, "soiling_share") > self.cleaned_to_share:
            self._write(world, "soiling_share", self.cleaned_to_share)
        me.task("clean", world.now + int(self.cleaning_days * MS_PER_DAY))

    def _plan_stow(self, world: World, me: Actor) -> None:
        """Look up in the weather when the gusts next pass, or fall below, the stow limit."""
        stowed = me.data["stowed"]
        limit = self.stow_gust_m_s * (0.8 if stowed else 1.0)
        change = world.next_weather("gust_m_s", limit, above=not stowed, after=world.now)
        if change is not None:
            me.task("stow", max(change, world.now + (30 * MS_PER_MIN if stowed else MS_PER_MIN)))

    def _stow(self, world: World, me: Actor) -> None:
        me.data["stowed"] = not me.data["stowed"]
        self._write(world, "stowed", float(me.data["stowed"]))
        text = "trackers stowed in the wind" if me.data["stowed"] else "trackers follow the sun again"
        if world.commissioned(self.name):
            world.emit("stow", self.name, text, priority=0, value=float(me.data["stowed"]))
        self._plan_stow(world, me)

    def _trip(self, world: World, me: Actor, cause: int | None, alarm: str) -> None:
        if self._column(world, "tripped") > 0.5 or not world.commissioned(self.name):
            return
        self._write(world, "tripped", 1.0)
        why = "overvoltage" if alarm.endswith(".over") else "undervoltage"
        me.data["trip_seq"] = world.emit("trip", self.name, f"tripped on {why}", priority=2, cause=cause)
        world.stand(self.name, me.data["trip_seq"])
        me.drop_task("ramp")

    def _follow_supply(self, world: World, me: Actor) -> None:
        """A dead busbar trips the inverters; a live one lets them come back after six minutes."""
        alive = world.alive(f"{self.name}.inv")
        tripped = self._column(world, "tripped") > 0.5
        if not alive and not tripped and self._column(world, "commissioned") > 0.0:
            self._trip(world, me, world.cause_of(f"{self.name}.inv"), ".under")
        elif alive and tripped and not me.has_task("ramp"):
            me.task("ramp", world.now + RECONNECT_MS)
        elif not alive:
            me.drop_task("ramp")

    def _ramp(self, world: World, me: Actor) -> None:
        """Ten per cent of the rating a minute (GB/T 19964, from memory)."""
        if self._column(world, "tripped") > 0.5:
            self._write(world, "tripped", 0.0)
            self._write(world, "limit_share", RAMP_STEP)
            world.emit("reconnect", self.name, "reconnected, ramp 10 %/min", priority=0, cause=me.data["trip_seq"])
            world.clear(self.name)
        else:
            self._write(world, "limit_share", min(1.0, self._column(world, "limit_share") + RAMP_STEP))
        if self._column(world, "limit_share") < 1.0:
            me.task("ramp", world.now + MS_PER_MIN)
