"""``twin why``: chains of causes of a run in which a hall lost both its feeders."""

import pytest
from typer.testing import CliRunner

import twin
from twin.errors import ScenarioError
from twin.faces.cli import app
from twin.faces.why_command import answer


@pytest.fixture(scope="module")
def lost_hall(root, tmp_path_factory):
    scenario = twin.Scenario.read(root / "scenarios" / "outage" / "hall-feeders.toml", overrides={"run.days": 1})
    folder = tmp_path_factory.mktemp("why") / "run"
    return twin.simulate(scenario, out=folder, until="2028-07-14T17:00:00+08:00"), folder


def event(results, kind: str, asset: str):
    rows = results.events
    return rows[(rows["kind"] == kind) & (rows["asset"] == asset)].iloc[0]


def test_an_event_is_told_from_the_root_of_its_chain(lost_hall):
    results, folder = lost_hall
    stop = event(results, "stop", "hall-04")
    text = answer(folder, f"event-{stop['seq']}").splitlines()
    assert "hall-04.a.xfmr opened" in text[1]
    assert "└ hall-04.a de-energised" in text[2]
    assert text[3].endswith(f"{stop['text']}   event-{stop['seq']}")
    assert text[1].startswith("  2028-07-14T15:00:00+08:00")


def test_what_an_event_led_to_follows_it_and_many_alike_are_counted(lost_hall):
    results, folder = lost_hall
    dead = event(results, "de-energised", "hall-04.a")
    text = answer(folder, str(dead["seq"]))
    assert "└ cooling-04 fans stopped" in text
    n_stops = int(((results.events["cause_seq"] == dead["seq"]) & (results.events["kind"] == "stop")).sum())
    assert f"and {n_stops - 1} more of kind stop" in text


def test_a_job_that_was_lost_names_the_row_group_and_what_stopped_it(lost_hall):
    results, folder = lost_hall
    jobs = results.jobs
    job = jobs[(jobs["cause"] >= 1000) & (jobs["restarts"] > 0)].iloc[0]
    text = answer(folder, f"job-{job['job']}").splitlines()
    assert any("last by the loss of hall-04.r" in line for line in text)
    assert "hall-04.a.xfmr opened" in text[4] or "hall-04.b.xfmr opened" in text[4]
    assert text[-1].endswith(f"└ job-{job['job']} lost what it ran there")


def test_a_job_that_nothing_stopped_says_so(lost_hall):
    results, folder = lost_hall
    job = results.jobs[results.jobs["cause"] == 0].iloc[0]
    assert answer(folder, f"job-{job['job']}").endswith("nothing stopped it")


def test_an_asset_is_told_by_its_urgent_events(lost_hall):
    text = answer(lost_hall[1], "cooling-04")
    assert text.startswith("why cooling-04: ")
    assert "hall-04.a.xfmr opened" in text
    assert "nothing of priority 1 or 2" in answer(lost_hall[1], "bess-01")


@pytest.mark.parametrize("what", ["hall-44", "job-1", "99999"])
def test_what_the_run_does_not_know_is_bad_input(lost_hall, what):
    with pytest.raises(ScenarioError, match="no such"):
        answer(lost_hall[1], what)
    told = CliRunner().invoke(app, ["why", str(lost_hall[1]), what])
    assert told.exit_code == 2
    assert "WHAT" in told.output


def test_a_folder_that_is_no_run_is_bad_input(tmp_path):
    with pytest.raises(ScenarioError, match="not a run directory"):
        answer(tmp_path, "job-1")
