"""The generator's air: temperature, dew point, wind, rain and pressure of a block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.weather import climate
from twin.weather.arrays import Array, Ints, months_of, years_of
from twin.weather.config import WeatherConfig
from twin.weather.psychro import dew_point_c
from twin.weather.streams import day_scores, day_uniforms, ranks, stream
from twin.weather.sun import Block

COLDEST_SOLAR_H = 5.0
HOTTEST_SOLAR_H = 14.75
"""Solar time of the daily extremes: 06:00 and 15:45 on Zhongwei's clock."""
WINDIEST_SOLAR_H = 14.0


@dataclass(frozen=True)
class Days:
    """Seeded conditions of consecutive site-local days, with one day of margin on each side of a block."""

    days: Ints
    kc_rank: Array
    """Rank of the day's clear-sky index within its month, (n,): the generator's, or that of the data."""
    temp_anomaly_k: Array
    dew_anomaly_k: Array
    wind_rank: Array
    """One for each hour, (24 n,)."""
    rain_mm: Array
    rain_start_h: Array
    rain_h: Array


def kc_ranks(seed: int, days: Ints) -> Array:
    """Rank of the clear-sky index of consecutive days: a Gaussian copula with the lag-1 correlation of the month."""
    return ranks(day_scores(seed, "clearness", days, climate.KC_LAG1))


def days_of(seed: int, days: Ints, kc_rank: Array) -> Days:
    """Seeded conditions of consecutive days whose clear-sky index has the given rank."""
    month = months_of(days)
    same = np.ones(12)
    spread = climate.TEMP_ANOMALY_SD_K[month]
    temp = spread * day_scores(seed, "temperature", days, same * climate.TEMP_ANOMALY_LAG1)
    dew = climate.DEW_ANOMALY_SD_K[month] * day_scores(seed, "dew point", days, same * climate.DEW_ANOMALY_LAG1)
    kc = climate.kc_at(kc_rank, month)
    dew = dew + climate.DEW_PER_KC_K * (kc - climate.KC_MEAN[month])
    wind = ranks(day_scores(seed, "wind", days, same * climate.WIND_LAG1, per_day=24))
    return Days(days, kc_rank, temp, dew, wind, *_rain_of(seed, days, month, kc_rank))


def _rain_of(seed: int, days: Ints, month: Ints, kc_rank: Array) -> tuple[Array, Array, Array]:
    """Amount, first hour and length of each day's rain; dry days have amount 0."""
    draws = day_uniforms(seed, "rain", days, per_day=4)
    month_days = np.array([31.0, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])[month]
    wet_pu = climate.RAIN_DAYS[month] / month_days
    wet = (kc_rank < climate.RAIN_DARKEST_PU * wet_pu) & (draws[:, 0] < 1.0 / climate.RAIN_DARKEST_PU)
    mean_mm = climate.RAIN_MM[month] / climate.RAIN_DAYS[month]
    exponent = 1.0 / climate.RAIN_WEIBULL_SHAPE
    amount = mean_mm / climate.RAIN_WEIBULL_MEAN * (-np.log1p(-draws[:, 1])) ** exponent
    hours = 2.0 + 6.0 * draws[:, 2]
    return np.where(wet, amount, 0.0), draws[:, 3] * (24.0 - hours), hours


@dataclass(frozen=True)
class Air:
    """Columns of a block by the minute, each of shape (n_days, 1440)."""

    temp_c: Array
    dew_c: Array
    wind_m_s: Array
    gust_m_s: Array
    rain_mm_h: Array
    pressure_pa: Array


def air_of(block: Block, days: Days, config: WeatherConfig, seed: int, base_pressure_pa: float) -> Air:
    """The generator's air for a block; ``days`` covers it with one day of margin on each side."""
    season = _season(block.local_day)
    temp = _temperature(block, days, season)
    mean_dew = dew_point_c(climate.monthly(climate.TEMP_MEAN_C, season), climate.monthly(climate.HUMIDITY_PU, season))
    dew = mean_dew + _through_noons(block, days, days.dew_anomaly_k)
    wind, gust = _wind(block, days, season, config, seed)
    pressure = base_pressure_pa + climate.monthly(climate.PRESSURE_ANOMALY_PA, season)
    return Air(temp, dew, wind, gust, _rain(block, days), pressure)


def _season(local_day: Array) -> Array:
    """Day of the year with fractions, from 1, within a mean year."""
    return np.asarray(local_day % 365.2425 + 1.0)


def _through_noons(block: Block, days: Days, values: Array) -> Array:
    """Values of days as a line through their noons."""
    return np.interp(block.local_day, days.days + 0.5, values)


def _temperature(block: Block, days: Days, season: Array) -> Array:
    """Season, trend, the day's anomaly, and a daily swing that is wider on clear days."""
    year = float(years_of(block.days[:1])[0])
    mean = climate.monthly(climate.TEMP_MEAN_C, season) + climate.WARMING_K_PER_YEAR * (year - climate.NORMALS_YEAR)
    swing = 0.5 * (climate.monthly(climate.TEMP_MAX_C, season) - climate.monthly(climate.TEMP_MIN_C, season))
    kc = climate.kc_at(days.kc_rank, months_of(days.days))
    wider = _through_noons(block, days, 0.55 + 0.6 * kc)
    hour = (block.local_day[0] % 1.0 * 24.0 + block.place.solar_offset_h) % 24.0
    return mean + _through_noons(block, days, days.temp_anomaly_k) + swing * wider * _daily_wave(hour)


def _daily_wave(solar_h: Array) -> Array:
    """−1 at the coldest, +1 at the hottest hour, half a cosine up and half a longer one down; its mean is 0."""
    rise_h = HOTTEST_SOLAR_H - COLDEST_SOLAR_H
    since_h = (solar_h - COLDEST_SOLAR_H) % 24.0
    rising = -np.cos(np.pi * since_h / rise_h)
    falling = np.cos(np.pi * (since_h - rise_h) / (24.0 - rise_h))
    return np.where(since_h < rise_h, rising, falling)


def _wind(block: Block, days: Days, season: Array, config: WeatherConfig, seed: int) -> tuple[Array, Array]:
    """Mean wind and gust by the minute: Weibull hours, a windier afternoon, and turbulence."""
    hours = days.days[0] + (np.arange(days.wind_rank.size) + 0.5) / 24.0
    relative = (-np.log1p(-days.wind_rank)) ** (1.0 / climate.WIND_WEIBULL_SHAPE) / 0.8893
    solar_h = block.local_day % 1.0 * 24.0 + block.place.solar_offset_h
    diurnal = 1.0 + climate.WIND_DIURNAL_PU * np.cos(2.0 * np.pi * (solar_h - WINDIEST_SOLAR_H) / 24.0)
    mean = climate.monthly(climate.WIND_MEAN_M_S, season) * config.wind_factor
    steady = mean * diurnal * np.interp(block.local_day, hours, relative)
    rng = stream(seed, "weather", "turbulence", block.first_day)
    grain = rng.random((2, *block.shape)) - 0.5
    wind = steady * (1.0 + 0.3 * grain[0])
    return wind, np.maximum(wind, steady * config.gust_factor * (1.0 + 0.2 * grain[1]))


def _rain(block: Block, days: Days) -> Array:
    """Rain in one spell a day, rising and falling as a raised cosine, with the day's amount as its sum."""
    out = np.zeros(block.shape)
    hour = (np.arange(out.shape[1]) + 0.5) / 60.0
    for i_day in np.flatnonzero(days.rain_mm[1:-1] > 0.0):
        start, length = days.rain_start_h[i_day + 1], days.rain_h[i_day + 1]
        inside = (hour > start) & (hour < start + length)
        shape = np.where(inside, 1.0 - np.cos(2.0 * np.pi * (hour - start) / length), 0.0)
        out[i_day] = days.rain_mm[i_day + 1] * 60.0 * shape / shape.sum()
    return out


def snow_share(wet_bulb_c: Array) -> Array:
    """Share of precipitation that falls as snow: all below 0 °C wet bulb, none above 2 °C; from memory."""
    return np.clip(1.0 - 0.5 * wet_bulb_c, 0.0, 1.0)
