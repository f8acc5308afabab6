"""Seeded random streams that belong to names, and laws by the inverse of their distribution.

A stream is Philox keyed by a hash of seed and name, so that each variable of each calendar year has numbers of its
own: a longer horizon, or one that starts elsewhere, changes none of them. Only uniform draws are taken, whose bits
numpy keeps from version to version.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from twin.weather.arrays import Array, Ints, day_of_date, months_of, years_of

_NORMAL = NormalDist()
_BURN_IN_DAYS = 60
_LONGEST_YEAR = 366


def stream(seed: int, *name: object) -> np.random.Generator:
    """The generator that belongs to ``name`` under ``seed``."""
    text = "/".join(str(part) for part in (seed, *name))
    key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")
    return np.random.Generator(np.random.Philox(key=key))


def normals(uniforms: Array) -> Array:
    """Standard normal values by inverse CDF; a uniform of exactly 0 counts as 2⁻⁵⁴, half the smallest step."""
    flat = np.maximum(uniforms, 2.0**-54).ravel()
    return np.array([_NORMAL.inv_cdf(u) for u in flat.tolist()]).reshape(uniforms.shape)


def ranks(scores: Array) -> Array:
    """Standard normal CDF, below 1 also where it rounds to it."""
    return np.minimum([_NORMAL.cdf(z) for z in scores.tolist()], 1.0 - 2.0**-53)


def _year_uniforms(seed: int, variable: str, year: int, per_day: int) -> Array:
    """The draws of one calendar year, shape (days of the year, per_day)."""
    n_days = day_of_date(year + 1, 1, 1) - day_of_date(year, 1, 1)
    return stream(seed, "weather", variable, year).random((_LONGEST_YEAR, per_day))[:n_days]


def day_uniforms(seed: int, variable: str, days: Ints, per_day: int = 1) -> Array:
    """Uniforms of consecutive ``days`` since 1970-01-01, shape (n_days, per_day)."""
    first, last = int(days[0]), int(days[-1])
    years = years_of(np.array([first, last]))
    parts = [_year_uniforms(seed, variable, year, per_day) for year in range(int(years[0]), int(years[1]) + 1)]
    offset = first - day_of_date(int(years[0]), 1, 1)
    return np.concatenate(parts)[offset : offset + len(days)]


def day_scores(seed: int, variable: str, days: Ints, lag1: Array, per_day: int = 1) -> Array:
    """A first-order autoregression with unit variance over consecutive ``days``, flat, ``per_day`` steps a day.

    ``lag1`` has shape (12,) and holds for the steps of a month. Each calendar year starts its recursion 60 days
    before 1 January from the draws of those days, by when the start is forgotten, so years join smoothly and can
    still be computed one by one.
    """
    first, last = int(days[0]), int(days[-1])
    years = years_of(np.array([first, last]))
    memory = tuple(lag1.tolist())
    parts = [_scores_of_year(seed, variable, y, memory, per_day) for y in range(int(years[0]), int(years[1]) + 1)]
    offset = (first - day_of_date(int(years[0]), 1, 1)) * per_day
    return np.concatenate(parts)[offset : offset + len(days) * per_day]


@lru_cache(maxsize=32)
def _scores_of_year(seed: int, variable: str, year: int, lag1: tuple[float, ...], per_day: int) -> Array:
    days = np.arange(day_of_date(year, 1, 1) - _BURN_IN_DAYS, day_of_date(year + 1, 1, 1))
    shocks = normals(day_uniforms(seed, variable, days, per_day)).ravel().tolist()
    memory = np.repeat(np.array(lag1)[months_of(days)], per_day).tolist()
    scores = [shocks[0]]
    for shock, r in zip(shocks[1:], memory[1:], strict=True):
        scores.append(r * scores[-1] + (1.0 - r * r) ** 0.5 * shock)
    year_only = np.array(scores[_BURN_IN_DAYS * per_day :])
    year_only.setflags(write=False)
    return year_only
