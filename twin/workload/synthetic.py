"""The seeded generator: five classes, any window of time on its own.

Fine-tuning, evaluation and batch inference arrive one by one at a rate shaped by hour, weekday and correlated gamma
noise (doubly stochastic), day by day, each day and class with a random stream of its own. Pre-training and services
follow each other in lanes (``lanes.py``), so that the few jobs that hold most of the GPUs add up to their share.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from twin.quantities import MS_PER_DAY, MS_PER_HOUR, MS_PER_S
from twin.workload.classes import (
    ARRIVALS,
    BATCH_STOP,
    HOUR_FACTORS,
    LANES,
    LEAST_GPU_S,
    LONGEST_S,
    NOISE_CORRELATION,
    NOISE_SHAPE,
    WEEKDAY_FACTORS,
    ArrivalClass,
)
from twin.workload.config import WorkloadConfig
from twin.workload.jobs import Float64, ImportReport, Int64, JobBatch
from twin.workload.lanes import lane_jobs
from twin.workload.laws import Quantile, exponential, gamma, lognormal_mixture, normal, stream
from twin.workload.marks import N_MARK_DRAWS, job_id, marked

VERSION = 1
"""Raised whenever the same arguments give other jobs."""

_HOURS = 24
_THURSDAY = 3  # 1 January 1970, Monday = 0
_BACKLOG_DAYS = round(LONGEST_S * MS_PER_S / MS_PER_DAY)
_DAYS_KEPT = 3
_LARGEST_PART = 8
"""Jobs that arrive one by one ask for at most 1/8 of the site."""


@dataclass(frozen=True)
class _Rate:
    """One arrival class on this site."""

    kind: ArrivalClass
    sizes: Int64
    size_bounds: Float64
    low_u: Float64
    """By size: share of the run times below 1 GPU-hour, which are left out."""
    gpu_s_per_job: float
    jobs_per_day: float


class SyntheticStream:
    """The generated jobs of one run."""

    def __init__(self, config: WorkloadConfig, *, start_ms: int, horizon_ms: int, total_gpus: int, seed: int) -> None:
        self._config = config
        self._clock_ms = start_ms + round(config.clock_offset_h * MS_PER_HOUR)
        self._horizon_ms = horizon_ms
        self._gpus = total_gpus
        self._seed = seed
        self._days: dict[int, JobBatch] = {}

    @property
    def digest(self) -> str:
        """SHA-256 of what determines the jobs; the horizon does not."""
        table = self._config.model_dump_json(exclude={"path", "columns"})
        text = f"{VERSION}/{table}/{self._clock_ms}/{self._gpus}/{self._seed}"
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def report(self) -> ImportReport:
        """What to expect; a generator has no records to keep or drop."""
        load_gpus = math.fsum(rate.jobs_per_day * rate.gpu_s_per_job for rate in self._rates) / 86_400.0
        load_gpus += math.fsum(self._lane_gpus(kind.name) for kind in LANES)
        notes = {
            "expected load share": f"{load_gpus / max(self._gpus, 1):.3f}",
            "expected jobs a day": ", ".join(f"{rate.kind.name} {rate.jobs_per_day:.1f}" for rate in self._rates),
            "lanes": ", ".join(
                f"{kind.name} {len(sizes)}" for kind, (_, sizes) in zip(LANES, self._lanes, strict=True)
            ),
            "left to cohorts": "jobs below 1 GPU-hour",
        }
        return ImportReport("synthetic", time_zone=f"UTC{self._config.clock_offset_h:+g} h", notes=notes)

    def take(self, t0_ms: int, t1_ms: int) -> JobBatch:
        """Jobs submitted in [t0_ms, t1_ms) since the start of the run, at most up to the horizon."""
        t0_ms, t1_ms = max(t0_ms, 0), min(t1_ms, self._horizon_ms)
        if t1_ms <= t0_ms:
            return JobBatch.empty()
        days = range(t0_ms // MS_PER_DAY, (t1_ms - 1) // MS_PER_DAY + 1)
        jobs = JobBatch.concat([self._day(day) for day in days])
        first, last = np.searchsorted(jobs.submit_ms, [t0_ms, t1_ms])
        return jobs.select(slice(int(first), int(last)))

    def _day(self, day: int) -> JobBatch:
        """All jobs submitted on a day since the start, in order; the last few days are kept."""
        if day not in self._days:
            while len(self._days) >= _DAYS_KEPT:
                self._days.pop(next(iter(self._days)))
            self._days[day] = self._generate(day)
        return self._days[day]

    def _generate(self, day: int) -> JobBatch:
        bounds = [day * MS_PER_DAY, (day + 1) * MS_PER_DAY]
        batches = [self._backlog] if day == 0 and self._config.warm_start else []
        for jobs, _ in self._lanes:
            first, last = np.searchsorted(jobs.submit_ms, bounds)
            batches.append(jobs.select(slice(int(first), int(last))))
        batches += [self._arrivals(rate, day) for rate in self._rates]
        jobs = JobBatch.concat(batches)
        return jobs.select(np.argsort(jobs.submit_ms, kind="stable"))

    @cached_property
    def _lanes(self) -> list[tuple[JobBatch, Int64]]:
        return [
            lane_jobs(kind, self._config, gpus=self._lane_gpus(kind.name), horizon_ms=self._horizon_ms, seed=self._seed)
            for kind in LANES
        ]

    def _lane_gpus(self, name: str) -> float:
        return self._gpus * self._config.load_share * self._config.class_mix.as_dict()[name]

    @cached_property
    def _rates(self) -> list[_Rate]:
        mix = self._config.class_mix.as_dict()
        load = {kind.name: mix[kind.name] * self._config.load_share * self._gpus for kind in ARRIVALS}
        rates = [_rate(kind, self._gpus, load[kind.name]) for kind in ARRIVALS if load[kind.name] > 0]
        if self._config.jobs_per_day is None:
            return rates
        factor = self._config.jobs_per_day / max(math.fsum(rate.jobs_per_day for rate in rates), 1e-300)
        return [_Rate(**vars(rate) | {"jobs_per_day": rate.jobs_per_day * factor}) for rate in rates]

    @cached_property
    def _backlog(self) -> JobBatch:
        """What the 60 days before the start would have left running, submitted at the start with the rest of it."""
        batches = []
        for rate in self._rates:
            days = [self._arrivals(rate, day) for day in range(-_BACKLOG_DAYS, 0)]
            jobs = JobBatch.concat([batch.select(batch.submit_ms + batch.run_ms > 0) for batch in days])
            position = np.arange(len(jobs), dtype=np.int64)
            left_ms = jobs.submit_ms + jobs.run_ms
            request_ms = np.rint(jobs.request_ms * (left_ms / jobs.run_ms))
            changed = {
                "ids": job_id(0, rate.kind.number, position),
                "submit_ms": np.zeros_like(position),
                "run_ms": left_ms,
                "request_ms": np.maximum(request_ms, left_ms),
            }
            batches.append(JobBatch.of(**vars(jobs) | changed))
        return JobBatch.concat(batches)

    def _arrivals(self, rate: _Rate, day: int) -> JobBatch:
        """The jobs of a class on a day, from the streams of that class and day only."""
        draws = stream(self._seed, rate.kind.name, day)
        batches_per_hour = self._hour_factors(rate.kind, day) * (rate.jobs_per_day / _HOURS * BATCH_STOP)
        times_ms = _times_ms(batches_per_hour, draws) + day * MS_PER_DAY
        u_batch, u_size = draws.random((2, len(times_ms)))
        count = 1 + np.searchsorted(_batch_bounds(), u_batch, side="right")
        i_size = np.repeat(np.searchsorted(rate.size_bounds, u_size, side="right"), count)
        n_jobs = len(i_size)
        u_run, *u_marks = draws.random((1 + N_MARK_DRAWS, n_jobs))
        low = rate.low_u[i_size]
        run_s = _durations(rate.kind).draw(low + (1.0 - low) * u_run)
        return marked(
            rate.kind.marks,
            self._config,
            ids=job_id(day + 1, rate.kind.number, np.arange(n_jobs, dtype=np.int64)),
            submit_ms=np.repeat(times_ms, count),
            size=rate.sizes[i_size],
            run_ms=np.rint(run_s * MS_PER_S).astype(np.int64),
            draws=np.array(u_marks),
        )

    def _hour_factors(self, kind: ArrivalClass, day: int) -> Float64:
        """Rate of each hour of the day since the start over the mean rate, shape (24,)."""
        middle_ms = self._clock_ms + day * MS_PER_DAY + np.arange(_HOURS) * MS_PER_HOUR + MS_PER_HOUR // 2
        hour, weekday = middle_ms // MS_PER_HOUR % _HOURS, (middle_ms // MS_PER_DAY + _THURSDAY) % 7
        shape = (np.array(HOUR_FACTORS) / np.mean(HOUR_FACTORS))[hour]
        shape *= (np.array(WEEKDAY_FACTORS) / np.mean(WEEKDAY_FACTORS))[weekday]
        shape = 1.0 - kind.human + kind.human * shape
        factors: Float64 = shape * _noise(self._seed, kind.name, day) * self._ramp(day)
        return factors

    def _ramp(self, day: int) -> Float64:
        if not self._config.ramp_days:
            return np.ones(_HOURS)
        at_days = day + (np.arange(_HOURS) + 0.5) / _HOURS
        return np.interp(at_days, self._config.ramp_days, self._config.ramp_share)


def _rate(kind: ArrivalClass, gpus: int, load_gpus: float) -> _Rate:
    """The class's sizes that the site can take, and the rate at which it keeps ``load_gpus`` busy."""
    largest = max(1, gpus // _LARGEST_PART)
    fitting = [(size, weight) for size, weight in kind.sizes if size <= largest] or [(largest, 1.0)]
    sizes = np.array([size for size, _ in fitting], dtype=np.int64)
    weights = np.array([weight for _, weight in fitting]) / math.fsum(weight for _, weight in fitting)
    bounds = np.cumsum(weights)
    bounds[-1] = 1.0
    law = _durations(kind)
    gpu_s = math.fsum(
        float(weight) * int(size) * law.mean_above(LEAST_GPU_S / int(size))
        for size, weight in zip(sizes, weights, strict=True)
    )
    return _Rate(kind, sizes, bounds, law.cdf(LEAST_GPU_S / sizes), gpu_s, load_gpus * 86_400.0 / gpu_s)


def _durations(kind: ArrivalClass) -> Quantile:
    return lognormal_mixture(kind.durations, LONGEST_S)


def _batch_bounds() -> Float64:
    """Share of batches with at most 1, 2, 3 … jobs; longer ones than 8 (1e-9 of them) count as 9."""
    return np.array([1.0 - (1.0 - BATCH_STOP) ** n for n in range(1, 9)])


def _times_ms(per_hour: Float64, draws: np.random.Generator) -> Int64:
    """Times of a Poisson process with these hourly rates, ms since the start of the day, rising."""
    reached = np.concatenate(([0.0], np.cumsum(per_hour)))
    total = float(reached[-1])
    block = int(total + 6.0 * math.sqrt(total)) + 8
    at = np.cumsum(exponential().draw(draws.random(block)))
    while at[-1] < total:
        at = np.concatenate((at, at[-1] + np.cumsum(exponential().draw(draws.random(block)))))
    times: Float64 = np.interp(at[at < total], reached, np.arange(_HOURS + 1) * float(MS_PER_HOUR))
    return np.floor(times).astype(np.int64)


def _noise(seed: int, name: str, day: int) -> Float64:
    """Gamma noise of mean 1 of the hourly rate, correlated from hour to hour across midnight, shape (24,).

    The chain of normal scores begins the day before: what lies further back counts for 0.4²⁴ = 3e-10.
    """
    u = np.concatenate(
        [stream(seed, name, "noise", day - 1).random(_HOURS), stream(seed, name, "noise", day).random(_HOURS)]
    )
    fresh = math.sqrt(1.0 - NOISE_CORRELATION**2)
    score = 0.0
    scores = np.empty(2 * _HOURS)
    for i, step in enumerate(normal().draw(u)):
        score = NOISE_CORRELATION * score + (fresh if i else 1.0) * float(step)
        scores[i] = score
    return gamma(NOISE_SHAPE).draw(normal().cdf(scores[_HOURS:]))
