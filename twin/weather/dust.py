"""Dust: floating dust, storms and severe storms, as events in time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.weather import climate
from twin.weather.arrays import Array, day_of_date, years_of
from twin.weather.config import DustStorm
from twin.weather.streams import normals, stream
from twin.weather.sun import Block

_MOST_PER_YEAR = 120
_LONGEST_DAYS = 4.0


@dataclass(frozen=True)
class DustEvent:
    """Dust from ``start_day`` on, rising and falling as a raised cosine over ``days``."""

    start_day: float
    """Site-local days since 1970-01-01."""
    days: float
    aod: float
    """Optical depth at the height of the event."""
    pm10_mg_m3: float
    wind_m_s: float


@dataclass(frozen=True)
class DustFields:
    """What the events of a block add up to, each of shape (n_days, 1440)."""

    aod: Array
    pm10_mg_m3: Array
    wind_m_s: Array


def drawn_events(seed: int, first_day: int, last_day: int) -> list[DustEvent]:
    """The generator's events that touch the given site-local days; each year has its own draws."""
    year_a, year_b = (int(y) for y in years_of(np.array([first_day, last_day])))
    events = [e for year in range(year_a - 1, year_b + 1) for e in _events_of_year(seed, year)]
    return [e for e in events if e.start_day < last_day + 1 and e.start_day + e.days > first_day]


def _events_of_year(seed: int, year: int) -> list[DustEvent]:
    events: list[DustEvent] = []
    for strength, per_year in climate.DUST_EVENTS_PER_YEAR.items():
        rng = stream(seed, "weather", "dust", strength, year)
        count = _poisson(float(rng.random()), per_year)
        draws = rng.random((_MOST_PER_YEAR, 6))[:count]
        events.extend(_event(strength, year, row) for row in draws)
    return events


def _poisson(uniform: float, mean: float) -> int:
    """Poisson count by inverse CDF, at most _MOST_PER_YEAR (14 standard deviations above the largest mean)."""
    count, term = 0, math.exp(-mean)
    total = term
    while uniform > total and count < _MOST_PER_YEAR:
        count += 1
        term *= mean / count
        total += term
    return count


def _event(strength: str, year: int, draws: Array) -> DustEvent:
    month = int(np.searchsorted(np.cumsum(climate.DUST_MONTH_SHARE)[:-1], draws[0], side="right"))
    first = day_of_date(year, month + 1, 1)
    length = (day_of_date(year, month + 2, 1) if month < 11 else day_of_date(year + 1, 1, 1)) - first
    score = float(normals(draws[2:3])[0])
    hours = climate.DUST_MEDIAN_H * math.exp(climate.DUST_SIGMA * score)
    days = min(hours / 24.0, _LONGEST_DAYS)
    return _scaled(strength, first + float(draws[1]) * length, days, (draws[3], draws[4], draws[5]))


def _scaled(strength: str, start_day: float, days: float, at: Sequence[float]) -> DustEvent:
    """An event whose optical depth, PM10 and wind lie at the shares ``at`` of their ranges."""
    ranges = (climate.DUST_AOD[strength], climate.DUST_PM10_MG_M3[strength], climate.DUST_WIND_M_S[strength])
    aod, pm10, wind = (low + float(u) * (high - low) for (low, high), u in zip(ranges, at, strict=True))
    return DustEvent(start_day, days, aod, pm10, wind)


def ordered_events(storms: Sequence[DustStorm], day_zero: int) -> list[DustEvent]:
    """The storms a scenario orders, at the middle of their class; ``day_zero`` is the site-local day of the start."""
    return [
        _scaled(s.strength, day_zero + s.from_day + s.start_h / 24.0, s.duration_h / 24.0, (0.5, 0.5, 0.5))
        for s in storms
    ]


def fields(events: Sequence[DustEvent], block: Block) -> DustFields:
    """Optical depth, PM10 above background and wind of the events; where events overlap the strongest counts."""
    out = np.zeros((3, *block.shape))
    flat = out.reshape(3, -1)
    for event in events:
        a = math.ceil((event.start_day - block.first_day) * 1440 - 0.5)
        b = math.floor((event.start_day + event.days - block.first_day) * 1440 - 0.5) + 1
        span = slice(max(a, 0), max(min(b, flat.shape[1]), 0))
        phase = (np.arange(flat.shape[1])[span] + 0.5) / 1440 + block.first_day - event.start_day
        shape = 0.5 - 0.5 * np.cos(2.0 * math.pi * phase / event.days)
        peaks = (event.aod, event.pm10_mg_m3, event.wind_m_s)
        for row, peak in zip(flat, peaks, strict=True):
            row[span] = np.maximum(row[span], peak * shape)
    return DustFields(*out)
