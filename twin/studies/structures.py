"""Availability and frequency of series, parallel and k-of-n structures of independent repairable parts.

Closed forms of Billinton and Allan, Reliability Evaluation of Engineering Systems, 2nd ed., ch. 9 to 11. Every part
alternates between up and down; the forms hold for any distribution of the two times with the means given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HOURS_PER_YEAR = 8760.0


@dataclass(frozen=True)
class Part:
    """A repairable part, or a structure of parts seen as one."""

    availability: float
    """Share of the time it is up."""
    failures_per_year: float
    """Failures in a calendar year, repairs included (not the rate while it is up)."""

    @property
    def mean_up_h(self) -> float:
        """Mean time between a repair and the next failure, h; infinite where it never fails."""
        never = self.failures_per_year == 0.0
        return float("inf") if never else HOURS_PER_YEAR * self.availability / self.failures_per_year

    @property
    def mean_down_h(self) -> float:
        """Mean time to restoration, h; 0 where it never fails."""
        never = self.failures_per_year == 0.0
        return 0.0 if never else HOURS_PER_YEAR * (1.0 - self.availability) / self.failures_per_year

    @property
    def mean_between_h(self) -> float:
        """Mean time between failures, up and down time together, h."""
        return self.mean_up_h + self.mean_down_h


def part(failure_rate_per_year: float, repair_h: float) -> Part:
    """A part that fails ``failure_rate_per_year`` times in 8,760 h of service and takes ``repair_h`` on average."""
    if not failure_rate_per_year >= 0.0 or not repair_h >= 0.0:
        raise ValueError(f"expected a rate and a time of 0 or above, got {failure_rate_per_year} and {repair_h}")
    availability = 1.0 / (1.0 + failure_rate_per_year * repair_h / HOURS_PER_YEAR)
    return Part(availability, failure_rate_per_year * availability)


def series(parts: Sequence[Part]) -> Part:
    """All are needed."""
    return k_of_n(len(parts), parts)


def parallel(parts: Sequence[Part]) -> Part:
    """One is enough."""
    return k_of_n(1, parts)


def k_of_n(needed: int, parts: Sequence[Part]) -> Part:
    """``needed`` of the parts, which may differ, are enough. Raise ValueError where it is not 1 to len(parts).

    A part's failure fails the structure where exactly ``needed − 1`` of the others are up: its Birnbaum importance.
    """
    if not 1 <= needed <= len(parts):
        raise ValueError(f"expected 1 to {len(parts)} parts needed, got {needed}")
    up = _up_counts([each.availability for each in parts])
    frequency = sum(each.failures_per_year * birnbaum(needed, parts, i) for i, each in enumerate(parts))
    return Part(sum(up[needed:]), frequency)


def birnbaum(needed: int, parts: Sequence[Part], i_part: int) -> float:
    """Probability that the structure is up with part ``i_part`` and down without it."""
    others = [each.availability for i, each in enumerate(parts) if i != i_part]
    return _up_counts(others)[needed - 1]


def _up_counts(availability: Sequence[float]) -> list[float]:
    """Probability that exactly k parts are up, for k from 0 to all."""
    counts = [1.0]
    for a in availability:
        counts = [x * (1.0 - a) + y * a for x, y in zip([*counts, 0.0], [0.0, *counts], strict=True)]
    return counts
