"""Chillers, cooling towers and their water: against published figures, a grid of Merkel cells, and the books."""

from pathlib import Path

import numpy as np
import pytest

import twin
from tests.kernels.tiny import SITE, Tiny
from twin.components.cooling_plant import saturated_j_kg

BASE = Path(__file__).parents[2] / "scenarios" / "base" / "zhongwei.toml"
AUDIT_FAILED = 6
TOWER = SITE + 'cooler = "tower"\napproach_k = 5.0\n'
CHILLED = SITE + "chillers_count = 12\n"
PRESSURE_PA = 87_400.0


def plant(text: str, temp_c: float, wet_c: float, kw: float = 110.0) -> Tiny:
    tiny = Tiny(text)
    tiny.weather(temp_c=temp_c, wet_bulb_c=wet_c, pressure_pa=PRESSURE_PA)
    tiny["row", "idle_w"][:] = tiny["row", "racks"] * kw * 1e3
    return tiny


# ---------------------------------------------------------------------- chillers


def chiller_power_kw(te_c: float, tc_c: float, share: float) -> float:
    """Carrier 19XR 742 kW, COP 5.42 (Modelica Buildings, ElectricEIR), NumPy."""
    cap = np.array([0.9797101, -2.895701e-3, -8.970718e-4, 1.031440e-2, -7.431651e-4, 1.453508e-3])
    eir = np.array([0.9946139, -4.829399e-2, 4.674277e-4, -1.158726e-3, 5.762583e-4, 2.148192e-4])
    terms = np.array([1.0, te_c, te_c**2, tc_c, tc_c**2, te_c * tc_c])
    part = np.polyval([0.7394038, 0.1396384, 0.1202277], max(share, 0.19)) * share / max(share, 0.19)
    return float(742.0 * (cap @ terms) / 5.42 * (eir @ terms) * part)


@pytest.mark.parametrize(("outside_c", "kw"), [(10.0, 30.0), (10.0, 60.0), (18.0, 90.0), (20.0, 110.0)])
def test_chillers_share_the_room_s_heat_by_the_eir_curves(outside_c, kw):
    tiny = plant(CHILLED, outside_c, outside_c - 5.0, kw)
    tiny.step(3600.0)
    running, share = tiny["loop", "chillers_on"][0], tiny["loop", "chiller_plr"][0]
    expected = running * chiller_power_kw(7.0, outside_c + 4.0, share)
    assert tiny["loop", "air_el_w"][0] == pytest.approx(1e3 * expected, rel=1e-9)
    assert 1.0 <= running <= 12.0


def test_chillers_start_at_85_percent_and_stop_below_60_after_ten_minutes():
    tiny = plant(CHILLED, 15.0, 10.0, 120.0)
    tiny.step(3600.0)
    many = tiny["loop", "chillers_on"][0]
    assert many > 3.0
    assert tiny["loop", "chiller_plr"][0] <= 0.85
    tiny["row", "idle_w"][:] = tiny["row", "racks"] * 30e3
    tiny.step(60.0)
    assert many - tiny["loop", "chillers_on"][0] <= 1.0
    changed = []
    for minute in range(90):
        before = tiny["loop", "chillers_on"][0]
        tiny.step(60.0)
        if tiny["loop", "chillers_on"][0] != before:
            changed.append(minute)
    assert len(changed) >= 2
    assert min(np.diff(changed)) >= 10


def test_beyond_their_curves_chillers_need_power_in_proportion_to_the_lift():
    # 24 °C is where the curves end; the same heat at 41 °C of condenser water needs (41 - 7)/(24 - 7) of the power
    cool, hot = plant(CHILLED, 20.0, 15.0, 80.0), plant(CHILLED, 37.0, 20.0, 80.0)
    cool.step(3600.0), hot.step(3600.0)
    assert hot["loop", "chillers_on"][0] == cool["loop", "chillers_on"][0]
    assert hot["loop", "air_w"][0] == pytest.approx(cool["loop", "air_w"][0], rel=1e-6)
    assert hot["loop", "air_el_w"][0] / cool["loop", "air_el_w"][0] == pytest.approx(34.0 / 17.0, rel=1e-6)


def test_a_room_with_too_few_chillers_warms():
    tiny = plant(CHILLED, 25.0, 15.0, 120.0)
    tiny["loop", "chillers_in_service"][:] = 2.0
    tiny.step(3600.0)
    assert tiny["loop", "air_c"][0] > 30.0


# ---------------------------------------------------------------------- towers


def merkel_w(ua_w_k: float, air_w_k: float, water_w_k: float, hot_c: float, wet_c: float, n: int = 80) -> float:
    """Heat of a cross-flow tower, W: n × n cells, driven by enthalpy, Lewis number one (Merkel)."""
    air_kg_s = air_w_k / 1006.0
    transfer = ua_w_k / 1006.0 / n**2
    air = np.full(n, saturated_j_kg(wet_c, PRESSURE_PA))  # of each layer, as it crosses column after column
    total = 0.0
    for _ in range(n):
        water = hot_c
        for layer in range(n):
            cell = transfer / (1.0 + 0.5 * transfer * n / air_kg_s)  # the cell's own air warms as well
            heat = cell * (saturated_j_kg(water, PRESSURE_PA) - air[layer])
            water -= heat / (water_w_k / n)
            air[layer] += heat / (air_kg_s / n)
            total += heat
    return total


@pytest.mark.parametrize(("wet_c", "kw"), [(10.0, 60.0), (18.0, 110.0), (21.0, 130.0), (24.0, 130.0)])
def test_a_tower_rejects_what_merkel_s_cells_reject(wet_c, kw):
    tiny = plant(TOWER, wet_c + 10.0, wet_c, kw)
    tiny.step(4 * 3600.0)
    loop = {name: float(tiny["loop", name][0]) for name in ("banks_on", "bank_ua_w_k", "bank_air_w_k", "fan", "flow")}
    assert tiny["loop", "wet"][0] == 1.0
    banks, fan = loop["banks_on"], loop["fan"]
    expected = merkel_w(
        banks * loop["bank_ua_w_k"] * fan**0.8, banks * loop["bank_air_w_k"] * fan,
        float(tiny["loop", "flow_w_k"][0]) * loop["flow"], float(tiny["loop", "return_c"][0]), wet_c,
    )  # fmt: skip
    assert tiny["loop", "heat_out_w"][0] == pytest.approx(expected, rel=0.035)


@pytest.mark.parametrize("approach_k", [4.0, 5.0, 7.0])
def test_a_tower_is_sized_to_reject_its_design_heat_with_ten_percent_to_spare(approach_k):
    tiny = Tiny(SITE + f'cooler = "tower"\napproach_k = {approach_k}\n')
    loop = {name: float(tiny["loop", name][0]) for name in ("banks", "bank_ua_w_k", "bank_air_w_k", "flow_w_k")}
    rejected = merkel_w(
        loop["banks"] * loop["bank_ua_w_k"] / 1.1, loop["banks"] * loop["bank_air_w_k"], loop["flow_w_k"],
        21.0 + approach_k + 9.0, 21.0,
    )  # fmt: skip
    assert rejected == pytest.approx(35e6, rel=0.03)


def test_a_tower_cools_below_the_air_and_one_without_water_does_not():
    wet, dry = plant(TOWER, 34.0, 18.0), plant(TOWER, 34.0, 18.0)
    dry["loop", "water"][:] = 0.0
    for tiny in (wet, dry):
        tiny.step(4 * 3600.0)
    assert wet["loop", "supply_c"][0] < 34.0
    assert dry["loop", "supply_c"][0] > 36.0
    assert dry["loop", "used_kg_s"][0] == 0.0


def test_a_tower_that_warms_no_air_evaporates_what_it_rejects():
    # 1 / 2.43 MJ/kg = 1.48 l/kWh where all heat is latent; part of it warms the air, and warm air brings its own
    tiny = plant(TOWER, 30.0, 18.0)
    tiny.step(4 * 3600.0)
    kg_kwh = tiny["loop", "water_kg_s"][0] / tiny["loop", "heat_out_w"][0] * 3.6e6
    assert 0.9 < kg_kwh < 1.6
    assert tiny["loop", "blowdown_kg_s"][0] == pytest.approx(tiny["loop", "water_kg_s"][0] / 3.0, rel=1e-12)
    spray_kg_s = 35e6 / 9.0 / 3900.0 * 1.02 * tiny["loop", "flow"][0]
    assert tiny["loop", "drift_kg_s"][0] == pytest.approx(2e-5 * spray_kg_s, rel=1e-9)


# ---------------------------------------------------------------------- water


def test_the_water_book_closes_over_a_loss_of_the_mains():
    tiny = plant(SITE + "tank_m3 = 40\n", 36.0, 18.0)
    start_kg, stored = 40e3, []
    for minute in range(720):
        tiny["loop", "water"][:] = 0.0 if 120 <= minute < 400 else 1.0
        tiny.step(60.0)
        stored.append(float(tiny["loop", "stored_kg"][0]))
    books = {name: float(tiny["ledger", name][0]) for name in ("water_kg", "makeup_kg", "evaporated_kg")}
    assert min(stored) < 5e3  # the tank ran all but dry
    assert books["makeup_kg"] - books["water_kg"] == pytest.approx(stored[-1] - start_kg, abs=1e-6)
    assert books["water_kg"] == pytest.approx(books["evaporated_kg"] * 4.0 / 3.0, rel=1e-12)
    assert tiny["ledger", "worst_water_pu"][0] < 1e-12
    assert min(stored) >= 0.0


def test_pads_go_dry_when_the_tank_is_empty_and_not_before():
    tiny = plant(SITE + "tank_m3 = 20\n", 36.0, 18.0)
    tiny.step(3600.0)
    tiny["loop", "water"][:] = 0.0
    wet = []
    for _ in range(600):
        tiny.step(60.0)
        wet.append(float(tiny["loop", "wet"][0]))
    assert wet[0] == 1.0
    assert wet[-1] == 0.0
    assert tiny["loop", "makeup_kg_s"][0] == 0.0


def test_water_that_vanishes_ends_the_run_and_the_plant_is_named():
    tiny = plant(SITE + "tank_m3 = 10\n", 36.0, 18.0)
    tiny.step(60.0)
    tiny["loop", "tank_kg"][:] = 5e3  # half of what is in it is gone
    _, why = tiny.plant.advance(120_000, True)
    assert why == AUDIT_FAILED
    assert tiny.engine.worst_asset() == "cooling"


def test_a_run_whose_water_book_is_broken_says_which_plant(tmp_path):
    overrides = {"run.days": 1, "workload.source": "none", "faults.random": False}
    overrides |= {"site.cooling_plant.cooling.tank_m3": 100.0}
    with twin.Run(twin.Scenario.read(BASE, overrides=overrides)) as run:
        run.advance("10min")
        run.engine.arena.column("loop", "tank_kg")[2] = 5e4
        with pytest.raises(twin.AuditError, match=r"water is not conserved .*cooling-03"):
            run.advance("10min")


def test_facility_water_near_freezing_is_told_of_once():
    overrides = {"run.days": 1, "workload.source": "none", "faults.random": False}
    with twin.Run(twin.Scenario.read(BASE, overrides=overrides)) as run:
        run.advance("10min")
        column = run.engine.arena.column
        column("loop", "supply_c")[2] = column("loop", "return_c")[2] = -5.0
        run.advance("3min")
        events = run.finish().events
    told = events[events.text.str.contains("below 5 °C")]
    assert told.asset.tolist() == ["cooling-03"]
    assert told.value.iloc[0] < 5.0
