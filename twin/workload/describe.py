"""Statistics of a workload, for tests, reports and calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from twin.workload.jobs import Float64, JobBatch

if TYPE_CHECKING:
    import pandas as pd

_PERCENTILES = (10, 25, 50, 75, 90, 95, 99)
_HOUR_S = 3600.0
_DAY_S = 86_400.0
_THURSDAY = 3
"""Weekday of the first day of 1970, counted from Monday."""
_WEEK_HOURS = 168


def describe(jobs: JobBatch | pd.DataFrame, *, local_s: Float64 | None = None) -> dict[str, Any]:
    """Counts, sizes, run times, heavy tail and arrival statistics of ``jobs`` in order of submission.

    Hours and weekdays are those of ``local_s``, seconds since 1970 on a clock, shape (n_jobs,), else of the jobs' own
    clock (``submit_s`` or the run's). Gini of the GPU time over jobs. An empty workload gives ``{"jobs": 0}``.
    """
    submit_s, size, run_s = _columns(jobs)
    if not len(size):
        return {"jobs": 0}
    work_gpu_s = size * run_s
    return {
        "jobs": len(size),
        "gpu_h": float(work_gpu_s.sum() / _HOUR_S),
        "mean_size_gpus": float(size.mean()),
        "max_size_gpus": int(size.max()),
        "mean_run_s": float(run_s.mean()),
        "run_s": _quantiles(run_s),
        "by_size": _by_size(size, work_gpu_s),
        "gini": _gini(work_gpu_s),
        "top_1_percent_share": _top_share(work_gpu_s, 0.01),
        "below_1_gpu_h_share": float((work_gpu_s < _HOUR_S).mean()),
        "mean_gap_s": float(np.diff(submit_s).mean()) if len(size) > 1 else 0.0,
        "gap_cv": _variation(np.diff(submit_s)),
        "gap_s": _quantiles(np.diff(submit_s)),
        **_hourly(submit_s),
        **_profile(submit_s if local_s is None else local_s),
    }


def _columns(jobs: JobBatch | pd.DataFrame) -> tuple[Float64, Float64, Float64]:
    if isinstance(jobs, JobBatch):
        return jobs.submit_ms / 1000.0, jobs.size.astype(np.float64), jobs.run_ms / 1000.0
    submit_s, size, run_s = (jobs[name].to_numpy(dtype=np.float64) for name in ("submit_s", "size", "run_s"))
    return submit_s, size, run_s


def _quantiles(values: Float64) -> dict[int, float]:
    """Percentile → value; empty where there are no values."""
    if not len(values):
        return {}
    return {p: float(value) for p, value in zip(_PERCENTILES, np.percentile(values, _PERCENTILES), strict=True)}


def _gini(work_gpu_s: Float64) -> float:
    """Gini coefficient: 0 where all jobs hold the same GPU time, towards 1 where one holds it all."""
    total, n = float(work_gpu_s.sum()), len(work_gpu_s)
    if total <= 0:
        return 0.0
    rank = np.arange(1, n + 1)
    return float(2 * np.dot(rank, np.sort(work_gpu_s)) / (n * total) - (n + 1) / n)


def _by_size(size: Float64, work_gpu_s: Float64) -> dict[int, tuple[float, float]]:
    """Size → share of jobs, share of GPU time."""
    values, position = np.unique(size, return_inverse=True)
    jobs = np.bincount(position) / len(size)
    work = np.bincount(position, weights=work_gpu_s) / max(work_gpu_s.sum(), 1e-300)
    return {int(value): (float(a), float(b)) for value, a, b in zip(values, jobs, work, strict=True)}


def _top_share(work_gpu_s: Float64, part: float) -> float:
    """Share of the GPU time in the largest ``part`` of the jobs, at least one job."""
    count = max(1, round(len(work_gpu_s) * part))
    return float(np.sort(work_gpu_s)[-count:].sum() / max(work_gpu_s.sum(), 1e-300))


def _variation(values: Float64) -> float:
    """Coefficient of variation; 0 where the mean is 0 or nothing varies."""
    mean = float(values.mean()) if len(values) else 0.0
    return float(values.std()) / mean if mean > 0 else 0.0


def _hourly(submit_s: Float64) -> dict[str, Any]:
    """Dispersion and autocorrelation of the counts per hour, from the first whole hour on."""
    hours = np.floor(submit_s / _HOUR_S).astype(np.int64)
    counts = np.bincount(hours - hours[0]).astype(np.float64)
    return {
        "hourly_variance_over_mean": float(counts.var() / counts.mean()),
        "hourly_autocorrelation": {
            lag: _correlation(counts, lag) for lag in (1, 24, _WEEK_HOURS) if len(counts) > 2 * lag
        },
    }


def _profile(local_s: Float64) -> dict[str, Any]:
    """Share of the submissions in each hour of the day and each day of the week, Monday first."""
    by_hour = np.bincount(np.floor(local_s / _HOUR_S).astype(np.int64) % 24, minlength=24)
    days = np.floor(local_s / _DAY_S).astype(np.int64)
    by_day = np.bincount((days + _THURSDAY) % 7, minlength=7)
    return {"hour_share": (by_hour / by_hour.sum()).tolist(), "weekday_share": (by_day / by_day.sum()).tolist()}


def _correlation(counts: Float64, lag: int) -> float:
    centred = counts - counts.mean()
    total = float((centred * centred).sum())
    return float((centred[lag:] * centred[:-lag]).sum()) / total if total > 0 else 0.0
