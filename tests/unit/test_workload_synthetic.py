"""The generator: load, shape of the arrivals, and that no cut, process or horizon changes a job."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from twin.workload import JobBatch, JobStream, WorkloadConfig, describe, job_stream
from twin.workload.classes import HOUR_FACTORS, WEEKDAY_FACTORS

ROOT = Path(__file__).resolve().parents[2]
HOUR = 3_600_000
DAY = 24 * HOUR
MONDAY = 1_784_476_800_000 - 8 * HOUR  # 2026-07-20, a Monday, 00:00 at +08:00
SITE = 504_000
ONLY_EVALUATION = {f"{name}_share": 0.0 for name in ("pretraining", "finetuning", "batch_inference", "service")}


def stream(*, days: int = 30, gpus: int = SITE, seed: int = 7, start_ms: int = MONDAY, **fields: object) -> JobStream:
    config = WorkloadConfig(**fields)
    return job_stream(config, start_ms=start_ms, horizon_ms=days * DAY, total_gpus=gpus, seed=seed, base_dir=ROOT)


@cache
def month() -> JobBatch:
    return stream().take(0, 30 * DAY)


def class_of(jobs: JobBatch) -> np.ndarray:
    return jobs.ids // 10_000_000 % 10


def busy_share(jobs: JobBatch, days: int, gpus: int) -> float:
    """Share of the GPUs in use over the window if every job started when submitted."""
    end = np.minimum(jobs.submit_ms + jobs.run_ms, days * DAY)
    return float((jobs.size * (end - jobs.submit_ms).astype(np.float64)).sum()) / (gpus * days * DAY)


def test_the_offered_load_over_thirty_days_is_within_five_percent_of_what_was_asked():
    assert busy_share(month(), 30, SITE) == pytest.approx(0.85, rel=0.05)
    half = stream(load_share=0.4, seed=3).take(0, 30 * DAY)
    assert busy_share(half, 30, SITE) == pytest.approx(0.4, rel=0.05)


def test_each_class_takes_its_share_of_the_load():
    jobs = month()
    shares = [busy_share(jobs.select(class_of(jobs) == number), 30, SITE) / 0.85 for number in range(1, 6)]
    assert shares == pytest.approx([0.55, 0.09, 0.015, 0.045, 0.30], rel=0.15)


def test_the_default_site_gets_one_to_two_million_explicit_jobs_a_year_none_below_a_gpu_hour():
    jobs = month()
    assert 1e6 < len(jobs) / 30 * 365 < 2e6
    fresh = jobs.submit_ms > 0
    assert (jobs.size[fresh] * jobs.run_ms[fresh]).min() >= 0.999 * HOUR
    assert jobs.run_ms.max() <= 60 * DAY


def test_a_warm_start_finds_the_site_filled_and_a_cold_one_does_not():
    first = month().select(month().submit_ms == 0)
    assert first.size.sum() / SITE == pytest.approx(0.85, rel=0.10)
    assert not (stream(days=1, warm_start=False).take(0, DAY).submit_ms == 0).any()


@pytest.mark.parametrize("cuts", [[0, DAY, 2 * DAY, 3 * DAY], [0, 1, 5 * HOUR, 5 * HOUR, 30 * HOUR + 7, 3 * DAY]])
def test_any_cut_of_the_horizon_gives_the_same_jobs(cuts):
    jobs = stream(days=3, gpus=20_000)
    parts = JobBatch.concat([jobs.take(a, b) for a, b in pairwise(cuts)])
    assert parts.sha256() == stream(days=3, gpus=20_000).take(0, 3 * DAY).sha256()


def test_a_later_window_can_be_asked_for_first_and_a_longer_horizon_changes_nothing():
    late = stream(days=40).take(20 * DAY, 21 * DAY)
    assert late.sha256() == month().select((month().submit_ms >= 20 * DAY) & (month().submit_ms < 21 * DAY)).sha256()


def test_nothing_is_submitted_outside_the_run():
    jobs = stream(days=2, gpus=20_000)
    assert len(jobs.take(-DAY, 0)) == 0
    assert len(jobs.take(2 * DAY, 9 * DAY)) == 0
    assert jobs.take(0, 9 * DAY).sha256() == jobs.take(0, 2 * DAY).sha256()


def test_jobs_are_in_order_with_ids_of_their_own():
    jobs = month()
    assert (np.diff(jobs.submit_ms) >= 0).all()
    assert len(np.unique(jobs.ids)) == len(jobs)
    assert (jobs.request_ms >= jobs.run_ms).all()


def test_another_process_under_another_hash_seed_gives_the_same_jobs():
    code = (
        "from pathlib import Path; from twin.workload import *;"
        "s = job_stream(WorkloadConfig(), start_ms=0, horizon_ms=10**8, total_gpus=9000, seed=1, base_dir=Path('.'));"
        "print(s.digest, s.take(0, 10**8).sha256())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    here = stream(days=2, gpus=9000, seed=1, start_ms=0)
    assert runs[0] == runs[1]
    assert runs[0].split()[1] == here.take(0, 10**8).sha256()


def test_the_jobs_of_version_1_never_change():
    digest = stream(days=3, gpus=20_000).take(0, 3 * DAY).sha256()
    assert digest == "5963dfdbcfea1d3ec5050c6b643e6dac241a8e68e5a31621af23a36fe612c048"


def test_seed_and_start_change_jobs_and_digest_and_the_horizon_does_not():
    assert stream().digest == stream(days=60).digest
    assert len({stream().digest, stream(seed=8).digest, stream(gpus=9).digest, stream(load_share=0.5).digest}) == 4
    assert stream(seed=8).take(DAY, 2 * DAY).sha256() != stream().take(DAY, 2 * DAY).sha256()


def venus(days: int) -> JobBatch:
    """Evaluation jobs only, at the rate of the published cluster: 125,214 in 182 days."""
    mix = ONLY_EVALUATION | {"evaluation_share": 1.0}
    jobs = stream(days=days, class_mix=mix, jobs_per_day=125_214 / 182, warm_start=False, clock_offset_h=0)
    return jobs.take(0, days * DAY)


def test_hours_and_weekdays_follow_the_published_profile():
    jobs = venus(1092)  # 156 weeks from a Sunday evening UTC
    clock_ms = MONDAY + jobs.submit_ms
    hours = np.bincount(clock_ms // HOUR % 24) / len(jobs) * 24
    weekdays = np.bincount((clock_ms // DAY + 3) % 7) / len(jobs) * 7
    np.testing.assert_allclose(hours, np.array(HOUR_FACTORS) / np.mean(HOUR_FACTORS), rtol=0.15)
    np.testing.assert_allclose(weekdays, WEEKDAY_FACTORS, rtol=0.08)


def test_the_local_clock_sets_the_hour_of_the_peak():
    jobs = month().select(class_of(month()) == 3)
    hours = np.bincount((MONDAY + 8 * HOUR + jobs.submit_ms[jobs.submit_ms > 0]) // HOUR % 24)
    assert hours[14:18].sum() > 5 * hours[4:8].sum()


def test_counts_per_hour_scatter_and_correlate_as_in_the_published_cluster():
    found = describe(venus(1092))
    assert found["jobs"] == pytest.approx(125_214 * 6, rel=0.05)
    assert found["hourly_variance_over_mean"] == pytest.approx(39.3, rel=0.20)
    assert found["hourly_autocorrelation"][1] == pytest.approx(0.48, abs=0.05)
    assert found["hourly_autocorrelation"][24] == pytest.approx(0.24, abs=0.05)
    assert found["hourly_autocorrelation"][168] == pytest.approx(0.28, abs=0.06)


def test_eight_percent_of_the_gaps_are_nothing():
    gaps = np.diff(venus(182).submit_ms)
    assert (gaps == 0).mean() == pytest.approx(0.08, abs=0.01)


def test_a_few_large_runs_hold_most_of_the_gpus():
    jobs = month()
    assert 90_000 < jobs.size.max() < 100_000
    assert describe(jobs)["top_1_percent_share"] > 0.6
    assert 60 < np.count_nonzero(class_of(jobs) == 1) < 200


def test_power_tier_and_checkpoints_belong_to_the_class():
    jobs = month()
    training, service = jobs.select(class_of(jobs) == 1), jobs.select(class_of(jobs) == 5)
    assert 1156 <= training.watts_per_gpu.min() < training.watts_per_gpu.max() <= 1293  # .85–.95 of 1,361 W
    assert set(training.tier.tolist()) == {1}
    assert (training.checkpoint_ms == 900_000).all()
    assert np.mean(service.tier == 0) == pytest.approx(0.7, abs=0.05)
    assert (service.request_ms == service.run_ms).all()


def running_gpus(jobs: JobBatch, t_ms: int) -> int:
    return int(jobs.size[(jobs.submit_ms <= t_ms) & (jobs.submit_ms + jobs.run_ms > t_ms)].sum())


def test_a_built_out_site_is_offered_its_share_at_each_time():
    jobs = stream(days=50, ramp_days=[0, 20, 40], ramp_share=[0.2, 0.2, 1.0]).take(0, 50 * DAY)
    assert running_gpus(jobs, DAY) == pytest.approx(0.2 * 0.85 * SITE, rel=0.15)
    assert running_gpus(jobs, 50 * DAY) == pytest.approx(0.85 * SITE, rel=0.15)


@pytest.mark.parametrize("gpus", [0, 1, 8, 500])
def test_small_sites_get_jobs_that_fit(gpus):
    jobs = stream(days=5, gpus=gpus).take(0, 5 * DAY)
    assert jobs.size.max(initial=0) <= gpus


def test_a_small_site_is_loaded_as_asked_too():
    assert busy_share(stream(gpus=1_000).take(0, 30 * DAY), 30, 1_000) == pytest.approx(0.85, rel=0.10)


def test_the_report_tells_what_to_expect_and_what_is_left_out():
    notes = stream().report.notes
    assert notes["expected load share"] == "0.850"
    assert notes["left to cohorts"] == "jobs below 1 GPU-hour"
    assert notes["lanes"].startswith("pretraining 23, service 1")


def test_a_number_of_jobs_a_day_takes_the_place_of_their_load():
    jobs = stream(jobs_per_day=500).take(DAY, 29 * DAY)
    assert np.isin(class_of(jobs), (2, 3, 4)).sum() == pytest.approx(28 * 500, rel=0.15)
