"""Years of failures and repairs of a site's parts, and what each of them costs, hour by hour.

Parts alternate between service and repair with exponential times and start in their long-run state. Every block of
years has a random stream of its own, so that the figures do not depend on how many processes draw them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from twin.studies.site_capacity import Failable, Island, SiteCapacity

Floats = npt.NDArray[np.float64]

YEAR_H = 8760
LEVELS = 4
"""Solar power is taken at a quarter of its peak, rounded down, where a limit of the network binds."""
SHORT_MW = 1e-3


@dataclass(frozen=True)
class Profile:
    """Normal operation, a ring of hours: demand of every hall (hours, halls), solar power there is, MW, and charge."""

    demand_mw: Floats
    solar_mw: Floats
    soc: Floats


@dataclass(frozen=True)
class Tally:
    """What blocks of years came to: one row a year."""

    lole_h: Floats
    eens_mwh: Floats
    losses: Floats
    hall_mwh: Floats
    """Shape (years, halls)."""
    hall_h: Floats
    part_mwh: Floats
    """Energy not served by the part that was out, shape (years, parts); shared by their weights where several were."""
    control_h: Floats
    """First-order hours of loss, and MWh, by the time each part was out: the control variates."""
    control_mwh: Floats


class Evaluator:
    """Unserved power of every hall for what is out and the hour it is."""

    def __init__(self, site: SiteCapacity, profile: Profile) -> None:
        self.site, self.profile = site, profile
        self.hours = len(profile.solar_mw)
        self.peak = tuple(map(float, profile.demand_mw.max(axis=0)))
        self.step_mw = float(profile.solar_mw.max()) / LEVELS

    def unserved(self, out: frozenset[str], first_h: int, count: int) -> Floats:
        """MW not served, shape (count, halls), in the hours from ``first_h`` on with ``out`` out all the while."""
        hours = np.arange(first_h, first_h + count) % self.hours
        demand = self.profile.demand_mw[hours]
        level = (self.profile.solar_mw[hours] // self.step_mw).astype(int) if self.step_mw else np.zeros(count, int)
        served = np.zeros_like(demand)
        least = np.array(self.site.carried_mw(out, 0.0, self.peak))
        enough = bool((least >= np.array(self.peak) - SHORT_MW / 10.0).all())  # then more sun changes nothing
        for k in np.unique(level):
            carried = least if enough else np.array(self.site.carried_mw(out, int(k) * self.step_mw, self.peak))
            served[level == k] = np.minimum(demand[level == k], carried)
        for island in self.site.islands(out)[1]:
            if island.forming and island.halls:
                self._by_itself(island, hours, demand, served)
        short = demand - served
        return np.where(short > SHORT_MW / 10.0, short, 0.0)  # flows are whole watts

    def _by_itself(self, island: Island, hours: npt.NDArray[np.int64], demand: Floats, served: Floats) -> None:
        """An island lives on its sun and its storage; what is missing is shed in all its halls alike."""
        halls = list(island.halls)
        stored = float(self.profile.soc[hours[0]]) * island.energy_mwh
        for k, hour in enumerate(hours):
            need = float((demand[k, halls] - served[k, halls]).sum())
            sun = float(self.profile.solar_mw[hour]) * island.solar_share
            given = min(max(need - sun, 0.0), island.power_mw, stored)
            stored = min(stored - given + min(max(sun - need, 0.0), island.power_mw), island.energy_mwh)
            share = min(1.0, (sun + given) / need) if need > 0.0 else 1.0
            served[k, halls] += share * (demand[k, halls] - served[k, halls])


def weights(evaluate: Evaluator, parts: list[Failable]) -> Floats:
    """Share of hours in loss and mean MW not served while one part alone is out, shape (parts, 2).

    A part whose loss makes an island is followed for its mean repair from each of 24 hours; others for the whole ring.
    """
    found = []
    for part in parts:
        out = frozenset((part.name,))
        if any(island.halls for island in evaluate.site.islands(out)[1]):
            count = max(1, round(part.repair_h))
            starts = range(0, evaluate.hours, max(1, evaluate.hours // 24))
            short = np.concatenate([evaluate.unserved(out, start, count) for start in starts]).sum(axis=1)
        else:
            short = evaluate.unserved(out, 0, evaluate.hours).sum(axis=1)
        found.append(((short > SHORT_MW).mean(), short.mean()))
    return np.array(found).reshape(len(parts), 2)


def simulate_years(evaluate: Evaluator, weight: Floats, years: int, stream: np.random.Generator) -> Tally:
    """``years`` independent years."""
    parts, halls = evaluate.site.parts, len(evaluate.site.halls)
    one, by_hall = np.zeros(years), np.zeros((years, halls))
    by_part = np.zeros((years, len(parts)))
    tally = Tally(one, one.copy(), one.copy(), by_hall, by_hall.copy(), by_part, one.copy(), one.copy())
    for year in range(years):
        _one_year(evaluate, weight, year, draw_outages(parts, stream), tally)
    return tally


def draw_outages(parts: list[Failable], stream: np.random.Generator) -> list[tuple[float, float, int]]:
    """(from, to, part) of every outage of a year, hours, in order of part and time."""
    found = []
    for k, part in enumerate(parts):
        now = 0.0
        if stream.random() >= part.unavailable:
            now = stream.standard_exponential() * YEAR_H / part.failures_per_year
        while now < YEAR_H:
            end = now + stream.standard_exponential() * part.repair_h
            found.append((now, min(end, float(YEAR_H)), k))
            now = end + stream.standard_exponential() * YEAR_H / part.failures_per_year
    return found


def _one_year(
    evaluate: Evaluator, weight: Floats, year: int, outages: list[tuple[float, float, int]], tally: Tally
) -> None:
    for start, end, k in outages:
        tally.control_h[year] += weight[k, 0] * (end - start)
        tally.control_mwh[year] += weight[k, 1] * (end - start)
    edges = sorted({at for start, end, _ in outages for at in (start, end)})
    waiting = sorted(outages)
    at_work: list[tuple[float, float, int]] = []
    lost_until = -1.0
    for start, end in pairwise(edges):
        while waiting and waiting[0][0] <= start:
            at_work.append(waiting.pop(0))
        at_work = [each for each in at_work if each[1] > start]
        if at_work:
            lost_until = _interval(evaluate, weight, year, start, end, [k for *_, k in at_work], lost_until, tally)


def _interval(
    evaluate: Evaluator, weight: Floats, year: int, start: float, end: float, out: list[int], lost_until: float,
    tally: Tally,
) -> float:  # fmt: skip
    """Add up one interval with the same parts out; return when the last loss ended."""
    first, last = int(start), int(np.ceil(end))
    names = frozenset(evaluate.site.parts[k].name for k in out)
    short = evaluate.unserved(names, first, last - first)
    edges = np.clip(np.arange(first, last + 1, dtype=float), start, end)
    spent = np.diff(edges)
    energy = short * spent[:, None]
    lost = short.sum(axis=1) > SHORT_MW
    tally.lole_h[year] += spent[lost].sum()
    tally.eens_mwh[year] += energy.sum()
    tally.hall_mwh[year] += energy.sum(axis=0)
    tally.hall_h[year] += ((short > SHORT_MW) * spent[:, None]).sum(axis=0)
    blame = weight[out, 1] if weight[out, 1].sum() > 0.0 else np.ones(len(out))
    tally.part_mwh[year, out] += energy.sum() * blame / blame.sum()
    for k in np.flatnonzero(lost):
        tally.losses[year] += edges[k] != lost_until
        lost_until = float(edges[k + 1])
    return lost_until
