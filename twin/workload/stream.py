"""From a ``[workload]`` table to the submissions of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from twin.errors import Problem, ScenarioError
from twin.quantities import MS_PER_DAY, MS_PER_S
from twin.workload import assume
from twin.workload.config import WorkloadConfig
from twin.workload.formats import read_trace
from twin.workload.formats.change import scaled_sizes
from twin.workload.formats.trace import ReadOptions, Trace
from twin.workload.jobs import Float64, ImportReport, Int64, JobBatch, JobStream
from twin.workload.synthetic import SyntheticStream


@dataclass(frozen=True)
class ArrayStream:
    """Jobs that are all known beforehand, in order of their submission."""

    jobs: JobBatch
    report: ImportReport
    digest: str

    def take(self, t0_ms: int, t1_ms: int) -> JobBatch:
        """Jobs submitted in [t0_ms, t1_ms) since the start of the run."""
        first, last = np.searchsorted(self.jobs.submit_ms, [t0_ms, t1_ms])
        return self.jobs.select(slice(int(first), int(last)))


def job_stream(
    config: WorkloadConfig, *, start_ms: int, horizon_ms: int, total_gpus: int, seed: int, base_dir: Path
) -> JobStream:
    """The submissions of a run that starts at ``start_ms`` (Unix time) and lasts ``horizon_ms``.

    Asked again with the same arguments it gives the same jobs, for any cut of the horizon. ``total_gpus`` sizes the
    generator and counts what is too large. Raise ScenarioError with everything wrong with the file or the table.
    """
    if config.source == "synthetic":
        return SyntheticStream(config, start_ms=start_ms, horizon_ms=horizon_ms, total_gpus=total_gpus, seed=seed)
    if config.source == "none":
        return ArrayStream(JobBatch.empty(), ImportReport("none"), JobBatch.empty().sha256())
    if config.path is None:
        message = f"source = {config.source!r} needs the trace's file"
        raise ScenarioError([Problem("workload.path", message, hint='write path = "…"')])
    options = ReadOptions(columns=config.columns, time_unit=config.time_unit, time_zone=config.time_zone)
    trace = read_trace(base_dir / config.path, config.source, options)
    return _trace_stream(config, trace, start_ms=start_ms, horizon_ms=horizon_ms, total_gpus=total_gpus)


def _trace_stream(
    config: WorkloadConfig, trace: Trace, *, start_ms: int, horizon_ms: int, total_gpus: int
) -> ArrayStream:
    submit_ms = _submits_ms(config, trace, start_ms)
    inside = (submit_ms >= 0) & (submit_ms < horizon_ms)
    jobs = _batch(config, trace, submit_ms).select(inside)
    report = replace(
        trace.report,
        oversize=int(np.count_nonzero(jobs.size > total_gpus)),
        before_window=int(np.count_nonzero(submit_ms < 0)),
        after_window=int(np.count_nonzero(submit_ms >= horizon_ms)),
    )
    return ArrayStream(jobs, report, jobs.sha256())


def _submits_ms(config: WorkloadConfig, trace: Trace, start_ms: int) -> Int64:
    """Milliseconds since the start of the run, shape (n_jobs,), rising; negative before it."""
    if not len(trace.submit_s):
        return np.empty(0, dtype=np.int64)
    if config.align == "start":
        from_s = trace.submit_s - trace.submit_s[0] - config.skip_days * MS_PER_DAY / MS_PER_S
        late = from_s[from_s >= 0]
        return _rounded((from_s - (late[0] if len(late) else 0.0)) * MS_PER_S / config.time_warp)
    if trace.report.unix_start_s is None:
        message = "the trace does not tell its date (no UnixStartTime)"
        raise ScenarioError([Problem("workload.align", message, got="calendar", hint='use align = "start"')])
    return _rounded(((trace.submit_s + trace.report.unix_start_s) * MS_PER_S - start_ms) / config.time_warp)


def _rounded(values: Float64) -> Int64:
    return np.rint(values).astype(np.int64)


def _batch(config: WorkloadConfig, trace: Trace, submit_ms: Int64) -> JobBatch:
    """All jobs of the trace; what it does not tell comes from ``config``, else from the rules in ``assume``."""
    rows = np.arange(len(submit_ms), dtype=np.int64)
    factor = 1.0 if config.request_factor is None else config.request_factor
    request_s = np.where(trace.request_s >= 0, trace.request_s, trace.run_s * factor)
    size = scaled_sizes(trace.size.astype(np.float64), config.scale_gpus)
    if len(size) and size.max() > np.iinfo(np.int32).max:
        message = f"makes the largest job {size.max():.0f} GPUs: expected at most {np.iinfo(np.int32).max}"
        raise ScenarioError([Problem("workload.scale_gpus", message, got=config.scale_gpus)])
    tiers = assume.tiers(rows, trace.size) if config.tier is None else np.full(len(rows), config.tier)
    watts = assume.watts_per_gpu(trace.size) if config.watts_per_gpu is None else config.watts_per_gpu
    if config.checkpoint_s is None:
        checkpoints_ms = assume.checkpoints_ms(trace.size)
    else:
        checkpoints_ms = np.full(len(rows), round(config.checkpoint_s * MS_PER_S))
    return JobBatch.of(
        ids=trace.job,
        submit_ms=submit_ms,
        size=size,
        run_ms=_rounded(trace.run_s * MS_PER_S),
        request_ms=_rounded(request_s * MS_PER_S),
        tier=np.where(trace.tier >= 0, trace.tier, tiers),
        watts_per_gpu=_rounded(np.where(trace.watts_per_gpu >= 0, trace.watts_per_gpu, watts)),
        checkpoint_ms=np.where(trace.checkpoint_s >= 0, _rounded(trace.checkpoint_s * MS_PER_S), checkpoints_ms),
    )
