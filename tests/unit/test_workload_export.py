"""Jobs written for other simulators and read back; windows, sizes and pace of a trace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from twin.errors import ScenarioError
from twin.workload import export
from twin.workload.formats import read_trace
from twin.workload.formats.change import scaled, warped, windowed
from twin.workload.formats.trace import ReadOptions, Trace

DATA = Path(__file__).resolve().parents[1] / "data" / "workload"
TOLD = ("job", "submit_s", "size", "run_s", "request_s", "status")


def trace(name: str) -> Trace:
    return read_trace(DATA / name, None, ReadOptions())


def told(found: Trace, *names: str) -> dict[str, list[object]]:
    return {name: getattr(found, name).tolist() for name in names}


def again(found: Trace, path: Path) -> Trace:
    return read_trace(export(found, path), None, ReadOptions())


@pytest.mark.parametrize("name", ["oddities.swf", "batsim.json", "acme_seren.csv", "job_info_df.csv"])
@pytest.mark.parametrize("suffix", [".swf", ".json"])
def test_what_is_written_reads_back_the_same(tmp_path, name, suffix):
    first = trace(name)
    second = again(first, tmp_path / f"a{suffix}")
    expected = told(first, *TOLD)
    if suffix == ".json":  # a profile has an outcome of 0 or not: cancelled jobs come back unknown
        expected["status"] = [code if code in (0, 1) else -1 for code in expected["status"]]
    assert told(second, *TOLD) == expected


def test_swf_keeps_waits_clock_and_machine(tmp_path):
    first = trace("oddities.swf")
    second = again(first, tmp_path / "a.swf")
    assert told(second, "wait_s", "user", "pool") == told(first, "wait_s", "user", "pool")
    assert (second.report.unix_start_s, second.report.header["MaxProcs"]) == (1_000_000_000.0, "100")
    assert second.report.gpu_s == first.report.gpu_s


def test_batsim_csv_has_starts_where_the_wait_is_known(tmp_path):
    first = trace("acme_seren.csv")
    second = again(first, tmp_path / "a.csv")
    assert second.report.format == "batsim"
    assert told(second, *TOLD, "wait_s") == told(first, *TOLD, "wait_s")
    assert (tmp_path / "a.csv").read_text().splitlines()[1].split(",")[6] == "1677601134"


def test_nothing_is_overwritten_and_other_suffixes_are_refused(tmp_path):
    (tmp_path / "a.swf").write_text("")
    for name in ("a.swf", "a.txt"):
        with pytest.raises(ScenarioError):
            export(trace("batsim.json"), tmp_path / name)


def test_a_window_is_half_open_and_counted():
    cut = windowed(trace("oddities.swf"), 10.0, 25.0)
    assert cut.submit_s.tolist() == [10, 20, 20]
    assert (cut.report.before_window, cut.report.after_window) == (1, 1)


def test_scale_and_pace_change_what_they_say_and_no_more():
    first = trace("oddities.swf")
    other = warped(scaled(first, 0.5), 2.0)
    assert other.size.tolist() == [2, 4, 1, 250, 1]
    assert other.submit_s.tolist() == [5, 7.5, 12.5, 12.5, 15]
    np.testing.assert_array_equal(other.run_s, first.run_s)
