"""Ageing against BLAST-Lite's figures (V6) and against itself under other cuttings of time."""

import numpy as np
import pytest

import twin
from twin.ageing import CALENDAR_POWER, CYCLE_POWER, MODELS, anode_potential_v, calendar_rate, cycle_rate, grow

YEAR = 365.0
DEPTH = np.array(0.8)
WARM, HALF = np.array(25.0), np.array(0.5)
MEAN_RATE = 2.0 * DEPTH / 24.0
ZERO = np.array(0.0)


def capacity(days: float, pieces: int, *, cycles_per_day: float = 0.8) -> float:
    """Capacity left after ``days`` at 25 °C in equal ``pieces``, one cycle of 80 % (0.8 full ones) a day."""
    calendar, cycle = ZERO, ZERO
    for _ in range(pieces):
        step = np.array(days / pieces)
        calendar = grow(calendar, calendar_rate(WARM, HALF), CALENDAR_POWER, step)
        cycle = grow(cycle, cycle_rate(WARM, DEPTH, MEAN_RATE), CYCLE_POWER, step * cycles_per_day)
    return float(1.0 - calendar - cycle)


@pytest.mark.parametrize(("years", "expected"), [(1, 0.9779), (5, 0.9317), (10, 0.8868), (15, 0.8472)])
def test_capacity_falls_as_blast_lite_has_it(years, expected):
    assert capacity(years * YEAR, years * 12) == pytest.approx(expected, abs=0.002)


def test_the_calendar_alone_takes_less_than_four_per_cent_in_ten_years():
    assert capacity(10 * YEAR, 10, cycles_per_day=0.0) == pytest.approx(0.963, abs=0.001)


def test_daily_and_monthly_steps_age_alike():
    assert capacity(10 * YEAR, 3650) == pytest.approx(capacity(10 * YEAR, 120), abs=1e-9)


def test_fade_under_changing_rates_goes_on_from_where_it_is():
    first = grow(ZERO, np.array(1e-3), 0.5, np.array(100.0))
    again = grow(first, np.array(2e-3), 0.5, np.array(75.0))
    # 0.01 at the doubled rate is what 25 days had done; 25 + 75 days then make 0.02
    assert float(again) == pytest.approx(0.02, rel=1e-12)


def test_without_a_driver_nothing_ages():
    fade = np.array([0.0, 0.03])
    assert grow(fade, np.zeros(2), CYCLE_POWER, np.ones(2)) == pytest.approx(fade, abs=0.0)
    assert grow(fade, np.full(2, 1e-3), CYCLE_POWER, np.zeros(2)) == pytest.approx(fade, rel=1e-12)


def test_outside_the_fitted_temperatures_the_end_of_the_fit_holds():
    assert calendar_rate(np.array(60.0), HALF) == calendar_rate(np.array(45.0), HALF)
    assert cycle_rate(np.array(-5.0), DEPTH, MEAN_RATE) == cycle_rate(np.array(10.0), DEPTH, MEAN_RATE)


def test_warm_and_full_cells_age_faster_on_the_shelf():
    assert calendar_rate(np.array(40.0), HALF) > calendar_rate(WARM, HALF)
    assert calendar_rate(WARM, np.array(0.9)) > calendar_rate(WARM, np.array(0.2))
    assert (np.diff(anode_potential_v(np.linspace(0.0, 1.0, 50))) < 0.0).all()


def test_deep_and_quick_cycles_take_more():
    base = cycle_rate(WARM, DEPTH, MEAN_RATE)
    assert cycle_rate(WARM, np.array(1.0), MEAN_RATE) > base
    assert cycle_rate(WARM, DEPTH, 2.0 * MEAN_RATE) > base


def test_naumanns_shelf_loss_at_other_temperatures_and_charges():
    """Published equation: 1 year at half charge 4.25 %; 10 years at 35 °C 16.83 %, full 21.43 %."""
    law = MODELS["naumann"]

    def lost(temp_c: float, soc: float, years: float) -> float:
        rate = law.calendar_rate(np.array(temp_c), np.array(soc))
        return 100.0 * float(grow(ZERO, rate, law.calendar_power, np.array(365.25 * years)))

    assert lost(25.0, 0.5, 1.0) == pytest.approx(4.25, abs=0.005)
    assert lost(35.0, 0.5, 10.0) == pytest.approx(16.83, abs=0.01)
    assert lost(25.0, 1.0, 10.0) == pytest.approx(21.43, abs=0.01)


def test_naumanns_cycles_at_one_c_and_full_depth():
    law = MODELS["naumann"]
    rate = law.cycle_rate(WARM, np.array(1.0), np.array(1.0))
    assert 100.0 * float(grow(ZERO, rate, law.cycle_power, np.array(1000.0))) == pytest.approx(6.83, abs=0.005)


def test_a_battery_ages_as_the_model_it_names(root):
    path = root / "scenarios" / "base" / "zhongwei.toml"
    left = {}
    for name in MODELS:
        over = {"run.days": 2, "site.battery.bess.ageing_model": name, "workload.source": "none"}
        with twin.Run(twin.Scenario.read(path, overrides=over)) as run:
            run.advance("36h")
            left[name] = run.read("bess-01.soh")
    assert 0.99 < left["naumann"] < left["blast"] < 1.0
