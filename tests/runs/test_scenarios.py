"""Every shipped scenario runs: its first week by default, the whole of it under the marker ``long``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import twin

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "scenarios").rglob("*.toml"))
WEEK_DAYS = 7.0
SOURCES = ["grid.p_mw", "solar.p_mw", "battery.p_mw"]
SINKS = ["it.p_mw", "cooling.p_mw", "auxiliary.p_mw", "losses.p_mw"]


def audited(results: twin.Results) -> None:
    """The audits hold at their limits, and no number of the site's minutes is missing."""
    audit = results.summary["audit"]
    assert audit["largest_energy_residual_pu"] <= 1e-9
    assert audit["largest_heat_residual_pu"] <= 1e-9
    assert audit["cumulative_drift_pu"] <= 1e-9
    assert audit["largest_mismatch_pu"] <= 1e-8
    minutes = results.table([*SOURCES, *SINKS])
    assert not minutes.isna().any().any()
    sources, sinks = minutes[SOURCES].sum(axis=1), minutes[SINKS].sum(axis=1)
    assert np.abs(sources - sinks).max() < 2e-3  # float32 of a gigawatt


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_first_week_of_a_scenario_runs_and_its_books_close(path):
    days = min(twin.Scenario.read(path).run.days, WEEK_DAYS)
    scenario = first_days(path, days)
    assert twin.check(scenario) == []
    results = twin.simulate(scenario)
    audited(results)
    jobs = results.summary["jobs"]
    assert len(results.jobs) == jobs["submitted"]
    states = results.jobs["state"].value_counts()
    assert jobs["finished"] == states.get("finished", 0)
    assert jobs["running"] == states.get("running", 0)
    assert jobs["queued"] == states.get("queued", 0)


def first_days(path: Path, days: float) -> twin.Scenario:
    """The scenario shortened to its first days; what lies after them must not be in its timeline."""
    return twin.Scenario.read(path, overrides={"run.days": days})


@pytest.mark.long
@pytest.mark.parametrize("path", [path for path in SCENARIOS if "replay" in path.parts], ids=lambda path: path.stem)
def test_a_replay_runs_whole(path):
    audited(twin.simulate(twin.Scenario.read(path)))


@pytest.mark.needs_data
def test_the_autumn_of_2017_has_the_stations_sun_and_every_job_of_the_trace(shared_data):
    scenario = twin.Scenario.read(
        ROOT / "scenarios" / "replay" / "2017-autumn.toml",
        overrides={
            "run.days": 10, "weather.path": str(shared_data / "weather" / "cdsrd_53704.csv.gz"), "weather.fill": "none",
            "workload.path": str(shared_data / "jobs" / "philly_sia.csv.xz"),
        },
    )  # fmt: skip
    results = twin.simulate(scenario)
    audited(results)
    daily = results.table("weather.ghi_w_m2")["weather.ghi_w_m2"]
    daily = daily.set_axis(daily.index + pd.Timedelta("8h")).resample("1D").sum() * 60 / 1e6
    station = pd.read_csv(shared_data / "weather" / "cdsrd_53704.csv.gz")
    measured = station[(station.year == 2017) & (station.month == 9) & (station.day <= 10)]["GHI(MJ/m2)"]
    assert np.abs(daily.to_numpy() / measured.to_numpy() - 1.0).max() < 1e-3
    trace = pd.read_csv(shared_data / "jobs" / "philly_sia.csv.xz", usecols=["timestamp"])
    submitted = pd.to_datetime(trace.timestamp, utc=True)
    inside = (submitted >= "2017-08-31T16:00Z") & (submitted < "2017-09-10T16:00Z")
    assert len(results.jobs) == results.summary["jobs"]["submitted"] == inside.sum()
