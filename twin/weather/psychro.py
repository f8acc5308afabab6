"""Moist air: saturation, dew point and wet bulb, vectorised."""

from __future__ import annotations

import numpy as np

from twin.weather.arrays import Array

_A_PA, _B, _C = 610.94, 17.625, 243.04
"""Magnus form over water, Alduchov and Eskridge, J. Appl. Meteorol. 35 (1996) 601, eq. 21."""

PSYCHROMETER_PER_K = 0.000662
"""Coefficient of an aspirated psychrometer, WMO No. 8, annex 4.B. Against the thermodynamic wet bulb of
psychrolib at 874 hPa: within 0.12 K down to 30 % humidity, 0.25 K at 10 %."""

_NEWTON_STEPS = 6


def saturation_pa(temp_c: Array) -> Array:
    """Vapour pressure over water at ``temp_c``; below 0 °C over supercooled water."""
    return np.asarray(_A_PA * np.exp(_B * temp_c / (temp_c + _C)))


def dew_point_c(temp_c: Array, humidity_pu: Array) -> Array:
    """Temperature at which air of ``temp_c`` and relative humidity in (0, 1] saturates."""
    log_ratio = np.log(humidity_pu) + _B * temp_c / (temp_c + _C)
    return np.asarray(_C * log_ratio / (_B - log_ratio))


def humidity_pu(temp_c: Array, dew_c: Array) -> Array:
    """Relative humidity of air of ``temp_c`` with dew point ``dew_c``."""
    return np.asarray(saturation_pa(dew_c) / saturation_pa(temp_c))


def wet_bulb_c(temp_c: Array, dew_c: Array, pressure_pa: Array) -> Array:
    """Temperature of a wetted thermometer: e_s(Tw) − A·p·(T − Tw) = e_s(Td), by Newton's method.

    The left side rises and is convex in Tw, so Newton's steps from the dry bulb descend to the only root: six leave
    less than 1e-6 K. ``dew_c`` at or below ``temp_c``; the result lies between them. Water, not ice, below 0 °C.
    """
    vapour_pa = saturation_pa(dew_c)
    slope_pa_k = PSYCHROMETER_PER_K * pressure_pa
    wet_c = np.array(temp_c, dtype=np.float64)
    for _ in range(_NEWTON_STEPS):
        saturated_pa = saturation_pa(wet_c)
        gradient = saturated_pa * (_B * _C) / (wet_c + _C) ** 2 + slope_pa_k
        wet_c -= (saturated_pa - slope_pa_k * (temp_c - wet_c) - vapour_pa) / gradient
    return wet_c
