"""Indicators: the summary of a run, and whether what a scenario expects came true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from twin.quantities import MS_PER_HOUR, MS_PER_MIN

if TYPE_CHECKING:
    from twin.results import Results, Statistic

NINGXIA_CO2_KG_KWH = 0.6187
"""Emission factor of grid electricity in Ningxia, 2023 (public code tables, docs/physics.md)."""
_J_PER_MWH = 3.6e9
_J_PER_KWH = 3.6e6
_MS_PER_GPU_H = 3.6e6
_ENERGIES = (
    "solar_available", "solar_used", "curtailed", "grid_import", "grid_export", "battery_charge",
    "battery_discharge", "genset", "it", "cooling", "auxiliary", "losses", "unserved",
)  # fmt: skip
_CONSUMERS = ("it", "cooling", "auxiliary", "losses")
Relation = Literal["below", "above", "at_most", "at_least"]
RELATIONS: tuple[Relation, ...] = ("below", "above", "at_most", "at_least")


# Summary ------------------------------------------------------------------------------------------------------------


def summarise(
    ledger: Mapping[str, float],
    *,
    jobs: Mapping[str, float],
    queue_ledger: Mapping[str, float],
    battery: Mapping[str, float],
    events: Mapping[str, int],
    fine_windows: int,
    speed: Mapping[str, float],
    scenario_digest: str,
    audit: Mapping[str, float] | None = None,
    co2_kg_kwh: float = NINGXIA_CO2_KG_KWH,
) -> dict[str, Any]:
    """The content of ``summary.json``, without the digest, which the recorder adds.

    ``ledger``: the plant's sums, J and s (``TABLES["ledger"]``). ``jobs``: the queue's counters ``submitted``,
    ``finished``, ``failed``, ``requeued``, ``n_running``, ``n_queued`` and the recorder's ``job_totals``.
    ``queue_ledger``: GPU-ms ``allocated`` and ``lost``. ``battery``: ``soh``, ``equivalent_full_cycles``. ``speed``:
    ``simulated_s``, ``cpu_s``, ``peak_rss_mb``. ``audit`` replaces figures of the plant's own audit. What has no
    value, such as the PUE of a site without IT, is None.
    """
    return {
        "energy_mwh": {name: float(ledger[name]) / _J_PER_MWH for name in _ENERGIES},
        "shares": _shares(ledger),
        "pue": _ratio(sum(ledger[name] for name in _CONSUMERS), ledger["it"]),
        # a litre of water is a kilogram
        "wue_l_per_kwh": _ratio(ledger["water_kg"], ledger["it"] / _J_PER_KWH),
        "co2_t": ledger["grid_import"] / _J_PER_MWH * co2_kg_kwh,
        "jobs": _job_figures(jobs),
        "gpu_h": {
            "delivered": queue_ledger["allocated"] / _MS_PER_GPU_H,
            "lost": queue_ledger["lost"] / _MS_PER_GPU_H,
            "goodput": (queue_ledger["allocated"] - queue_ledger["lost"]) / _MS_PER_GPU_H,
        },
        "availability": _ratio(ledger["rows_up_s"], ledger["rows_s"]),
        "battery": {name: float(battery[name]) for name in ("soh", "equivalent_full_cycles")},
        "events": {kind: int(events[kind]) for kind in sorted(events)},
        "fine_windows": int(fine_windows),
        "audit": {**_audit(ledger), **(audit or {})},
        "speed": _speed(speed),
        "scenario_digest": scenario_digest,
    }


def _shares(ledger: Mapping[str, float]) -> dict[str, float | None]:
    """Shares of the direct-connection rule (NDRC 2025-650), from sums over the run.

    ``green_load``: of the site's load, what neither the grid nor gensets brought: solar power, directly or through
    the battery. Grid energy that went into the battery counts as not green at once, so the share of a run that ends
    with more of it than the load took is 0. The others are of the available generation; what is exported counts as
    solar as far as solar was used, so the three add up to 1.
    """
    load = sum(ledger[name] for name in _CONSUMERS)
    green = max(load - ledger["grid_import"] - ledger["genset"], 0.0)
    exported = min(ledger["grid_export"], ledger["solar_used"])
    available = ledger["solar_available"]
    return {
        "green_load": _ratio(green, load),
        "self_use": _ratio(ledger["solar_used"] - exported, available),
        "feed_in": _ratio(exported, available),
        "curtailed": _ratio(ledger["curtailed"], available),
    }


def _job_figures(jobs: Mapping[str, float]) -> dict[str, float | int | None]:
    counts = {"preempted": "requeued", "running": "n_running", "queued": "n_queued"}
    figures: dict[str, float | int | None] = {
        name: int(jobs[counts.get(name, name)])
        for name in ("submitted", "finished", "failed", "preempted", "running", "queued")
    }
    figures["mean_wait_s"] = _ratio(jobs["wait_s"], jobs["ran"])
    figures["mean_bounded_slowdown"] = _ratio(jobs["bounded_slowdown"], jobs["ran"])
    return figures


def _audit(ledger: Mapping[str, float]) -> dict[str, float]:
    drift = _ratio(abs(ledger["energy_drift"]), ledger["throughput"])
    return {
        "largest_energy_residual_pu": float(ledger["worst_energy_pu"]),
        "largest_heat_residual_pu": float(ledger["worst_heat_pu"]),
        "largest_water_residual_pu": float(ledger["worst_water_pu"]),
        "cumulative_drift_pu": 0.0 if drift is None else drift,
    }


def _speed(speed: Mapping[str, float]) -> dict[str, float | None]:
    figures: dict[str, float | None] = {name: float(speed[name]) for name in ("simulated_s", "cpu_s", "peak_rss_mb")}
    figures["simulated_s_per_cpu_s"] = _ratio(speed["simulated_s"], speed["cpu_s"])
    return figures


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0.0 else None


# Expectations -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expect:
    """An ``[[expect]]`` entry: the channels ``that`` (may hold wildcards) keep within limits, from ``from_ms`` on and
    before ``to_ms``, ms since the start of the run; None is the start or the end."""

    that: str
    below: float | None = None
    above: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    title: str = ""
    """What it means, in the words of the scenario."""


@dataclass(frozen=True)
class Verdict:
    """What became of one limit: the worst value, where and when it was; ``met`` is None where there was none."""

    that: str
    relation: Relation
    limit: float
    observed: float | None
    channel: str | None
    time: pd.Timestamp | None
    """Start of the interval, as short a one as is recorded: a step of a fine window, a minute or an hour."""
    met: bool | None
    title: str = ""


@dataclass(frozen=True)
class _Extreme:
    value: float
    channel: str
    start_ms: int
    length_ms: int


def verdict(expects: Sequence[Expect], results: Results) -> list[Verdict]:
    """One verdict for each limit of each entry, in that order.

    The worst value is that of any step of the plant where whole hours are looked at, and the worst minute at the
    edges of the span; a channel that has no minutes is judged by the whole hour there. Raise UnknownChannelError
    for an entry that speaks of no channel.
    """
    return [
        _judge(expect, relation, limit, results)
        for expect in expects
        for relation in RELATIONS
        if (limit := getattr(expect, relation)) is not None
    ]


def _judge(expect: Expect, relation: Relation, limit: float, results: Results) -> Verdict:
    upward = relation in ("below", "at_most")
    names = results.match(expect.that)
    lo = expect.from_ms or 0
    end = results.ms(results.valid_to)
    hi = end if expect.to_ms is None else min(expect.to_ms, end)
    worst = _worst(_extremes(names, lo, hi, results, upward=upward), upward=upward)
    if worst is None:
        return Verdict(expect.that, relation, limit, None, None, None, None, expect.title)
    time = _stamp(_locate(worst, results, upward=upward), results)
    met = _holds(worst.value, relation, limit)
    return Verdict(expect.that, relation, limit, worst.value, worst.channel, time, met, expect.title)


def _holds(value: float, relation: Relation, limit: float) -> bool:
    # limits are compared as they are recorded, in single precision: 47.0 measured is not above a limit of 47
    at = float(np.float32(limit))
    return {"below": value < at, "above": value > at, "at_most": value <= at, "at_least": value >= at}[relation]


def _extremes(names: list[str], lo: int, hi: int, results: Results, *, upward: bool) -> Iterator[_Extreme]:
    """Worst value of each channel in the whole hours of [lo, hi) and in what is left at either edge."""
    if lo >= hi:
        return
    stat: Statistic = "max" if upward else "min"
    hours = results.table(names, _stamp(lo // MS_PER_HOUR * MS_PER_HOUR, results), _stamp(hi, results), stat=stat)
    start = results.elapsed_ms(hours)
    inside = (start >= lo) & (start + MS_PER_HOUR <= hi)
    edges = _edges(lo, hi, start[inside])
    for name in names:
        by_minute = results.has_minutes(name, lo, hi)
        rows = inside if by_minute else np.full(len(start), fill_value=True)
        yield from _of_rows(name, start[rows], hours[name].to_numpy()[rows], MS_PER_HOUR, upward=upward)
        for first, last in edges if by_minute else ():
            yield from _of_minutes(name, first, last, results, upward=upward)


def _edges(lo: int, hi: int, whole: Any) -> list[tuple[int, int]]:
    """Spans of [lo, hi) that the hours starting at ``whole`` do not cover."""
    if len(whole) == 0:
        return [(lo, hi)]
    spans = [(lo, int(whole[0])), (int(whole[-1]) + MS_PER_HOUR, hi)]
    return [(first, last) for first, last in spans if first < last]


def _of_minutes(name: str, lo: int, hi: int, results: Results, *, upward: bool) -> Iterator[_Extreme]:
    minutes = results.table(name, _stamp(lo, results), _stamp(hi, results))
    start = results.elapsed_ms(minutes)
    return _of_rows(name, start, minutes[name].to_numpy(), MS_PER_MIN, upward=upward)


def _of_rows(name: str, start: Any, values: Any, length_ms: int, *, upward: bool) -> Iterator[_Extreme]:
    there = ~np.isnan(values)
    if there.any():
        i = int((np.argmax if upward else np.argmin)(values[there]))
        yield _Extreme(float(values[there][i]), name, int(start[there][i]), length_ms)


def _worst(extremes: Iterator[_Extreme], *, upward: bool) -> _Extreme | None:
    sign = -1.0 if upward else 1.0
    return min(extremes, key=lambda extreme: sign * extreme.value, default=None)


def _locate(worst: _Extreme, results: Results, *, upward: bool) -> int:
    """When within its hour the extreme was: the fine row or the minute that shows it, else the start of the hour."""
    first, last = worst.start_ms, worst.start_ms + worst.length_ms
    if results.has_fine(worst.channel):
        fine = results.fine(worst.channel, _stamp(first, results), _stamp(last, results))[worst.channel]
        same = fine.index[fine.to_numpy() == np.float32(worst.value)]
        if len(same):
            return results.ms(same[0])
    if worst.length_ms > MS_PER_MIN and results.has_minutes(worst.channel, first, last):
        found = list(_of_minutes(worst.channel, first, last, results, upward=upward))
        return found[0].start_ms if found else first
    return first


def _stamp(t_ms: int, results: Results) -> pd.Timestamp:
    return results.start + pd.Timedelta(t_ms, "ms")


_THERMAL = ("throttle", "stop", "recover", "restart")


def thermal_times(events: pd.DataFrame) -> pd.DataFrame:
    """Seconds from each first cause to the throttling, stop, recovery and restart of every hall; see ``Results``."""
    rows = events[["seq", "time", "kind", "asset", "cause_seq"]].to_dict("records")
    by_seq = {row["seq"]: row for row in rows}
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for event in rows:
        root = _first_cause(event, by_seq)
        if event["kind"] not in _THERMAL or root is event:  # or nobody knows what brought it about
            continue
        row = found.setdefault(
            (root["seq"], event["asset"]),
            {"hall": event["asset"], "cause_seq": root["seq"], "cause_kind": root["kind"],
             "cause_asset": root["asset"], "lost": root["time"]},
        )  # fmt: skip
        row.setdefault(f"{event['kind']}_s", (event["time"] - root["time"]).total_seconds())
    columns = ["hall", "cause_seq", "cause_kind", "cause_asset", "lost", *(f"{kind}_s" for kind in _THERMAL)]
    return pd.DataFrame(list(found.values()), columns=columns)


def _first_cause(event: Mapping[Any, Any], by_seq: Mapping[int, Mapping[Any, Any]]) -> Mapping[Any, Any]:
    while not pd.isna(event["cause_seq"]) and event["cause_seq"] in by_seq:
        event = by_seq[event["cause_seq"]]
    return event
