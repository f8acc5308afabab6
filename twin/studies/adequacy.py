"""Generation adequacy: units that fail and are repaired, against an hourly load.

The analytic answer is the capacity-outage table with its frequencies (Billinton and Allan, Reliability Evaluation of
Power Systems, 2nd ed., ch. 2 and 3); the other is a sequential Monte Carlo of the same model in continuous time.
Capacities and loads are compared as whole milliwatts, so that sums of decimal capacities are exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twin.errors import Problem, ScenarioError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HOURS_PER_YEAR = 8760.0
MILLIWATT_PER_MW = 1e9
COLUMNS = ("capacity_mw", "failure_rate_per_year", "repair_h")
MOST_STATES = 1 << 22
"""States of a capacity-outage table that still fit in memory, some 200 MB."""
MOST_MW = 1e9


@dataclass(frozen=True)
class Adequacy:
    """Loss of load over the hours given; every field is an attribute and an item, ``dict(result)`` works too.

    The standard errors are None in the analytic mode, where nothing is estimated.
    """

    lole_h: float
    """Expected time in loss, h over the hours given."""
    eens_mwh: float
    """Expected energy not served (LOEE), MWh over the hours given."""
    lolf_per_year: float
    """Expected number of losses of load over the hours given, which stand for one year."""
    hours: int
    years: int | None = None
    """Years drawn; None in the analytic mode."""
    lole_se_h: float | None = None
    eens_se_mwh: float | None = None
    lolf_se_per_year: float | None = None

    def __getitem__(self, name: str) -> Any:
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)

    def keys(self) -> tuple[str, ...]:
        """Names of the figures, in order."""
        return tuple(field.name for field in fields(self))

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return ((name, getattr(self, name)) for name in self.keys())


def adequacy(units: pd.DataFrame, load_mw: Any, *, years: int | None = None, seed: int = 1) -> Adequacy:
    """Loss of load of ``units`` that serve ``load_mw``: exact, or by ``years`` of sequential Monte Carlo.

    ``units``: one row a unit, columns ``capacity_mw`` (≥ 0), ``failure_rate_per_year`` (≥ 0, per 8,760 h in service)
    and ``repair_h`` (≥ 0, mean; both times are exponential); other columns are not looked at. ``load_mw``: load of each
    hour, shape (hours,), held for the hour; the year is a ring, its last hour comes before its first. Loss is available
    capacity < load. Drawn years are independent and start in the stationary state, so the standard errors hold for any
    number of years from 2 on. Raise ScenarioError with every problem of the input.
    """
    fleet, load = _checked(units, load_mw, years, seed)
    if years is None:
        return _analytic(fleet, load)
    return _monte_carlo(fleet, load, years, seed)


@dataclass(frozen=True)
class Fleet:
    """Units as arrays of shape (n_units,): capacity in milliwatts, rates per hour (repair 0: never out)."""

    capacity: Ints
    fail_per_h: Floats
    repair_h: Floats

    @property
    def unavailable(self) -> Floats:
        """Forced-outage rate of each unit: λr / (1 + λr)."""
        load = self.fail_per_h * self.repair_h
        return load / (1.0 + load)


@dataclass(frozen=True)
class OutageTable:
    """Capacity-outage table: one row a state, by rising available capacity."""

    available: Ints
    """Capacity in service, milliwatts."""
    probability: Floats
    frequency_per_h: Floats
    """Probability times (rate upwards − rate downwards): summed over all states below a capacity, the frequency of
    crossing it, since transitions inside the sum cancel (detailed balance)."""


def outage_table(fleet: Fleet) -> OutageTable:
    """The exact table of ``fleet``, a unit at a time, states of equal capacity merged.

    Raise ScenarioError where the capacities make more than ``MOST_STATES`` different sums.
    """
    capacity: Ints = np.zeros(1, np.int64)
    p: Floats = np.ones(1)
    f: Floats = np.zeros(1)
    for size, rate, repair_h, out in zip(
        fleet.capacity, fleet.fail_per_h, fleet.repair_h, fleet.unavailable, strict=True
    ):
        back = 1.0 / repair_h if out > 0.0 else 0.0
        up, down = p * (1.0 - out), p * out
        flow_up, flow_down = f * (1.0 - out) - up * (rate if out > 0.0 else 0.0), f * out + down * back
        both = np.concatenate((capacity, capacity + size))
        capacity, where = np.unique(both, return_inverse=True)
        p = _binned(where, np.concatenate((down, up)), len(capacity))
        f = _binned(where, np.concatenate((flow_down, flow_up)), len(capacity))
        if len(capacity) > MOST_STATES:
            text = f"their sums make more than {MOST_STATES:,} different capacities"
            raise ScenarioError([Problem("units.capacity_mw", text, len(fleet.capacity), "use years=")])
    return OutageTable(capacity, p, f)


def _analytic(fleet: Fleet, load: Ints) -> Adequacy:
    table = outage_table(fleet)
    first = np.searchsorted(table.available, load, side="left")  # states below the load: available < load
    below, crossing, energy = (_summed(x) for x in (
        table.probability, table.frequency_per_h, table.probability * table.available.astype(float),
    ))  # fmt: skip
    risk = below[first]
    short = load * risk - energy[first]
    before = below[np.roll(first, 1)]
    events = crossing[first].sum() + np.maximum(risk - before, 0.0).sum()
    return Adequacy(float(risk.sum()), float(short.sum() / MILLIWATT_PER_MW), float(events), len(load))


def _binned(where: Any, weights: Floats, bins: int) -> Floats:
    """Sum of the weights in each of ``bins``."""
    return np.asarray(np.bincount(where, weights, bins), float)


def _summed(x: Floats) -> Floats:
    """Sum of the first k values, for k from 0 to all."""
    return np.concatenate(([0.0], np.cumsum(x)))


# ---------------------------------------------------------------------- Monte Carlo

CHUNK_EVENTS = 1_000_000
"""State changes drawn at a time: what bounds the memory."""


def _monte_carlo(fleet: Fleet, load: Ints, years: int, seed: int) -> Adequacy:
    per_year = 1.0 + len(load) * float((2.0 * fleet.fail_per_h).sum())
    chunk = max(1, min(years, int(CHUNK_EVENTS / per_year)))
    found = []
    for k, start in enumerate(range(0, years, chunk)):
        stream = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, k])))
        found.append(_years(fleet, load, min(chunk, years - start), stream))
    each = np.concatenate(found)
    mean, error = each.mean(axis=0), each.std(axis=0, ddof=1) / np.sqrt(years)
    lole_h, eens_mwh, lolf = map(float, mean)
    return Adequacy(lole_h, eens_mwh, lolf, len(load), years, *map(float, error))


def _years(fleet: Fleet, load: Ints, years: int, stream: np.random.Generator) -> Floats:
    """Hours lost, MWh lost and losses of every year, shape (years, 3)."""
    year, start, end, available = _intervals(fleet, float(len(load)), years, stream)
    tight = available < load.max()
    year, start, end, available = year[tight], start[tight], end[tight], available[tight]
    # cut at the hours
    pieces = np.ceil(end).astype(np.int64) - np.floor(start).astype(np.int64)
    which = np.repeat(np.arange(len(year)), pieces)
    hour = np.floor(start).astype(np.int64)[which] + _counted(pieces)
    begin, stop = np.maximum(start[which], hour), np.minimum(end[which], hour + 1.0)
    short = np.maximum(load[hour] - available[which], 0)
    lost = short > 0
    # a loss goes on where the piece before ends at this very instant, and was one
    joined = np.concatenate(([False], lost[:-1] & (stop[:-1] == begin[1:]) & (year[which][:-1] == year[which][1:])))
    opening = (begin == 0.0) & (available[which] < load[-1])  # the ring: it was one in the last hour
    begins = lost & ~joined & ~opening
    spent = np.where(lost, stop - begin, 0.0)
    weights = (spent, spent * short / MILLIWATT_PER_MW, begins.astype(float))
    return np.stack([_binned(year[which], w, years) for w in weights], axis=1)


def _counted(pieces: Ints) -> Ints:
    """0, 1, … n − 1 for every n of ``pieces``, one behind the other."""
    return np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)


def _intervals(
    fleet: Fleet, span_h: float, years: int, stream: np.random.Generator
) -> tuple[Ints, Floats, Floats, Ints]:
    """Year, start, end and available capacity of the intervals between changes, in order of year and time."""
    year, at, change = [np.arange(years)], [np.zeros(years)], [np.full(years, fleet.capacity.sum())]
    for size, rate, repair_h, out in zip(
        fleet.capacity, fleet.fail_per_h, fleet.repair_h, fleet.unavailable, strict=True
    ):
        if out == 0.0:
            continue
        down = stream.random(years) < out
        change[0] = change[0] - np.where(down, size, 0)
        times = switching_times(down, 1.0 / rate, repair_h, span_h, stream)
        row, turn = np.nonzero(times < span_h)
        failing = down[row] ^ (turn % 2 == 0)
        year.append(row)
        at.append(times[row, turn])
        change.append(np.where(failing, -size, size))
    years_, at_, change_ = np.concatenate(year), np.concatenate(at), np.concatenate(change)
    order = np.lexsort((at_, years_))  # stable: the opening entry of a year stays first
    years_, at_, change_ = years_[order], at_[order], change_[order]
    total = np.cumsum(change_)
    opening = np.searchsorted(years_, np.arange(years))
    level = total - (total - change_)[opening][years_]
    last = np.concatenate((years_[1:] != years_[:-1], [True]))
    end = np.where(last, span_h, np.concatenate((at_[1:], [span_h])))
    return years_, at_, end, level


def switching_times(
    down: npt.NDArray[np.bool_], up_h: float, down_h: float, span_h: float, stream: np.random.Generator
) -> Floats:
    """Times of change of an alternating renewal process, one row a history, each row reaching beyond ``span_h``.

    Exponential times: the rest of the first one is like a whole one. Shape (len(down), any).
    """
    cycles = span_h / (up_h + down_h)
    turns = 2 * int(cycles + 4.0 * np.sqrt(cycles) + 2.0)
    times = np.zeros((len(down), 0))
    while not times.size or times[:, -1].min() < span_h:
        draws = stream.standard_exponential((len(down), turns))
        even, odd = np.where(down, down_h, up_h)[:, None], np.where(down, up_h, down_h)[:, None]
        draws[:, 0::2] *= even
        draws[:, 1::2] *= odd
        before = times[:, -1:] if times.size else 0.0
        times = np.concatenate((times, before + np.cumsum(draws, axis=1)), axis=1)
    return times


# ---------------------------------------------------------------------- input


def _checked(units: pd.DataFrame, load_mw: Any, years: int | None, seed: int) -> tuple[Fleet, Ints]:
    problems: list[Problem] = []
    columns = _unit_columns(units, problems)
    load = _load(load_mw, problems)
    if years is not None and (not _is_whole(years) or years < 2):
        problems.append(Problem("years", "expected a whole number from 2 on", years))
    if not _is_whole(seed) or seed < 0:
        problems.append(Problem("seed", "expected a whole number, 0 or above", seed))
    if problems:
        raise ScenarioError(problems)
    capacity = np.rint(columns["capacity_mw"] * MILLIWATT_PER_MW).astype(np.int64)
    fleet = Fleet(capacity, columns["failure_rate_per_year"] / HOURS_PER_YEAR, columns["repair_h"])
    return fleet, np.rint(load * MILLIWATT_PER_MW).astype(np.int64)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _unit_columns(units: pd.DataFrame, problems: list[Problem]) -> dict[str, Floats]:
    from difflib import get_close_matches

    if not isinstance(units, pd.DataFrame):
        problems.append(Problem("units", "expected a DataFrame", type(units).__name__, f"columns {', '.join(COLUMNS)}"))
        return {}
    found = {}
    for name in COLUMNS:
        if name not in units:
            close = get_close_matches(name, [str(column) for column in units.columns], n=1)
            hint = f"there is a column {close[0]}" if close else f"columns are {', '.join(map(str, units.columns))}"
            problems.append(Problem(f"units.{name}", "this column is missing", None, hint))
            continue
        values = np.asarray(pd.to_numeric(units[name], errors="coerce"), float)
        most = MOST_MW / max(len(units), 1) if name == "capacity_mw" else np.inf
        for row in np.flatnonzero(~(np.isfinite(values) & (values >= 0.0) & (values <= most))):
            text = "expected a number, 0 or above" + (f", {most:g} at most" if np.isfinite(most) else "")
            problems.append(Problem(f"units.{name}[{row}]", text, _plain(units[name].iloc[row])))
        found[name] = values
    return found


def _load(load_mw: Any, problems: list[Problem]) -> Floats:
    try:
        load = np.asarray(load_mw, float)
    except (TypeError, ValueError):
        problems.append(Problem("load_mw", "expected numbers, one an hour", type(load_mw).__name__))
        return np.zeros(0)
    if load.ndim != 1 or not len(load):
        text = "expected one value an hour, shape (hours,)"
        problems.append(Problem("load_mw", text, load.shape))
        return np.zeros(0)
    for hour in np.flatnonzero(~(np.isfinite(load) & (load >= 0.0) & (load <= MOST_MW))):
        text = f"expected a number from 0 to {MOST_MW:g}"
        problems.append(Problem(f"load_mw[{hour}]", text, float(load[hour])))
    return load


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
