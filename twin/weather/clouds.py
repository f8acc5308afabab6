"""The texture of a day's radiation: how a daily clear-sky index becomes one per minute.

Clouds pass as an alternating renewal process with exponential sojourns; the share of cloud is the one that gives the
day's index on average, and a last exact correction conserves the day's sum.
"""

from __future__ import annotations

import numpy as np

from twin.weather.arrays import Array

GAP_KC = 0.96
"""Clear-sky index between clouds: the upper decile of clear days in Zhongwei (climate.KC_QUANTILE)."""
CLEAR_DAY_KC = 0.93
"""Days above it are cloudless."""
CLOUD_KC = 0.45
CLOUD_SPAN = (0.15, 0.75)
"""Mean and range of the index under a cloud; its law is triangular, which has the variance of Beta(2.5, 2.5)."""
EDGE_KC = 1.15
EDGE_PROBABILITY = 0.05
"""Reflection from cloud edges lifts this share of the gaps up to this index; from memory of one-minute records."""
CYCLE_MIN = (4.0, 20.0)
OVERCAST_COVER = 0.8
OVERCAST_LENGTHENING = 3.0
"""A cloud and the gap behind it last 4 to 20 min together, three times that under overcast: fitted so that the
plant's 15-min ramps lie where those of real plants do (State Grid data 2019-20: p95 0.137, p99 0.243 of rated)."""
SMOOTH_MIN = 3.0
"""Time constant of the sky's own blur."""

_PAIRS = 300


def smooth_days(kc_day: Array, clear_w_m2: Array) -> Array:
    """The index of each minute where a day is the clear day scaled; shape of ``clear_w_m2``."""
    return np.broadcast_to(kc_day[:, None], clear_w_m2.shape).copy()


def cloudy_days(kc_day: Array, clear_w_m2: Array, rng: np.random.Generator) -> Array:
    """The index of each minute under passing clouds, so that Σ index·clear = kc_day·Σ clear on each day.

    ``kc_day`` has shape (n_days,), ``clear_w_m2`` and the result (n_days, n_minutes). The number of draws taken
    from ``rng`` depends on the shapes only.
    """
    n_days, n_minutes = clear_w_m2.shape
    lengths, cloud, gap, cycle, grain = (
        rng.random((n_days, 2, _PAIRS)),
        rng.random((n_days, 2, _PAIRS)),
        rng.random((n_days, 2, _PAIRS)),
        rng.random(n_days),
        rng.random((n_days, n_minutes)),
    )
    cloud_kc = np.minimum(CLOUD_KC, 0.85 * kc_day)
    cover = np.clip((GAP_KC - kc_day) / (GAP_KC - cloud_kc), 0.0, 1.0)
    cycle_min = CYCLE_MIN[0] * (CYCLE_MIN[1] / CYCLE_MIN[0]) ** cycle
    cycle_min = np.where(cover > OVERCAST_COVER, cycle_min * OVERCAST_LENGTHENING, cycle_min)
    level = np.stack([_gap_levels(gap), _cloud_levels(cloud, cloud_kc)], axis=2).reshape(n_days, -1)
    sojourn = np.stack([(1.0 - cover) * cycle_min, cover * cycle_min], axis=1)[:, :, None] * -np.log1p(-lengths)
    index = _passing(sojourn.transpose(0, 2, 1).reshape(n_days, -1), level, n_minutes)
    index = _blurred(index) * (1.0 + 0.02 * (grain - 0.5))
    index = np.where((kc_day >= CLEAR_DAY_KC)[:, None], 1.0 + 0.004 * (grain - 0.5), index)
    return to_total(index, clear_w_m2, kc_day)


def _gap_levels(uniforms: Array) -> Array:
    """Index of each gap: near GAP_KC, now and then lifted by cloud edges; shape (n_days, pairs)."""
    plain = GAP_KC + 0.03 * (uniforms[:, 0] + uniforms[:, 1] - 1.0)
    share = uniforms[:, 0] / EDGE_PROBABILITY
    return np.where(share < 1.0, GAP_KC + (EDGE_KC - GAP_KC) * share, plain)


def _cloud_levels(uniforms: Array, cloud_kc: Array) -> Array:
    """Index under each cloud, triangular around the day's ``cloud_kc``; shape (n_days, pairs)."""
    low, high = CLOUD_SPAN
    spread = low + (high - low) * 0.5 * (uniforms[:, 0] + uniforms[:, 1])
    return np.asarray(cloud_kc[:, None] * spread / CLOUD_KC)


def _passing(sojourn_min: Array, level: Array, n_minutes: int) -> Array:
    """The level of the sojourn that each minute falls into; after the last one its level stays."""
    edges = np.cumsum(sojourn_min, axis=1)
    minute = np.arange(n_minutes) + 0.5
    which = np.array([np.searchsorted(day, minute) for day in edges])
    return np.take_along_axis(level, np.minimum(which, level.shape[1] - 1), axis=1)


def _blurred(index: Array) -> Array:
    """A causal exponential low-pass of SMOOTH_MIN, cut after four time constants."""
    taps = np.exp(-np.arange(int(4 * SMOOTH_MIN)) / SMOOTH_MIN)
    padded = np.pad(index, ((0, 0), (len(taps) - 1, 0)), mode="edge")
    n = index.shape[1]
    total = np.zeros_like(index)
    for lag, weight in enumerate(taps / taps.sum()):
        start = len(taps) - 1 - lag
        total += weight * padded[:, start : start + n]
    return total


def to_total(index: Array, weight: Array, target: Array, *, cap: float = EDGE_KC) -> Array:
    """``index`` moved so that its mean with ``weight`` is ``target``, exactly, row by row.

    Downwards everything is scaled; upwards the distance to ``cap`` is, so that no minute exceeds it. A target above
    the cap gives the flat target. Rows without weight come back unchanged.
    """
    total = weight.sum(axis=1)
    mean = np.divide((index * weight).sum(axis=1), total, out=np.ones_like(total), where=total > 0.0)
    lit = total > 0.0
    down = lit & (target <= mean)
    up = lit & (target > mean) & (target < cap)
    scale = np.where(down, target / np.where(down, mean, 1.0), 1.0)[:, None]
    lift = np.where(up, (target - mean) / np.where(up, cap - mean, 1.0), 0.0)[:, None]
    moved = index * scale + (cap - index) * lift
    return np.where((lit & (target >= cap))[:, None], target[:, None], moved)
