"""What the page needs of a run, read once: few channels, each part of the run directory opened a handful of times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twin import parts
from twin.faces.report.settings import Settings
from twin.faces.report.words import Clock
from twin.indicators import Verdict, verdict
from twin.quantities import MS_PER_DAY, MS_PER_HOUR, MS_PER_MIN
from twin.results import Results, Statistic, UnknownChannelError

Array = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

LONG_MS = 40 * MS_PER_DAY
"""Runs above this length are drawn by the day and told by the month; minutes are read of two channels only."""
SITE = (
    "grid.p_mw", "solar.p_mw", "solar.available_mw", "solar.curtailed_mw", "battery.p_mw", "battery.soc", "genset.p_mw",
    "it.p_mw", "cooling.p_mw", "auxiliary.p_mw", "losses.p_mw", "site.load_mw", "site.unserved_mw",
    "weather.ghi_w_m2", "weather.temp_c", "it.utilisation", "audit.energy_pu",
)  # fmt: skip
TWO_WAY = ("grid.p_mw", "battery.p_mw")
"""Powers that change their sign within an hour: their energies need the minutes."""
TRANSFORMERS, SUPPLY, DIE = "T*.loading_pu", "hall-*.supply_c", "hall-*.die_max_c"
PATTERNS = (TRANSFORMERS, SUPPLY, DIE)


@dataclass(frozen=True)
class Rows:
    """Rows of a table: start of each, ms since the start of the run, how long each is, and a column by name."""

    t_ms: Times
    length_ms: Times
    columns: dict[str, Array] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    def __contains__(self, name: str) -> bool:
        return name in self.columns and len(self.t_ms) > 0

    def energy_mwh(self, name: str) -> Array:
        """Energy of a power in each row; what is missing counts as nothing."""
        return np.asarray(np.nan_to_num(self.columns[name]) * self.length_ms / MS_PER_HOUR, dtype=np.float64)


@dataclass(frozen=True)
class JobFacts:
    """Jobs of the run: how many of each state, sorted waits of those that started, GPU-hours."""

    states: dict[str, int]
    wait_s: Array
    gpu_h: float
    lost_gpu_h: float


@dataclass(frozen=True)
class Facts:
    """A run as the page sees it."""

    results: Results
    settings: Settings
    clock: Clock
    end_ms: int
    """Up to when there are results."""
    horizon_ms: int
    """End of the scenario, or of the results where that is not known."""
    mean: Rows
    low: Rows
    high: Rows
    """Hours: mean, least and greatest of any step of the plant."""
    fine: Rows
    """Minutes of the site, of a long run those of TWO_WAY; hours where there are no minutes."""
    groups: dict[str, list[str]]
    """Channels of each of PATTERNS; empty where the site has none."""
    jobs: JobFacts
    events: pd.DataFrame
    verdicts: list[Verdict]
    units: dict[str, str]
    descriptions: dict[str, str]

    @property
    def summary(self) -> dict[str, Any]:
        """Indicators; empty unless the run is complete."""
        return self.results.summary

    @property
    def manifest(self) -> dict[str, Any]:
        """The run's own label."""
        return self.results.manifest

    @property
    def title(self) -> str:
        """Title of the scenario, else the name of the directory."""
        return str(self.manifest.get("title") or self.settings.data.get("title") or self.results.path.name)

    @property
    def complete(self) -> bool:
        """Whether the run was closed in order; it may still end before the scenario does, by order."""
        return self.results.status == "complete"

    @property
    def long(self) -> bool:
        """Whether the run is drawn by the day."""
        return self.end_ms > LONG_MS

    @property
    def event_ms(self) -> Times:
        """Time of each event, ms since the start of the run."""
        return np.asarray(self.events["t_ms"].to_numpy(), dtype=np.int64)


def gather(results: Results) -> Facts:
    """Read a run directory, of a killed run as well."""
    start_ms, offset_ms = int(results.manifest["start_ms"]), int(results.manifest["utc_offset_ms"])
    end_ms = results.ms(results.valid_to)
    horizon_ms = max(int(results.manifest.get("horizon_ms", end_ms)), end_ms)
    settings = Settings.read(results.path)
    channels = results.channels
    groups = {pattern: _matching(results, pattern) for pattern in PATTERNS}
    site = [name for name in SITE if _matching(results, name)]
    wanted = site + [name for names in groups.values() for name in names]
    by_minute = [name for name in (TWO_WAY if end_ms > LONG_MS else SITE) if name in site]
    return Facts(
        results=results, settings=settings, clock=Clock(start_ms, offset_ms, horizon_ms), end_ms=end_ms,
        horizon_ms=horizon_ms, mean=_hours(results, wanted, "mean", end_ms), low=_hours(results, wanted, "min", end_ms),
        high=_hours(results, wanted, "max", end_ms), fine=_rows(results, by_minute, end_ms), groups=groups,
        jobs=_jobs(results), events=_events(results), verdicts=_verdicts(results, settings),
        units=dict(zip(channels["name"], channels["unit"], strict=True)),
        descriptions=dict(zip(channels["name"], channels["description"], strict=True)),
    )  # fmt: skip


def _matching(results: Results, pattern: str) -> list[str]:
    try:
        return results.match(pattern)
    except UnknownChannelError:
        return []


def _hours(results: Results, names: Sequence[str], stat: Statistic, end_ms: int) -> Rows:
    if not names:
        return Rows(np.empty(0, np.int64), np.empty(0, np.int64))
    return _as_rows(results, results.table(names, every="1h", stat=stat), MS_PER_HOUR, end_ms)


def _rows(results: Results, names: Sequence[str], end_ms: int) -> Rows:
    if not names:
        return Rows(np.empty(0, np.int64), np.empty(0, np.int64))
    by_minute = all(results.has_minutes(name, 0, end_ms) for name in names)
    return _as_rows(results, results.table(names), MS_PER_MIN if by_minute else MS_PER_HOUR, end_ms)


def _as_rows(results: Results, frame: pd.DataFrame, length_ms: int, end_ms: int) -> Rows:
    t_ms = np.asarray(results.elapsed_ms(frame), dtype=np.int64)
    lengths = np.minimum(length_ms, end_ms - t_ms)
    columns = {str(name): frame[name].to_numpy(dtype=np.float64) for name in frame.columns}
    return Rows(t_ms, np.asarray(lengths, dtype=np.int64), columns)


def _jobs(results: Results) -> JobFacts:
    """Jobs, part by part and few columns only: three years of them are millions."""
    states: dict[str, int] = {}
    waits: list[Array] = []
    gpu_h = lost_gpu_h = 0.0
    for path in parts.part_paths(results.path, parts.JOBS):
        table = parts.read_part(path, ["start", "state", "wait_s", "gpu_h", "lost_gpu_h"])
        for pair in table["state"].value_counts().to_pylist():
            states[str(pair["values"])] = states.get(str(pair["values"]), 0) + int(pair["counts"])
        started = table["start"].is_valid().to_numpy()
        waits.append(table["wait_s"].to_numpy()[started])
        gpu_h += float(table["gpu_h"].to_numpy().sum())
        lost_gpu_h += float(table["lost_gpu_h"].to_numpy().sum())
    return JobFacts(states, np.sort(np.concatenate(waits)) if waits else np.empty(0), gpu_h, lost_gpu_h)


def _events(results: Results) -> pd.DataFrame:
    """The event log with ``t_ms`` since the start of the run, in order."""
    events = results.events.sort_values("seq", ignore_index=True)
    times = pd.DatetimeIndex(events["time"]).as_unit("ms").asi8 - int(results.manifest["start_ms"])
    return events.assign(t_ms=np.asarray(times, dtype=np.int64))


def _verdicts(results: Results, settings: Settings) -> list[Verdict]:
    """Those the run wrote down at its end; for a run that did not get there, judged over what there is."""
    if "expect" not in results.summary:
        known = [expect for expect in settings.expectations() if _matching(results, expect.that)]
        return verdict(known, results)
    return [
        Verdict(
            that=entry["that"], relation=entry["bound"], limit=entry["limit"], observed=entry["observed"],
            channel=entry["where"], time=None if entry["time"] is None else pd.Timestamp(entry["time"]),
            met=entry["met"], title=entry.get("title", ""),
        )
        for entry in results.summary["expect"]
    ]  # fmt: skip
