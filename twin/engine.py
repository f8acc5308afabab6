"""The engine: the compiled kernels of one run, wired to a site's plan, fed with weather, drained of results."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twin import _core
from twin.components.solar_plant import SolarPlant
from twin.globs import matches
from twin.plan import GUARD_MODES, Arena, Plan
from twin.quantities import MS_PER_DAY, MS_PER_MIN

if TYPE_CHECKING:
    from pathlib import Path

    from twin.scenario import Scenario
    from twin.site import Site
    from twin.weather import SolarField, Weather

WEATHER_NAMES = ("ghi_w_m2", "temp_c", "wet_bulb_c", "wind_m_s", "gust_m_s", "rain_mm_h", "dust_mg_m3", "pressure_pa")
"""Columns of a weather row before the solar blocks, in the order of ext/plant.pyx."""
CHUNK_MIN = 31 * 1440
HOURS, MINUTES, FINES = 50, 3000, 8192
"""Rows the recycled result buffers hold before the plant asks to be drained."""
AUDIT_PU = 1e-9
"""What an audit may be off, as in ext/plant.pyx."""


@dataclass(frozen=True)
class WeatherDay:
    """What a local day brought: rain, most dust, strongest gust."""

    rain_mm: float
    dust_mg_m3: float
    gust_m_s: float


def ocv_table() -> npt.NDArray[np.float64]:
    """Open-circuit voltage of an LFP cell at 51 equidistant states of charge, V (SimSES 1.3.12, BSD-3; see NOTICE)."""
    text = (files("twin") / "data" / "ocv_lfp_51pt.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return np.array([float(line.split(",")[1]) for line in lines])


class Engine:
    """Arena, network, queue and plant of one run, with their boundary data and buffers."""

    def __init__(
        self, scenario: Scenario, site: Site, cache_dir: Path | None, buffers: dict[str, bytes] | None = None
    ) -> None:
        self.scenario = scenario
        self.plan: Plan = site.plan
        self.arena: Arena = self.plan.freeze()
        self.network = build_network(self.plan)
        self.queue = self._queue(buffers)
        self.branch_index = {name: i for i, name in enumerate(self.plan.branches)}
        self._boundary(cache_dir)
        self._channels()
        self.plant = self._plant()
        self.plant.retopology()
        self.feed_weather(0)

    def _queue(self, buffers: dict[str, bytes] | None) -> Any:
        if buffers is not None:
            return _core.queue.Queue.restore(buffers["queue"])
        rules = self.scenario.scheduler
        return _core.queue.Queue(
            rack_group=np.array(self.plan.racks or [0], dtype=np.int32), gpus_per_rack=self.plan.gpus_per_rack,
            n_group=max(self.plan.count("row"), 1), order=rules.order, backfill=rules.backfill, depth=rules.depth_count,
            requeue=rules.requeue,
        )  # fmt: skip

    def _boundary(self, cache_dir: Path | None) -> None:
        """Weather, solar field and jobs over the whole horizon (and a day more, for what looks ahead)."""
        from twin.weather import Place, SolarDesign, solar_for, weather_for
        from twin.workload import job_stream

        scenario = self.scenario
        spot = scenario.place
        place = Place(spot.latitude_deg, spot.longitude_deg, spot.altitude_m, scenario.utc_offset_ms / 3.6e6)
        minutes = -(-scenario.horizon_ms // MS_PER_MIN)
        self.weather: Weather = weather_for(
            scenario.weather, place, scenario.start_ms, minutes, seed=scenario.run.seed, base_dir=scenario.base_dir,
            cache_dir=cache_dir,
        )  # fmt: skip
        blocks = [component for component in scenario.components if isinstance(component, SolarPlant)]
        design = SolarDesign(n_blocks=max(len(blocks), 1), mounting=blocks[0].mounting if blocks else "tracker")
        self.solar: SolarField = solar_for(self.weather, place, design, seed=scenario.run.seed, cache_dir=cache_dir)
        gpus = len(self.plan.racks) * self.plan.gpus_per_rack
        self.jobs = job_stream(
            scenario.workload, start_ms=scenario.start_ms, horizon_ms=scenario.horizon_ms, total_gpus=gpus,
            seed=scenario.run.seed, base_dir=scenario.base_dir,
        )  # fmt: skip

    def _channels(self) -> None:
        """Which channels there are, which of them every minute, which in fine windows."""
        self.channels = list(self.plan.channels.values())
        names = [channel.name for channel in self.channels]
        wanted = [pattern for window in self.scenario.record.window for pattern in window.channels]
        if self.scenario.record.full_minute:
            wanted = ["*"]
        self.minute_index = [
            i for i, channel in enumerate(self.channels)
            if channel.site or any(matches(channel.name, pattern) for pattern in wanted)
        ]  # fmt: skip
        self.fine_index = [i for i, channel in enumerate(self.channels) if channel.fine]
        self.minute_names = [names[i] for i in self.minute_index]
        self.fine_names = [names[i] for i in self.fine_index]

    def _plant(self) -> Any:
        # in the order of their places within a mode: the kernel watches runs of neighbours at once
        guards = self.plan.guards = sorted(
            self.plan.guards, key=lambda guard: (GUARD_MODES.index(guard.mode), self.arena.offset(guard.place))
        )
        sign = np.array([-1.0 if guard.below else 1.0 for guard in guards])
        limit = np.array([guard.limit for guard in guards])
        reset = np.array([guard.limit if np.isnan(guard.reset) else guard.reset for guard in guards])
        plant = _core.plant.Plant(
            self.arena, self.network, self.queue, ocv_table(), self.scenario.step_ms,
            channel_at=np.array([self.arena.offset(channel.place) for channel in self.channels], dtype=np.int64),
            channel_scale=np.array([channel.scale for channel in self.channels]),
            minute_of=np.array(self.minute_index, dtype=np.int32),
            minute_mean=np.array([self.channels[i].kind == "mean" for i in self.minute_index], dtype=np.uint8),
            fine_of=np.array(self.fine_index, dtype=np.int32),
            guard_at=np.array([self.arena.offset(guard.place) for guard in guards], dtype=np.int64),
            guard_limit=limit, guard_reset=reset, guard_sign=sign,
            guard_kind=np.array([GUARD_MODES.index(guard.mode) for guard in guards], dtype=np.uint8),
        )  # fmt: skip
        self.buffers = (
            np.zeros(HOURS, np.int64), np.zeros((HOURS, 3, len(self.channels)), np.float32),
            np.zeros(MINUTES, np.int64), np.zeros((MINUTES, len(self.minute_index)), np.float32),
            np.zeros(FINES, np.int64), np.zeros((FINES, len(self.fine_index)), np.float32),
        )  # fmt: skip
        plant.bind_buffers(*self.buffers)
        return plant

    # ------------------------------------------------------------------ boundary data

    def feed_weather(self, at_ms: int) -> None:
        """Give the plant the boundary data from the minute that holds ``at_ms`` on, a month of it."""
        first = at_ms // MS_PER_MIN
        last = min(first + CHUNK_MIN, self.weather.n)
        blocks = self.solar.dc_pu.shape[1]
        rows = np.empty((last - first, len(WEATHER_NAMES) + 2 * blocks), dtype=np.float32)
        for i, name in enumerate(WEATHER_NAMES):
            rows[:, i] = self.weather.columns[name][first:last]
        rows[:, len(WEATHER_NAMES) : len(WEATHER_NAMES) + blocks] = self.solar.dc_pu[first:last]
        stowed = np.asarray(self.solar.stow_pu[first:last])
        rows[:, len(WEATHER_NAMES) + blocks :] = stowed if stowed.ndim > 1 else stowed[:, None]
        self.plant.set_weather(rows, first)

    def weather_day(self, within_ms: int, end_ms: int) -> WeatherDay:
        """Totals of the local day that ends at ``end_ms`` and holds ``within_ms``."""
        last = min(end_ms // MS_PER_MIN, self.weather.n)
        first = max((end_ms - MS_PER_DAY) // MS_PER_MIN, 0)
        if last <= first:
            return WeatherDay(0.0, 0.0, 0.0)
        column = self.weather.columns
        rain = float(np.sum(column["rain_mm_h"][first:last], dtype=np.float64)) / 60.0
        return WeatherDay(
            rain, float(column["dust_mg_m3"][first:last].max()), float(column["gust_m_s"][first:last].max())
        )

    def next_weather(self, name: str, limit: float, *, above: bool, after_ms: int) -> int | None:
        """First minute after ``after_ms`` whose value is above (or not above) ``limit``, as ms, or None."""
        first = after_ms // MS_PER_MIN + 1
        column = self.weather.columns[name]
        while first < self.weather.n:
            part = np.asarray(column[first : first + CHUNK_MIN])
            hits = part > limit if above else part <= limit
            if hits.any():
                return int((first + int(hits.argmax())) * MS_PER_MIN)
            first += CHUNK_MIN
        return None

    # ------------------------------------------------------------------ results

    def drain(self, sink: Any) -> None:
        """Hand over what the buffers hold, and let the plant fill them again."""
        hour_t, hour, minute_t, minute, fine_t, fine = self.buffers
        plant = self.plant
        if plant.hours:
            sink.hours(hour_t[: plant.hours].copy(), hour[: plant.hours].copy())
        if plant.minutes:
            sink.minutes(minute_t[: plant.minutes].copy(), minute[: plant.minutes].copy())
        if plant.fines:
            sink.fine(fine_t[: plant.fines].copy(), fine[: plant.fines].copy())
        plant.drained()

    def worst_asset(self) -> str:
        """The asset behind the largest part of a broken audit, as far as one asset is."""
        column = self.arena.column
        if not abs(column("site", "energy_residual_pu")[0]) <= AUDIT_PU:
            return "see the site channels of this step"
        if not column("site", "heat_residual_pu")[0] <= AUDIT_PU:
            return self._named({table: np.abs(column(table, "off_w")) for table in ("store", "row", "loop")})
        beyond = np.abs(column("store", "soc") - 0.5) - 0.5
        if (beyond <= AUDIT_PU).all() and not column("site", "water_residual_pu")[0] <= AUDIT_PU:
            return self._named({"loop": column("loop", "water_off_kg_s")})
        return self._named({"store": beyond}) if not (beyond <= AUDIT_PU).all() else "the jobs"

    def _named(self, sizes: dict[str, npt.NDArray[np.float64]]) -> str:
        """The asset of the largest of ``sizes``, given by table; what is not a number counts as the largest."""
        found = [(float(values.max()), table, int(values.argmax())) for table, values in sizes.items() if len(values)]
        _, table, index = max(found, key=lambda each: (np.isnan(each[0]), each[0]))
        owners = {
            (place.table, place.index): asset.name
            for asset in reversed(self.plan.assets.values()) for place in asset.places.get("in_service", ())
        }  # fmt: skip
        return owners.get((table, index), f"{table} {index}")

    # ------------------------------------------------------------------ snapshot

    def buffers_state(self, *, watching: bool = True) -> dict[str, bytes]:
        """Every compiled buffer that a restored run needs, by name; without ``watching`` not which jobs are watched."""
        plant = self.plant
        return {
            "arena": self.arena.buffer.tobytes(), "network": plant.network_state(),
            "queue": self.queue.snapshot(watching), "hour": plant.accumulators.tobytes(),
            "minute": plant.minute_accumulators.tobytes(),
            "violations": plant.violations.tobytes(), "closed": self.network.arrays["closed"].tobytes(),
            "forming": self.network.arrays["forming_rank"].tobytes(),
        }  # fmt: skip

    def set_buffers_state(self, buffers: dict[str, bytes], clocks: dict[str, Any]) -> None:
        """The reverse of ``buffers_state``."""
        plant = self.plant
        for i, closed in enumerate(np.frombuffer(buffers["closed"], np.uint8)):
            self.network.set_closed(i, bool(closed))
        for i, rank in enumerate(np.frombuffer(buffers["forming"], np.int32)):
            if i in self.plan.forming:
                self.network.set_forming(i, int(rank), vm=self.plan.forming[i][1])
        plant.retopology()
        self.arena.buffer[:] = np.frombuffer(buffers["arena"], np.uint8)
        plant.set_network_state(buffers["network"])
        plant.accumulators[:] = np.frombuffer(buffers["hour"], np.float32)
        plant.minute_accumulators[:] = np.frombuffer(buffers["minute"], np.float64)
        plant.violations[:] = np.frombuffer(buffers["violations"], np.uint8)
        plant.set_clocks(clocks)
        self.feed_weather(clocks["now_ms"])


def build_network(plan: Plan) -> Any:
    """The compiled power flow of the plan's buses and branches."""
    branches = list(plan.branches.values())
    n_bus = len(plan.bus_list)
    rank = np.zeros(n_bus, dtype=np.int32)
    held = np.ones(n_bus)
    for bus, (order, vm_pu) in plan.forming.items():
        rank[bus], held[bus] = order, vm_pu
    admittances = {
        name: np.array([getattr(branch, name) for branch in branches], dtype=np.complex128)
        for name in ("y_ff", "y_ft", "y_tf", "y_tt")
    }
    return _core.network.Grid(
        n_bus=n_bus, from_bus=np.array([b.from_bus for b in branches], dtype=np.int32),
        to_bus=np.array([b.to_bus for b in branches], dtype=np.int32), **admittances,
        is_coupler=np.array([b.coupler for b in branches], dtype=np.uint8),
        closed=np.array([b.closed for b in branches], dtype=np.uint8), y_shunt=np.zeros(n_bus, dtype=np.complex128),
        forming_rank=rank, forming_vm=held, forming_va=np.zeros(n_bus),
        rate_pu=np.array([b.rate_mva / 100.0 for b in branches]), base_mva=100.0, hold_all=False,
    )  # fmt: skip
