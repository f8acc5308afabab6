"""Long jobs that follow each other on reserved capacity: pre-training runs and pools of online services."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from twin.quantities import MS_PER_DAY, MS_PER_S
from twin.workload.assume import GPUS_PER_RACK, NODE_GPUS
from twin.workload.classes import LONGEST_S, LaneClass
from twin.workload.config import WorkloadConfig
from twin.workload.jobs import Int64, JobBatch
from twin.workload.laws import exponential, lognormal_mixture, stream
from twin.workload.marks import job_id, marked

_STEPS = 32
_BURN_IN_MS = 120 * MS_PER_DAY
"""Lanes are followed from this long before the start, twice the longest job, so that none begins in step."""

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class _Lanes:
    """The lanes of a class, every array of shape (n_lanes,)."""

    size: Int64
    opens_ms: Int64
    next_ms: Int64
    """When the next job of each lane is submitted."""


def lane_jobs(
    kind: LaneClass, config: WorkloadConfig, *, gpus: float, horizon_ms: int, seed: int
) -> tuple[JobBatch, Int64]:
    """All jobs of the class submitted before ``horizon_ms``, in order of submission, and the sizes of its lanes.

    ``gpus`` is the mean number kept busy. A longer horizon adds jobs and changes none.
    """
    sizes = lane_sizes(kind, gpus / duty(kind), seed)
    lanes = _Lanes(sizes, _opens_ms(sizes, config), -_BURN_IN_MS + _phases_ms(kind, len(sizes), seed))
    batches: list[JobBatch] = []
    while len(sizes) and int(lanes.next_ms.min()) < horizon_ms:
        block = len(batches)
        draws = stream(seed, kind.name, "lanes", block).random((len(sizes), _STEPS, 5))
        batch, lanes = _block(kind, config, lanes, draws=draws, block=block)
        batches.append(batch)
    jobs = JobBatch.concat(batches)
    order = np.argsort(jobs.submit_ms, kind="stable")
    return jobs.select(order[jobs.submit_ms[order] < horizon_ms]), sizes


def duty(kind: LaneClass) -> float:
    """Share of the time in which a lane runs a job."""
    run_s = lognormal_mixture(kind.durations, LONGEST_S).mean_above(0.0)
    return run_s / (run_s + kind.gap_mean_s)


def lane_sizes(kind: LaneClass, gpus: float, seed: int) -> Int64:
    """GPUs of each lane, smallest first; they add up to about ``gpus``."""
    if kind.fractions:
        tops = np.cumsum(np.array(kind.fractions)) * gpus
        sizes = np.zeros(len(tops), dtype=np.int64)
        for i, top in enumerate(tops):  # what rounding leaves goes to the next, larger lane
            sizes[i] = _whole(float(top) - float(sizes.sum()))
        return sizes[sizes > 0]
    return _drawn_sizes(kind, round(gpus), seed)


def _whole(gpus: float) -> int:
    """The nearest number of whole racks, nodes or GPUs: the largest unit of which at least four fit."""
    for unit in (GPUS_PER_RACK, NODE_GPUS):
        if gpus >= 4 * unit:
            return round(gpus / unit) * unit
    return max(round(gpus), 0)


def _drawn_sizes(kind: LaneClass, gpus: int, seed: int) -> Int64:
    fitting = [(size, weight) for size, weight in kind.sizes if size <= max(1, gpus // NODE_GPUS)] or [(1, 1.0)]
    bounds = np.cumsum([weight for _, weight in fitting]) / sum(weight for _, weight in fitting)
    values = np.array([size for size, _ in fitting], dtype=np.int64)
    draws = stream(seed, kind.name, "sizes").random(gpus)
    sizes = values[np.minimum(np.searchsorted(bounds, draws, side="right"), len(values) - 1)]
    count = int(np.searchsorted(np.cumsum(sizes), gpus))
    rest = gpus - int(sizes[:count].sum())
    return np.sort(np.append(sizes[:count], rest)) if rest else np.sort(sizes[:count])


def _phases_ms(kind: LaneClass, n_lanes: int, seed: int) -> Int64:
    return np.rint(stream(seed, kind.name, "phase").random(n_lanes) * LONGEST_S * MS_PER_S).astype(np.int64)


def _opens_ms(sizes: Int64, config: WorkloadConfig) -> Int64:
    """When each lane opens as the site is built out, smallest lanes first; shape (n_lanes,)."""
    days, shares = np.array(config.ramp_days), np.array(config.ramp_share)
    if not len(days):
        return np.zeros(len(sizes), dtype=np.int64)
    need = np.cumsum(sizes) / max(int(sizes.sum()), 1)
    opens = np.zeros(len(sizes), dtype=np.int64)
    for i, i_ramp in enumerate(np.searchsorted(shares, need)):
        if i_ramp == len(shares):
            opens[i] = NEVER
        elif i_ramp > 0:
            part = (need[i] - shares[i_ramp - 1]) / (shares[i_ramp] - shares[i_ramp - 1])
            day = days[i_ramp - 1] + part * (days[i_ramp] - days[i_ramp - 1])
            opens[i] = max(round(day * MS_PER_DAY), 0)
    return opens


def _block(
    kind: LaneClass, config: WorkloadConfig, lanes: _Lanes, *, draws: npt.NDArray[np.float64], block: int
) -> tuple[JobBatch, _Lanes]:
    """The next 32 jobs of every lane, and the lanes at the start of the ones after them."""
    run_ms = np.rint(lognormal_mixture(kind.durations, LONGEST_S).draw(draws[:, :, 0]) * MS_PER_S).astype(np.int64)
    gap_ms = np.rint(exponential().draw(draws[:, :, 1]) * (kind.gap_mean_s * MS_PER_S)).astype(np.int64)
    ends_ms = lanes.next_ms[:, None] + np.cumsum(run_ms + gap_ms, axis=1)
    begins_ms = ends_ms - run_ms - gap_ms
    opens = np.broadcast_to(lanes.opens_ms[:, None], begins_ms.shape)
    # The job that is running when a lane opens is submitted then, with what is left of it.
    left_ms = np.minimum(run_ms, begins_ms + run_ms - opens)
    running = (begins_ms < opens) & (config.warm_start | (opens > 0))
    rows = np.flatnonzero(((begins_ms >= opens) | running) & (left_ms > 0))
    lane, step = np.divmod(rows, _STEPS)
    batch = marked(
        kind.marks,
        config,
        ids=job_id(block * _STEPS + step, kind.number, lane),
        submit_ms=np.maximum(begins_ms, opens).ravel()[rows],
        size=lanes.size[lane],
        run_ms=left_ms.ravel()[rows],
        draws=draws.reshape(-1, 5)[rows, 2:].T,
    )
    return batch, replace(lanes, next_ms=ends_ms[:, -1])
