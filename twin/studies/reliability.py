"""How likely outages of the site are: sequential Monte Carlo over its parts, on the hours of an ordinary run.

The scenario runs once without faults and without its timeline; its hours, as a ring, are the demand of every hall, the
sun and the charge of the storage. Then years of failures and repairs are drawn, and what each costs is read from the
quasi-static picture of the site (``twin.studies.site_capacity``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twin.errors import Problem, ScenarioError
from twin.studies.monte_carlo import YEAR_H, Evaluator, Profile, Tally, simulate_years, weights
from twin.studies.site_capacity import SiteCapacity, capacity_of

if TYPE_CHECKING:
    from twin.scenario import Scenario

Floats = npt.NDArray[np.float64]

BLOCK_YEARS = 10
ROUND_BLOCKS = 8
"""Blocks between two looks at the error; it does not follow the number of processes, or the years would."""
Z_95 = 1.959964


@dataclass(frozen=True)
class Reliability:
    """What the years came to; intervals are 95 %, of the normal distribution."""

    years: int
    indices: pd.DataFrame
    """One row an index, a year: ``mean``, ``se``, ``low``, ``high``."""
    halls: pd.DataFrame
    """One row a hall: ``availability`` (share of hours without any shortage), its ``se``, ``unserved_mwh``."""
    assets: pd.DataFrame
    """One row a part, the most costly first: ``failures_per_year``, ``repair_h``, ``unserved_mwh`` a year while it was
    out, ``share``, and what it costs when out alone: ``alone_mw`` and ``alone_loss_share`` (of the hours)."""
    convergence: pd.DataFrame
    """After each block of years: ``years``, ``eens_mwh``, ``se``, and the same without the control variate."""

    def plot(self) -> Any:
        """Energy not served against years drawn, with its 95 % band: a plotly figure."""
        import plotly.graph_objects as go

        seen = self.convergence
        band = Z_95 * seen["se"]
        lines = [
            go.Scatter(x=seen["years"], y=seen["eens_mwh"] + band, line={"width": 0}, showlegend=False),
            go.Scatter(x=seen["years"], y=seen["eens_mwh"] - band, line={"width": 0}, fill="tonexty", name="95 %"),
            go.Scatter(x=seen["years"], y=seen["eens_mwh"], name="with control variate"),
            go.Scatter(x=seen["years"], y=seen["plain_mwh"], name="plain mean", line={"dash": "dot"}),
        ]
        figure = go.Figure(lines)
        figure.update_layout(xaxis_title="years drawn", yaxis_title="energy not served, MWh/a", template="plotly_white")
        return figure

    def write(self, folder: str | Path) -> None:
        """Write indices.json, halls, assets and convergence as Parquet and CSV, and convergence.html."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.indices.to_json(folder / "indices.json", orient="index", indent=2)
        for name in ("indices", "halls", "assets", "convergence"):
            table: pd.DataFrame = getattr(self, name)
            table.to_parquet(folder / f"{name}.parquet")
            table.to_csv(folder / f"{name}.csv")
        self.plot().write_html(folder / "convergence.html", include_plotlyjs=True)


def reliability(
    scenario: Scenario, *, years: int = 1000, seed: int | None = None, relative_error: float | None = None,
    workers: int = 1, sla_cost_per_gpu_h: float = 2.0, progress: Callable[[int, int], None] | None = None,
) -> Reliability:  # fmt: skip
    """Loss of load, halls' availability and GPU-hours lost in ``years`` drawn years of the site.

    ``seed``: the scenario's if None. ``relative_error``: stop earlier, once the standard error of the energy not
    served is at most this share of it, at a look every 80 years. ``workers``: processes, 0 for one a core; the figures
    do not depend on it. ``sla_cost_per_gpu_h``: what a lost GPU-hour costs, in your currency. ``progress`` is told the
    years done and the most there will be. Raise ScenarioError with every problem of the arguments.
    """
    _check(years, relative_error, workers, sla_cost_per_gpu_h)
    site, profile = _inputs(scenario)
    evaluate = Evaluator(site, profile)
    weight = weights(evaluate, site.parts)
    task = _Task(site, profile, weight, scenario.run.seed if seed is None else seed)
    tally = _drawn(task, years, relative_error, workers or os.cpu_count() or 1, progress)
    return _summary(task, tally, sla_cost_per_gpu_h)


def _check(years: int, relative_error: float | None, workers: int, cost: float) -> None:
    problems = []
    if isinstance(years, bool) or not isinstance(years, int) or years < 2:
        problems.append(Problem("years", "expected a whole number from 2 on", years))
    if relative_error is not None and not 0.0 < relative_error < 1.0:
        problems.append(Problem("relative_error", "expected a number between 0 and 1", relative_error))
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 0:
        problems.append(Problem("workers", "expected a whole number, 0 for one a core", workers))
    if not 0.0 <= cost < float("inf"):
        problems.append(Problem("sla_cost_per_gpu_h", "expected a finite number, 0 or above", cost))
    if problems:
        raise ScenarioError(problems)


def _inputs(scenario: Scenario) -> tuple[SiteCapacity, Profile]:
    """The site's picture and the hours of a run in which nothing fails."""
    from twin.run import simulate
    from twin.site import build

    faults = scenario.faults.model_copy(update={"random": False})
    quiet = replace(scenario, faults=faults, timeline=(), expect=())
    site = capacity_of(build(quiet))
    if not site.halls:
        raise ScenarioError([Problem("site.rack_hall", "the site has no hall: nothing can be lost")])
    results = simulate(quiet)
    halls = [f"{hall.name}.it_mw" for hall in site.halls]
    table = results.table([*halls, "it.p_mw", "site.load_mw", "solar.available_mw", "battery.soc"], every="1h")
    it = table[halls].to_numpy(float)
    # cooling, losses and auxiliaries are carried by the halls in proportion to their racks
    overhead = np.divide(table["site.load_mw"], table["it.p_mw"], out=np.ones(len(table)), where=table["it.p_mw"] > 0.0)
    return site, Profile(it * np.asarray(overhead)[:, None], *(
        np.nan_to_num(table[name].to_numpy(float)) for name in ("solar.available_mw", "battery.soc")
    ))  # fmt: skip


# ---------------------------------------------------------------------- drawing


@dataclass(frozen=True)
class _Task:
    site: SiteCapacity
    profile: Profile
    weight: Floats
    seed: int


_here: dict[str, Any] = {}
"""What a worker was given when it started, and its evaluator with all it has learnt."""


def _begin(task: _Task) -> None:
    _here["task"], _here["evaluate"] = task, Evaluator(task.site, task.profile)


def _block(k: int, years: int) -> Tally:
    task: _Task = _here["task"]
    stream = np.random.Generator(np.random.Philox(np.random.SeedSequence([task.seed, k])))
    return simulate_years(_here["evaluate"], task.weight, years, stream)


@contextmanager
def _mapper(task: _Task, workers: int) -> Iterator[Callable[..., Iterator[Tally]]]:
    if workers == 1:
        _begin(task)
        yield map
        _here.clear()
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin, (task,)) as pool:
        yield pool.map


def _drawn(
    task: _Task, years: int, relative_error: float | None, workers: int, progress: Callable[[int, int], None] | None
) -> Tally:
    sizes = [min(BLOCK_YEARS, years - start) for start in range(0, years, BLOCK_YEARS)]
    found: list[Tally] = []
    with _mapper(task, workers) as each:
        for first in range(0, len(sizes), ROUND_BLOCKS):
            some = sizes[first : first + ROUND_BLOCKS]
            for tally in each(_block, range(first, first + len(some)), some):
                found.append(tally)
                if progress is not None:
                    progress(sum(len(done.lole_h) for done in found), years)
            mean, error = _estimate(*_energy(task, _joined(found)))
            if relative_error is not None and mean > 0.0 and error <= relative_error * mean:
                break
    return _joined(found)


def _joined(tallies: list[Tally]) -> Tally:
    return Tally(*(np.concatenate([getattr(t, field.name) for t in tallies]) for field in fields(Tally)))


# ---------------------------------------------------------------------- figures


def _expected(task: _Task, column: int) -> float:
    """Exact mean of a control variate: in the long run each part is out for its share of the year."""
    return float(
        sum(w * part.unavailable for w, part in zip(task.weight[:, column], task.site.parts, strict=True)) * YEAR_H
    )


def _energy(task: _Task, tally: Tally) -> tuple[Floats]:
    return (tally.eens_mwh - tally.control_mwh + _expected(task, 1),)


def _estimate(values: Floats) -> tuple[float, float]:
    """Mean and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def _summary(task: _Task, tally: Tally, cost: float) -> Reliability:
    gpu_h = _gpu_hours(task, tally)
    rows = {
        "lole_h": tally.lole_h - tally.control_h + _expected(task, 0),
        "eens_mwh": _energy(task, tally)[0],
        "lolf_per_year": tally.losses,
        "gpu_hours_lost": gpu_h,
        "sla_cost": gpu_h * cost,
        "lole_plain_h": tally.lole_h,
        "eens_plain_mwh": tally.eens_mwh,
    }
    indices = pd.DataFrame({name: _estimate(values) for name, values in rows.items()}, index=["mean", "se"]).T
    indices["low"], indices["high"] = (indices["mean"] + sign * Z_95 * indices["se"] for sign in (-1.0, 1.0))
    return Reliability(len(tally.lole_h), indices, _halls(task, tally), _assets(task, tally), _convergence(task, tally))


def _gpu_hours(task: _Task, tally: Tally) -> Floats:
    """GPU-hours lost a year: a hall's unserved energy over its mean demand, times its GPUs."""
    mean_mw = task.profile.demand_mw.mean(axis=0)
    gpus = np.array([hall.gpus for hall in task.site.halls], float)
    per_mwh = np.divide(gpus, mean_mw, out=np.zeros_like(gpus), where=mean_mw > 0.0)
    return np.asarray((tally.hall_mwh * per_mwh).sum(axis=1))


def _halls(task: _Task, tally: Tally) -> pd.DataFrame:
    up = 1.0 - tally.hall_h / YEAR_H
    figures = {
        "availability": up.mean(axis=0), "se": up.std(axis=0, ddof=1) / np.sqrt(len(up)),
        "unserved_mwh": tally.hall_mwh.mean(axis=0),
    }  # fmt: skip
    return pd.DataFrame(figures, index=pd.Index([hall.name for hall in task.site.halls], name="hall"))


def _assets(task: _Task, tally: Tally) -> pd.DataFrame:
    unserved = tally.part_mwh.mean(axis=0)
    total = unserved.sum()
    parts = task.site.parts
    table = pd.DataFrame(
        {
            "failures_per_year": [part.failures_per_year for part in parts],
            "repair_h": [part.repair_h for part in parts],
            "unserved_mwh": unserved,
            "share": unserved / total if total > 0.0 else 0.0,
            "alone_mw": task.weight[:, 1],
            "alone_loss_share": task.weight[:, 0],
        },
        index=pd.Index([part.name for part in parts], name="asset"),
    )
    return table.sort_values("unserved_mwh", ascending=False, kind="stable")


def _convergence(task: _Task, tally: Tally) -> pd.DataFrame:
    (energy,) = _energy(task, tally)
    ends = sorted({*range(BLOCK_YEARS, len(energy) + 1, BLOCK_YEARS), len(energy)})
    rows = [(end, *_estimate(energy[:end]), *_estimate(tally.eens_mwh[:end])) for end in ends if end > 1]
    return pd.DataFrame(rows, columns=["years", "eens_mwh", "se", "plain_mwh", "plain_se"])
