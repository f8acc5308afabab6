"""Importers: what is kept, dropped and repaired, and what a broken file says."""

from __future__ import annotations

import contextlib
import gzip
import lzma
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.errors import ScenarioError
from twin.workload import read_jobs

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "workload"
SAMPLES = ROOT / "scenarios" / "replay" / "samples"
THEIRS = {
    "submit": "queued_at", "size": "cards", "run": "minutes", "request": "limit",
    "user": "who", "tier": "importance", "power": "watts", "status": "outcome",
}  # fmt: skip


def problems_of(path: Path, **options: object) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        read_jobs(path, **options)
    return [str(problem) for problem in caught.value.problems]


def test_swf_jobs_come_in_order_of_submission_and_row():
    jobs = read_jobs(DATA / "oddities.swf")
    assert jobs["job"].tolist() == [2, 1, 3, 11, 10]
    assert jobs["submit_s"].tolist() == [5, 10, 20, 20, 25]


def test_swf_size_is_the_request_else_the_allocation_and_the_request_falls_back_on_the_run():
    jobs = read_jobs(DATA / "oddities.swf")
    assert jobs["size"].tolist() == [4, 8, 2, 500, 2]
    assert jobs["request_s"].tolist() == [50, 200, 60, 60, 60]
    assert jobs["run_s"].tolist() == [50, 100, 0, 7, 90]
    assert jobs["wait_s"].tolist() == [-1, 0, 3, 0, 0]
    assert jobs["status"].tolist() == [-1, 1, 1, 5, 0]
    assert jobs["user"].tolist() == ["2", "1", "", "1", "1"]


def test_swf_report_counts_every_record_that_was_dropped_or_repaired():
    report = read_jobs(DATA / "oddities.swf").attrs["report"]
    assert (report.rows, report.kept, report.run_above_request) == (11, 5, 1)
    assert report.dropped == {
        "part of a job that was continued (status 2, 3 or 4)": 3,
        "submit time unknown": 1,
        "size unknown or zero": 1,
        "run time unknown": 1,
    }
    assert report.repaired == {
        "requested size unknown: allocated size used": 2,
        "requested time unknown: run time stands for it": 1,
        "submitted before the row above: sorted": 2,
    }


def test_swf_report_tells_clock_header_and_work():
    report = read_jobs(DATA / "oddities.swf").attrs["report"]
    assert (report.unix_start_s, report.time_zone, report.header["MaxProcs"]) == (1_000_000_000.0, "28800", "100")
    assert (report.first_submit_s, report.last_submit_s, report.max_size) == (5.0, 25.0, 500)
    assert report.gpu_s == 4680.0
    assert "dropped 1: run time unknown" in report.lines()


def test_broken_swf_lists_every_line_at_once():
    problems = problems_of(DATA / "broken.swf")
    assert [text.split(": ")[0] for text in problems] == ["broken.swf:3", "broken.swf:4", "broken.swf:5", "broken.swf"]
    assert all("expected 18 numbers" in text for text in problems[:3])
    assert "UnixStartTime" in problems[3]


def test_a_file_that_is_no_trace_at_all_says_so_in_twenty_one_lines(tmp_path):
    path = tmp_path / "noise.swf"
    path.write_bytes(bytes(range(256)) * 40)
    assert len(problems_of(path)) == 21


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_packed_files_read_as_plain_ones_and_cut_ones_are_reported(tmp_path, suffix, pack):
    packed = pack((SAMPLES / "sample.swf").read_bytes())
    (tmp_path / f"a.swf{suffix}").write_bytes(packed)
    (tmp_path / f"cut.swf{suffix}").write_bytes(packed[:-40])
    assert len(read_jobs(tmp_path / f"a.swf{suffix}")) == 14
    assert "cannot be read" in problems_of(tmp_path / f"cut.swf{suffix}")[0]


def test_names_that_do_not_help_are_answered_with_what_would(tmp_path):
    (tmp_path / "jobs.dat").write_text("")
    (tmp_path / "jobs.swf.zst").write_text("")
    assert "no such file" in problems_of(tmp_path / "absent.swf")[0]
    assert "give format = one of swf, philly, acme" in problems_of(tmp_path / "jobs.dat")[0]
    assert "unpack it" in problems_of(tmp_path / "jobs.swf.zst", format="swf")[0]
    assert "did you mean 'swf'?" in problems_of(tmp_path / "jobs.dat", format="swff")[0]


def test_an_empty_swf_holds_no_jobs(tmp_path):
    (tmp_path / "empty.swf").write_text("; Version: 2.2\n")
    assert len(read_jobs(tmp_path / "empty.swf")) == 0


def test_philly_csv_is_known_by_its_header_and_sorted():
    jobs = read_jobs(SAMPLES / "jobs_sample.csv")
    assert jobs.attrs["report"].format == "philly"
    assert len(jobs) == 60
    assert jobs["submit_s"].is_monotonic_increasing
    assert jobs["submit_s"].iloc[0] == 1504483950.0  # 2017-09-04 00:12:30 UTC
    assert jobs["pool"].iloc[0] == "a1"


def test_philly_dates_follow_the_zone_they_are_said_to_be_in():
    jobs = read_jobs(SAMPLES / "jobs_sample.csv", time_zone="America/Los_Angeles")
    assert jobs["submit_s"].iloc[0] == 1504483950.0 + 7 * 3600
    jobs = read_jobs(SAMPLES / "jobs_sample.csv", time_zone="+08:00")
    assert jobs["submit_s"].iloc[0] == 1504483950.0 - 8 * 3600


def test_clock_times_that_occur_twice_or_never_are_counted(tmp_path):
    path = tmp_path / "philly.csv"
    path.write_text(
        "timestamp,duration,num_gpus,gpu_time,cluster\n2017-03-12 02:30:00,1,1,1,a\n2017-11-05 01:30:00,1,1,1,a\n"
    )
    jobs = read_jobs(path, time_zone="America/Los_Angeles")
    assert jobs.attrs["report"].repaired == {"clock time that occurs twice or never": 2}
    assert jobs["submit_s"].tolist() == [1489312800.0, 1509870600.0]  # 10:00 UTC; 08:30 UTC, still summer time


def test_any_csv_is_read_through_a_column_map():
    jobs = read_jobs(DATA / "theirs.csv", columns=THEIRS, time_unit="min")
    assert jobs["submit_s"].tolist() == [1772323200.0, 1772323500.0, 1772323800.0]
    assert jobs["size"].tolist() == [8, 1, 16]
    assert jobs["run_s"].tolist() == [1800.0, 30.0, 5400.0]
    assert jobs["request_s"].tolist() == [3600.0, 60.0, 5400.0]
    assert jobs["tier"].tolist() == [0, 3, -1]
    assert jobs["watts_per_gpu"].tolist() == [1000.0, 700.0, -1.0]
    assert jobs["status"].tolist() == [1, -1, 0]


def test_wrong_columns_are_all_named_with_the_nearest_right_one():
    problems = problems_of(DATA / "theirs.csv", columns={"submit": "queued", "sise": "cards"})
    assert any("workload.columns.submit" in text and "did you mean 'queued_at'?" in text for text in problems)
    assert any("workload.columns.sise" in text and "did you mean 'size'?" in text for text in problems)
    assert any("workload.columns.run: no column for it" in text for text in problems)


def test_broken_csv_lists_every_cell_at_once_with_its_line():
    problems = problems_of(DATA / "broken.csv")
    assert [text.split(" ")[0:2] for text in problems] == [
        ["broken.csv:5:", "workload.path"],
        ["broken.csv:3:", "workload.columns.submit"],
        ["broken.csv:6:", "workload.columns.run"],
        ["broken.csv:4:", "workload.columns.size"],
        ["broken.csv:6:", "workload.columns.tier"],
    ]


def test_csv_that_is_not_csv_and_zones_that_are_none_give_a_message(tmp_path):
    (tmp_path / "quote.csv").write_text('submit,size,run\n0,"4"x,60\n')
    (tmp_path / "empty.csv").write_text("")
    assert "is not CSV" in problems_of(tmp_path / "quote.csv")[0]
    assert "header row" in problems_of(tmp_path / "empty.csv")[0]
    assert "no time zone is called" in problems_of(SAMPLES / "jobs_sample.csv", time_zone="Mars/Olympus")[0]


def test_numbers_beyond_any_trace_are_refused_instead_of_overflowing(tmp_path):
    (tmp_path / "a.csv").write_text("submit,size,run\n0,1e12,60\n")
    assert "expected size of at most 2147483647" in problems_of(tmp_path / "a.csv")[0]


@settings(max_examples=150, deadline=None)
@given(noise=st.binary(max_size=12), at=st.integers(0, 600), format=st.sampled_from(["swf", "philly", "csv"]))
def test_no_damage_to_a_file_ends_in_a_traceback(tmp_path_factory, noise, at, format):
    name = "sample.swf" if format == "swf" else "jobs_sample.csv"
    content = (SAMPLES / name).read_bytes()
    path = tmp_path_factory.mktemp("damaged") / name
    path.write_bytes(content[:at] + noise + content[at + 4 :])
    columns = {"submit": "timestamp", "run": "duration"} if format == "csv" else None
    with contextlib.suppress(ScenarioError):
        assert len(read_jobs(path, format=format, columns=columns)) <= 64
