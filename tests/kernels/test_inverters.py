"""Solar blocks: the inverter against pvlib's, clipping, derating, what stops it, its reactive power."""

import numpy as np
import pvlib
import pytest

from tests.kernels.tiny import Tiny

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


def test_a_tripped_block_could_give_but_gives_nothing():
    tiny = lit(dc_pu=0.7, tripped=1.0)
    assert tiny["source", "p_w"].max() == 0.0
    assert tiny["source", "curtailed_w"] == pytest.approx(tiny["source", "available_w"])


def test_reactive_power_stays_inside_the_apparent_rating():
    tiny = lit(dc_pu=1.2)
    for _ in range(20):
        tiny.step(60.0)
    s = np.hypot(tiny["source", "available_w"], tiny["source", "q_var"])
    assert (s <= tiny["source", "s_rated_va"] * (1 + 1e-12)).all()
