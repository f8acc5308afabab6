"""Whole run = stepped run = restored run, bit for bit, on any processor, in any process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import simpy

import twin
from tests.runs.worlds import entry, fingerprint, local, scenario, storm
from twin import _core
from twin.errors import RunError

ROOT = Path(__file__).resolve().parents[2]
# with a fine window, an island, caps, a fault at the very moment, and the ends of a day among them
MOMENTS = ("0d 00:00", "0d 14:11", "0d 18:40", "0d 22:01", "1d 00:00", "1d 11:17", "1d 23:59")


def played(*arguments: str, **environment: str) -> dict[str, str]:
    """What ``tests.runs.play`` prints, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.runs.play", *arguments], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip
    return json.loads(done.stdout)


def ended(run: twin.Run, since=None) -> dict[str, str]:
    """State and tables of ``run`` after it was played to its end."""
    run.advance(run.end)
    state = run.state_digest()
    return {"state": state, **fingerprint(run.finish(), since)}


def from_then_on(results: twin.Results, state: str, since) -> dict[str, str]:
    return {"state": state, **fingerprint(results, since)}


@pytest.fixture(scope="module")
def snapshots():
    """The storm's snapshots at several moments, taken in passing, and how the run that gave them ended."""
    found = {}
    with twin.Run(storm()) as run:
        for moment in MOMENTS:
            run.advance(local(moment))
            found[moment] = run.snapshot()
        return found, ended(run)


@pytest.mark.parametrize("minutes", [15, 7])
def test_steps_of_any_length_give_the_bits_of_the_whole(storm_prints, minutes):
    with twin.Run(storm()) as run:
        while run.now < run.end:
            run.advance(min(run.now + pd.Timedelta(minutes=minutes), run.end))
        assert ended(run) == {name: sha for name, sha in storm_prints.items() if name != "digest"}


def test_taking_snapshots_changes_no_bits(storm_prints, snapshots):
    assert snapshots[1] == {name: sha for name, sha in storm_prints.items() if name != "digest"}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_restored_run_goes_on_as_if_nothing_had_happened(storm_results, snapshots, moment):
    with twin.Run.restore(snapshots[0][moment]) as run:
        assert run.now == local(moment)
        assert ended(run, local(moment)) == from_then_on(*storm_results, local(moment))


def test_a_guard_told_at_the_very_moment_of_the_snapshot_is_not_lost(storm_results):
    events = storm_results[0].events
    told = events[events.kind.isin(["throttle", "shortage", "overload"])].time
    on_the_grid = told[(told.dt.second == 0) & (told.dt.microsecond == 0)].iloc[0]
    with twin.Run(storm()) as run:
        run.advance(on_the_grid)
        with twin.Run.restore(run.snapshot()) as other:
            assert ended(other, on_the_grid) == from_then_on(*storm_results, on_the_grid)


def test_a_restored_run_gives_the_same_snapshot_again(snapshots):
    with twin.Run.restore(snapshots[0]["0d 18:40"]) as run:
        assert run.snapshot() == snapshots[0]["0d 18:40"]


def test_a_snapshot_goes_on_in_another_process(storm_results, snapshots, tmp_path):
    moment = "0d 14:11"
    (tmp_path / "snap").write_bytes(snapshots[0][moment])
    answer = played("restore", str(tmp_path / "snap"))
    expected = from_then_on(*storm_results, local(moment))
    assert {name: answer[name] for name in expected} == expected


def test_a_fork_and_its_parent_end_alike_and_alone(storm_results):
    with twin.Run(storm()) as run:
        run.advance(local("0d 18:00"))
        with run.fork() as other:
            run.inject("open", "T5", after="30min")
            run.advance("2h")
            assert ended(other, local("0d 18:00")) == from_then_on(*storm_results, local("0d 18:00"))
        assert ended(run)["state"] != storm_results[1]


def other_variants() -> list[str]:
    """Instruction sets that are built and run here, but for the one in use."""
    folder = Path(_core.__file__).parent
    level = _core._kernel("baseline", "cpu").level()
    able = [isa for isa, needs in (("baseline", 0), ("x86_64_v3", 3), ("x86_64_v4", 4)) if level >= needs]
    return [isa for isa in able if isa != _core.isa and list((folder / isa).glob("plant.*.so"))]


@pytest.mark.parametrize("isa", other_variants())
def test_another_instruction_set_gives_the_same_bits(storm_prints, isa):
    answer = played("whole", TWIN_ISA=isa)
    assert answer.pop("isa") == isa
    assert answer == storm_prints


def test_another_process_under_another_hash_seed_gives_the_same_bits(storm_prints):
    answer = played("whole", PYTHONHASHSEED="4711")
    assert {name: answer[name] for name in storm_prints} == storm_prints


def test_a_run_resumed_after_a_kill_ends_with_the_digest_of_one_never_killed(storm_prints, tmp_path):
    with pytest.raises(subprocess.CalledProcessError) as death:
        played("killed", str(tmp_path / "out"), local("1d 11:20").isoformat())
    assert death.value.returncode == -signal.SIGKILL
    assert twin.open(tmp_path / "out").status == "running"
    with twin.Run.resume(tmp_path / "out") as run:
        assert run.now == local("1d 00:00")  # the checkpoint of the last midnight
        run.advance(run.end)
        assert run.finish().summary["digest"] == storm_prints["digest"]


def test_watching_all_jobs_changes_no_bits(storm_prints):
    with twin.Run(storm()) as run:
        run.watch("size >= 1")
        assert ended(run) == {name: sha for name, sha in storm_prints.items() if name != "digest"}


def test_stopping_at_every_large_job_changes_no_bits(storm_prints):
    stops = 0
    with twin.Run(storm()) as run:
        run.watch("size >= 2048")
        while run.now < run.end:
            reached = run.advance(run.end, stop_on_watch=True)
            stops += reached < run.end
        assert ended(run) == {name: sha for name, sha in storm_prints.items() if name != "digest"}
    assert stops > 10


def test_looking_off_the_grid_changes_no_bits(storm_prints):
    seen = []

    def onlooker(env: simpy.Environment, run: twin.Run):
        while True:
            yield env.timeout(7_777_777)
            seen.append(run.read("it.p_mw"))

    with twin.Run(storm()) as run:
        run.world.env.process(onlooker(run.world.env, run))
        assert ended(run) == {name: sha for name, sha in storm_prints.items() if name != "digest"}
    assert len(seen) == 2 * 86_400_000 // 7_777_777


def test_another_seed_gives_other_bits(storm_prints):
    with twin.Run(storm(seed=8)) as run:
        assert ended(run)["state"] != storm_prints["state"]


# ---------------------------------------------------------------------- the digest of a state


def test_the_state_digest_knows_what_is_planned_and_what_random_streams_have_given():
    with twin.Run(scenario()) as run:
        run.advance("1h")
        before = run.state_digest()
        with run.fork() as other:
            assert other.state_digest() == before
            other.inject("open", "T2", after="5h")
            assert other.state_digest() != before
        with run.fork() as other:
            other.world.random("pv-01", "dust").random()
            assert other.state_digest() != before
        assert run.state_digest() == before


def test_the_state_digest_does_not_change_when_the_books_are_closed():
    with twin.Run(scenario()) as run:
        run.advance("90min")
        before = run.state_digest()
        run.finish()
        assert run.state_digest() == before


# ---------------------------------------------------------------------- the grid of time


def test_a_set_point_written_off_the_grid_acts_from_the_next_line():
    with twin.Run(scenario()) as run:
        run.advance(local("0d 12:00"))
        run.inject("set", "pv-01.limit_share", value=0.2, after="30s")
        run.advance("1min")
        assert run.read("pv-01.p_mw") > 20.0
        run.advance("1min")
        assert run.read("pv-01.p_mw") < 0.2 * 2000 / 24 + 1e-9
        events = run.finish().events
    assert events[events.kind == "set"].time.tolist() == [local("0d 12:01")]


def test_writes_at_one_moment_act_in_the_order_written():
    with twin.Run(scenario()) as run:
        run.advance(local("0d 12:00"))
        for share in (0.5, 0.1, 0.3):
            run.write("pv-01.limit_share", share)
        run.advance("1min")
        assert run.read("pv-01.limit_share") == 0.3


def test_a_stop_off_the_grid_is_refused():
    with twin.Run(scenario()) as run, pytest.raises(RunError, match="not on the grid of 60 s"):
        run.advance("90s")


def test_a_run_cannot_go_back_nor_past_its_end():
    with twin.Run(scenario(run__days=1)) as run:
        run.advance("2h")
        with pytest.raises(RunError, match="cannot go back"):
            run.advance(local("0d 01:00"))
        with pytest.raises(RunError, match="after the end"):
            run.advance("23h")


def test_events_at_the_stop_belong_to_the_next_call():
    with twin.Run(scenario(entry("0d 01:00", "open", "T2"))) as run:
        run.advance(local("0d 01:00"))
        assert run.read("35-2.vm_pu") > 0.9
        run.advance("1min")
        assert run.finish().events.kind.tolist().count("open") == 1


# ---------------------------------------------------------------------- what is no snapshot


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: b"PK" + data[2:], "not a snapshot"),
        (lambda data: data.replace(b"TWINSNAP\x01", b"TWINSNAP\x02", 1), "not a snapshot of this version"),
        (lambda data: data[:-40], "damaged"),
        (lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:], "damaged"),
        (lambda _: b"", "not a snapshot"),
    ],
    ids=["foreign", "other version", "cut short", "one bit", "empty"],
)
def test_what_is_no_sound_snapshot_is_refused(snapshots, spoil, message):
    with pytest.raises(RunError, match=message):
        twin.Run.restore(spoil(snapshots[0]["0d 00:00"]))


def test_a_snapshot_is_plain_data(snapshots):
    data = snapshots[0]["0d 18:40"]
    assert json.loads(data[17 : 17 + int.from_bytes(data[9:17], "little")])["scenario"].startswith("title")
    assert b"cnumpy" not in data  # a pickle of arrays would name it


# ---------------------------------------------------------------------- random streams


def test_an_asset_more_changes_no_other_asset_s_draws():
    spare = (
        '[site.battery.spare]\nbus = "35-8"\nenergy_mwh = 100\npower_mw = 50\n'
        '[[commission]]\nwhat = "spare*"\nat = "2031-01-01"\n'
    )
    faults = []
    for text in ("", spare):
        with twin.Run(scenario("[run]\ndays = 2\n" + text)) as run:
            run.advance(run.end)
            events = run.finish().events
        drawn = events[events.kind.isin(["fault", "repair"]) & ~events.asset.str.startswith("spare")]
        faults.append([tuple(row) for row in drawn[["time", "kind", "asset", "text"]].itertuples(index=False)])
    assert len(faults[0]) > 3
    assert faults[1] == faults[0]
