"""Scheduling a list of jobs on a pool of identical units: the queue core by itself, without a site.

The order at one instant is completions, submissions, one scheduling pass. The scheduler believes the request, or the
run where there is none, and a job that runs longer than its request is cut there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twin import _core

Ints = npt.NDArray[np.int64]

POLICIES: dict[str, tuple[str, str]] = {
    "fcfs": ("fcfs", "none"),
    "sjf": ("sjf", "none"),
    "ljf": ("ljf", "none"),
    "easy": ("fcfs", "easy"),
    "easy-identity": ("fcfs", "easy-identity"),
    "conservative": ("fcfs", "conservative"),
    "firstfit": ("fcfs", "firstfit"),
}
"""Name of a policy → (order, backfill) of the queue core."""

MODES = ("reschedule", "replay")
IDENTITY = ("easy-identity", "conservative")
"""Backfills whose reservations name units instead of counting them."""

SLOWDOWN_FLOOR_S = 10.0
"""Jobs shorter than this count as this long in the bounded slowdown (Feitelson and Rudolph, JSSPP 1998)."""

UNLIMITED = 1 << 60
CHUNK = 200_000
"""Jobs handed to the core at a time: what bounds its memory."""
LARGEST = 1 << 62
"""Ticks times units that the ledgers of the core hold."""


def schedule(
    jobs: pd.DataFrame, *, size: int, policy: str = "easy", depth: int | None = None, mode: str = "reschedule"
) -> pd.DataFrame:
    """Start, end and wait of every job on ``size`` units, in the order of ``jobs``.

    ``jobs``: columns ``submit_s``, ``size``, ``run_s`` and optionally ``job`` and ``request_s`` (NaN or below 0:
    unknown); rows need no order, ties are broken by row. Times finer than a microsecond are rounded to it.
    ``depth``: how many places behind the head a backfill pass looks; None: all. ``mode``: "reschedule" takes the submit
    times only, "replay" the recorded starts in the column ``start_s`` as well; then ``policy`` and ``depth`` have no
    say, and more than ``size`` units may be in use, as in the record.

    ``easy`` counts units; ``easy-identity`` and ``conservative`` reserve units by name, as Batsim's easy_bf and
    conservative_bf do, at a cost that grows with ``size`` and with the jobs waiting.

    Columns: ``job``, ``start_s``, ``end_s``, ``wait_s``, ``state`` ("finished", or "rejected" for a job larger than
    ``size``: it has no times and is left out of the summary). ``attrs["summary"]``: ``mean_wait_s``, ``max_wait_s``,
    ``share_waiting``, ``mean_bounded_slowdown`` (τ = 10 s), ``utilisation`` (Σ size·run / (size · makespan)),
    ``makespan_s`` (last end − first submit), ``jobs``; ``attrs["dropped"]``: names of the rejected jobs.
    Raise ValueError for an unknown policy or mode, a missing column, or a size, run or submit time that is none.
    """
    order, backfill = _policy(policy)
    if mode not in MODES:
        raise ValueError(f"mode {mode!r}: expected one of {', '.join(MODES)}")
    units, run, submit, request = _checked(jobs, size)
    ticks_per_s = _ticks_per_s(submit, run, request, units)
    first_s = float(submit.min()) if len(jobs) else 0.0
    submit_t, run_t, request_t = (_ticks(x, ticks_per_s) for x in (submit - first_s, run, request))
    run_t = np.where(request_t >= 0, np.minimum(run_t, request_t), run_t)
    if mode == "replay":
        start_t = np.where(units <= size, _ticks(_recorded_start(jobs, submit) - first_s, ticks_per_s), -1)
    else:
        start_t = _run(_core_of(size, order, backfill, depth), submit_t, units, run_t, request_t)
    fits = start_t >= 0
    plan = pd.DataFrame(
        {
            "job": jobs["job"].to_numpy() if "job" in jobs else np.arange(len(jobs)),
            "start_s": np.where(fits, start_t / ticks_per_s + first_s, np.nan),
            "end_s": np.where(fits, (start_t + run_t) / ticks_per_s + first_s, np.nan),
            "wait_s": np.where(fits, (start_t - submit_t) / ticks_per_s, np.nan),
            "state": np.where(fits, "finished", "rejected"),
        },
        index=jobs.index,
    )
    plan.attrs["summary"] = _summary(
        submit=submit_t[fits],
        start=start_t[fits],
        run=run_t[fits],
        units=units[fits],
        size=size,
        ticks_per_s=ticks_per_s,
    )
    plan.attrs["dropped"] = plan["job"].to_numpy()[~fits].tolist()
    return plan


def _core_of(size: int, order: str, backfill: str, depth: int | None) -> Any:
    """The queue core over one pool, or over one rack a unit where reservations name units."""
    named = backfill in IDENTITY
    return _core.queue.Queue(
        rack_group=np.zeros(size if named else 1, np.int32),
        gpus_per_rack=1 if named else size,
        n_group=1,
        order=order,
        backfill=backfill,
        depth=UNLIMITED if depth is None else depth,
    )


def _recorded_start(jobs: pd.DataFrame, submit: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The column start_s; ValueError where it is missing, unknown, or before the submission."""
    if "start_s" not in jobs:
        raise ValueError(f"mode 'replay' needs the column start_s; there are {list(jobs.columns)}")
    start = jobs["start_s"].to_numpy(np.float64)
    good = np.isfinite(start) & (start >= submit)
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(f"jobs row {row}: start_s = {start[row]}: expected submit_s = {submit[row]} or later")
    return start


def _policy(policy: str) -> tuple[str, str]:
    if policy not in POLICIES:
        raise ValueError(f"policy {policy!r}: expected one of {', '.join(POLICIES)}")
    return POLICIES[policy]


def _checked(
    jobs: pd.DataFrame, size: int
) -> tuple[Ints, npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The columns size, run_s, submit_s and request_s; ValueError where a value cannot be scheduled."""
    missing = [name for name in ("submit_s", "size", "run_s") if name not in jobs]
    if missing:
        raise ValueError(f"jobs lack the columns {missing}; there are {list(jobs.columns)}")
    if size < 1:
        raise ValueError(f"size = {size}: expected at least 1 unit")
    run = jobs["run_s"].to_numpy(np.float64)
    submit = jobs["submit_s"].to_numpy(np.float64)
    units = jobs["size"].to_numpy(np.float64)
    request = jobs["request_s"].to_numpy(np.float64) if "request_s" in jobs else np.full(len(jobs), -1.0)
    for name, good in (
        ("run_s", np.isfinite(run) & (run >= 0)),
        ("submit_s", np.isfinite(submit)),
        ("size", np.isfinite(units) & (units >= 1) & (units == np.floor(units)) & (units < np.iinfo(np.int32).max)),
    ):
        if not good.all():
            row = int(np.argmin(good))
            raise ValueError(f"jobs row {row}: {name} = {jobs[name].iloc[row]} cannot be scheduled")
    # An infinite request is as good as the longest that the core holds; an unknown one is -1.
    request = np.where(np.isnan(request) | (request < 0), -1.0, request)
    return units.astype(np.int64), run, submit, request


def _ticks(seconds: npt.NDArray[np.float64], ticks_per_s: int) -> Ints:
    """Seconds as whole ticks; below 0 stays -1."""
    limit = float(_core.queue.MAX_MS)
    ticks: Ints = np.where(seconds < 0, -1.0, np.minimum(np.rint(seconds * ticks_per_s), limit)).astype(np.int64)
    return ticks


def _ticks_per_s(
    submit: npt.NDArray[np.float64],
    run: npt.NDArray[np.float64],
    request: npt.NDArray[np.float64],
    units: Ints,
) -> int:
    """1,000 where all times are whole milliseconds, else 1,000,000; ValueError where the core cannot count that far."""
    whole = all(np.array_equal(np.rint(x * 1000.0), x * 1000.0) for x in (submit, run, request[request >= 0]))
    ticks = 1_000 if whole else 1_000_000
    span_s = float(run.sum() + np.ptp(submit)) if len(run) else 0.0
    if span_s * ticks > _core.queue.MAX_MS or float((units * run).sum()) * ticks > LARGEST:
        raise ValueError(
            f"{span_s:g} s of submissions and runs in steps of 1/{ticks} s are more than the queue core counts; "
            "round submit_s, run_s and request_s to milliseconds or schedule fewer jobs"
        )
    return ticks


def _run(core: Any, submit: Ints, units: Ints, run: Ints, request: Ints) -> Ints:
    """Start ticks of all jobs, -1 where the core rejected one. Jobs are fed in chunks that do not part one instant."""
    order = np.argsort(submit, kind="stable")
    start = np.full(len(submit), -1, np.int64)
    at = 0
    while at < len(order):
        stop = min(at + CHUNK, len(order))
        while stop < len(order) and submit[order[stop]] == submit[order[stop - 1]]:
            stop += 1
        rows = order[at:stop]
        zero = np.zeros(len(rows), np.int64)
        core.feed(rows, submit[rows], units[rows], run[rows], request[rows], zero, zero, zero, zero)
        core.run_to(_core.queue.NEVER if stop == len(order) else int(submit[order[stop]]) - 1)
        ended = core.drain()
        start[ended["id"]] = ended["start_ms"]
        at = stop
    return start


def _summary(*, submit: Ints, start: Ints, run: Ints, units: Ints, size: int, ticks_per_s: int) -> dict[str, float]:
    """What the field reports about a schedule; zeros where no job ran."""
    if not len(submit):
        names = ("mean_wait_s", "max_wait_s", "share_waiting", "mean_bounded_slowdown", "utilisation", "makespan_s")
        return {**dict.fromkeys(names, 0.0), "jobs": 0}
    wait = start - submit
    makespan = int((start + run).max() - submit.min())
    floor = np.maximum(run, SLOWDOWN_FLOOR_S * ticks_per_s)
    return {
        "mean_wait_s": int(wait.sum()) / (len(wait) * ticks_per_s),
        "max_wait_s": float(wait.max()) / ticks_per_s,
        "share_waiting": float(np.count_nonzero(wait)) / len(wait),
        "mean_bounded_slowdown": float(np.maximum((wait + run) / floor, 1.0).mean()),
        "utilisation": float((units * run).sum()) / (size * makespan) if makespan else 0.0,
        "makespan_s": makespan / ticks_per_s,
        "jobs": len(wait),
    }
