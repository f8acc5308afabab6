"""The recorder: what is written is what was measured, and a dead run leaves only whole parts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recorded import CHANNELS, GROUPS, MINUTE, ended, finished, hour_block, minute_block, play, setting

from twin import parts
from twin.errors import RunError
from twin.quantities import MS_PER_DAY, MS_PER_HOUR, MS_PER_MIN
from twin.record import Event, Recorder, checkpoint_names, read_checkpoint

HOUR_1 = "ts/res=1h/day=2028-07-14/part.parquet"


def events(n: int, time_ms: int = 0) -> list[Event]:
    return [Event(i, time_ms, "trip", "T2", 1, 1.5, None, "gone") for i in range(n)]


def test_hours_are_long_sorted_by_channel_and_keep_every_bit(tmp_path):
    finished(tmp_path / "run", hours=24)
    frame = pq.read_table(tmp_path / "run" / HOUR_1, partitioning=None).to_pandas()
    _, block = hour_block(24)
    assert list(frame.columns) == ["channel", "time", "mean", "min", "max"]
    assert list(frame["channel"].unique()) == sorted(channel.name for channel in CHANNELS)
    hall = frame[frame["channel"] == "hall-01.supply_c"]
    for k, name in enumerate(("mean", "min", "max")):
        assert hall[name].to_numpy().tobytes() == block[:, k, 4].tobytes()


def test_minutes_are_wide_and_keep_every_bit(tmp_path):
    finished(tmp_path / "run", hours=24)
    table = pq.read_table(tmp_path / "run/ts/res=1min/day=2028-07-14/part.parquet", partitioning=None)
    assert table.column_names == ["time", "grid.p_mw", "battery.soc", "site.pue"]
    assert table.schema.field("time").type == pa.timestamp("ms", "UTC")
    assert table["battery.soc"].to_numpy().tobytes() == np.ascontiguousarray(minute_block(1440)[1][:, 1]).tobytes()


def test_a_day_is_a_day_on_the_sites_clock(tmp_path):
    start = 1_847_116_800_000 + 15 * MS_PER_HOUR  # 15:00 on site, 07:00 UTC
    finished(tmp_path / "run", hours=12, start_ms=start)
    first, second = sorted((tmp_path / "run/ts/res=1h").iterdir())
    assert (first.name, second.name) == ("day=2028-07-14", "day=2028-07-15")
    times = pq.read_table(second / "part.parquet", partitioning=None)["time"].to_pandas()
    assert times.min() == pd.Timestamp("2028-07-14T16:00Z")
    assert len(times.unique()) == 3


def test_parts_are_split_by_byte_and_compressed_with_zstd(tmp_path):
    finished(tmp_path / "run", hours=24)
    group = pq.ParquetFile(tmp_path / "run" / HOUR_1).metadata.row_group(0)
    assert "BYTE_STREAM_SPLIT" in group.column(2).encodings
    assert {group.column(i).compression for i in range(5)} == {"ZSTD"}
    assert group.column(2).physical_type == "FLOAT"


def test_pue_is_null_where_it_is_off_and_so_is_the_mean_of_a_mixed_hour(tmp_path):
    recorder = Recorder(tmp_path / "run", **setting())
    t_ms, block = hour_block(2)
    block[0, :, 2] = (0.7, 0.0, 1.2)
    block[1, :, 2] = 0.0
    recorder.hours(t_ms, block)
    recorder.finish({}, "")
    frame = pq.read_table(tmp_path / "run" / HOUR_1, partitioning=None).to_pandas()
    pue = frame[frame["channel"] == "site.pue"]
    assert pue[["mean", "min"]].isna().all(axis=None)
    assert pue["max"].isna().tolist() == [False, True]
    assert frame["mean"].isna().sum() == 2


def test_events_and_jobs_have_the_columns_of_the_design(tmp_path):
    finished(tmp_path / "run", hours=4)
    event = pq.read_table(tmp_path / "run/events/day=2028-07-14/part.parquet", partitioning=None)
    job = pq.read_table(tmp_path / "run/jobs/day=2028-07-14/part.parquet", partitioning=None)
    assert event.column_names == ["seq", "time", "kind", "asset", "priority", "value", "cause_seq", "text"]
    assert event["value"].to_pylist() == [0.0, None, 2.0 / 3.0, None]
    assert event["text"].to_pylist()[1] == "hour 1 · °C"
    row = job.to_pylist()[1]
    assert (row["state"], row["asset"], row["energy_kwh"], row["gpu_h"]) == ("finished", GROUPS[1], 2.0, 2.0)
    assert (row["wait_s"], row["cause"], row["job"]) == (600.0, 0, 1)


def test_jobs_that_still_run_have_no_end(tmp_path):
    recorder = Recorder(tmp_path / "run", **setting())
    alive = ended([7, 8], [MS_PER_DAY, MS_PER_DAY], state=3)
    alive["start_ms"][1], alive["group"][1], alive["state"][1] = -1, -1, 2
    recorder.jobs(alive)
    recorder.finish({}, "")
    rows = pq.read_table(tmp_path / "run/jobs/day=2028-07-15/part.parquet", partitioning=None).to_pylist()
    assert [(row["state"], row["end"], row["asset"]) for row in rows] == [
        ("running", None, "hall-01.a"),
        ("queued", None, None),
    ]
    assert rows[1]["start"] is None
    assert recorder.job_totals["ran"] == 0


def test_totals_count_waits_and_bounded_slowdowns(tmp_path):
    recorder = Recorder(tmp_path / "run", **setting())
    recorder.jobs(ended([1, 2, 3], [3_000_000, 4_000_000, 5_000_000]))
    # waited 600 s and ran 1800 s: slowdown 2400 / 1800
    assert recorder.job_totals == pytest.approx({"ran": 3, "wait_s": 1800.0, "bounded_slowdown": 4.0}, rel=1e-12)


@pytest.mark.parametrize("what", ["file", "dir"])
def test_a_directory_with_something_in_it_is_refused_by_name(tmp_path, what):
    out = tmp_path / "run"
    if what == "file":
        out.write_text("mine")
    else:
        out.mkdir()
        (out / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="run: exists and is not empty"):
        Recorder(out, **setting())


def test_an_empty_directory_is_taken_and_marked_running(tmp_path):
    Recorder(tmp_path, **setting())
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["status"], manifest["seed"]) == ("running", 1)
    assert manifest["start"] == "2028-07-14T00:00:00+08:00"
    assert (tmp_path / "scenario.resolved.toml").read_text() == "title = 'test'\n"
    channels = pq.read_table(tmp_path / "channels.parquet").to_pandas()
    assert channels.loc[0, ["name", "unit", "asset", "description"]].tolist() == ["grid.p_mw", "MW", "grid", "import"]


def test_the_buffers_may_be_used_again_at_once(tmp_path):
    recorder = Recorder(tmp_path / "run", **setting())
    t_ms, block = hour_block(3)
    recorder.hours(t_ms, block)
    block[:], t_ms[:] = 0.0, 0
    recorder.finish({}, "")
    mean = pq.read_table(tmp_path / "run" / HOUR_1, partitioning=None)["mean"].to_numpy()
    assert mean.min() >= 1.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_none_is_an_error_that_names_channel_and_time(tmp_path, bad):
    recorder = Recorder(tmp_path / "run", **setting())
    t_ms, block = hour_block(3)
    block[2, 1, 3] = bad
    with pytest.raises(RunError, match=r"hall-02\.supply_c is not finite at 2028-07-14T02:00:00\+08:00"):
        recorder.hours(t_ms, block)


def test_a_block_of_another_shape_is_an_error(tmp_path):
    recorder = Recorder(tmp_path / "run", **setting())
    with pytest.raises(RunError, match=r"shape \(2, 3, 5\), expected \(1, 3, 5\)"):
        recorder.hours(np.zeros(1, "i8"), hour_block(2)[1])


def test_rows_of_a_day_that_has_been_written_are_refused(tmp_path):
    recorder = Recorder(tmp_path / "run", **setting())
    play(recorder, 0, 24)
    with pytest.raises(RunError, match="written already"):
        recorder.hours(*hour_block(1, 23))
    with pytest.raises(RunError, match="written already"):
        recorder.event(events(1, MS_PER_DAY - 1)[0])
    with pytest.raises(RunError, match="written already"):
        recorder.jobs(ended([1], [MS_PER_DAY - 1]))


def test_a_flush_writes_whole_days_only(tmp_path):
    recorder = Recorder(tmp_path / "run", **setting())
    play(recorder, 0, 30, flush_every=100)
    recorder.flush(30 * MS_PER_HOUR)
    assert [path.name for path in (tmp_path / "run/ts/res=1h").iterdir()] == ["day=2028-07-14"]


def test_the_digest_does_not_depend_on_how_often_parts_are_flushed(tmp_path):
    digests = {finished(tmp_path / f"run-{every}", 50, flush_every=every) for every in (1, 7, 24, 100)}
    assert len(digests) == 1


def test_the_digest_does_not_depend_on_how_the_rows_were_cut(tmp_path):
    recorder = Recorder(tmp_path / "whole", **setting())
    recorder.hours(*hour_block(50))
    pieces = Recorder(tmp_path / "pieces", **setting())
    for first, n in ((0, 13), (13, 20), (33, 17)):
        pieces.hours(*hour_block(n, first))
        pieces.flush((first + n) * MS_PER_HOUR)
    assert recorder.finish({}, "s") == pieces.finish({"speed": {"cpu_s": 3.0}}, "s")


def test_the_digest_does_not_depend_on_the_files_or_the_manifest(tmp_path, monkeypatch):
    plain = finished(tmp_path / "plain")
    monkeypatch.setattr(parts, "part_bytes", _uncompressed)
    assert finished(tmp_path / "other", manifest={"versions": {"numpy": "9"}, "path": "/elsewhere"}) == plain


def _uncompressed(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="none")
    return sink.getvalue()


@pytest.mark.parametrize("place", [(0, 1, 2), (23, 2, 4)])
def test_the_digest_changes_with_a_single_bit(tmp_path, place):
    digests = []
    for name, flip in (("a", 0), ("b", 1)):
        recorder = Recorder(tmp_path / name, **setting())
        t_ms, block = hour_block(24)
        block.view("i4")[place] ^= flip
        recorder.hours(t_ms, block)
        digests.append(recorder.finish({}, ""))
    assert digests[0] != digests[1]


@pytest.mark.parametrize("hour", [0, 7, 24, 31, 48, 60])
def test_a_run_reopened_at_a_checkpoint_ends_with_the_same_digest(tmp_path, hour):
    recorder = Recorder(tmp_path / "run", **setting())
    play(recorder, 0, hour)
    ledger = json.dumps(recorder.ledger())
    recorder.checkpoint("a", ledger.encode())
    play(recorder, hour, 70)  # and then the process dies
    again = Recorder.reopen(tmp_path / "run", **setting(), at_ms=hour * MS_PER_HOUR, parts=json.loads(ledger))
    play(again, hour, 75)
    assert again.finish({}, "state") == _straight(tmp_path, 75)
    assert again.event_counts == {"kind-0": 25, "kind-1": 25, "kind-2": 25}
    assert again.job_totals["ran"] == 150


def _straight(tmp_path: Path, hours: int) -> str:
    recorder = Recorder(tmp_path / "straight", **setting())
    play(recorder, 0, hours)
    return recorder.finish({}, "state")


def test_reopening_removes_rows_after_the_checkpoint_at_once(tmp_path):
    recorder = Recorder(tmp_path / "run", **setting())
    play(recorder, 0, 30)
    ledger = recorder.ledger()
    recorder.checkpoint("a", b"")
    play(recorder, 30, 80)
    Recorder.reopen(tmp_path / "run", **setting(), at_ms=30 * MS_PER_HOUR, parts=ledger)
    times = pd.concat(
        pd.read_parquet(path, columns=["time"]) for path in (tmp_path / "run/ts/res=1h").rglob("*.parquet")
    )
    assert times["time"].max() == pd.Timestamp("2028-07-15T05:00+08:00")


def test_reopening_another_scenario_or_a_damaged_part_is_refused(tmp_path):
    recorder = Recorder(tmp_path / "run", **setting())
    play(recorder, 0, 30)
    ledger = recorder.ledger()
    recorder.checkpoint("a", b"")
    with pytest.raises(RunError, match="not the scenario"):
        Recorder.reopen(tmp_path / "run", **setting(resolved_toml="x"), at_ms=0, parts=ledger)
    ledger["open"]["events/day=2028-07-15/part.parquet"]["rows"] = 2
    with pytest.raises(RunError, match="not what the checkpoint remembers"):
        Recorder.reopen(tmp_path / "run", **setting(), at_ms=0, parts=ledger)
    (tmp_path / "run" / HOUR_1).unlink()
    with pytest.raises(RunError, match="the part is missing"):
        Recorder.reopen(tmp_path / "run", **setting(), at_ms=0, parts=ledger)


def test_the_last_three_checkpoints_are_kept(tmp_path):
    recorder = Recorder(tmp_path / "run", **setting())
    for name in ("day-1", "day-2", "day-3", "day-4", "day-5"):
        recorder.checkpoint(name, name.encode())
    assert checkpoint_names(tmp_path / "run") == ["day-3", "day-4", "day-5"]
    recorder.checkpoint("day-4", b"again")
    assert checkpoint_names(tmp_path / "run") == ["day-3", "day-4"]
    assert read_checkpoint(tmp_path / "run") == ("day-4", b"again", [])


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path):
    recorder = Recorder(tmp_path / "run", **setting())
    recorder.checkpoint("day-1", b"one")
    recorder.checkpoint("day-2", b"two and more")
    (tmp_path / "run/ckpt/day-2").write_bytes(b"two")
    assert read_checkpoint(tmp_path / "run") == ("day-1", b"one", ["day-2"])
    (tmp_path / "run/ckpt/day-1.sha256").unlink()
    with pytest.raises(RunError, match="no checkpoint to resume from; damaged: day-2, day-1"):
        read_checkpoint(tmp_path / "run")


def test_an_aborted_run_keeps_what_it_has_and_says_why(tmp_path):
    recorder = Recorder(tmp_path / "run", **setting())
    play(recorder, 0, 30)
    recorder.abort("stopped by hand", status="interrupted")
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    assert (manifest["status"], manifest["reason"]) == ("interrupted", "stopped by hand")
    assert manifest["valid_to"] == "2028-07-15T06:00:00+08:00"
    assert len(list((tmp_path / "run/ts/res=1h").rglob("*.parquet"))) == 2


def test_a_window_channel_is_null_outside_its_window_and_absent_on_other_days(tmp_path):
    changes = {"minute": (*MINUTE, "hall-01.supply_c"), "windows": {"hall-01.supply_c": [(0, 3 * MS_PER_MIN)]}}
    recorder = Recorder(tmp_path / "run", **setting(**changes))
    recorder.minutes(np.array([0, 2, 3, 1500]) * MS_PER_MIN, np.ones((4, 4), "f4"))
    recorder.finish({}, "")
    first, second = sorted((tmp_path / "run/ts/res=1min").rglob("*.parquet"))
    assert parts.read_part(first)["hall-01.supply_c"].to_pylist() == [1.0, 1.0, None]
    assert parts.read_part(second).column_names == ["time", *MINUTE]


@pytest.fixture
def killed(tmp_path) -> Path:
    """The directory of a run whose process was killed while it wrote."""
    here = Path(__file__)
    path = os.pathsep.join((str(here.parents[2]), str(here.parent)))
    command = [sys.executable, str(here.with_name("recorded.py")), str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}) as process:
        process.stdout.readline()
        process.kill()
    return tmp_path / "run"


def test_after_a_kill_every_part_is_readable_and_bit_equal(killed):
    found = sorted(killed.rglob("*.parquet"))
    assert len(found) > 16
    assert all(len(pd.read_parquet(path)) for path in found)
    rows = duckdb.read_parquet(str(killed / "ts/res=1h/**/*.parquet"))
    mean = np.array(rows.filter("channel = 'grid.p_mw'").order("time").project("mean").fetchall(), "f4")
    assert rows.project("channel").fetchall().count(("grid.p_mw",)) == len(mean)
    assert mean.tobytes() == np.ascontiguousarray(hour_block(len(mean))[1][:, 0, 0]).tobytes()
    assert json.loads((killed / "manifest.json").read_text())["status"] == "running"


def test_a_killed_run_resumed_from_its_checkpoint_ends_with_the_digest_of_one_that_was_not(killed, tmp_path):
    _, data, damaged = read_checkpoint(killed)
    kept = json.loads(data)
    recorder = Recorder.reopen(killed, **setting(), at_ms=kept["hour"] * MS_PER_HOUR, parts=kept["parts"])
    play(recorder, kept["hour"], kept["hour"] + 30)
    assert recorder.finish({}, "state") == _straight(tmp_path, kept["hour"] + 30)
    assert damaged == []
    assert not list(killed.rglob("*.tmp"))


def test_a_name_that_is_no_channel_cannot_be_recorded(tmp_path):
    with pytest.raises(RunError, match="hall-99 is to be recorded but is no channel"):
        Recorder(tmp_path / "run", **setting(fine=("hall-99",)))
