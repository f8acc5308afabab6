"""Real traces: counts, dates and work as measured on the files with independent code."""

from __future__ import annotations

from pathlib import Path

import pytest

from twin.workload import WorkloadConfig, describe, export, job_stream, read_jobs, read_power, read_requests
from twin.workload.formats import read_trace
from twin.workload.formats.power import describe_power
from twin.workload.formats.requests import describe_requests
from twin.workload.formats.trace import ReadOptions

ROOT = Path(__file__).resolve().parents[2]
DAY = 86_400_000
# Beside the project: ../shared/data, or further up from a work tree.
DATA = next((p / "shared" / "data" for p in ROOT.parents if (p / "shared" / "data").is_dir()), None)
pytestmark = [
    pytest.mark.needs_data,
    pytest.mark.skipif(DATA is None, reason="../shared/data with the real traces is not there"),
]


@pytest.mark.parametrize(
    ("name", "expected"),  # records, first and last submission, GPU·s, second 0 in Unix time
    [
        ("lublin_256", (10_000, 5_094, 7_711_701, 2_092_781_168, None)),
        ("NASA-iPSC-1993-3.1-cln", (18_239, 0, 7_948_936, 474_238_015, 749_458_803)),
        ("theta_2022", (23_911, 1_641_021_254, 1_672_445_845, 104_021_245_885, 0)),
        ("theta_2023", (8_401, 1_693_547_500, 1_704_943_178, 41_795_080_069, 0)),
    ],
)
def test_archive_logs_are_read_whole(name, expected):
    report = read_jobs(DATA / "swf" / f"{name}.swf.xz").attrs["report"]
    assert (report.rows, report.dropped) == (report.kept, {})
    found = (report.kept, report.first_submit_s, report.last_submit_s, report.gpu_s, report.unix_start_s)
    assert found == expected


def test_nasa_keeps_unknown_outcomes_and_run_times_of_zero():
    jobs = read_jobs(DATA / "swf" / "NASA-iPSC-1993-3.1-cln.swf.xz")
    assert (jobs["status"] == -1).all()
    assert (jobs["run_s"] == 0).sum() == 173


def test_theta_keeps_its_waits_and_its_overruns():
    jobs = read_jobs(DATA / "swf" / "theta_2022.swf.xz")
    assert jobs["wait_s"].iloc[0] == 52_645
    assert jobs.attrs["report"].run_above_request == 6_264
    assert read_jobs(DATA / "swf" / "theta_2023.swf.xz")["submit_s"].is_monotonic_increasing


def test_philly_statistics_are_those_measured():
    jobs = read_jobs(DATA / "jobs" / "philly_sia.csv.xz")
    found = describe(jobs)
    assert found["jobs"] == 82_247
    assert found["gpu_h"] == pytest.approx(978_078.47, abs=0.01)
    assert found["mean_run_s"] == pytest.approx(13_135.93, abs=0.01)
    assert [found["run_s"][p] for p in (10, 50, 90, 99)] == pytest.approx([61, 1_144, 11_265, 254_758], rel=1e-3)
    assert found["by_size"][8] == pytest.approx((0.0200, 0.4844), abs=5e-4)
    assert found["top_1_percent_share"] == pytest.approx(0.673, abs=1e-3)
    assert (found["mean_gap_s"], found["gap_cv"]) == pytest.approx((114.4, 15.1), abs=0.05)


def test_philly_arrivals_are_those_measured():
    found = describe(read_jobs(DATA / "jobs" / "philly_sia.csv.xz"))
    assert found["hourly_variance_over_mean"] == pytest.approx(164, rel=0.02)
    assert list(found["hourly_autocorrelation"].values()) == pytest.approx([0.46, 0.20, 0.10], abs=0.01)


def test_philly_on_its_calendar_takes_the_week_of_the_run():
    config = WorkloadConfig(source="philly", path="philly_sia.csv.xz", align="calendar", scale_gpus=10.0)
    start_ms = 1_507_507_200_000  # 2017-10-09 00:00 UTC
    arguments = {"start_ms": start_ms, "horizon_ms": 7 * DAY, "total_gpus": 1_000, "seed": 1, "base_dir": DATA / "jobs"}
    jobs = job_stream(config, **arguments)
    week = jobs.take(0, 7 * DAY)
    assert len(week) + jobs.report.before_window + jobs.report.after_window == 82_247
    assert 0 <= week.submit_ms[0] < week.submit_ms[-1] < 7 * DAY
    assert jobs.report.oversize == (week.size > 1_000).sum()


def test_a_csv_of_another_simulator_is_read_through_a_column_map():
    jobs = read_jobs(DATA / "jobs" / "raps_w1.csv", columns={"size": "nodes", "request": "limit_s"})
    assert (len(jobs), jobs["size"].iloc[1], jobs["request_s"].iloc[1]) == (1_000, 128, 2_686.0)


def test_openb_statistics_are_those_measured():
    jobs = read_jobs(DATA / "jobs" / "alibaba2023_openb_pod_list_default.csv.xz")
    report = jobs.attrs["report"]
    assert (report.rows, report.kept) == (8_152, 6_203)
    assert report.dropped == {"size unknown or zero": 1_088, "run time unknown": 861}
    assert report.repaired == {"fraction of a GPU rounded up": 2_573}
    assert (jobs["size"].value_counts()[8], (jobs["status"] == 0).sum() > 0) == (44, True)


def test_dlrm_keeps_the_gpu_instances_with_a_whole_life():
    report = read_jobs(DATA / "jobs" / "alibaba2025_disaggregated_DLRM.csv.xz").attrs["report"]
    assert (report.rows, report.kept, report.max_size) == (23_871, 3_218, 1)


@pytest.mark.parametrize(
    ("name", "jobs", "gpu_s"),
    [
        ("medium_late", 801, 256_475.78),
        ("test_batsim_paper_workload_seed1", 800, None),
        ("example_workload_hpc_seed1_jobs250", 250, None),
    ],
)
def test_batsim_workloads_are_read_whole(name, jobs, gpu_s):
    report = read_jobs(DATA / "batsim" / f"{name}.json.xz").attrs["report"]
    assert (report.rows, report.kept, report.dropped) == (jobs, jobs, {})
    if gpu_s is not None:  # utilisation .498124 of 32 units over 16,088.51 s
        assert report.gpu_s == pytest.approx(0.498124 * 32 * 16_088.51, rel=2e-6)


def test_batsim_own_table_has_its_waits():
    easy = read_jobs(DATA / "batsim" / "medium_late_easy_out_jobs.csv.xz")
    workload = read_jobs(DATA / "batsim" / "medium_late.json.xz")
    assert easy["wait_s"].mean() == pytest.approx(9.516326, abs=1e-6)
    assert sorted(easy["run_s"]) == pytest.approx(sorted(workload["run_s"]), abs=1e-5)


@pytest.mark.parametrize(
    ("name", "jobs", "with_load"),
    [("v4_surf_week", 6_295, 6_295), ("v4_bitbrains-small", 50, 50), ("v5_surf_month", 68_648, 0)],
)
def test_opendc_tasks_are_read_whole(name, jobs, with_load):
    found = read_jobs(DATA / "opendc" / f"{name}_tasks.parquet")
    assert (len(found), (found["watts_per_gpu"] >= 0).sum()) == (jobs, with_load)
    assert found["submit_s"].is_monotonic_increasing
    assert ("deadline_s" in found) == name.startswith("v5")


@pytest.mark.parametrize(
    ("name", "count", "tokens_in", "tokens_out", "gap_cv", "dispersion"),
    [
        ("azure2023_code.csv.xz", 8_819, 2_048, 27.9, 13.2, 71.0),
        ("azure2023_conv.csv.xz", 19_366, 1_155, 211.1, 1.09, 4.0),
        ("mooncake_conversation.jsonl.xz", 12_031, 12_035, 342.6, None, None),
    ],
)
def test_requests_are_those_measured(name, count, tokens_in, tokens_out, gap_cv, dispersion):
    found = describe_requests(read_requests(DATA / "inference" / name))
    assert found["requests"] == count
    assert (found["input_tokens"]["mean"], found["output_tokens"]["mean"]) == pytest.approx(
        (tokens_in, tokens_out), rel=1e-3
    )
    if gap_cv is None:
        assert found["reused_block_share"] == pytest.approx(0.366, abs=5e-4)
    else:
        assert (found["gap_cv"], found["dispersion_10_s"]) == pytest.approx((gap_cv, dispersion), rel=6e-3)


def test_power_of_a_training_run_is_that_measured():
    node = describe_power(read_power(DATA / "power" / "mlperf_train_v40_1xH100x8_llama2lora_2s.csv.xz"))
    assert [node[name] for name in ("p5_w", "p50_w", "p95_w", "max_w")] == pytest.approx([4_034.5, 7_261, 7_323, 7_358])
    site = read_power(DATA / "power" / "mlperf_train_v40_64xH100x8_gpt3_2s.csv.xz")
    assert len(site.attrs["columns"]) == 64
    assert describe_power(site)["mean_w"] == pytest.approx(438_284, abs=1)


def test_a_real_log_comes_back_from_swf_and_batsim_as_it_was(tmp_path):
    first = read_trace(DATA / "swf" / "theta_2023.swf.xz", None, ReadOptions())
    for suffix in (".swf", ".json", ".csv"):
        again = read_trace(export(first, tmp_path / f"a{suffix}"), None, ReadOptions())
        for name in ("job", "submit_s", "size", "run_s", "request_s"):
            assert getattr(again, name).tolist() == getattr(first, name).tolist()
