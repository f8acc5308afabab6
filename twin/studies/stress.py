"""Stress tests: lose every asset (N-1), or pairs of them (N-2), at a chosen moment, and rank what follows.

The scenario is run once to find the moment and once up to it. From that snapshot every case is a run of its own, beside
the case in which nothing is lost; what a case did is the difference. Assets that are alike, in themselves and in what
they hang on, are lost once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import pandas as pd

from twin.component import Component
from twin.errors import Problem, RunError, ScenarioError
from twin.globs import matches
from twin.plan import nearest
from twin.results import Results
from twin.run import Run, simulate
from twin.scenario import Scenario

MOMENTS = ("peak heat", "empty storage", "highest flow")
"""Names of moments: warmest air, least charge while the sun is down, largest power through the tie."""
ALIKE_ROUNDS = 8
"""How far two assets must hang on like things to be alike."""
_BRANCHES = ("line", "transformer", "grid_tie")
_BACK = ("restart", "recover", "reconnect", "energised", "supply", "black start", "repair")
"""Kinds of event that end what another began."""


@dataclass(frozen=True)
class _Task:
    """What every worker is given."""

    snapshot: bytes
    hours: float


def stress(
    scenario: Scenario, *, at: str = "peak heat", hours: float = 6.0, assets: Sequence[str] = ("*",),
    pairs: bool = False, most_pairs: int = 40, workers: int = 1, sla_cost_per_gpu_h: float = 2.0,
    energy_price_per_mwh: float = 0.0, progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Lose each of ``assets`` (wildcards) at ``at`` and follow it for ``hours``; the worst first.

    ``at``: one of MOMENTS, or a time as in a timeline. ``pairs``: also the pairs of lines, transformers and ties that
    leave a branch above its rating or a bus without supply in the static power flow, the worst ``most_pairs`` of them.
    ``workers`` processes; the answer does not depend on them. ``progress`` is told cases done and in all.

    One row a case: ``case``, ``count`` (how many such assets there are), ``static_loading_pu`` (largest loading of the
    AC power flow right after it), ``static_status``, and, as differences to the case in which nothing is lost,
    ``unserved_mwh``, ``gpu_h_lost``, ``grid_import_mwh``, ``cost`` (GPU-hours and energy at the given prices),
    ``jobs_stopped``; then ``hottest_c`` (coolant supply), ``loading_pu`` (largest of any branch in any step),
    ``recovered_h`` (until the last event that ends what the loss brought about; NaN where nothing does), ``unmet``
    (expectations that hold without it and not with it).
    ``attrs``: ``at`` (UTC), ``hours``, ``base`` (the figures of the case without a loss).
    Raise ScenarioError for a moment, wildcard or length that does not fit.
    """
    _check(scenario, assets, hours, most_pairs, workers)
    components = [c for c in scenario.components if "fail" in type(c).verbs]
    chosen = [c for c in components if any(matches(c.name, pattern) for pattern in assets)]
    time = _moment(scenario, at, hours)
    with Run(scenario) as run:
        run.advance(time)
        task = _Task(run.snapshot(), hours)
        static = _Static(run)
    cases: list[tuple[tuple[str, ...], int]] = [
        ((group[0],), len(group)) for group in alike(scenario.components, [c.name for c in chosen])
    ]
    if pairs:
        names = [c.name for c in chosen if c.kind in _BRANCHES]
        cases += [(pair, 1) for pair in static.pairs(names, most_pairs)]
    found = _followed(task, [(), *(names for names, _ in cases)], workers, progress)
    base, rows = found[0], found[1:]
    prices = (sla_cost_per_gpu_h, energy_price_per_mwh)
    table = pd.DataFrame(
        [
            {"case": " + ".join(names), "count": count} | static.after(names) | _difference(row, base, prices)
            for (names, count), row in zip(cases, rows, strict=True)
        ]
    )
    order = ["cost", "unserved_mwh", "jobs_stopped", "loading_pu"]
    table = table.sort_values(order, ascending=False, kind="stable").reset_index(drop=True)
    table.attrs |= {"at": str(time), "hours": hours, "base": {k: v for k, v in base.items() if k != "unmet"}}
    return table


# ---- what is asked -------------------------------------------------------------------------------------------------


def _check(scenario: Scenario, assets: Sequence[str], hours: float, most_pairs: int, workers: int) -> None:
    problems = []
    known = [c.name for c in scenario.components if "fail" in type(c).verbs]
    for pattern in assets:
        if not any(matches(name, pattern) for name in known):
            problems.append(Problem("assets", "matches nothing that can fail", pattern, nearest(pattern, known)))
    step_h = scenario.step_ms / 3_600_000
    if not hours > 0.0 or (hours / step_h) % 1.0:
        problems.append(Problem("hours", f"expected above 0, in steps of {scenario.run.step_s} s", hours))
    for name, value in (("most_pairs", most_pairs), ("workers", workers)):
        if value < 1:
            problems.append(Problem(name, "expected at least 1", value))
    if problems:
        raise ScenarioError(problems)


def _moment(scenario: Scenario, at: str, hours: float) -> pd.Timestamp:
    """The time that ``at`` names, on the grid, with room for ``hours`` before the end."""
    latest = scenario.timestamp(scenario.horizon_ms) - pd.Timedelta(hours=hours)
    if at in MOMENTS:
        return _found_moment(simulate(scenario), at, latest)
    try:
        time = scenario.timestamp(scenario.local_text_to_ms(at))
    except ValueError as error:
        hint = nearest(at, list(MOMENTS))
        message = f"expected a time or one of {', '.join(MOMENTS)}: {error}"
        raise ScenarioError([Problem("at", message, at, hint)]) from error
    if not scenario.timestamp(0) < time <= latest:
        raise ScenarioError([Problem("at", f"expected after the start and not after {latest}", at)])
    return time


def _found_moment(results: Results, at: str, latest: pd.Timestamp) -> pd.Timestamp:
    names = ["weather.temp_c", "battery.soc", "weather.ghi_w_m2", "grid.p_mw"]
    table = results.table(names, every="1h").loc[:latest].iloc[1:]
    if table.empty:
        raise ScenarioError([Problem("hours", f"the run ends too early: nothing is left before {latest}")])
    night = table[table["weather.ghi_w_m2"] <= 0.0]
    place = {
        "peak heat": (table, table["weather.temp_c"]),
        "empty storage": (dark := night if len(night) else table, -dark["battery.soc"]),
        "highest flow": (table, table["grid.p_mw"].abs()),
    }[at]
    rows, rank = place
    return pd.Timestamp(rows.index[int(rank.to_numpy().argmax())])


def alike(components: Sequence[Component], names: Sequence[str]) -> list[list[str]]:
    """``names`` in groups of like assets, by colour refinement over what names what; each in the order given.

    Two are alike if their kinds and numbers are, and those of what they hang on and what hangs on them, and so on.
    """
    plain = {c.name: c.model_dump(mode="json") for c in components}
    near: dict[str, list[str]] = {name: [] for name in plain}
    for name, row in plain.items():
        for other in _named(row, plain.keys() - {name}):
            near[name].append(other)
            near[other].append(name)
    colour = {c.name: repr((c.kind, _numbers(plain[c.name], plain))) for c in components}
    for _ in range(ALIKE_ROUNDS):
        told = {name: (colour[name], sorted(colour[other] for other in near[name])) for name in plain}
        number = {text: str(k) for k, text in enumerate(sorted({repr(value) for value in told.values()}))}
        colour = {name: number[repr(value)] for name, value in told.items()}
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(colour[name], []).append(name)
    return list(groups.values())


def _named(value: Any, known: Any) -> Iterator[str]:
    """Names of other components in a field, at any depth."""
    if isinstance(value, str):
        if value in known:
            yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _named(item, known)


def _numbers(row: dict[str, Any], known: dict[str, Any]) -> list[tuple[str, Any]]:
    """Fields that are not names."""
    return [(key, value) for key, value in sorted(row.items()) if key != "name" and not any(_named(value, known))]


# ---- the static picture --------------------------------------------------------------------------------------------


class _Static:
    """The power flow at the moment, with the branches of assets opened."""

    def __init__(self, run: Run) -> None:
        self.network = run.network()
        self.branches: dict[str, list[str]] = {}
        for *_, edge in run.site.graph.edges(data=True):
            self.branches.setdefault(edge["asset"], []).append(edge["name"])
        self.closed = {name for name, branch in run.site.plan.branches.items() if run.world.closed(name)}

    def after(self, names: Sequence[str]) -> dict[str, Any]:
        """Largest loading and status of the solution without the assets; NaN and "" where they have no branch."""
        mine = [b for name in names for b in self.branches.get(name, ()) if b in self.closed]
        if not mine:
            return {"static_loading_pu": float("nan"), "static_status": ""}
        for branch in mine:
            self.network.open(branch)
        solution = self.network.solve()
        dead = bool((~solution.energised).any())
        for branch in mine:
            self.network.close(branch)
        status = solution.status.name if not dead else f"{solution.status.name}, buses dead"
        return {"static_loading_pu": float(solution.loading.max()), "static_status": status}

    def pairs(self, names: Sequence[str], most: int) -> list[tuple[str, str]]:
        """Pairs after which a branch is above its rating, a bus dead or the flow unsolved; the worst ``most``."""
        judged = []
        for pair in itertools.combinations(names, 2):
            row = self.after(pair)
            bad = row["static_status"] not in ("OK", "")
            if bad or row["static_loading_pu"] > 1.0:
                judged.append((not bad, -row["static_loading_pu"], pair))
        return [pair for *_, pair in sorted(judged)[:most]]


# ---- the dynamic picture -------------------------------------------------------------------------------------------

_here: dict[str, _Task] = {}


def _begin(task: _Task) -> None:
    _here["task"] = task


def _followed(
    task: _Task, cases: Sequence[Sequence[str]], workers: int, progress: Callable[[int, int], None] | None
) -> list[dict[str, Any]]:
    """Figures of every case, in their order."""
    found = []
    if workers == 1:
        _begin(task)
        for k, names in enumerate(cases):
            found.append(_case(names))
            if progress is not None:
                progress(k + 1, len(cases))
        return found
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin, (task,)) as pool:
        for k, row in enumerate(pool.map(_case, cases)):
            found.append(row)
            if progress is not None:
                progress(k + 1, len(cases))
    return found


def _case(names: Sequence[str]) -> dict[str, Any]:
    """Go on from the snapshot without the assets ``names``."""
    task = _here["task"]
    with Run.restore(task.snapshot) as run:
        begin = run.now
        for name in names:
            run.inject("fail", name)
        run.advance(pd.Timedelta(hours=task.hours))
        results = run.finish()
        return _figures(results) | {"recovered_h": _recovered_h(results.events, names, begin)}


def _recovered_h(events: pd.DataFrame, names: Sequence[str], begin: pd.Timestamp) -> float:
    """Hours from the loss to the last event that ends what it brought about; NaN where nothing does."""
    first = events[(events["time"] == begin) & (events["kind"] == "fail") & events["asset"].isin(names)]
    from_it = set(first["seq"].tolist())
    last = float("nan")
    for seq, cause, kind, priority, time in zip(
        *(events[name].tolist() for name in ("seq", "cause_seq", "kind", "priority", "time")), strict=True
    ):
        if pd.notna(cause) and cause in from_it:
            from_it.add(seq)
            if kind in _BACK and priority == 0:
                last = (time - begin) / pd.Timedelta(hours=1)
    return last


def _figures(results: Results) -> dict[str, Any]:
    summary = results.summary
    stopped = summary["jobs"]["preempted"] + summary["jobs"]["failed"]
    return {
        "unserved_mwh": float(summary["energy_mwh"]["unserved"]), "gpu_h_lost": float(summary["gpu_h"]["lost"]),
        "grid_import_mwh": float(summary["energy_mwh"]["grid_import"]), "jobs_stopped": int(stopped),
        "gpu_h_delivered": float(summary["gpu_h"]["delivered"]),
        "hottest_c": _largest(results, "hall-*.supply_c"), "loading_pu": _largest(results, "*.loading_pu"),
        "unmet": [f"{v.that} {v.relation} {v.limit:g}" for v in results.verdicts if v.met is False],
    }  # fmt: skip


def _largest(results: Results, pattern: str) -> float:
    """The largest value that a channel had in any step; NaN without such a channel."""
    try:
        return float(results.table(pattern, every="1h", stat="max").max().max())
    except RunError:
        return float("nan")


def _difference(row: dict[str, Any], base: dict[str, Any], prices: tuple[float, float]) -> dict[str, Any]:
    """What the loss did."""
    names = ("unserved_mwh", "gpu_h_lost", "grid_import_mwh", "jobs_stopped")
    change = {name: row[name] - base[name] for name in names}
    missing = max(base["gpu_h_delivered"] - row["gpu_h_delivered"], 0.0)
    change["gpu_h_lost"] += missing  # work that was not done counts like work done in vain
    cost = prices[0] * change["gpu_h_lost"] + prices[1] * change["grid_import_mwh"]
    return change | {
        "cost": cost, "hottest_c": row["hottest_c"], "loading_pu": row["loading_pu"], "recovered_h": row["recovered_h"],
        "unmet": "; ".join(text for text in row["unmet"] if text not in base["unmet"]),
    }  # fmt: skip
