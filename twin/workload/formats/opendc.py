"""OpenDC traces v4 and v5 in Parquet: tasks, and beside them their fragments, the load over time.

Tasks: ``id, submission_time [ms since 1970], duration [ms], cpu_count, cpu_capacity [MHz], mem_capacity``, optionally
``gpu_count``, ``deferrable``, ``deadline`` [ms], ``parents``, ``children``. Fragments: ``id, duration [ms], cpu_usage
[MHz]``, in order within an id. Size is ``gpu_count`` where the trace has GPUs, else ``cpu_count``: cores for GPUs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twin.workload.assume import FULL_TILT_W
from twin.workload.formats.cells import raw_jobs
from twin.workload.formats.parquet import numbers_of, open_parquet
from twin.workload.formats.source import Source
from twin.workload.formats.trace import ReadOptions, Trace, trace_of
from twin.workload.jobs import Float64, ImportReport

if TYPE_CHECKING:
    import pyarrow.parquet as pq

TASKS = {"id", "submission_time", "duration", "cpu_count", "cpu_capacity"}
FRAGMENTS = {"id", "duration", "cpu_usage"}


def read(source: Source, options: ReadOptions) -> Trace:
    """The tasks in ``source``; with the fragments beside them also the power of each task.

    A task's mean use of its capacity u gives ``u · FULL_TILT_W`` per GPU. ``deferrable`` and ``deadline_s`` become
    columns of the table where the trace has them. ``options`` are not needed. Raise ScenarioError.
    """
    source = _tasks_of(source)
    file = open_parquet(source)
    names = set(file.schema_arrow.names)
    if not names >= TASKS:
        missing = ", ".join(sorted(TASKS - names))
        hint = "name the tasks; these are fragments" if names >= FRAGMENTS else 'use source = "parquet" and a map'
        raise source.problem(f"is no task table of OpenDC: it lacks {missing}", hint=hint)
    by_gpu = "gpu_count" in names
    wanted = sorted((TASKS | {"gpu_count", "deferrable", "deadline"}) & names)
    columns = numbers_of(source, file, wanted)
    gpus = np.maximum(columns["gpu_count"], 0.0) if by_gpu else np.zeros(len(columns["id"]))
    cores_for_gpus = not bool((gpus > 0).any())
    extra = {name: columns[name] for name in ("deferrable",) if name in columns}
    if "deadline" in columns:
        extra["deadline_s"] = _seconds(columns["deadline"])
    notes = {"size": "cpu_count, as the trace has no GPUs"} if cores_for_gpus else {}
    fragments = fragments_beside(source)
    watts = None
    if fragments is not None:
        use, covered = utilisation(fragments, columns["id"], columns["cpu_capacity"])
        watts = np.where(use >= 0, np.minimum(use, 1.0) * FULL_TILT_W, -1.0)
        above = int(np.count_nonzero(use > 1.0))
        if above:
            notes["mean load above capacity, taken as full"] = f"{above} tasks"
        notes["fragments"] = f"{fragments.name}: {covered} of {len(use)} tasks have their load"
    if names & {"parents", "children"}:
        notes["parents, children"] = "not followed: every task is submitted at its own time"
    raw = raw_jobs(
        job=columns["id"],
        submit_s=_seconds(columns["submission_time"]),
        size=columns["cpu_count"] if cores_for_gpus else gpus,
        run_s=_seconds(columns["duration"]),
        watts_per_gpu=watts,
        extra=extra,
    )
    report = ImportReport(
        "opendc", file=source.name, sha256=source.sha256(), rows=len(raw.size), unix_start_s=0.0, notes=notes
    )
    return trace_of(raw, report)


def _seconds(ms: Float64) -> Float64:
    return np.where(ms < 0, -1.0, ms / 1000.0)


def _tasks_of(source: Source) -> Source:
    """The task table: the file itself, or ``tasks.parquet`` in a folder as OpenDC lays it out."""
    return Source(source.path / "tasks.parquet") if source.path.is_dir() else source


def fragments_beside(source: Source) -> Source | None:
    """``fragments.parquet`` beside ``tasks.parquet``, whatever stands before the word in the name."""
    path = Path(source.path)
    beside = path.with_name(path.name.replace("tasks", "fragments"))
    return Source(beside) if beside != path and beside.is_file() else None


def utilisation(fragments: Source, ids: Float64, capacity_mhz: Float64) -> tuple[Float64, int]:
    """Mean use of its capacity of each task (-1 without fragments), shape (n_tasks,), and how many have fragments."""
    file: pq.ParquetFile = open_parquet(fragments)
    if not set(file.schema_arrow.names) >= FRAGMENTS:
        raise fragments.problem("is no fragment table of OpenDC: expected id, duration, cpu_usage")
    columns = numbers_of(fragments, file, sorted(FRAGMENTS))
    order = np.argsort(ids, kind="stable")
    place = np.searchsorted(ids[order], columns["id"])
    place = np.minimum(place, max(len(ids) - 1, 0))
    known = ids[order][place] == columns["id"] if len(ids) else np.zeros(len(place), dtype=np.bool_)
    rows = order[place[known]] if len(ids) else np.empty(0, dtype=np.int64)
    ms = columns["duration"][known]
    time = np.bincount(rows, weights=ms, minlength=len(ids))
    work = np.bincount(rows, weights=ms * columns["cpu_usage"][known], minlength=len(ids))
    whole = time * capacity_mhz
    use = np.where(whole > 0, work / np.where(whole > 0, whole, 1.0), -1.0)
    return use, int(np.count_nonzero(time > 0))
