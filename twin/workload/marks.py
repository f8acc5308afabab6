"""What every generated job gets besides its size and run time."""

from __future__ import annotations

import numpy as np

from twin.quantities import MS_PER_S
from twin.workload.assume import FULL_TILT_W
from twin.workload.classes import Marks
from twin.workload.config import WorkloadConfig
from twin.workload.jobs import Float64, Int64, JobBatch

N_MARK_DRAWS = 3


def job_id(block: Int64 | int, class_number: int, position: Int64) -> Int64:
    """Ids that no window changes: block (day + 1, or step of a lane), class, position therein (below 10 million)."""
    return np.asarray(block * 100_000_000 + class_number * 10_000_000 + position, dtype=np.int64)


def marked(
    marks: Marks,
    config: WorkloadConfig,
    *,
    ids: Int64,
    submit_ms: Int64,
    size: Int64,
    run_ms: Int64,
    draws: Float64,
) -> JobBatch:
    """A batch with power, tier and request from ``draws``, uniform, shape (3, n_jobs), unless ``config`` fixes them."""
    low, high = marks.utilisation
    watts = FULL_TILT_W * (low + (high - low) * draws[0])
    tier = np.searchsorted(np.array(marks.tier_bounds), draws[1], side="right")
    factor_low, factor_high = marks.request_factor
    factor = factor_low + (factor_high - factor_low) * draws[2]
    n_jobs = len(ids)
    return JobBatch.of(
        ids=ids,
        submit_ms=submit_ms,
        size=size,
        run_ms=run_ms,
        request_ms=np.rint(run_ms * (factor if config.request_factor is None else config.request_factor)),
        tier=np.minimum(tier, 3),
        watts_per_gpu=np.rint(watts if config.watts_per_gpu is None else np.full(n_jobs, config.watts_per_gpu)),
        checkpoint_ms=np.full(n_jobs, _checkpoint_ms(marks, config)),
    )


def _checkpoint_ms(marks: Marks, config: WorkloadConfig) -> int:
    return marks.checkpoint_ms if config.checkpoint_s is None else round(config.checkpoint_s * MS_PER_S)
