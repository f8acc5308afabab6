"""The one record that every importer fills, and the conventions that all formats share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twin.workload.formats.source import Problems
from twin.workload.jobs import Bool, Float64, ImportReport, Int64

if TYPE_CHECKING:
    import pandas as pd

Text = npt.NDArray[np.object_]

UNKNOWN = -1
"""What stands in a numeric column where the trace does not tell (SWF's convention)."""


@dataclass(frozen=True)
class ReadOptions:
    """What a reader may be told about a file; a format uses what it needs."""

    columns: Mapping[str, str] = field(default_factory=dict)
    time_unit: str = "s"
    time_zone: str = "UTC"


@dataclass
class RawJobs:
    """The records of a file in its own order, each array of shape (n,); -1 or "" where unknown."""

    job: Float64
    submit_s: Float64
    size: Float64
    run_s: Float64
    request_s: Float64
    wait_s: Float64
    status: Float64
    user: Text
    pool: Text
    tier: Float64
    watts_per_gpu: Float64
    checkpoint_s: Float64
    extra: dict[str, Float64] = field(default_factory=dict)
    """Columns that only this format has, by the name they get in the table."""


@dataclass(frozen=True)
class Trace:
    """Jobs in order of (submit, row), every array of shape (n_jobs,); -1 or "" where unknown."""

    job: Int64
    """The trace's own number, or the row (from 1) where it has none."""
    submit_s: Float64
    """On the trace's own clock, see ``report.unix_start_s``."""
    size: Int64
    run_s: Float64
    request_s: Float64
    """As asked for; -1 where the trace does not tell."""
    wait_s: Float64
    status: Int64
    """SWF codes: 1 completed, 0 failed, 5 cancelled, -1 unknown."""
    user: Text
    pool: Text
    """Partition, queue or virtual cluster."""
    tier: Int64
    watts_per_gpu: Float64
    checkpoint_s: Float64
    report: ImportReport
    extra: Mapping[str, Float64] = field(default_factory=dict)
    """What only this format tells, such as ``deadline_s`` of OpenDC; -1 where unknown."""

    def table(self) -> pd.DataFrame:
        """One row per job; ``request_s`` is the request, else the run time; the report in ``attrs["report"]``."""
        import pandas as pd

        columns = {name: value for name, value in vars(self).items() if name not in ("report", "extra")} | dict(
            self.extra
        )
        frame = pd.DataFrame(columns | {"request_s": np.where(self.request_s >= 0, self.request_s, self.run_s)})
        frame.attrs["report"] = self.report
        return frame


def trace_of(raw: RawJobs, report: ImportReport, *, partial: Bool | None = None) -> Trace:
    """Apply the conventions of every format to ``raw``: what is dropped, what is repaired, in which order.

    Dropped, each with its count: ``partial`` records, and jobs whose submit time, size or run time is unknown.
    Run times of zero, unknown outcomes and jobs of any size stay. ``report`` brings what the reader knows.
    """
    _check_ranges(raw, report.file)
    dropped = dict(report.dropped)
    repaired = dict(report.repaired)
    keep = np.ones(len(raw.size), dtype=np.bool_)
    for reason, bad in (
        ("part of a job that was continued (status 2, 3 or 4)", np.zeros_like(keep) if partial is None else partial),
        ("submit time unknown", raw.submit_s < 0),
        ("size unknown or zero", raw.size <= 0),
        ("run time unknown", raw.run_s < 0),
    ):
        _count(dropped, reason, keep & bad)
        keep &= ~bad
    _count(repaired, "fraction of a GPU rounded up", keep & (raw.size != np.ceil(raw.size)))
    rows = np.flatnonzero(keep)
    _count(repaired, "submitted before the row above: sorted", np.diff(raw.submit_s[rows], prepend=-np.inf) < 0)
    rows = rows[np.argsort(raw.submit_s[rows], kind="stable")]
    job = _numbers(raw.job, rows, repaired)
    picked = {name: value[rows] for name, value in vars(raw).items() if name != "extra"}
    extra = {name: value[rows] for name, value in raw.extra.items()}
    for name in ("size", "status", "tier"):
        picked[name] = np.ceil(picked[name]).astype(np.int64)
    told = _reported(report, picked, dropped=dropped, repaired=repaired)
    return Trace(**picked | {"job": job}, report=told, extra=extra)


_LIMITS = {
    "job": 2.0**53,
    "submit_s": 9e12,
    "size": 2.0**31 - 1,
    "run_s": 9e12,
    "request_s": 9e12,
    "wait_s": 9e12,
    "status": 2.0**31 - 1,
    "watts_per_gpu": 1e6,
    "checkpoint_s": 9e12,
}
"""Beyond these the columns of a batch overflow; no trace comes near."""


def _check_ranges(raw: RawJobs, file: str) -> None:
    problems = Problems(file)
    for name, limit in _LIMITS.items():
        values = np.abs(vars(raw)[name])
        if len(values) and values.max() > limit:
            problems.add(f"expected {name} of at most {limit:.0f}", got=float(values.max()))
    problems.raise_any()


def _count(counts: dict[str, int], reason: str, mask: Bool) -> None:
    found = int(np.count_nonzero(mask))
    if found:
        counts[reason] = counts.get(reason, 0) + found


def _numbers(job: Float64, rows: Int64, repaired: dict[str, int]) -> Int64:
    """The trace's job numbers where each kept job has its own, else the rows from 1 on."""
    own = job[rows].astype(np.int64)
    if np.all(job == UNKNOWN):
        return rows + 1
    if len(np.unique(own)) == len(own) and np.all(own >= 0):
        return own
    repaired["job numbers missing or not unique: numbered by row"] = len(own)
    return rows + 1


def _reported(
    report: ImportReport,
    picked: Mapping[str, Any],
    *,
    dropped: dict[str, int],
    repaired: dict[str, int],
) -> ImportReport:
    submit_s, size, run_s = picked["submit_s"], picked["size"], picked["run_s"]
    request_s = picked["request_s"]
    known = bool(len(submit_s))
    return replace(
        report,
        kept=len(submit_s),
        dropped=dropped,
        repaired=repaired,
        first_submit_s=float(submit_s[0]) if known else 0.0,
        last_submit_s=float(submit_s[-1]) if known else 0.0,
        gpu_s=float(np.dot(size.astype(np.float64), run_s)),
        max_size=int(size.max()) if known else 0,
        run_above_request=int(np.count_nonzero((request_s >= 0) & (run_s > request_s))),
    )
