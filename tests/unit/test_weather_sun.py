"""Sun positions and the cloudless sky against pvlib and published numbers (validation cases V1 and V2)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pvlib import solarposition

from twin.weather import Place
from twin.weather.sun import Block, clear_sky, pressure_pa, sun_at_minutes

ZHONGWEI = Place(37.533, 105.183, 1226.6, 8.0)


def epoch_ms(text: str) -> int:
    return int(pd.Timestamp(text).timestamp()) * 1000


def test_interpolated_positions_agree_with_the_full_algorithm_over_a_year():
    start = epoch_ms("2028-01-01T00:00+08:00")
    sun = sun_at_minutes(ZHONGWEI, start, 366 * 1440, offset_ms=0)
    some = np.arange(0, 366 * 1440, 37)
    times = pd.DatetimeIndex((start + 60_000 * some).astype("datetime64[ms]"), tz="UTC")
    exact = solarposition.get_solarposition(times, 37.533, 105.183, 1226.6, pressure_pa(ZHONGWEI))
    day = exact["elevation"].to_numpy() > 0.0
    azimuth_gap = (sun.azimuth_deg[some] - exact["azimuth"].to_numpy() + 180.0) % 360.0 - 180.0
    assert np.abs(sun.zenith_deg[some] - exact["apparent_zenith"].to_numpy())[day].max() < 0.01
    assert np.abs(azimuth_gap)[day].max() < 0.02


def test_the_sun_stands_where_it_is_known_to_stand_at_midsummer():
    sun = sun_at_minutes(ZHONGWEI, epoch_ms("2028-06-21T13:00+08:00"), 1, offset_ms=0)
    assert sun.zenith_deg[0] == pytest.approx(14.0959, abs=0.01)
    assert sun.azimuth_deg[0] == pytest.approx(178.939, abs=0.02)


def test_the_clear_sky_of_midsummer_has_its_known_radiation():
    start = epoch_ms("2028-06-21T13:00+08:00")
    sky = clear_sky(sun_at_minutes(ZHONGWEI, start, 1, offset_ms=0), ZHONGWEI, np.array([start]), 3.0)
    assert sky.ghi_w_m2[0] == pytest.approx(1053.4, rel=0.005)
    assert sky.dni_w_m2[0] == pytest.approx(961.6, rel=0.005)
    assert sky.dhi_w_m2[0] == pytest.approx(120.7, rel=0.005)


def test_night_is_exactly_dark():
    block = Block(ZHONGWEI, (3.0,) * 12, first_day=21_000, n_days=3)
    down = block.sun.zenith_deg >= 90.0
    assert down.sum() > 1000
    assert (block.clear.ghi_w_m2[down] == 0.0).all()
    assert (block.clear.ghi_w_m2[~down] > 0.0).all()


def test_pressure_at_the_site_is_that_of_the_standard_atmosphere():
    assert pressure_pa(ZHONGWEI) == pytest.approx(87_432, abs=5)
