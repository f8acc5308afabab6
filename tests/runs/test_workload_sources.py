"""A scenario runs with every format that ``[workload] source`` names, from the start and by the calendar."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

import twin

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "workload"
BASE = ROOT / "scenarios" / "base" / "zhongwei.toml"

SOURCES = {
    "swf": ("oddities.swf", 5),
    "philly": ("cluster_job_log.json", 2),
    "acme": ("acme_seren.csv", 3),
    "helios": ("cluster_log.csv", 3),
    "alibaba": ("openb.csv", 3),
    "batsim": ("batsim.json", 3),
    "opendc": ("tasks.parquet", 2),
    "csv": ("plain.csv", 2),
    "parquet": ("plain.parquet", 2),
}
"""Source → file, and the jobs it submits within two hours of its first."""

CALENDAR = {
    "swf": "2001-09-09T01:46:00+00:00",
    "philly": "2017-10-07T00:00:00+00:00",
    "acme": "2023-02-28T16:00:00+00:00",
    "helios": "2020-06-09T18:00:00+00:00",
    "opendc": "2022-09-30T22:00:00+00:00",
    "csv": "2026-03-01T00:00:00+00:00",
    "parquet": "2026-03-01T00:00:00+00:00",
}


def made(folder: Path, name: str) -> Path:
    """The sample of that name; tables are written here, as Parquet is no text."""
    if name == "tasks.parquet":
        pd.DataFrame({
            "id": [1, 2], "submission_time": [1_664_575_200_000, 1_664_575_260_000], "duration": [60_000, 90_000],
            "cpu_count": [16, 4], "cpu_capacity": [1000.0, 400.0], "mem_capacity": [1, 1],
        }).to_parquet(folder / name)  # fmt: skip
    elif name.startswith("plain"):
        plain = pd.DataFrame({"submit": [1_772_323_200, 1_772_323_260], "size": [8, 1], "run": [600, 60]})
        plain.to_csv(folder / name, index=False) if name.endswith("csv") else plain.to_parquet(folder / name)
    else:
        shutil.copy(DATA / name, folder)
    return folder / name


def played(path: Path, source: str, **more: object) -> twin.Results:
    overrides = {"workload.source": source, "workload.path": str(path), "run.days": 1 / 12, **more}
    return twin.simulate(twin.Scenario.read(BASE, overrides=overrides))


@pytest.mark.parametrize("source", SOURCES)
def test_a_scenario_runs_with_each_format(tmp_path, source):
    name, jobs = SOURCES[source]
    results = played(made(tmp_path, name), source)
    assert len(results.jobs) == results.summary["jobs"]["submitted"] == jobs
    assert results.summary["jobs"]["finished"] > 0


def test_the_tables_of_pai_are_found_beside_the_one_that_is_named():
    results = played(DATA / "pai" / "pai_job_table.csv", "alibaba")
    assert results.summary["jobs"]["submitted"] == 2


def test_a_run_with_a_broken_trace_says_what_is_wrong_with_it():
    with pytest.raises(twin.ScenarioError, match=r"broken\.csv:3: workload\.columns\.submit"):
        played(DATA / "broken.csv", "csv")


@pytest.mark.parametrize("source", CALENDAR)
def test_a_dated_trace_runs_by_the_calendar(tmp_path, source):
    name, jobs = SOURCES[source]
    path = made(tmp_path, name)
    results = played(path, source, **{"workload.align": "calendar", "run.start": CALENDAR[source]})
    assert results.summary["jobs"]["submitted"] == jobs
    trace = twin.read_jobs(path, format=source)
    first_s = trace["submit_s"].iloc[0] + trace.attrs["report"].unix_start_s
    assert results.jobs["submit"].min().timestamp() == first_s


@pytest.mark.parametrize("source", ["alibaba", "batsim"])
def test_a_trace_without_dates_cannot_be_put_on_the_calendar(tmp_path, source):
    with pytest.raises(twin.ScenarioError, match="does not tell its date"):
        played(made(tmp_path, SOURCES[source][0]), source, **{"workload.align": "calendar"})
