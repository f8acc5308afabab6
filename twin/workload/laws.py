"""Inverse distribution functions as tables, and random streams that belong to names.

Random numbers are uniform draws put through tables by linear interpolation: additions, multiplications and divisions,
which every processor rounds the same way. The tables need exp and erf, whose last digit differs between mathematical
libraries, and are therefore rounded to nine decimals.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from twin.workload.jobs import Float64

DECIMALS = 9


def stream(seed: int, *names: object) -> np.random.Generator:
    """The random stream of an entity and a purpose: Philox keyed by SHA-256 of seed and names."""
    text = "/".join(str(part) for part in (seed, "workload", *names))
    return np.random.Generator(
        np.random.Philox(key=int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little"))
    )


@dataclass(frozen=True)
class Quantile:
    """A distribution by points of its distribution function, linear between them."""

    p: Float64
    """Rising from 0 to 1, shape (n_points,)."""
    x: Float64
    """Rising, shape (n_points,)."""

    def draw(self, u: Float64) -> Float64:
        """The values at the uniform numbers ``u``."""
        return np.interp(u, self.p, self.x)

    def cdf(self, x: Float64) -> Float64:
        """The probability of a value of at most ``x``."""
        return np.interp(x, self.x, self.p)

    def mean_above(self, low: float) -> float:
        """Mean of the values above ``low``: exact for the table, so that rates set from it hit their load."""
        p_low = float(np.interp(low, self.x, self.p))
        inside = self.p > p_low
        p = np.concatenate(([p_low], self.p[inside]))
        x = np.concatenate(([max(low, float(self.x[0]))], self.x[inside]))
        return math.fsum(np.diff(p) * (x[1:] + x[:-1]) / 2) / (1.0 - p_low)


@dataclass(frozen=True)
class Lognormal:
    """One part of a mixture."""

    weight: float
    median_s: float
    sigma: float
    """Standard deviation of ln x."""


_GRID_POINTS = 600


def _table(p: npt.ArrayLike, x: npt.ArrayLike) -> Quantile:
    """The table through the points, its probabilities rounded, strictly rising and ending at 1."""
    rounded: Float64 = np.maximum.accumulate(np.asarray(p, dtype=np.float64)).round(DECIMALS)
    rounded[-1] = 1.0
    rising, first = np.unique(rounded, return_index=True)
    return Quantile(rising, np.asarray(x, dtype=np.float64)[first])


@cache
def lognormal_mixture(parts: Sequence[Lognormal], upper_s: float) -> Quantile:
    """Weighted lognormals between 1 s and ``upper_s``, renormalised; ``parts`` is a tuple."""
    x = np.rint(np.geomspace(1.0, upper_s, _GRID_POINTS) * 1000.0) / 1000.0
    normal = NormalDist()
    p = np.array(
        [math.fsum(a.weight * normal.cdf(math.log(value / a.median_s) / a.sigma) for a in parts) for value in x]
    )
    return _table((p - p[0]) / (p[-1] - p[0]), x)


@cache
def exponential() -> Quantile:
    """The exponential law of mean 1, up to p = 1 − 1e-9."""
    x = np.concatenate((np.arange(0, 4, 0.005), np.arange(4, 21, 0.02)))
    return _table([-math.expm1(-value) for value in x], x)


@cache
def normal() -> Quantile:
    """The standard normal law between −6 and 6."""
    x = np.arange(-600, 601) / 100.0
    return _table([NormalDist().cdf(value) for value in x], x)


@cache
def gamma(shape: float) -> Quantile:
    """The gamma law of mean 1: its distribution function by the power series of the incomplete gamma function.

    Abramowitz and Stegun 6.5.29; ``shape`` from 0.5 to 20.
    """
    x = np.linspace(0.0, math.sqrt(20.0 * max(shape, 2.0)), _GRID_POINTS) ** 2
    term = np.full_like(x, 1.0 / math.gamma(shape + 1.0))
    total = term.copy()
    for n in range(1, 400):
        term = term * x / (shape + n)
        total += term
    return _table(np.minimum(x**shape * np.exp(-x) * total, 1.0), np.round(x / shape, DECIMALS))
