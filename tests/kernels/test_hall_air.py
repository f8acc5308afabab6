"""The air of a hall, its chilled-air units and its walls, against an integrator, by hand, and in the books."""

import numpy as np
import pytest

from tests.kernels.tiny import Tiny
from tests.reference import thermal

AUDIT_FAILED = 6


@pytest.mark.parametrize("h_s", [0.25, 5.0, 60.0])
@pytest.mark.parametrize("start_c", [20.0, 25.5, 26.0, 27.0, 33.0, 60.0])
def test_units_that_can_carry_the_room_bring_it_to_its_set_point(h_s, start_c):
    # standing while far too cold, flat out while far too warm, within two minutes between: one step or many
    tiny = Tiny()
    tiny["row", "idle_w"][:] = tiny["row", "racks"] * 90e3
    tiny["loop", "air_c"][:] = start_c
    tiny.step(h_s)
    room_w = float(tiny["row", "air_w"].sum())
    c, design = float(tiny["loop", "c_air_j_k"][0]), float(tiny["loop", "q_design_w"][0])
    assert room_w < 0.1875 * design
    end_c, taken_j, _ = thermal.hall_air(room_w, 0.1875 * design, 0.0, c, start_c, h_s)
    assert tiny["loop", "air_c"][0] == pytest.approx(end_c, abs=2e-4)
    assert tiny["loop", "air_w"][0] * h_s == pytest.approx(taken_j, rel=1e-5, abs=1.0)
    assert tiny["loop", "leak_w"][0] == 0.0


@pytest.mark.parametrize("h_s", [0.25, 60.0])
@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("start_c", [22.0, 45.0])
def test_a_room_that_is_not_held_warms_and_leaks_to_its_walls(h_s, share, start_c):
    tiny = Tiny()
    tiny["row", "idle_w"][:] = tiny["row", "racks"] * 120e3
    tiny["loop", "air_c"][:], tiny["loop", "running"][:] = start_c, share
    tiny.step(h_s)
    c, design = float(tiny["loop", "c_air_j_k"][0]), float(tiny["loop", "q_design_w"][0])
    room_w, capacity_w = float(tiny["row", "air_w"].sum()), 0.1875 * design * share
    end_c, taken_j, leaked_j = thermal.hall_air(room_w, capacity_w, 0.002 * 0.15 * design, c, start_c, h_s)
    assert tiny["loop", "air_c"][0] == pytest.approx(end_c, abs=1e-7)
    assert tiny["loop", "air_w"][0] * h_s == pytest.approx(taken_j, rel=1e-9)
    assert tiny["loop", "leak_w"][0] * h_s == pytest.approx(leaked_j, rel=1e-7)


def test_a_dead_hall_comes_to_the_temperature_of_its_walls():
    tiny = Tiny()
    tiny["row", "commissioned"][:] = tiny["loop", "running"][:] = 0.0
    tiny["loop", "air_c"][:] = 50.0
    tiny.step(1800.0)
    lag_s = 60e3 * 35.0 / (0.002 * 0.15 * 35e6)
    assert tiny["loop", "air_c"][0] == pytest.approx(30.0 + 20.0 * np.exp(-1800.0 / lag_s), abs=1e-9)


@pytest.mark.parametrize(("outside_c", "cop"), [(10.0, 5.0), (25.0, 5.0), (35.0, 4.5), (45.0, 4.0)])
def test_air_units_take_five_times_their_power_at_25_degrees_and_one_percent_less_per_kelvin_above(outside_c, cop):
    tiny = Tiny()
    tiny.weather(temp_c=outside_c, wet_bulb_c=outside_c - 5.0)
    tiny.step(3600.0)
    assert tiny["loop", "air_w"][0] == pytest.approx(tiny["row", "air_w"].sum(), rel=1e-6)
    assert tiny["loop", "air_el_w"][0] == pytest.approx(tiny["row", "air_w"].sum() / cop, rel=1e-6)


def test_all_heat_of_a_hall_is_in_its_water_its_air_units_its_walls_or_still_there():
    tiny, given_j, parts = Tiny(), 0.0, (("row", "die_c"), ("row", "tcs_c"), ("loop", "return_c"), ("loop", "supply_c"))
    sizes = {"die_c": "c_die_j_k", "tcs_c": "c_tcs_j_k", "return_c": "c_return_j_k", "supply_c": "c_supply_j_k"}
    tiny["row", "idle_w"][:] = tiny["row", "racks"] * 100e3

    def stored_j() -> float:
        water = sum(float((tiny[table, name] * tiny[table, sizes[name]]).sum()) for table, name in parts)
        return water + float((tiny["loop", "c_air_j_k"] * tiny["loop", "air_c"]).sum())

    before_j = stored_j()
    for minute in range(90):
        tiny["loop", "running"][:] = 0.0 if 30 <= minute < 33 else 1.0  # the plant stops, and the room leaks
        tiny.step(60.0)
        given_j += float(tiny["row", "run_w"].sum()) * 60.0
    books = {name: float(tiny["ledger", f"heat_{name}"][0]) for name in ("water", "air", "walls")}
    assert books["walls"] > 1e6
    assert sum(books.values()) + stored_j() - before_j == pytest.approx(given_j, rel=1e-12)


def test_air_that_does_not_follow_its_books_ends_the_run():
    tiny = Tiny()
    tiny["loop", "air_c"][:] = np.nan
    _, why = tiny.plant.advance(60_000, True)
    assert why == AUDIT_FAILED
    assert tiny.engine.worst_asset() == "cooling"
