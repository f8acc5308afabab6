"""What acts on a network between solves: sources that share an island's imbalance by droop, and tap changers.

Both are loops around the compiled power flow, so that it costs nothing where a network has neither.

**Droop.** In an island without ideal slack each droop source gives its ``p_mw`` plus droop times the one fall of the
frequency. The first of them holds the angle; what it has to give, less its share, is a smooth function of the fall,
with a slope that losses alone keep from being constant: a secant finds its zero in two or three solves.

**Tap changers** move in rounds. In each round only those nearest to a slack that are out of their band move, as time
grading has it, by one step. One that has turned back ``TURNS_BACK`` times turns no more: so every solve ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt

from twin._network_data import Array, Branch, GridData, joined

OK, NOT_CONVERGED = 0, 1
"""Codes of ``ext/types.pxd``."""
MAX_ITERATIONS = 12
"""Newton steps of one attempt; a warm start takes 2 or 3, a cold one at most 7 on the published cases."""
SECANT_STEPS = 30
"""A bound; more than five were never seen."""
TURNS_BACK = 3
"""Times a tap changer may turn back within one solve."""


@dataclass
class Shared:
    """An island whose imbalance droop sources share."""

    number: int
    """Of the island in the kernel."""
    sources: npt.NDArray[np.intp]
    """Buses of the sources; the first holds the angle."""
    members: npt.NDArray[np.intp]
    droop_pu_per_hz: Array
    fall_hz: float = 0.0
    """How far the frequency is below nominal."""
    before: tuple[float, float] | None = None
    """The fall tried last and what it left over, per unit."""

    def begin(self, p_pu: Array) -> None:
        """Start from the fall of a network without losses."""
        self.fall_hz, self.before = -float(p_pu[self.members].sum() / self.droop_pu_per_hz.sum()), None

    def excess(self, slack_p: Array) -> float:
        """What the first source had to give beyond its share, per unit."""
        return float(slack_p[self.number] - self.droop_pu_per_hz[0] * self.fall_hz)

    def correct(self, slack_p: Array) -> None:
        """Take a secant step towards an excess of nothing."""
        left = self.excess(slack_p)
        slope = -float(self.droop_pu_per_hz.sum())
        if self.before is not None and self.before[0] != self.fall_hz:
            found = (left - self.before[1]) / (self.fall_hz - self.before[0])
            slope = found if 0.2 * slope > found > 5.0 * slope else slope  # losses bend it, they do not turn it
        self.before = (self.fall_hz, left)
        self.fall_hz -= left / slope


@dataclass
class Changer:
    """A tap changer in one solve: ratio = the graph's ``tap_ratio`` + ``position`` times ``tap_step``."""

    branch: int
    record: Branch
    to_bus: int
    depth: int = 0
    """Branches between its to bus and the nearest slack."""
    position: int = 0
    heading: int = 0
    turned: int = 0
    patched: int = 0
    """The position the kernel has."""

    def ratio(self) -> float:
        """Tap ratio at the present position, as the graph counts it."""
        control = self.record.control
        return self.record.own_ratio + self.position * (control.tap_step if control else 0.0)

    def admittance(self) -> tuple[complex, complex, complex, complex]:
        """Of the branch at the present position; to the last bit that of the graph at its own."""
        return self.record.admittance(self.ratio() * self.record.rated_ratio if self.position else None)

    def wanted(self, vm_pu: float) -> int:
        """The step to take: 1, -1, or 0 inside the band, at a limit, for a dead bus and after too many turns."""
        control = self.record.control
        if control is None or vm_pu == 0.0:
            return 0
        excess = vm_pu - control.v_target_pu
        heading = 1 if excess > 0.0 else -1  # a higher ratio at the from side lowers the voltage at the to side
        low, high = control.positions(self.record.own_ratio)
        tired = heading == -self.heading and self.turned >= TURNS_BACK
        if abs(excess) <= control.deadband_pu or tired or not low <= self.position + heading <= high:
            return 0
        return heading

    def move(self, step: int) -> None:
        """Take a step and remember its direction."""
        self.turned += step == -self.heading
        self.heading, self.position = step, self.position + step


class Controls:
    """Droop and tap changers of one network; owns who holds each island and the taps in force."""

    def __init__(self, data: GridData, grid: Any) -> None:
        self.data, self.grid = data, grid
        self.droop_pu_per_hz = data.columns["droop_mw_per_hz"] / data.base_mva
        slack = np.array(data.kinds) == "slack"
        self.ideal = np.flatnonzero(slack & (self.droop_pu_per_hz == 0.0))
        self.droopers = np.flatnonzero(slack & (self.droop_pu_per_hz > 0.0))
        row = {bus: k for k, bus in enumerate(data.buses)}
        self.ends = [(row[branch.from_bus], row[branch.to_bus]) for branch in data.branches]
        self.changers = [
            Changer(k, branch, self.ends[k][1]) for k, branch in enumerate(data.branches) if branch.control is not None
        ]
        self.own_taps = np.array([branch.own_ratio for branch in data.branches], dtype=np.float64)
        self.nominal_hz = np.zeros(len(data.buses))
        self.own_taps.setflags(write=False)  # solutions share them
        self.shared: list[Shared] = []

    @property
    def active(self) -> bool:
        """Whether there is anything to do beside one solve."""
        return bool(len(self.droopers) or self.changers)

    def arrange(self, closed: list[bool]) -> None:
        """After switching: let an ideal slack hold its island, or else the first droop source there."""
        if len(self.droopers):
            root = joined(len(self.data.buses), [ends for ends, shut in zip(self.ends, closed, strict=True) if shut])
            held = {root[bus] for bus in self.ideal.tolist()}
            for bus in self.droopers.tolist():
                first = root[bus] not in held
                held.add(root[bus])
                self.grid.set_forming(bus, len(self.ideal) + 1 + bus if first else 0)
        self.grid.ensure()
        self.nominal_hz = np.where(self.grid.arrays["island_of_bus"] >= 0, self.data.frequency_hz, 0.0)
        self.nominal_hz.setflags(write=False)
        self.shared = [island for island in map(self._shared, range(self.grid.n_island)) if island is not None]
        if self.changers:
            self._measure_depths(closed)

    def _shared(self, number: int) -> Shared | None:
        """The record of an island that a droop source holds."""
        holder = int(self.grid.arrays["slack_of_island"][number])
        if self.droop_pu_per_hz[holder] == 0.0:
            return None
        members = np.flatnonzero(self.grid.arrays["island_of_bus"] == number)
        others = [bus for bus in self.droopers.tolist() if bus != holder and bus in members]
        sources = np.array([holder, *others], dtype=np.intp)
        return Shared(number, sources, members, self.droop_pu_per_hz[sources])

    def _measure_depths(self, closed: list[bool]) -> None:
        graph = nx.Graph()
        graph.add_nodes_from(range(len(self.data.buses)))
        graph.add_edges_from(ends for ends, shut in zip(self.ends, closed, strict=True) if shut)
        slacks = {*self.ideal.tolist(), *self.droopers.tolist()}
        depths = nx.multi_source_dijkstra_path_length(graph, slacks) if slacks else {}
        for changer in self.changers:
            changer.depth = int(depths.get(changer.to_bus, 0))

    def shares(self) -> Array:
        """(n_bus,): of an island without ideal slack, the share of its imbalance that each source takes; else 0."""
        found = np.zeros(len(self.data.buses))
        for island in self.shared:
            found[island.sources] = island.droop_pu_per_hz / island.droop_pu_per_hz.sum()
        return found

    # ---- solving

    def solve(self, tol: float, *, taps: bool) -> int:
        """Solve for the kernel's ``p_pu``, ``q_pu``, tap changers from the graph's positions; the status."""
        if not self.active:
            return int(self.grid.power_flow(tol, MAX_ITERATIONS))
        p_pu = self.grid.arrays["p_pu"].copy()
        for changer in self.changers:
            changer.position = changer.heading = changer.turned = 0
        self._patch()
        for island in self.shared:
            island.begin(p_pu)
        status = self._balance(p_pu, tol)
        while taps and status == OK and self._step():
            self._patch()
            status = self._balance(p_pu, tol)
        return status

    def series(
        self, p_pu: Array, q_pu: Array, out: dict[str, Array], sums: dict[str, Array], *, tol: float, taps: bool
    ) -> None:
        """Row after row of injections (n_step, n_bus); ``out`` and ``sums`` as in the kernel's series."""
        names, arrays = list(out), self.grid.arrays
        out["frequency_hz"], out["taps"] = np.zeros_like(p_pu), np.zeros((len(p_pu), len(self.ends)))
        for row in range(len(p_pu)):
            arrays["p_pu"][:], arrays["q_pu"][:] = p_pu[row], q_pu[row]
            sums["status"][row] = self.solve(tol, taps=taps)
            for name in names:
                out[name][row] = arrays[name]
            out["frequency_hz"][row], out["taps"][row] = self.frequency_hz(), self.taps()
            sums["iterations"][row], sums["loss_p"][row] = self.grid.iterations, self.grid.loss_p
            sums["slack_p"][row], sums["load_factor"][row] = self.slack_pu(), self.grid.load_factor()
            sums["mismatch"][row] = max(self.grid.mismatch_p, self.grid.mismatch_q)

    def _balance(self, p_pu: Array, tol: float) -> int:
        """Solve until each droop source gives its share, within ``tol`` per unit."""
        arrays = self.grid.arrays
        for _ in range(SECANT_STEPS):
            for island in self.shared:
                others = island.sources[1:]
                arrays["p_pu"][others] = p_pu[others] + island.droop_pu_per_hz[1:] * island.fall_hz
            status = int(self.grid.power_flow(tol, MAX_ITERATIONS))
            solved = [island for island in self.shared if arrays["island_status"][island.number] == OK]
            off = [island for island in solved if abs(island.excess(arrays["slack_p"])) > tol]
            if not off:
                return status
            for island in off:
                island.correct(arrays["slack_p"])
        return max(status, NOT_CONVERGED)

    def _step(self) -> bool:
        """Move the tap changers whose turn it is; whether any moved."""
        vm_pu = self.grid.arrays["vm"]
        wanted = [(changer, changer.wanted(float(vm_pu[changer.to_bus]))) for changer in self.changers]
        moving = [(changer, step) for changer, step in wanted if step]
        first = min((changer.depth for changer, _ in moving), default=0)
        for changer, step in moving:
            if changer.depth == first:
                changer.move(step)
        return bool(moving)

    def _patch(self) -> None:
        """Give the kernel the admittances of taps that have moved."""
        for changer in self.changers:
            if changer.patched != changer.position:
                self.grid.set_tap(changer.branch, *changer.admittance())
                changer.patched = changer.position

    # ---- answers

    def taps(self) -> Array:
        """(n_branch,) tap ratios of the last solve."""
        if not self.changers:
            return self.own_taps
        ratios = self.own_taps.copy()
        for changer in self.changers:
            ratios[changer.branch] = changer.ratio()
        return ratios

    def frequency_hz(self) -> Array:
        """(n_bus,) frequency of the last solve; 0 where dead, nominal in an island without a solution."""
        if not self.shared:
            return self.nominal_hz
        found = self.nominal_hz.copy()
        for shared in self.shared:
            if self.grid.arrays["island_status"][shared.number] == OK:
                found[shared.members] -= shared.fall_hz
        return found

    def slack_pu(self) -> float:
        """What all slack sources give beside their ``p_mw``, per unit."""
        arrays = self.grid.arrays
        held = float(arrays["slack_p"][: self.grid.n_island].sum())
        if not self.shared:
            return held
        solved = [s for s in self.shared if arrays["island_status"][s.number] == OK]
        return held + float(sum((s.droop_pu_per_hz[1:] * s.fall_hz).sum() for s in solved))
