"""Solar blocks: the inverter against pvlib's, clipping, derating, what stops it, its reactive power."""

import numpy as np
import pvlib
import pytest

from tests.kernels.tiny import Tiny
from twin.curves import loss_curve, pvwatts_loss

DC_PU = np.linspace(0.0, 1.2, 24)


def lit(temp_c: float = 25.0, dc_pu=DC_PU, **columns: float) -> Tiny:
    tiny = Tiny()
    tiny.weather(dc_pu=dc_pu, temp_c=temp_c, wet_bulb_c=10.0)
    for name, value in columns.items():
        tiny["source", name][:] = value
    tiny["grid", "export_limit_w"][:] = 1e12
    tiny.step(60.0)
    return tiny


def test_the_inverter_is_pvwatts():
    tiny = lit()
    pdc = DC_PU.astype(np.float32).astype(float) * tiny["source", "dc_peak_w"]
    expected = pvlib.inverter.pvwatts(pdc, pdc0=tiny["source", "pdc0_w"][0], eta_inv_nom=0.985)
    assert tiny["source", "available_w"] == pytest.approx(np.maximum(expected, 0.0), rel=1e-12, abs=1e-6)


@pytest.mark.parametrize("nominal", [0.96, 0.985])
def test_the_loss_polynomial_is_the_published_curve(nominal):
    c0, c1, c2 = pvwatts_loss(nominal)
    zeta = np.linspace(0.05, 1.0, 20)
    loss = c0 + zeta * (c1 + zeta * c2)
    assert (zeta - loss) == pytest.approx(pvlib.inverter.pvwatts(zeta, 1.0, nominal), rel=1e-12)


def test_power_is_clipped_at_the_rating_and_derated_in_the_heat():
    assert lit().copy_of("source", "available_w")["available_w"].max() == pytest.approx(2000e6 / 24)
    assert lit(temp_c=50.0)["source", "available_w"].max() == pytest.approx(0.95 * 2000e6 / 24)


@pytest.mark.parametrize(
    ("column", "value", "share"),
    [("in_service", 0.5, 0.5), ("derate", 0.3, 0.3), ("commissioned", 0.0, 0.0), ("soiling_share", 0.2, 0.8)],
)
def test_what_takes_inverters_or_light_away_takes_power_away(column, value, share):
    part, full = lit(dc_pu=0.5, **{column: value}), lit(dc_pu=0.5)
    ratio = part["source", "available_w"] / full["source", "available_w"]
    assert ratio == pytest.approx(share, rel=0.02)


def test_a_stowed_block_gives_the_stowed_profile():
    assert lit(dc_pu=0.7, stowed=1.0)["source", "available_w"].max() == 0.0  # the stowed profile is dark here


def test_a_tripped_block_could_give_but_gives_nothing():
    tiny = lit(dc_pu=0.7, tripped=1.0)
    assert tiny["source", "p_w"].max() == 0.0
    assert tiny["source", "curtailed_w"] == pytest.approx(tiny["source", "available_w"])


def test_available_is_used_or_curtailed():
    tiny = Tiny()
    tiny.weather(dc_pu=0.8, temp_c=20.0, wet_bulb_c=10.0)
    tiny["grid", "export_limit_w"][:] = 100e6
    tiny.step(60.0)
    used, curtailed = tiny["source", "p_w"], tiny["source", "curtailed_w"]
    assert used + curtailed == pytest.approx(tiny["source", "available_w"], rel=1e-12)
    assert curtailed.sum() > 1e9
    assert used / used.sum() == pytest.approx(1 / 24)  # all blocks alike


def test_reactive_power_stays_inside_the_apparent_rating():
    tiny = lit(dc_pu=1.2)
    for _ in range(20):
        tiny.step(60.0)
    s = np.hypot(tiny["source", "available_w"], tiny["source", "q_var"])
    assert (s <= tiny["source", "s_rated_va"] * (1 + 1e-12)).all()


@pytest.mark.parametrize(
    "curve", [{0.1: 0.945, 0.2: 0.965, 0.5: 0.975, 1.0: 0.965}, {0.25: 0.950, 0.5: 0.965, 0.75: 0.967, 1.0: 0.965}]
)
def test_a_fitted_loss_curve_meets_its_datasheet_within_a_half_per_cent(curve):
    c0, c1, c2 = loss_curve(curve)
    for x, eta in curve.items():
        assert x / (x + c0 + c1 * x + c2 * x * x) == pytest.approx(eta, abs=5e-3)
    assert c0 >= 0.0
