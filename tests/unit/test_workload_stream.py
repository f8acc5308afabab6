"""A trace as the submissions of a run: alignment, scaling, windows, and what is assumed."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from twin.errors import ScenarioError
from twin.workload import JobBatch, WorkloadConfig, job_stream
from twin.workload.jobs import JobStream

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "scenarios" / "replay" / "samples"
HOUR = 3_600_000
DAY = 24 * HOUR
SAMPLE_START = 1_504_454_400_000


def stream(*, start_ms: int = 0, horizon_ms: int = 30 * DAY, total_gpus: int = 504_000, **fields: object) -> JobStream:
    config = WorkloadConfig(**{"source": "swf", "path": "sample.swf"} | fields)
    return job_stream(config, start_ms=start_ms, horizon_ms=horizon_ms, total_gpus=total_gpus, seed=1, base_dir=SAMPLES)


def test_align_start_puts_the_first_job_at_zero():
    jobs = stream(source="philly", path="jobs_sample.csv").take(0, 30 * DAY)
    assert len(jobs) == 60
    assert jobs.submit_ms[0] == 0
    assert jobs.size[0] == 64
    assert jobs.run_ms[0] == 172_800_000


def test_align_calendar_takes_only_jobs_inside_the_run():
    jobs = stream(align="calendar", start_ms=SAMPLE_START + HOUR, horizon_ms=10 * HOUR)
    assert jobs.take(0, 10 * HOUR).submit_ms.tolist()[:2] == [0, 1_800_000]
    assert len(jobs.take(0, 10 * HOUR)) == 7  # the one at the very end belongs to the next window
    assert (jobs.report.before_window, jobs.report.after_window) == (3, 4)


def test_a_trace_without_a_date_cannot_be_aligned_to_the_calendar(tmp_path):
    path = tmp_path / "a.swf"
    path.write_text("1 0 -1 10 1 -1 -1 1 10 -1 1 1 1 -1 1 -1 -1 -1\n")
    with pytest.raises(ScenarioError, match=r"workload\.align = 'calendar'.*UnixStartTime"):
        stream(path=str(path), align="calendar")


def test_skipped_days_start_the_run_at_the_first_job_after_them():
    jobs = stream(skip_days=0.5).take(0, 30 * DAY)
    assert jobs.ids.tolist() == [12, 13, 14]
    assert jobs.submit_ms.tolist() == [0, 14_400_000, 36_000_000]


def test_sizes_are_scaled_half_up_and_never_below_one():
    assert stream(scale_gpus=0.0625).take(0, DAY).size.tolist() == [4, 1, 1, 16, 1, 1, 8, 5, 1, 1, 2, 2, 32, 1]


def test_time_warp_draws_submissions_together_and_leaves_run_times():
    jobs = stream(time_warp=2.0).take(0, DAY)
    assert jobs.submit_ms[:4].tolist() == [0, 60_000, 60_000, 1_800_000]
    assert jobs.run_ms[0] == 7_200_000


def test_jobs_larger_than_the_site_are_kept_and_counted():
    jobs = stream(total_gpus=200)
    assert len(jobs.take(0, DAY)) == 14
    assert jobs.report.oversize == 2


def test_any_cut_of_the_horizon_gives_the_same_jobs():
    jobs = stream()
    cuts = [0, 1, 120_000, 120_001, 5 * HOUR, DAY]
    parts = [jobs.take(a, b) for a, b in pairwise(cuts)]
    assert JobBatch.concat(parts).sha256() == jobs.take(0, DAY).sha256()
    assert jobs.take(120_000, 120_001).ids.tolist() == [2, 3]


def test_what_a_trace_does_not_tell_follows_a_rule_of_row_and_size():
    jobs = stream().take(0, DAY)
    assert jobs.watts_per_gpu[:5].tolist() == [1225, 953, 953, 1225, 681]
    assert jobs.checkpoint_ms[:5].tolist() == [900_000, 900_000, 900_000, 900_000, 0]
    assert jobs.request_ms[11] == jobs.run_ms[11] == 3_600_000
    assert set(stream(source="philly", path="jobs_sample.csv").take(0, DAY).tier.tolist()) == {1, 2, 3}


def test_the_table_overrides_the_rule():
    jobs = stream(tier=0, watts_per_gpu=900.4, checkpoint_s=60, request_factor=2.0).take(0, DAY)
    assert jobs.tier.tolist() == [0] * 14
    assert jobs.watts_per_gpu.tolist() == [900] * 14
    assert jobs.checkpoint_ms.tolist() == [60_000] * 14
    assert jobs.request_ms[0] == 10_800_000  # its own request stays
    assert jobs.request_ms[11] == 7_200_000


def test_columns_have_the_types_that_the_queue_expects():
    jobs = stream().take(0, DAY)
    kinds = [vars(jobs)[name].dtype for name in ("ids", "submit_ms", "size", "tier", "watts_per_gpu")]
    assert kinds == [np.int64, np.int64, np.int32, np.int8, np.int32]


def test_the_digest_follows_the_jobs_and_not_the_path(tmp_path):
    (tmp_path / "other.swf").write_bytes((SAMPLES / "sample.swf").read_bytes())
    assert stream().digest == stream(path=str(tmp_path / "other.swf")).digest
    assert stream().digest != stream(scale_gpus=2.0).digest


def test_none_and_an_empty_trace_have_no_jobs(tmp_path):
    (tmp_path / "empty.swf").write_text("; Version: 2.2\n")
    assert len(stream(source="none", path=None).take(0, DAY)) == 0
    assert len(stream(path=str(tmp_path / "empty.swf")).take(0, DAY)) == 0


def test_a_missing_path_and_a_scale_beyond_all_measure_are_scenario_errors():
    with pytest.raises(ScenarioError, match=r"workload\.path: source = 'swf' needs the trace's file"):
        stream(path=None)
    with pytest.raises(ScenarioError, match=r"workload\.scale_gpus"):
        stream(source="csv", path=str(ROOT / "tests/data/workload/large.csv"), scale_gpus=1e6)


@pytest.mark.parametrize(
    "fields",
    [
        {"source": "swif"}, {"scale_gpus": 0}, {"load_share": float("nan")}, {"tier": 4}, {"unknown": 1},
        {"class_mix": {"service_share": 0.5}}, {"ramp_days": [0.0, 1.0], "ramp_share": [1.0]},
        {"ramp_days": [0.0, 1.0], "ramp_share": [1.0, 0.5]}, {"ramp_days": [1.0, 1.0], "ramp_share": [0.1, 0.5]},
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_meant_is_refused(fields):
    with pytest.raises(ValidationError):
        WorkloadConfig(**fields)
