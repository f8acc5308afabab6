"""``twin workload FILE``: statistics, plots, exports, and what a bad file or option is told."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from twin.faces.cli import app

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "workload"
PHILLY = ROOT / "scenarios" / "replay" / "samples" / "jobs_sample.csv"


def call(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["workload", *map(str, arguments)], catch_exceptions=False)
    return result.exit_code, result.output


def test_the_statistics_of_jobs_name_counts_sizes_times_and_arrivals():
    code, text = call(PHILLY, "--time-zone", "America/Los_Angeles")
    assert code == 0
    assert "jobs_sample.csv (philly): 60 records, 60 kept" in text
    for word in ("GPU-h", "run time s", "gap s", "variance/mean", "Gini", "size GPUs", "America/Los_Angeles", "Mon"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 100


def test_json_carries_report_and_statistics():
    code, text = call(PHILLY, "--json", "--start", "2017-09-05")
    found = json.loads(text)
    assert code == 0
    kept, left = found["statistics"]["jobs"], found["report"]["before_window"]
    assert kept + left == 60
    assert left > 0
    assert sum(found["statistics"]["weekday_share"]) == pytest.approx(1.0)


def test_jobs_are_plotted_and_exported(tmp_path):
    code, text = call(PHILLY, "--plot", tmp_path / "a.html", "--export", tmp_path / "a.swf", "--scale-gpus", 2)
    assert code == 0
    assert "✓" in text
    assert "GPUs asked for if none waited" in (tmp_path / "a.html").read_text()
    assert "60 kept" in call(tmp_path / "a.swf")[1]


@pytest.mark.parametrize("name", ["azure.csv", "mooncake.jsonl", "burstgpt.csv", "power.csv"])
def test_requests_and_power_are_told_and_plotted(tmp_path, name):
    code, text = call(DATA / name, "--plot", tmp_path / "a.html")
    assert code == 0
    assert ("rate_per_s" in text) != ("energy_kwh" in text)
    assert (tmp_path / "a.html").stat().st_size > 1e6


def test_a_file_without_jobs_is_no_error(tmp_path):
    (tmp_path / "a.swf").write_text("; Version: 2.2\n")
    code, text = call(tmp_path / "a.swf", "--plot", tmp_path / "a.html")
    assert (code, text.splitlines()[2]) == (0, "no jobs")


def test_bad_rows_are_listed_with_their_lines_and_exit_code_2():
    code, text = call(DATA / "broken.csv")
    assert code == 2
    assert "5 problems" in text
    assert "line 3   --column submit" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent.swf"], "there is no such file"),
        ([PHILLY, "--format", "phily"], "did you mean 'philly'?"),
        ([PHILLY, "--scale-gpus", -1], "expected a number above 0"),
        ([PHILLY, "--time-zone", "Mars"], "no time zone is called 'Mars'"),
        ([PHILLY, "--time-unit", "days"], "expected one of ms, s, min, h"),
        ([PHILLY, "--start", "soon"], "expected a date"),
        ([PHILLY, "--export", "a.txt"], "expected a name that ends in"),
        ([PHILLY, "--plot", "a.png"], "ends in .html"),
        ([PHILLY, "--column", "submit"], "expected ours=theirs"),
        ([DATA / "openb.csv", "--start", "2017-01-01"], "does not tell its date"),
        ([DATA / "azure.csv", "--export", "a.swf"], "is for traces of jobs"),
    ],
)
def test_bad_input_is_answered_with_what_was_expected(arguments, said):
    code, text = call(*arguments)
    assert code == 2
    assert said in " ".join(text.split())
