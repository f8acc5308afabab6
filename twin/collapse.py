"""How far the loads can grow until the voltage collapses: the nose of the curve of voltage over load.

Near the nose the load factor is a parabola in the voltage of the weakest bus (a fold: V. Ajjarapu, C. Christy, The
continuation power flow, IEEE Trans. Power Systems 7 (1), 1992). Three points on the upper branch therefore tell where
it is; each further point is put at nine tenths of the way there, so that no solve is asked for the singular point.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from twin._network_data import Array

APPROACH = 0.9
"""Share of the way to the predicted nose that the next point goes."""
LARGEST_FACTOR = 1e9
"""Where the search ends: nothing that is loaded at all carries so much more."""
CLOSE = 1e-10
"""Predictions that differ by no more than this share are the nose."""
BRACKET = 1e-9
"""A bracket of this relative width is as good as a prediction: limits may end the curve before it bends."""
TRIES = 200


@dataclass(frozen=True)
class CollapseMargin:
    """Where the voltage collapses along a direction of load growth; ``Network.collapse_margin``."""

    load_factor: float
    """λ at the nose of injections + (λ − 1) direction: 1 is the present state. 0 where there is no nose to tell of."""
    margin_mw: float
    """Active power that can be drawn in addition along the direction; negative if the present state cannot be."""
    weakest_bus: Hashable
    """Where the voltage falls fastest just before the nose; None where there is no nose to tell of."""
    vm_pu: float
    """Voltage there at the last point solved before the nose."""
    solves: int
    found: bool
    """False where even without the direction's load (λ = 0) there is no solution."""


Solver = Callable[[float], Array | None]
"""Voltages (n_bus,) at a load factor, None where there is no solution."""


@dataclass
class Search:
    """Points on the upper branch, rising, and the least factor that failed."""

    solve: Solver
    factors: list[float]
    voltages: list[Array]
    failed: float = math.inf
    solves: int = 0

    def try_at(self, factor: float) -> bool:
        """Solve at a factor and keep the answer."""
        self.solves += 1
        vm_pu = self.solve(factor)
        if vm_pu is None:
            self.failed = factor
            return False
        self.factors.append(factor)
        self.voltages.append(vm_pu)
        return True

    def weakest(self) -> int:
        """Bus whose voltage fell most between the last two points."""
        fallen = self.voltages[-2] - self.voltages[-1] if len(self.voltages) > 1 else -self.voltages[-1]
        return int(fallen.argmax())

    def predicted(self) -> float:
        """Vertex of the parabola through the last three points; NaN where they show none ahead."""
        if len(self.factors) < 3:
            return math.nan
        bus = self.weakest()
        (u0, u1, u2), (f0, f1, f2) = (float(v[bus]) for v in self.voltages[-3:]), self.factors[-3:]
        if not u0 > u1 > u2:
            return math.nan
        first, second = (f1 - f0) / (u1 - u0), (f2 - f1) / (u2 - u1)
        bend = (second - first) / (u2 - u0)
        if bend >= 0.0:
            return math.nan
        slope = second + bend * (u2 - u1)  # at the last point
        return f2 - slope * slope / (4.0 * bend) if slope < 0.0 else math.nan


def find_nose(solve: Solver) -> Search | None:
    """The search at its end: ``factors[-1]`` and, where it is not NaN, ``predicted()``. None where λ = 0 fails."""
    search = Search(solve, [], [])
    if not (search.try_at(1.0) or search.try_at(0.0)):
        return None
    if search.factors[-1] == 1.0:
        step = 1.0
        while search.try_at(search.factors[-1] + step) and search.factors[-1] < LARGEST_FACTOR:
            step *= 2.0
    before = math.nan
    while search.solves < TRIES and search.failed - search.factors[-1] > BRACKET * search.failed:
        nose, low = search.predicted(), search.factors[-1]
        ahead = low < nose < search.failed
        if ahead and abs(nose - before) <= CLOSE * nose:
            break
        before = nose
        search.try_at(low + APPROACH * (nose - low) if ahead else 0.5 * (low + search.failed))
    return search


def margin(solve: Solver, buses: tuple[Hashable, ...], drawn_mw: float) -> CollapseMargin:
    """The margin along a direction that draws ``drawn_mw`` at a load factor of 1; ValueError where nothing ends it."""
    search = find_nose(solve)
    if search is None:
        return CollapseMargin(0.0, 0.0, None, 0.0, solves=2, found=False)
    if math.isinf(search.failed):
        raise ValueError("the direction has no nose: slacks hold every bus that it moves")
    nose, low, bus = search.predicted(), search.factors[-1], search.weakest()
    factor = nose if low <= nose <= search.failed else low
    vm_pu = float(search.voltages[-1][bus])
    return CollapseMargin(factor, (factor - 1.0) * drawn_mw, buses[bus], vm_pu, solves=search.solves, found=True)
