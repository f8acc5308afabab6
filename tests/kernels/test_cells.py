"""Battery containers: cell voltage, current, losses, heat, limits; books of charge and energy."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from tests.kernels.tiny import Tiny
from twin.engine import ocv_table


def driven(power_w: float = 0.0, **state: float) -> Tiny:
    """A plant whose stores give ``power_w`` each (from the surplus of the sun, or into a load), states as given."""
    tiny = Tiny()
    for name, value in state.items():
        tiny["store", name][:] = value
    if power_w:
        tiny["rule", "charge_share" if power_w < 0 else "discharge_share"][:] = 1.0
        tiny["store", "derate"][:] = abs(power_w) / tiny["store", "pcs_rated_w"]
        tiny["grid", "export_limit_w"][:] = tiny["grid", "import_limit_w"][:] = 1e12
        tiny["aux", "demand_w"][:] = 1e9 if power_w > 0 and tiny["aux", "demand_w"].size else 0.0
    if power_w < 0:
        tiny.weather(dc_pu=1.0, temp_c=25.0, wet_bulb_c=15.0)
    return tiny


# ---------------------------------------------------------------------- cells


@pytest.mark.parametrize(
    ("soc", "volt"),
    [(0.05, 3.050), (0.1, 3.189), (0.2, 3.231), (0.3, 3.267), (0.5, 3.299), (0.7, 3.309), (0.8, 3.325), (0.9, 3.342)],
)
def test_the_open_circuit_voltage_has_the_published_points(soc, volt):
    # SimSES 1.3.12, table of an LFP cell; 0.05 lies between two of the 51 points
    tiny = driven(soc=soc)
    tiny.step(1.0)
    assert tiny["store", "emf_v"] == pytest.approx(volt, abs=1.5e-3 if soc != 0.05 else 0.02)


def test_the_table_ends_at_two_and_at_3_6_volts_and_never_falls():
    table = ocv_table()
    assert len(table) == 51
    assert (table[0], table[-1]) == pytest.approx((2.0, 3.6), abs=1e-9)
    assert (np.diff(table) >= 0.0).all()


@pytest.mark.parametrize(("cell_c", "factor"), [(25.0, 1.0), (0.0, 2.09), (45.0, 0.602)])
def test_resistance_follows_arrhenius_with_20_kj_a_mole(cell_c, factor):
    tiny = driven(cell_c=cell_c, cool_c=cell_c, soc=0.5)
    tiny.step(0.001)
    assert tiny["store", "r_ohm"] / 0.40e-3 == pytest.approx(factor, rel=0.01)


def test_resistance_is_higher_near_empty():
    empty, half = driven(soc=0.08), driven(soc=0.5)
    empty.step(0.001), half.step(0.001)
    assert empty["store", "r_ohm"] / half["store", "r_ohm"] == pytest.approx(1.3, rel=1e-9)


def test_the_converter_s_efficiency_has_the_published_points():
    # 0.0045 + 0.0035 p + 0.0095 p²: 98.3 % at full, 98.4 % at half, 95 % at a tenth of the rating
    for share, eta in ((1.0, 0.983), (0.5, 0.984), (0.1, 0.950)):
        tiny = driven(-2.5e6 * share, soc=0.5)
        tiny.step(1.0)
        p, loss = -tiny["store", "p_w"][0], tiny["store", "loss_w"][0]
        assert 1.0 - loss / p == pytest.approx(eta, abs=2e-3)


def test_a_minute_in_one_step_is_near_a_minute_of_the_differential_equation():
    # the cell as an ODE with the current that the power needs at every instant (not once a step)
    tiny = driven(-2e6, soc=0.5)
    tiny.step(60.0)
    dc_w = (tiny["store", "p_w"] + tiny["store", "loss_w"])[0] / tiny["store", "cells"][0]
    table, r0, r1, r2, q_as = ocv_table(), 0.40e-3, 0.06e-3, 0.10e-3, 314.0 * 3600.0

    def slope(_, x):
        emf = np.interp(x[0], np.linspace(0, 1, 51), table) - x[1] - x[2]
        amp = (emf - np.sqrt(emf * emf - 4 * r0 * dc_w)) / (2 * r0)
        return [-amp / q_as, (amp * r1 - x[1]) / 45.0, (amp * r2 - x[2]) / 1500.0]

    exact = solve_ivp(slope, (0.0, 60.0), [0.5, 0.0, 0.0], rtol=1e-10, atol=1e-12).y[:, -1]
    assert tiny["store", "soc"][0] == pytest.approx(exact[0], abs=1e-5)
    assert tiny["store", "v1_v"][0] == pytest.approx(exact[1], rel=1e-2)


# ---------------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("cell_c", "share"), [(-5.0, 0.0), (5.0, 0.5), (10.0, 1.0), (45.0, 1.0), (50.0, 0.5), (56.0, 0.0)]
)
def test_charging_is_derated_in_the_cold_and_in_the_heat(cell_c, share):
    tiny = driven(cell_c=cell_c, cool_c=cell_c, soc=0.5)
    tiny.step(0.001)
    assert tiny["store", "charge_w"] / tiny["store", "pcs_rated_w"] == pytest.approx(share, abs=1e-9)


@pytest.mark.parametrize(("cell_c", "share"), [(-15.0, 1.0), (45.0, 1.0), (50.0, 0.5), (56.0, 0.0)])
def test_discharging_is_derated_in_the_heat(cell_c, share):
    tiny = driven(cell_c=cell_c, cool_c=cell_c, soc=0.5)
    tiny.step(0.001)
    assert tiny["store", "discharge_w"] / tiny["store", "pcs_rated_w"] == pytest.approx(share, abs=1e-9)


def test_charge_stays_inside_its_limits_to_the_last_step():
    tiny = driven(-2.5e6, soc=0.93)
    tiny.step(3600.0)
    assert tiny["store", "soc"].max() <= 0.95 + 1e-9
    assert tiny["store", "soc"].min() >= 0.949
    assert np.abs(tiny["store", "p_w"]).max() < 1e3


def test_a_full_day_s_sums_for_ageing_are_those_of_the_steps():
    tiny = driven(-1e6, soc=0.4)
    amp_h, soc_s = 0.0, 0.0
    for _ in range(30):
        tiny.step(60.0)
        amp_h += abs(tiny["store", "i_a"][0]) / 60.0
        soc_s += tiny["store", "soc"][0] * 60.0
    assert tiny["store", "throughput_ah"][0] == pytest.approx(amp_h, rel=1e-12)
    assert tiny["store", "soc_s"][0] == pytest.approx(soc_s, rel=1e-12)
    assert tiny["store", "age_s"][0] == 1800.0
    assert tiny["store", "soc_hi"][0] == tiny["store", "soc"][0] > tiny["store", "soc_lo"][0] > 0.4


# ---------------------------------------------------------------------- heat


def test_a_container_has_the_heat_capacity_of_its_cells_and_of_its_coolant():
    # 4,992 cells of 5.6 kg: 29.4 MJ/K; 400 l: 1.5 MJ/K (docs/physics.md)
    tiny = Tiny()
    assert tiny["store", "c_cell_j_k"] == pytest.approx(29.4e6, rel=1e-2)
    assert tiny["store", "c_cool_j_k"] == pytest.approx(1.5e6, rel=1e-2)


def test_half_c_heats_a_container_by_some_sixty_kilowatts():
    # 2.5 % of 2.5 MW, 7.7 K/h without cooling (docs/physics.md)
    tiny = driven(-2.5e6, soc=0.3, cell_c=25.0, cool_c=25.0)
    tiny["store", "cool_on_c"][:] = 1e3
    tiny.step(2400.0)
    assert tiny["store", "heat_w"][0] == pytest.approx(63e3, rel=0.2)


def test_the_chiller_holds_its_band_and_draws_by_its_coefficient():
    tiny = driven(-2.0e6, soc=0.1, cell_c=26.4, cool_c=24.0)
    for _ in range(90):
        tiny.step(60.0)
        assert 20.0 < tiny["store", "cell_c"].max() < 28.0
    chilled = tiny["store", "chilled_w"][0]
    if chilled > 0.0:
        assert tiny["store", "aux_now_w"][0] == pytest.approx(1500.0 + 1500.0 + chilled / 3.2, rel=1e-6)


@pytest.mark.parametrize(("outside_c", "cop"), [(20.0, 3.2), (35.0, 3.2), (40.0, 2.88), (45.0, 2.56)])
def test_a_chiller_takes_3_2_times_its_power_up_to_35_degrees_and_two_percent_less_per_kelvin_above(outside_c, cop):
    tiny = Tiny()
    tiny.weather(temp_c=outside_c, wet_bulb_c=outside_c - 10.0)
    tiny["store", "cell_c"][:], tiny["store", "cool_c"][:] = 30.0, 25.0
    tiny.step(60.0)
    other_w = tiny["store", "aux_w"] + tiny["store", "pump_w"] + tiny["store", "standby_w"]
    assert tiny["store", "chilled_w"] == pytest.approx(70e3, rel=1e-4)
    assert tiny["store", "aux_now_w"] - other_w == pytest.approx(70e3 / cop, rel=1e-4)


def test_a_cold_coolant_gives_the_chiller_less_to_do():
    tiny = Tiny()
    tiny["store", "cell_c"][:], tiny["store", "cool_c"][:] = 30.0, 14.0
    tiny.step(0.001)
    assert tiny["store", "chilled_w"] == pytest.approx(0.4 * 70e3, rel=1e-4)  # from nothing at 12 °C to all at 17 °C
