"""Results: tables of a run, whole or killed, the summary and the verdicts."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from recorded import CHANNELS, MINUTE, finished, hour_block, minute_block, play, setting

import twin.results
from twin.errors import RunError, TwinError
from twin.indicators import Expect, summarise, verdict
from twin.quantities import MS_PER_HOUR, MS_PER_MIN
from twin.record import Recorder
from twin.results import UnknownChannelError
from twin.tables import TABLES


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two days of a tiny site."""
    out = tmp_path_factory.mktemp("results") / "run"
    finished(out, hours=48)
    return twin.results.open(out)


def recorded(out, **changes) -> Recorder:
    return Recorder(out, **setting(**changes))


# Tables -------------------------------------------------------------------------------------------------------------


def test_site_channels_come_by_the_minute_bit_by_bit(run):
    table = run.table(["battery.soc", "grid.p_mw"])
    _, block = minute_block(2880)
    assert table.index[0] == pd.Timestamp("2028-07-13T16:00Z")
    assert str(table.index.dtype) == "datetime64[ms, UTC]"
    assert table.to_numpy().tobytes() == np.ascontiguousarray(block[:, [1, 0]]).tobytes()


def test_one_channel_without_minutes_makes_the_table_hourly(run):
    table = run.table(["battery.soc", "hall-02.supply_c"])
    _, block = hour_block(48)
    assert list(table.columns) == ["battery.soc", "hall-02.supply_c"]
    assert table.to_numpy().tobytes() == np.ascontiguousarray(block[:, 0][:, [1, 3]]).tobytes()


@pytest.mark.parametrize(("stat", "k"), [("mean", 0), ("min", 1), ("max", 2)])
def test_hourly_extremes_are_those_of_the_steps(run, stat, k):
    table = run.table("hall-01.supply_c", every="1h", stat=stat)
    assert table["hall-01.supply_c"].to_numpy() == pytest.approx(hour_block(48)[1][:, k, 4], abs=0)
    site = run.table("grid.p_mw", every="1h", stat=stat)
    assert site["grid.p_mw"].to_numpy() == pytest.approx(hour_block(48)[1][:, k, 0], abs=0)


def test_longer_rows_are_means_of_powers_and_last_values_of_states(run):
    table = run.table(["grid.p_mw", "battery.soc"], every="15min")
    _, block = minute_block(15)
    assert table["grid.p_mw"].iloc[0] == pytest.approx(block[:, 0].mean(dtype="f8"), rel=1e-12)
    assert table["battery.soc"].iloc[0] == block[14, 1]
    assert len(table) == 48 * 4


def test_days_are_days_on_the_sites_clock(run):
    table = run.table("hall-0?.supply_c", every="1d", stat="max")
    assert [str(time) for time in table.index] == ["2028-07-13 16:00:00+00:00", "2028-07-14 16:00:00+00:00"]
    assert table["hall-02.supply_c"].iloc[1] == hour_block(24, 24)[1][:, 2, 3].max()


def test_rows_finer_than_what_is_recorded_are_refused(run):
    with pytest.raises(RunError, match=r"hall-01\.supply_c: recorded by the hour here, so every='15min'"):
        run.table(["grid.p_mw", "hall-01.supply_c"], every="15min")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2028-07-14 23:00", "2028-07-15 01:30"),
        ("2028-07-14T15:00Z", "2028-07-14T17:30Z"),
        (pd.Timestamp("2028-07-14 23:00", tz="Asia/Shanghai"), pd.Timestamp("2028-07-14 17:30", tz="UTC")),
    ],
)
def test_text_without_an_offset_is_on_the_sites_clock(run, start, end):
    table = run.table("grid.p_mw", start, end)
    assert len(table) == 150
    assert table["grid.p_mw"].iloc[0] == minute_block(1, 23 * 60)[1][0, 0]


def test_an_empty_span_gives_an_empty_table(run):
    table = run.table(["grid.p_mw", "site.pue"], "2030-01-01", "2030-01-02")
    assert table.shape == (0, 2)
    assert run.table("hall-01.supply_c", "2030-01-01", every="1d").shape == (0, 1)


def test_what_is_not_a_time_is_an_error(run):
    with pytest.raises(RunError, match="'noon' is not a time"):
        run.table("grid.p_mw", "noon")


def test_wildcards_give_each_channel_once_in_the_order_asked(run):
    assert run.match(["hall-02.*", "hall-*.supply_c"]) == ["hall-02.supply_c", "hall-01.supply_c"]
    assert run.match("*") == [channel.name for channel in CHANNELS]


@pytest.mark.parametrize(("name", "hint"), [("hall-1.supply_c", "hall-01.supply_c"), ("batery.soc", "battery.soc")])
def test_an_unknown_channel_names_the_nearest(run, name, hint):
    with pytest.raises(UnknownChannelError, match=hint) as caught:
        run.table(name)
    assert isinstance(caught.value, TwinError)
    assert isinstance(caught.value, KeyError)
    assert str(caught.value).startswith(f"no channel '{name}': did you mean")


def test_missing_pue_is_nan_and_does_not_spoil_the_day(tmp_path):
    recorder = recorded(tmp_path)
    t_ms, block = minute_block(60)
    block[:30, 2] = 0.0
    block[30:, 2] = 1.25
    recorder.minutes(t_ms, block)
    recorder.finish({}, "")
    results = twin.results.open(tmp_path)
    assert results.table("site.pue")["site.pue"].isna().sum() == 30
    assert results.table("site.pue", every="1h")["site.pue"].tolist() == [1.25]


def test_a_window_gives_minutes_inside_it_and_hours_elsewhere(tmp_path):
    spans = {"hall-01.supply_c": [(0, 2 * MS_PER_HOUR)]}
    recorder = recorded(tmp_path, minute=(*MINUTE, "hall-01.supply_c"), windows=spans)
    recorder.minutes(np.arange(180) * MS_PER_MIN, np.ones((180, 4), "f4"))
    recorder.hours(*hour_block(3))
    recorder.finish({}, "")
    results = twin.results.open(tmp_path)
    assert len(results.table("hall-01.supply_c", "2028-07-14", "2028-07-14 02:00")) == 120
    assert len(results.table("hall-01.supply_c")) == 3


def test_fine_rows_are_those_of_the_windows(run):
    fine = run.fine(["hall-02.supply_c"], "2028-07-14 05:00", "2028-07-14 06:00")
    assert fine["hall-02.supply_c"].tolist() == [7.0, 7.0, 7.0]
    assert (fine.index[1] - fine.index[0]) == pd.Timedelta("1s")
    with pytest.raises(RunError, match=r"grid\.p_mw: not recorded in fine windows"):
        run.fine("grid.*")


# Events, jobs, SQL, plot --------------------------------------------------------------------------------------------


def test_events_and_jobs_are_tables(run):
    assert run.events.columns.tolist() == [
        "seq", "time", "kind", "asset", "priority", "value", "cause_seq", "text",
    ]  # fmt: skip
    assert run.events["seq"].tolist() == list(range(48))
    assert run.events["cause_seq"].isna().sum() == 24
    assert len(run.jobs) == 96
    assert run.jobs["energy_kwh"].sum() == 192.0
    assert run.jobs.groupby("asset")["gpu_h"].sum().to_dict() == {"hall-01.a": 96.0, "hall-01.b": 96.0}


def test_sql_sees_every_view(run):
    answer = run.sql("select channel, max(max) as hottest from hours where channel like 'hall-%' group by 1 order by 1")
    assert answer["hottest"].tolist() == hour_block(48)[1][:, 2, [4, 3]].max(axis=0).tolist()
    assert run.sql('select count("grid.p_mw") as n from minutes')["n"].tolist() == [2880]
    assert run.sql("select min(time) as t from events")["t"][0] == pd.Timestamp("2028-07-13T16:00Z")
    assert run.sql("select count(*) as n from jobs where state = 'finished'")["n"].tolist() == [96]


def test_sql_works_where_nothing_was_recorded(tmp_path):
    recorded(tmp_path / "it's").finish({}, "")
    results = twin.results.open(tmp_path / "it's")
    assert results.sql("select count(*) as n from fine")["n"].tolist() == [0]
    assert (len(results.events), len(results.jobs), len(results.table("grid.p_mw"))) == (0, 0, 0)
    assert results.valid_to == results.start


def test_sql_without_duckdb_names_the_command(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(RunError, match=r"pip install 'twin\[sql\]'"):
        run.sql("select 1")


def test_a_plot_has_a_diagram_for_each_unit_on_the_sites_clock(run):
    figure = run.plot(["grid.p_mw", "hall-*.supply_c"], every="1h")
    assert [trace.name for trace in figure.data] == ["grid.p_mw", "hall-02.supply_c", "hall-01.supply_c"]
    assert (figure.layout.yaxis.title.text, figure.layout.yaxis2.title.text) == ("MW", "°C")
    assert pd.Timestamp(figure.data[0].x[0]) == pd.Timestamp("2028-07-14 00:00")


# Status -------------------------------------------------------------------------------------------------------------


def test_a_complete_run_says_so(run):
    assert (run.status, run.summary["pue"], len(run.summary["digest"])) == ("complete", 1.2, 64)
    assert run.valid_to == pd.Timestamp("2028-07-15T16:00Z")
    assert repr(run) == "<Results run: complete>"


def test_a_killed_run_opens_and_says_how_far_it_is_valid(tmp_path):
    recorder = recorded(tmp_path / "run")
    play(recorder, 0, 30)  # the last six hours are lost with the process
    results = twin.results.open(tmp_path / "run")
    assert repr(results) == "<Results run: running: incomplete, valid to 2028-07-15T00:00:00+08:00>"
    assert results.summary == {}
    assert len(results.table("grid.p_mw")) == 1440


def test_a_directory_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"no manifest\.json"):
        twin.results.open(tmp_path)


# Verdicts -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def heat(tmp_path):
    """Six hours of 40 °C; hall-01 has 46.5 °C in the fourth, hall-02 39 °C; minutes of 2 MW with one of 9 MW."""
    recorder = recorded(tmp_path, manifest={"expect": [{"that": "hall-*.supply_c", "below": 47}]})
    block = np.full((6, 3, 5), 40.0, "f4")
    block[3, 2, 4], block[:, 1, 3], block[:, :, 0], block[3, 2, 0] = 46.5, 39.0, 2.0, 9.0
    recorder.hours(np.arange(6) * MS_PER_HOUR, block)
    minutes = np.full((360, 3), 2.0, "f4")
    minutes[200, 0] = 9.0
    recorder.minutes(np.arange(360) * MS_PER_MIN, minutes)
    fine = np.full((3, 3), 40.0, "f4")
    fine[1, 2] = 46.5
    recorder.fine(np.array([11_000_000, 11_001_000, 11_002_000]), fine)
    recorder.finish({}, "")
    return twin.results.open(tmp_path)


@pytest.mark.parametrize(
    ("limit", "met", "observed", "channel"),
    [
        ({"below": 47.0}, True, 46.5, "hall-01.supply_c"),
        ({"below": 46.5}, False, 46.5, "hall-01.supply_c"),
        ({"at_most": 46.5}, True, 46.5, "hall-01.supply_c"),
        ({"above": 39.0}, False, 39.0, "hall-02.supply_c"),
        ({"at_least": 39.0}, True, 39.0, "hall-02.supply_c"),
    ],
)
def test_a_verdict_names_the_worst_value_and_its_channel(heat, limit, met, observed, channel):
    (found,) = verdict([Expect("hall-*.supply_c", **limit)], heat)
    assert (found.met, found.observed, found.channel) == (met, observed, channel)
    assert found.limit == next(iter(limit.values()))


def test_a_verdict_finds_the_step_of_a_fine_window(heat):
    (found,) = heat.verdicts
    assert found.time == pd.Timestamp("2028-07-14T03:03:21+08:00")
    assert (found.relation, found.met) == ("below", True)


def test_a_verdict_finds_the_minute_of_a_site_channel(heat):
    (found,) = verdict([Expect("grid.p_mw", at_most=8.0)], heat)
    assert (found.observed, found.time) == (9.0, pd.Timestamp("2028-07-14T03:20:00+08:00"))


@pytest.mark.parametrize(("from_min", "to_min", "observed"), [(201, 360, 2.0), (30, 200, 2.0), (190, 201, 9.0)])
def test_a_span_off_the_hours_is_judged_by_the_minute(heat, from_min, to_min, observed):
    span = {"from_ms": from_min * MS_PER_MIN, "to_ms": to_min * MS_PER_MIN}
    assert verdict([Expect("grid.p_mw", at_most=8.0, **span)], heat)[0].observed == observed


def test_a_span_off_the_hours_is_judged_by_whole_hours_where_there_are_no_minutes(heat):
    span = {"from_ms": 210 * MS_PER_MIN, "to_ms": 220 * MS_PER_MIN}
    assert verdict([Expect("hall-01.supply_c", below=46.0, **span)], heat)[0].met is False


def test_two_limits_are_two_verdicts_and_a_span_after_the_end_has_none(heat):
    both = verdict([Expect("grid.p_mw", below=10.0, at_least=2.0, title="tie")], heat)
    assert [(found.relation, found.met, found.title) for found in both] == [
        ("below", True, "tie"),
        ("at_least", True, "tie"),
    ]
    (late,) = verdict([Expect("grid.p_mw", below=10.0, from_ms=10**10)], heat)
    assert (late.met, late.observed, late.time) == (None, None, None)
    with pytest.raises(UnknownChannelError, match=r"grid\.p_mw"):
        verdict([Expect("grid.p_w", below=1.0)], heat)


# Summary ------------------------------------------------------------------------------------------------------------

GWH = 3.6e12


def summary(**changes) -> dict:
    """A day: 20 GWh available, 16 used, 3 exported, load 18, grid 6, battery 2 in and 1 out; the books balance."""
    ledger = dict.fromkeys(TABLES["ledger"], 0.0) | {
        "solar_available": 20 * GWH, "solar_used": 16 * GWH, "curtailed": 4 * GWH, "grid_import": 6 * GWH,
        "grid_export": 3 * GWH, "battery_charge": 2 * GWH, "battery_discharge": 1 * GWH, "it": 15 * GWH,
        "cooling": 1 * GWH, "auxiliary": 1 * GWH, "losses": 1 * GWH, "water_kg": 3e6, "rows_up_s": 99.0,
        "rows_s": 100.0, "energy_drift": -1e-3, "throughput": 18 * GWH, "worst_energy_pu": 1e-12,
    }  # fmt: skip
    jobs = {"submitted": 9, "finished": 5, "failed": 1, "requeued": 2, "n_running": 2, "n_queued": 1}
    return summarise(
        ledger | changes,
        jobs=jobs | {"ran": 6.0, "wait_s": 60.0, "bounded_slowdown": 9.0},
        queue_ledger={"allocated": 7.2e6, "lost": 1.8e6, "finished": 5.4e6, "in_progress": 0},
        battery={"soh": 0.98, "equivalent_full_cycles": 12.0},
        events={"trip": 2, "fault": 1},
        fine_windows=3,
        speed={"simulated_s": 86_400.0, "cpu_s": 0.1, "peak_rss_mb": 300.0},
        scenario_digest="abc",
    )


def test_the_summary_has_every_key_of_the_design():
    figures = summary()
    assert set(figures) == {
        "energy_mwh", "shares", "pue", "wue_l_per_kwh", "co2_t", "jobs", "gpu_h", "availability", "battery",
        "events", "fine_windows", "audit", "speed", "scenario_digest",
    }  # fmt: skip
    assert len(figures["energy_mwh"]) == 13
    assert list(figures["events"]) == ["fault", "trip"]
    assert set(figures["audit"]) == {
        "largest_energy_residual_pu",
        "largest_heat_residual_pu",
        "largest_water_residual_pu",
        "cumulative_drift_pu",
    }
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_the_shares_of_generation_add_up_and_green_is_what_grid_did_not_bring():
    shares = summary()["shares"]
    assert shares == pytest.approx({"green_load": 12 / 18, "self_use": 13 / 20, "feed_in": 3 / 20, "curtailed": 0.2})
    # the balance from the sources' side: 16 solar - 3 exported + 1 - 2 through the battery
    assert shares["green_load"] * 18 == pytest.approx(16 - 3 + 1 - 2)


def test_the_ratios_of_the_summary():
    figures = summary()
    assert figures["pue"] == pytest.approx(18 / 15)
    assert figures["wue_l_per_kwh"] == pytest.approx(0.2)  # 3,000 m³ over 15 GWh
    assert figures["co2_t"] == pytest.approx(6000 * 0.6187)
    assert figures["availability"] == pytest.approx(0.99)
    assert figures["gpu_h"] == {"delivered": 2.0, "lost": 0.5, "goodput": 1.5}
    assert (figures["jobs"]["mean_wait_s"], figures["jobs"]["mean_bounded_slowdown"]) == (10.0, 1.5)
    assert (figures["jobs"]["preempted"], figures["jobs"]["running"]) == (2, 2)
    assert figures["speed"]["simulated_s_per_cpu_s"] == pytest.approx(864_000)


def test_what_has_no_value_is_none_and_not_nan():
    figures = summary(it=0.0, solar_available=0.0, rows_s=0.0)
    assert (figures["pue"], figures["wue_l_per_kwh"], figures["availability"]) == (None, None, None)
    assert figures["shares"]["self_use"] is None
