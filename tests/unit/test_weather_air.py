"""Moist air against psychrolib (validation case V11)."""

from __future__ import annotations

import numpy as np
import psychrolib
import pytest

from twin.weather.psychro import dew_point_c, humidity_pu, wet_bulb_c


def wet_bulb(temp_c: float, humidity: float, pressure_pa: float) -> float:
    temp = np.array([temp_c])
    return float(wet_bulb_c(temp, dew_point_c(temp, np.array([humidity])), np.array([pressure_pa]))[0])


@pytest.mark.parametrize(("temp_c", "humidity", "expected_c"), [(30.0, 0.30, 17.374), (33.2, 0.25, 18.338)])
def test_wet_bulb_agrees_with_published_values_at_the_altitude_of_the_site(temp_c, humidity, expected_c):
    assert wet_bulb(temp_c, humidity, 87_400.0) == pytest.approx(expected_c, abs=0.15)


@pytest.mark.parametrize("temp_c", [2.0, 12.0, 25.0, 40.0])
@pytest.mark.parametrize("humidity", [0.1, 0.5, 0.95])
def test_wet_bulb_agrees_with_psychrolib(temp_c, humidity):
    psychrolib.SetUnitSystem(psychrolib.SI)
    expected_c = psychrolib.GetTWetBulbFromRelHum(temp_c, humidity, 87_400.0)
    if expected_c > 0.5:  # below it psychrolib takes the bulb for frozen
        assert wet_bulb(temp_c, humidity, 87_400.0) == pytest.approx(expected_c, abs=0.25)


def test_saturated_air_has_its_own_temperature_as_wet_bulb():
    assert wet_bulb(21.0, 1.0, 87_400.0) == pytest.approx(21.0, abs=1e-6)


def test_dew_point_and_humidity_are_inverse():
    temp = np.array([-20.0, 0.0, 35.0])
    humidity = np.array([0.8, 0.4, 0.15])
    np.testing.assert_allclose(humidity_pu(temp, dew_point_c(temp, humidity)), humidity, rtol=1e-12)


def test_dew_point_agrees_with_psychrolib():
    psychrolib.SetUnitSystem(psychrolib.SI)
    expected_c = psychrolib.GetTDewPointFromRelHum(30.0, 0.3)
    assert dew_point_c(np.array([30.0]), np.array([0.3]))[0] == pytest.approx(expected_c, abs=0.05)
