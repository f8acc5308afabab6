"""The climate of Zhongwei in numbers: monthly statistics that the generator is calibrated on.

Twelve values run from January to December. Only derived statistics are kept here, no station data.
"""

from __future__ import annotations

import numpy as np

from twin.weather.arrays import Array

MID_MONTH_DAY = np.array([15.5, 45.0, 74.5, 105.0, 135.5, 166.0, 196.5, 227.5, 258.0, 288.5, 319.0, 349.5])
"""Day of the year in the middle of each month."""

DAYS_PER_YEAR = 365.25

LINKE_TURBIDITY = (1.98, 2.28, 2.95, 3.53, 4.03, 4.08, 4.03, 3.85, 3.32, 2.78, 1.98, 1.78)
"""Mean of the SoDa climatology at the site (as in pvlib) and of the turbidity that turns the clear-sky model into the
95th percentile of daily GHI of station 53704, 2001-2017 (China Daily Solar Radiation Dataset)."""

KC_PROBABILITY = np.array([0, 0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0])

KC_QUANTILE = np.array(
    [
        [281, 283, 284, 288, 433, 608, 707, 793, 846, 873, 895, 911, 925, 939, 953, 971, 1000],
        [274, 275, 277, 333, 461, 590, 678, 764, 822, 858, 874, 893, 912, 929, 939, 952, 985],
        [274, 275, 276, 278, 419, 577, 643, 742, 811, 845, 877, 895, 912, 927, 938, 948, 994],
        [277, 278, 279, 292, 439, 572, 639, 742, 805, 850, 881, 900, 918, 938, 949, 958, 974],
        [280, 281, 282, 306, 434, 577, 664, 762, 828, 865, 897, 920, 938, 955, 963, 969, 990],
        [282, 282.1, 282.2, 350, 477, 590, 674, 784, 830, 874, 905, 921, 942, 956, 965, 971, 984],
        [282, 282.1, 282.2, 282.3, 382, 468, 579, 704, 789, 856, 906, 929, 946, 960, 969, 979, 990],
        [279, 280, 281, 282, 358, 441, 527, 680, 803, 861, 904, 930, 945, 957, 967, 975, 1003],
        [275, 275.1, 276, 277, 278, 285, 359, 547, 712, 813, 875, 913, 933, 949, 962, 972, 990],
        [274, 274.1, 275, 277, 415, 532, 638, 758, 831, 873, 902, 917, 928, 942, 953, 962, 975],
        [274, 274.1, 278, 349, 460, 603, 721, 838, 873, 892, 904, 915, 926, 939, 948, 956, 980],
        [282, 285, 287, 349, 561, 693, 749, 827, 865, 891, 908, 920, 933, 951, 959, 965, 993],
    ]
)
KC_QUANTILE = KC_QUANTILE / 1000.0
"""Quantiles, at KC_PROBABILITY, of a day's clear-sky index: its GHI over that of the clear sky with LINKE_TURBIDITY.
Computed from station 53704, 2001-2017; shape (12, 17)."""

DUSTLESS_KC_FACTOR = 1.0
"""Lifts the index of the generator's days so that with the dust it draws the year's GHI is that of the data."""

KC_MEAN = np.array([((q[1:] + q[:-1]) / 2.0) @ np.diff(KC_PROBABILITY) for q in KC_QUANTILE])
"""Mean clear-sky index of each month."""

KC_LAG1 = np.array([0.40, 0.28, 0.26, 0.18, 0.18, 0.37, 0.32, 0.36, 0.36, 0.33, 0.33, 0.23])
"""Correlation of the normal scores of kc with the day before; same data, between the scores' own and that of kt."""

TEMP_MEAN_C = np.array([-6.6, -1.9, 5.2, 12.4, 17.5, 22.1, 24.2, 22.4, 17.2, 10.0, 2.5, -4.5])
TEMP_MIN_C = np.array([-12.7, -8.7, -1.6, 5.1, 10.4, 15.6, 18.2, 16.5, 11.0, 3.4, -2.6, -9.2])
TEMP_MAX_C = np.array([-0.5, 4.9, 12.0, 19.6, 24.6, 28.6, 30.2, 28.2, 23.5, 17.2, 8.5, 1.5])
"""Normals 1991-2020 of Yinchuan (CMA); November and December from CDIAC TR055 plus the warming since."""

NORMALS_YEAR = 2005.5
WARMING_K_PER_YEAR = 0.04
"""Trend of the annual mean in Ningxia, from memory."""

TEMP_ANOMALY_SD_K = np.array([3.5, 3.5, 3.3, 3.1, 2.8, 2.5, 2.5, 2.5, 2.7, 3.0, 3.3, 3.5])
TEMP_ANOMALY_LAG1 = 0.75
"""Spread and day-to-day correlation of daily mean temperature, from memory (mid-latitude continental)."""

HUMIDITY_PU = np.array([0.59, 0.50, 0.49, 0.45, 0.48, 0.54, 0.62, 0.70, 0.67, 0.64, 0.66, 0.63])
"""Relative humidity, Yinchuan, CDIAC TR055."""

DEW_ANOMALY_SD_K = np.array([4.0, 4.0, 4.0, 3.8, 3.2, 2.3, 1.6, 1.6, 2.3, 3.2, 3.8, 4.0])
DEW_ANOMALY_LAG1 = 0.70
DEW_PER_KC_K = -4.0
"""A clear day is drier: dew point per unit of clear-sky index; from memory, as are spread and correlation."""

PRESSURE_ANOMALY_PA = np.array([589.0, 273, 86, -177, -402, -686, -849, -556, 28, 376, 648, 665])
"""Monthly pressure less the annual mean, Yinchuan, CDIAC TR055."""

WIND_MEAN_M_S = np.array([1.65, 1.97, 2.21, 2.44, 2.35, 1.98, 1.67, 1.47, 1.47, 1.46, 1.66, 1.55])
"""Wind at 10 m in town, Yinchuan, CDIAC TR055."""

WIND_WEIBULL_SHAPE = 1.8
WIND_LAG1 = 0.85
WIND_DIURNAL_PU = 0.30
"""Shape, correlation from hour to hour, and excess at 15 h over the daily mean; from memory."""

RAIN_MM = np.array([1.0, 2.0, 6.0, 13.0, 18.0, 21.0, 45.0, 53.0, 26.0, 12.0, 4.0, 1.0])
"""Monthly precipitation, Yinchuan, CDIAC TR055."""

RAIN_DAYS = np.array([1.5, 2.0, 3.0, 3.0, 5.0, 6.0, 8.0, 9.0, 7.0, 4.0, 2.0, 1.5])
"""Days with at least 0.1 mm, from memory (about 50 a year)."""

RAIN_WEIBULL_SHAPE = 0.75
RAIN_WEIBULL_MEAN = 1.1906
"""Amount of a wet day over its scale: Weibull, Γ(1 + 1/0.75), in place of a gamma law, whose inverse has no closed
form; both give many small amounts and few large ones."""

RAIN_DARKEST_PU = 1.6
"""Wet days lie among the darkest days of the month: this many times as many days as are wet; from memory."""

DUST_MONTH_SHARE = np.array([3.0, 5, 18, 27, 20, 6, 3, 2, 2, 4, 5, 5]) / 100.0
DUST_EVENTS_PER_YEAR = {"blowing": 35.0, "storm": 4.5, "severe": 0.5}
"""Events a year and their share by month (March to May 65 %, peak in April), from memory."""

DUST_AOD = {"blowing": (0.3, 1.0), "storm": (1.0, 2.0), "severe": (2.0, 3.0)}
DUST_PM10_MG_M3 = {"blowing": (0.3, 1.0), "storm": (1.0, 4.0), "severe": (4.0, 6.0)}
DUST_WIND_M_S = {"blowing": (5.0, 10.0), "storm": (12.0, 17.0), "severe": (16.0, 20.0)}
DUST_MEDIAN_H = 6.0
DUST_SIGMA = 0.6
"""Optical depth, PM10 and wind of an event from least to most, and its lognormal duration; from memory."""

DUST_BACKGROUND_MG_M3 = 0.08
"""PM10 between events: annual mean of cities in Ningxia, from memory."""

DUST_GHI_PER_AOD = 0.17
DUST_DNI_PER_AOD = 0.60
"""Extinction per unit of optical depth: exp(−0.17 AOD) leaves 84 to 60 % of GHI, exp(−0.6 AOD) 55 to 17 % of DNI for
AOD 1 to 3, the range reported for storms in north-west China; from memory."""


def through_mid_months(values: Array, day_of_year: Array) -> Array:
    """Twelve values as a closed line through mid-months; ``day_of_year`` counts from 1, fractions allowed."""
    return np.interp(day_of_year, MID_MONTH_DAY, values, period=DAYS_PER_YEAR)


def monthly(means: Array, day_of_year: Array) -> Array:
    """The same for monthly means: the corners are moved out so that each month's mean stays what it is, to 2 %."""
    corners = means
    for _ in range(2):
        mean_of_line = 0.125 * np.roll(corners, 1) + 0.75 * corners + 0.125 * np.roll(corners, -1)
        corners = corners + means - mean_of_line
    return through_mid_months(corners, day_of_year)


def kc_at(rank: Array, month: np.ndarray) -> Array:
    """Clear-sky index of days from their rank in [0, 1) within the month; ``month`` counts from 0."""
    return np.array([np.interp(u, KC_PROBABILITY, KC_QUANTILE[m]) for u, m in zip(rank, month, strict=True)])


def rank_of(kc: Array, month: np.ndarray) -> Array:
    """Rank in [0, 1] of days with clear-sky index ``kc`` within their month: the inverse of ``kc_at``."""
    return np.array([np.interp(k, KC_QUANTILE[m], KC_PROBABILITY) for k, m in zip(kc, month, strict=True)])
