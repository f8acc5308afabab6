"""What can be done to a trace as a whole: a window of it, other sizes, another pace. Nothing here draws at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from twin.workload.formats.trace import Trace
from twin.workload.jobs import Bool, Float64


def _selected(trace: Trace, inside: Bool) -> Trace:
    columns = {name: value[inside] for name, value in vars(trace).items() if name not in ("report", "extra")}
    return Trace(**columns, report=trace.report, extra={name: value[inside] for name, value in trace.extra.items()})


def windowed(trace: Trace, start_s: float | None, end_s: float | None) -> Trace:
    """The jobs submitted in [start, end) on the trace's own clock; what is left out is counted in the report."""
    before = trace.submit_s < (-np.inf if start_s is None else start_s)
    after = trace.submit_s >= (np.inf if end_s is None else end_s)
    cut = _selected(trace, ~before & ~after)
    report = replace(
        trace.report,
        before_window=int(np.count_nonzero(before)),
        after_window=int(np.count_nonzero(after & ~before)),
    )
    return replace(cut, report=report)


def scaled(trace: Trace, scale_gpus: float) -> Trace:
    """Sizes multiplied and rounded half up, at least 1, as ``scale_gpus`` of a scenario does."""
    size = scaled_sizes(trace.size.astype(np.float64), scale_gpus)
    return replace(trace, size=size.astype(np.int64))


def scaled_sizes(size: Float64, scale_gpus: float) -> Float64:
    """Sizes times ``scale_gpus``, rounded half up, at least 1; shape (n_jobs,)."""
    return np.maximum(np.floor(size * scale_gpus + 0.5), 1.0)


def warped(trace: Trace, time_warp: float) -> Trace:
    """Submissions that follow each other ``time_warp`` times faster from the first on; run times stay."""
    if not len(trace.submit_s):
        return trace
    first = trace.submit_s[0]
    return replace(trace, submit_s=first + (trace.submit_s - first) / time_warp)
