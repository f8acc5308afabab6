"""The plant as a whole: sharing of power, capping, guards, books, records, reasons to stop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import twin
from tests.kernels.tiny import Tiny
from tests.runs.worlds import scenario
from twin import _core

GUARD, CHUNK, FAILED, AUDIT_FAILED = 1, 3, 4, 6


def site(tiny: Tiny, name: str) -> float:
    return float(tiny["site", name][0])


def balance_w(tiny: Tiny) -> float:
    put = sum(site(tiny, name) for name in ("solar_w", "grid_w", "battery_w", "genset_w"))
    return put - sum(site(tiny, name) for name in ("it_w", "cooling_w", "auxiliary_w", "losses_w", "mismatch_w"))


# ---------------------------------------------------------------------- allot


def test_sources_and_grid_and_battery_are_what_is_used_in_any_weather():
    tiny = Tiny()
    tiny["rule", "charge_share"][:] = tiny["rule", "discharge_share"][:] = 1.0
    for dc_pu in (0.0, 0.05, 0.3, 1.0):
        tiny.weather(dc_pu=dc_pu, temp_c=25.0, wet_bulb_c=15.0)
        for _ in range(3):
            tiny.step(60.0)
            assert abs(balance_w(tiny)) < 1e-6 * site(tiny, "load_w")


def test_the_sun_goes_to_the_load_then_to_storage_then_to_the_grid_then_nowhere():
    tiny = Tiny()
    tiny["rule", "charge_share"][:] = 1.0
    tiny.weather(dc_pu=1.0, temp_c=25.0, wet_bulb_c=15.0)
    tiny.step(300.0)  # the losses of the first steps are guesses
    assert site(tiny, "battery_w") == pytest.approx(-160e6, rel=1e-9)
    assert site(tiny, "grid_w") == pytest.approx(-400e6, abs=1e3)
    assert site(tiny, "curtailed_w") > 1e9
    tiny["store", "soc"][:] = 0.95
    tiny.step(60.0)
    assert abs(site(tiny, "battery_w")) < 1e3
    assert site(tiny, "grid_w") == pytest.approx(-400e6, abs=1e3)


def test_storage_covers_what_the_rule_lets_it_and_the_grid_the_rest():
    tiny = Tiny()
    tiny["rule", "discharge_share"][:] = 0.25
    tiny["row", "idle_w"][:] = tiny["row", "racks"] * 120e3
    tiny.step(300.0)
    load = site(tiny, "load_w")
    assert site(tiny, "battery_w") == pytest.approx(min(0.25 * 160e6, load), rel=1e-3)
    assert site(tiny, "grid_w") == pytest.approx(load - site(tiny, "battery_w"), abs=10.0)


def test_at_the_limit_of_the_tie_the_reserve_is_used_before_anybody_is_cut():
    tiny = Tiny()
    tiny["row", "idle_w"][:] = tiny["row", "racks"] * 120e3
    tiny["grid", "import_limit_w"][:] = 10e6
    tiny.step(60.0)
    assert site(tiny, "grid_w") == pytest.approx(10e6, abs=1e3)
    assert site(tiny, "battery_w") == pytest.approx(site(tiny, "load_w") - 10e6, rel=1e-3)
    assert site(tiny, "unserved_w") == 0.0


def test_what_cannot_be_served_is_cut_row_by_row_from_the_last():
    tiny = Tiny()
    tiny["row", "idle_w"][:] = tiny["row", "racks"] * 120e3
    tiny["store", "in_service"][:] = 0.0
    tiny["grid", "import_limit_w"][:] = 20e6
    tiny.step(60.0)
    shed = tiny["row", "shed"]
    assert 0 < shed.sum() < len(shed)
    assert (np.diff(shed) >= 0).all()
    assert site(tiny, "grid_w") <= 20e6 + 1e3
    assert tiny["row", "bbu_w"][shed > 0.5].min() > 0.0  # they ride on their batteries


def test_a_rack_battery_lasts_as_long_as_its_energy_and_then_the_row_is_unserved():
    tiny = Tiny()
    tiny["row", "idle_w"][:] = tiny["row", "racks"] * 132e3
    tiny["board", "in_service"][:] = 0.0
    used_s = 0.0
    while tiny["row", "bbu_j"].max() > 0.0 and used_s < 300.0:
        tiny.step(1.0)
        used_s += 1.0
    assert used_s == pytest.approx(120.0 / 1.05, abs=8.0)  # 120 s at 132 kW, and power shelves and pumps besides
    tiny.step(1.0)
    assert tiny["row", "run_w"].max() == 0.0
    assert tiny["row", "unserved_w"] == pytest.approx(tiny["row", "demand_w"])


def test_a_rack_battery_recharges_at_its_rate_and_not_beyond_full():
    tiny = Tiny()
    tiny["row", "bbu_j"][:] -= 3e5
    full, before = tiny["row", "bbu_full_j"], tiny["row", "bbu_j"].copy()
    tiny.step(1.0)
    assert tiny["row", "bbu_j"] - before == pytest.approx(tiny["row", "bbu_charge_w"])
    tiny.step(600.0)
    assert tiny["row", "bbu_j"] == pytest.approx(full)
    assert (tiny["row", "bbu_j"] <= full).all()


def test_a_board_s_loss_is_its_curve():
    tiny = Tiny()
    tiny.step(1.0)
    out, rated = tiny["board", "out_w"], tiny["board", "rated_w"]
    x = out / rated
    curve = rated * (tiny["board", "loss_0"] + x * (tiny["board", "loss_1"] + x * tiny["board", "loss_2"]))
    assert tiny["board", "loss_w"] == pytest.approx(curve, rel=1e-12)
    assert tiny["board", "in_w"] == pytest.approx(out + curve, rel=1e-12)


def test_two_boards_share_a_row_and_one_carries_it_alone():
    tiny = Tiny()
    tiny.step(1.0)
    both = tiny["board", "out_w"].copy()
    assert both[:4] == pytest.approx(both[4:])
    tiny["board", "in_service"][4:] = 0.0
    tiny.step(1.0)
    assert tiny["board", "out_w"][:4] == pytest.approx(2.0 * both[:4], rel=1e-3)
    assert tiny["board", "out_w"][4:].max() == 0.0
    assert site(tiny, "unserved_w") == 0.0


# ---------------------------------------------------------------------- march in steps


def test_long_steps_and_short_ones_use_the_same_energy():
    long, short = Tiny(), Tiny()
    long.step(3600.0)
    for _ in range(720):
        short.step(5.0)
    # chillers of the containers switch on and off, fans follow with a lag: those are not the same to the last per cent
    for name, rel in (("it", 1e-5), ("cooling", 1e-2), ("auxiliary", 2e-2)):
        assert short["ledger", name][0] == pytest.approx(long["ledger", name][0], rel=rel)


def test_the_ledger_is_the_integral_of_the_roll_up():
    tiny, it_j, grid_j = Tiny(), 0.0, 0.0
    for h_s in (60.0, 1.0, 0.25, 58.75, 60.0):
        tiny.step(h_s)
        it_j += site(tiny, "it_w") * h_s
        grid_j += max(site(tiny, "grid_w"), 0.0) * h_s
    assert tiny["ledger", "it"][0] == pytest.approx(it_j, rel=1e-12)
    assert tiny["ledger", "grid_import"][0] == pytest.approx(grid_j, rel=1e-12)
    assert tiny["ledger", "seconds"][0] == pytest.approx(180.0)


def test_the_audit_s_residuals_are_those_of_rounding():
    tiny = Tiny()
    tiny.step(7200.0)
    assert tiny["ledger", "worst_energy_pu"][0] < 1e-12
    assert tiny["ledger", "worst_heat_pu"][0] < 1e-10


def test_energy_that_appears_from_nowhere_ends_the_run():
    tiny = Tiny()
    tiny.step(60.0)
    tiny["row", "c_die_j_k"][3] *= 1.001  # a capacity that changes inside a step cannot be: its reciprocal stays
    _, why = tiny.plant.advance(120_000, True)
    assert why == AUDIT_FAILED
    assert tiny.engine.worst_asset() == "hall.r04"


def test_of_two_rows_that_are_off_the_worse_is_named():
    tiny = Tiny()
    tiny.step(60.0)
    tiny["row", "c_die_j_k"][3] *= 1.001
    tiny["row", "c_die_j_k"][20] *= 1.01
    tiny.plant.advance(120_000, True)
    assert tiny.engine.worst_asset() == "hall.r21"


@pytest.mark.parametrize(
    ("place", "index", "name"),
    [(("store", "cell_c"), 11, "bess.c12"), (("row", "tcs_c"), 0, "hall.r01"), (("loop", "return_c"), 0, "cooling")],
)
def test_a_temperature_that_is_not_a_number_ends_the_run_and_its_asset_is_named(place, index, name):
    tiny = Tiny()
    tiny.step(60.0)
    tiny[place][index] = np.nan
    _, why = tiny.plant.advance(120_000, True)
    assert why == AUDIT_FAILED
    assert tiny.engine.worst_asset() == name


def test_a_store_beyond_full_ends_the_run():
    tiny = Tiny()
    tiny["store", "soc"][5] = 1.2
    _, why = tiny.plant.advance(60_000, True)
    assert why == AUDIT_FAILED
    assert tiny.plant.failed_at == 5
    assert tiny.engine.worst_asset() == "bess.c06"


# ---------------------------------------------------------------------- stops and records


def test_a_full_buffer_stops_before_anything_is_lost():
    tiny = Tiny()
    reached, why = 0, 0
    while why != CHUNK:
        reached, why = tiny.plant.advance(86_400_000 * 4, True)
        if why == 5:
            tiny.plant.set_weather(tiny.plant.weather_keep, reached // 60_000)
            why = 0
    assert tiny.plant.hours == 50
    assert tiny.plant.minutes == 3000
    times = tiny.engine.buffers[2]
    assert times[:3000].tolist() == list(range(0, 3000 * 60_000, 60_000))


def test_a_minute_row_is_the_mean_of_its_steps_and_an_hour_has_least_and_greatest():
    tiny, seen = Tiny(), []
    channel = [c.name for c in tiny.engine.channels].index("solar.available_mw")
    minute = tiny.engine.minute_names.index("solar.available_mw")
    for k in range(60):
        tiny.weather(dc_pu=k / 60.0, temp_c=20.0, wet_bulb_c=10.0)
        for h_s in (10.0, 50.0):
            tiny.step(h_s)
        seen.append(site(tiny, "solar_available_w") * 1e-6)
    _, hour, _, minutes, _, _ = tiny.engine.buffers
    assert minutes[:60, minute] == pytest.approx(np.array(seen), rel=1e-6)
    assert hour[0, :, channel] == pytest.approx([np.mean(seen), np.min(seen), np.max(seen)], rel=1e-5)


def test_a_fine_window_steps_by_the_second_and_closes_by_itself():
    tiny = Tiny()
    tiny.step(3600.0)
    before = tiny["ledger", "steps"][0]
    tiny.plant.open_fine(1000, 60_000, 1_800_000)
    tiny.step(1800.0)
    fine = tiny["ledger", "fine_steps"][0]
    assert tiny["ledger", "windows"][0] == 1.0
    assert 60 <= fine <= 600
    assert tiny["ledger", "steps"][0] - before == fine + (1800 - fine) / 60
    assert tiny.plant.fines == fine


@pytest.mark.parametrize("step_ms", [10, 250, 1000])
def test_a_fine_window_may_be_as_fine_as_ten_milliseconds(step_ms):
    tiny = Tiny()
    tiny.plant.open_fine(step_ms, 1_000, 1_000)
    tiny.plant.advance(1_000, True)
    assert tiny["ledger", "fine_steps"][0] == 1000 / step_ms
    assert tiny["ledger", "worst_heat_pu"][0] < 1e-9


# ---------------------------------------------------------------------- runs of neighbours


@given(st.lists(st.integers(0, 30), max_size=40), st.lists(st.integers(0, 40), max_size=3))
def test_spans_hold_every_place_once_and_only_neighbours(at, cuts):
    cuts = sorted(min(cut, len(at)) for cut in cuts)
    spans = _core.plant.spans_of(at, cuts)
    numbers = [first + i for first, _, n in spans for i in range(n)]
    places = [place + i for _, place, n in spans for i in range(n)]
    assert numbers == list(range(len(at)))
    assert places == at
    assert set(cuts) - {len(at)} <= {first for first, _, _ in spans}


def test_an_hour_of_every_channel_is_made_of_its_values_after_each_step():
    tiny = Tiny()
    tiny.weather(dc_pu=0.4, temp_c=31.0, wet_bulb_c=16.0)
    channels = tiny.engine.channels
    seen = []
    for _ in range(60):
        tiny.step(60.0)
        seen.append([tiny.engine.arena.get(channel.place) * channel.scale for channel in channels])
    values = np.array(seen, dtype=np.float32)
    mean, least, greatest = tiny.engine.buffers[1][0]
    assert len({channel.place for channel in channels}) > 200
    np.testing.assert_array_equal(least, values.min(axis=0))
    np.testing.assert_array_equal(greatest, values.max(axis=0))
    np.testing.assert_allclose(mean, values.mean(axis=0, dtype=np.float64), rtol=2e-5, atol=1e-5)


@pytest.fixture
def base():
    with twin.Run(scenario(faults__random=False)) as run:
        yield run


@pytest.mark.parametrize("row", [0, 9, 397, 799])
def test_each_row_has_its_own_guard(base, row):
    engine, name = base.engine, base.engine.plan.row_names[row]
    engine.arena.column("row", "die_c")[row] = 130.0
    engine.arena.column("row", "pump_share")[row] = 0.0  # nothing takes the heat away
    assert engine.plant.advance(60_000, False)[1] == GUARD
    fired = [engine.plan.guards[i] for i in engine.plant.fired_now[: engine.plant.n_fired]]
    assert [guard.name for guard in fired if guard.place.table == "row"] == [f"{name}.trip"]
    told = set()
    while engine.plant.advance(180_000, False)[1] == GUARD:
        told |= {engine.plan.guards[i].name for i in engine.plant.fired_now[: engine.plant.n_fired]}
    assert {one for one in told if ".r" in one} >= {f"{name}.throttle"}
    assert f"{name}.trip" not in told  # told once
    assert all(one.startswith(name) for one in told if ".r" in one)


@pytest.mark.parametrize(("table", "column"), [("row", "die_c"), ("loop", "return_c"), ("store", "cell_c")])
def test_a_temperature_that_is_no_number_ends_the_run(base, table, column):
    base.engine.plan.guards.clear()
    base.engine.arena.column(table, column)[1] = np.nan
    why = GUARD
    while why == GUARD:
        _, why = base.engine.plant.advance(60_000, False)
    assert why in (AUDIT_FAILED, FAILED)


def test_a_hall_that_does_not_stand_yet_keeps_its_state():
    late = '[[commission]]\nwhat = "hall-02"\nat = "0d 02:00"\n'
    with twin.Run(scenario(late, faults__random=False)) as run:
        die_c = run.engine.arena.column("row", "die_c")
        first, last = run.engine.plan.halls["hall-02"]
        start = die_c[first:last].copy()
        run.advance("2h")
        assert (die_c[first:last] == start).all()
        assert (die_c[:first] != start[0]).all()
        assert run.read("cooling-02.power_mw") == 0.0
        run.advance("1h")
        assert (die_c[first:last] != start).all()
