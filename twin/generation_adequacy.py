"""Whether a fleet of two-state units carries an hourly load: exactly by a capacity outage table, or by Monte Carlo.

Loss is capacity below load (C < L). Units fail and are repaired independently, with constant rates; the failure rate
counts hours in service. R. Billinton and R. N. Allan, Reliability Evaluation of Power Systems, 2nd ed. 1996, chapters
2, 3 and 12.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from twin.errors import Problem, ScenarioError
from twin.weather.streams import stream

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HOURS_PER_YEAR = 8760.0
"""Failure rates are per this many hours in service."""
GRAINS_PER_MW = 1_000_000_000
"""Capacities are added as whole numbers of these grains, so that equal sums are found equal."""
MOST_STATES = 4_000_000
"""Different sums of capacity a table may have: 64 MB."""
HOURS_AT_A_TIME = 2_000_000
"""Hours the Monte Carlo looks at in one go: what bounds its memory."""
COLUMNS = ("capacity_mw", "failure_rate_per_year", "repair_h")


@dataclass(frozen=True)
class Fleet:
    """Two-state units: capacity in grains, failures per hour in service, mean hours of a repair; shape (n_unit,)."""

    names: tuple[str, ...]
    capacity: Ints
    failure_per_h: Array
    repair_h: Array

    @property
    def availability(self) -> Array:
        """Share of time each unit is in service, 1 / (1 + λ r)."""
        return 1.0 / (1.0 + self.failure_per_h * self.repair_h)


@dataclass(frozen=True)
class Table:
    """Sums of capacity that can be in service, rising, in grains, and the probability of each."""

    capacity: Ints
    probability: Array

    def below(self, limit: Ints) -> Array:
        """Probability of less than each ``limit``."""
        total = np.concatenate([[0.0], np.cumsum(self.probability)])
        return np.asarray(total[np.searchsorted(self.capacity, limit, side="left")])

    def shortfall(self, limit: Ints) -> Array:
        """Mean of what is missing up to each ``limit``, grains."""
        at = np.searchsorted(self.capacity, limit, side="left")
        total = np.concatenate([[0.0], np.cumsum(self.probability)])
        first = np.concatenate([[0.0], np.cumsum(self.probability * self.capacity)])
        return np.asarray(total[at] * limit - first[at])

    def with_unit(self, capacity: int, availability: float) -> Table:
        """The table with one more unit."""
        both = np.concatenate([self.capacity, self.capacity + capacity])
        weight = np.concatenate([self.probability * (1.0 - availability), self.probability * availability])
        sums, place = np.unique(both, return_inverse=True)
        if len(sums) > MOST_STATES:
            raise ValueError(f"capacities have more than {MOST_STATES:,} different sums: round them, to 1 MW say")
        probability = np.zeros(len(sums))
        np.add.at(probability, place, weight)
        return Table(sums, probability)


EMPTY = Table(np.zeros(1, np.int64), np.ones(1))


def adequacy(
    units: pd.DataFrame, load_mw: npt.ArrayLike, years: int | None = None, *, seed: int = 0
) -> pd.Series[float]:
    """Loss-of-load indices of ``units`` that carry ``load_mw``, hour by hour: exact, or over simulated ``years``.

    ``units``: one row each, ``capacity_mw``, ``failure_rate_per_year`` (per 8,760 h in service), ``repair_h`` (mean).
    ``load_mw``, shape (n_hour,): the hours of one year, in order; the year after it begins with the first again.

    ``lole_h``, ``eens_mwh``: expected hours and energy of loss over the hours given; ``lolf_per_year``: expected
    number of losses that begin in them. With ``years`` a sequential Monte Carlo of that many passes over the load gives
    their means, and ``lole_h_se``, ``eens_mwh_se``, ``lolf_per_year_se``, the standard errors of the means; every unit
    has a random stream of its own. Entries are attributes too: ``adequacy(…).lole_h``.
    Raise ScenarioError with everything that is wrong with the input, ValueError for a table too large to hold.
    """
    problems = [*_unit_problems(units), *_load_problems(load_mw)]
    if years is not None and (isinstance(years, bool) or int(years) != years or years < 1):
        problems.append(Problem("years", "expected a whole number of at least 1, or None for the exact table", years))
    if problems:
        raise ScenarioError(problems)
    fleet, load = _fleet(units), np.asarray(load_mw, dtype=float)
    return _exact(fleet, load) if years is None else _simulated(fleet, load, int(years), seed)


# ---- input ---------------------------------------------------------------------------------------------------------


def _unit_problems(units: pd.DataFrame) -> Iterator[Problem]:
    for name in COLUMNS:
        if name not in units:
            known = ", ".join(map(str, units.columns))
            yield Problem(f"units.{name}", "this column is missing", hint=f"there are {known}" if known else "")
            continue
        values = pd.to_numeric(units[name], errors="coerce").to_numpy(dtype=float)
        for row in np.flatnonzero(~(np.isfinite(values) & (values >= 0.0))):
            yield Problem(f"units.{name}[{row}]", "expected a finite number of at least 0", units[name].iloc[row])
        if name == "repair_h":
            rates = pd.to_numeric(units.get("failure_rate_per_year", 0.0), errors="coerce")
            for row in np.flatnonzero((values == 0.0) & (np.asarray(rates) > 0.0)):
                yield Problem(f"units.repair_h[{row}]", "expected above 0 for a unit that fails", 0.0)
    if not len(units):
        yield Problem("units", "expected at least one row")


def _load_problems(load_mw: npt.ArrayLike) -> Iterator[Problem]:
    load = np.asarray(load_mw, dtype=float)
    if load.ndim != 1 or not len(load):
        yield Problem("load_mw", "expected one number for each hour", load.shape)
        return
    for hour in np.flatnonzero(~(np.isfinite(load) & (load >= 0.0)))[:20]:
        yield Problem(f"load_mw[{hour}]", "expected a finite number of at least 0", float(load[hour]))


def _fleet(units: pd.DataFrame) -> Fleet:
    names = units.get("unit", units.index)
    return Fleet(
        tuple(map(str, names)),
        np.rint(units["capacity_mw"].to_numpy(dtype=float) * GRAINS_PER_MW).astype(np.int64),
        units["failure_rate_per_year"].to_numpy(dtype=float) / HOURS_PER_YEAR,
        units["repair_h"].to_numpy(dtype=float),
    )


# ---- the exact indices ---------------------------------------------------------------------------------------------


def outage_table(fleet: Fleet) -> Table:
    """Capacity in service of the whole fleet, by recursion over its units."""
    table = EMPTY
    for capacity, availability in zip(fleet.capacity.tolist(), fleet.availability.tolist(), strict=True):
        table = table.with_unit(capacity, availability)
    return table


def tables_without_one(fleet: Fleet) -> Iterator[Table]:
    """For each unit the table of all others; units alike share one. Built anew: taking a unit out loses digits."""
    made: dict[tuple[int, float], Table] = {}
    rows = list(zip(fleet.capacity.tolist(), fleet.availability.tolist(), strict=True))
    for k, row in enumerate(rows):
        if row not in made:
            table = EMPTY
            for other in rows[:k] + rows[k + 1 :]:
                table = table.with_unit(*other)
            made[row] = table
        yield made[row]


def _exact(fleet: Fleet, load_mw: Array) -> pd.Series[float]:
    limit, hour = np.unique(np.rint(load_mw * GRAINS_PER_MW).astype(np.int64), return_inverse=True)
    table = outage_table(fleet)
    below = table.below(limit)
    begins = _rate_of_loss(fleet, limit)[hour].sum()
    # what begins because the load rises at the turn of an hour; the last hour is followed by the first
    chance = below[hour]
    begins += np.maximum(np.roll(chance, -1) - chance, 0.0).sum()
    return pd.Series(
        {
            "lole_h": float(chance.sum()),
            "eens_mwh": float(table.shortfall(limit)[hour].sum() / GRAINS_PER_MW),
            "lolf_per_year": float(begins),
        }
    )


def _rate_of_loss(fleet: Fleet, limit: Ints) -> Array:
    """Expected number of failures an hour that take the capacity in service below each ``limit``.

    Unit i does so if it is in service and the others have less than the limit, but not without it:
    Σ A_i λ_i P(L − c_i ≤ C of the others < L).
    """
    total = np.zeros(len(limit))
    rates = fleet.availability * fleet.failure_per_h
    for table, capacity, rate in zip(tables_without_one(fleet), fleet.capacity, rates, strict=True):
        total += rate * (table.below(limit) - table.below(limit - capacity))
    return total


# ---- Monte Carlo ---------------------------------------------------------------------------------------------------


def _simulated(fleet: Fleet, load_mw: Array, years: int, seed: int) -> pd.Series[float]:
    hours = len(load_mw)
    time_h, step = _transitions(fleet, float(years) * hours, seed)
    full = int(fleet.capacity.sum())
    limit = np.rint(load_mw * GRAINS_PER_MW).astype(np.int64)
    at_once = max(1, HOURS_AT_A_TIME // hours)
    state = _State(full + int(step[time_h == 0.0].sum()), None)
    time_h, step = time_h[time_h > 0.0], step[time_h > 0.0]
    found = []
    for first in range(0, years, at_once):
        count = min(at_once, years - first)
        begin, end = np.searchsorted(time_h, [float(first) * hours, float(first + count) * hours])
        found.append(_losses(time_h[begin:end] - first * hours, step[begin:end], limit, count, state))
    by_year = np.concatenate(found, axis=1)
    error = by_year.std(axis=1, ddof=1) / np.sqrt(years) if years > 1 else np.full(3, np.nan)
    names = ("lole_h", "eens_mwh", "lolf_per_year")
    means = dict(zip(names, by_year.mean(axis=1).tolist(), strict=True))
    errors = dict(zip((f"{name}_se" for name in names), error.tolist(), strict=True))
    return pd.Series(means | (errors if years > 1 else {}))


@dataclass
class _State:
    """What one piece of the simulation hands to the next."""

    capacity: int
    lost: bool | None
    """Whether load was lost at the end; None at the very beginning."""


def _transitions(fleet: Fleet, horizon_h: float, seed: int) -> tuple[Array, Ints]:
    """Times at which units fail and return, rising, and the change of capacity in grains; times 0 are the start."""
    times, steps = [], []
    for k, name in enumerate(fleet.names):
        when, down = _history(fleet, k, horizon_h, stream(seed, name, k, "failures and repairs"))
        times.append(when)
        steps.append(np.where(down, -fleet.capacity[k], fleet.capacity[k]))
    time_h, step = np.concatenate(times), np.concatenate(steps)
    order = np.argsort(time_h, kind="stable")
    return time_h[order], step[order]


def _history(
    fleet: Fleet, k: int, horizon_h: float, random: np.random.Generator
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Times at which a unit changes, and whether it goes down; a unit that starts out of service does so at 0.

    States at the start are drawn from the long run; exponential times have no memory.
    """
    rate, repair_h = float(fleet.failure_per_h[k]), float(fleet.repair_h[k])
    starts_down = bool(random.random() >= fleet.availability[k])
    if rate == 0.0:
        return np.zeros(0), np.zeros(0, bool)
    parts, now = [np.zeros(1)] if starts_down else [], 0.0
    down_next = starts_down  # the next time drawn is that of a repair
    per_cycle = 1.0 / rate + repair_h
    while now <= horizon_h:
        pairs = int((horizon_h - now) / per_cycle * 1.1) + 16
        draws = -np.log1p(-random.random((pairs, 2)))  # exponential by the inverse of its distribution
        draws *= [repair_h, 1.0 / rate] if down_next else [1.0 / rate, repair_h]
        parts.append(now + np.cumsum(draws.ravel()))
        now = float(parts[-1][-1])
    when = np.concatenate(parts)
    down = np.arange(len(when)) % 2 == 0  # the first change is always a failure
    keep = when < horizon_h
    return when[keep], down[keep]


def _losses(time_h: Array, step: Ints, limit: Ints, years: int, state: _State) -> Array:
    """Hours, energy (MWh) and beginnings of loss in each of ``years`` passes over the load; shape (3, years)."""
    hours = len(limit)
    edges = np.arange(years * hours, dtype=float)
    order = np.argsort(np.concatenate([edges, time_h]), kind="stable")  # the turn of an hour before a change at it
    start = np.concatenate([edges, time_h])[order]
    change = np.concatenate([np.zeros(len(edges), np.int64), step])[order]
    capacity = state.capacity + np.cumsum(change)
    hour = np.minimum(start.astype(np.int64), years * hours - 1)
    length = np.diff(start, append=float(years * hours))
    missing = limit[hour % hours] - capacity
    lost = missing > 0
    before = np.concatenate([[lost[0] if state.lost is None else state.lost], lost[:-1]])
    year = hour // hours
    state.capacity, state.lost = int(capacity[-1]), bool(lost[-1])
    return np.stack(
        [
            np.bincount(year, weights=length * lost, minlength=years),
            np.bincount(year, weights=length * np.maximum(missing, 0) / GRAINS_PER_MW, minlength=years),
            np.bincount(year, weights=(lost & ~before).astype(float), minlength=years),
        ]
    )
