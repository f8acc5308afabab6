"""AC power flow of any networkx graph: balanced, positive sequence, exact switching, islands.

``Network`` reads the schema of docs/powerflow.md, ``solve`` answers with a ``Solution``. The equations are solved in
the compiled core; ``branch_admittance``, ``transformer_impedance`` and ``line_impedance`` are the branch models.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Hashable
from dataclasses import dataclass
from enum import IntEnum
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import numpy.typing as npt

from twin import _core, collapse, sensitivities
from twin._controls import MAX_ITERATIONS, Controls
from twin._matpower import case_graph, read_case
from twin._network_data import (
    Array,
    GridData,
    branch_admittance,
    line_impedance,
    read_graph,
    transformer_impedance,
)
from twin._pandapower import net_graph, read_net
from twin._series import Extremes, SolutionSeries, extremes_of
from twin._short_circuit_data import three_winding
from twin.errors import Problem, SiteError
from twin.short_circuit import ShortCircuit, short_circuit

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Extremes", "Island", "Network", "ShortCircuit", "Solution", "SolutionSeries", "Status", "branch_admittance",
    "line_impedance", "three_winding", "transformer_impedance",
]  # fmt: skip

LEAST_ROWS = 64
"""Rows from which on a batch is solved in eight stretches side by side; fewer are solved one after the other."""


class Status(IntEnum):
    """How a solve ended; the codes of the compiled core."""

    OK = 0
    NOT_CONVERGED = 1
    COLLAPSE = 2
    """The injections lie beyond the nose: no solution on the upper branch."""
    DEAD = 3
    """No bus at all is connected with a slack."""
    SINGULAR = 4
    BAD_INPUT = 5
    """An injection is NaN or infinite."""


@dataclass(frozen=True)
class Island:
    """Buses that closed branches connect."""

    buses: tuple[Hashable, ...]
    energised: bool


@dataclass(frozen=True)
class Solution:
    """Voltages and flows; arrays in the order of ``buses`` and ``branches``.

    Where an island did not converge, ``converged`` is False, its buses show the last good voltages (0 if there are
    none) and its ``p_mw``, ``q_mvar`` are 0. NaN never appears.
    """

    buses: tuple[Hashable, ...]
    branches: tuple[str, ...]
    vm_pu: Array
    va_deg: Array
    energised: npt.NDArray[np.bool_]
    """Whether the bus is connected with a slack."""
    p_mw: Array
    """Net injection at each bus, what slack and pv sources provide included."""
    q_mvar: Array
    loading: Array
    """Larger apparent power of the two ends over ``rate_mva``; 0 without a rating."""
    p_from_mw: Array
    """Into the branch at its from end; p_from_mw + p_to_mw is its loss."""
    q_from_mvar: Array
    p_to_mw: Array
    q_to_mvar: Array
    losses_mw: Any
    """Of all branches and shunts: the sum of all injections."""
    p_slack_mw: Any
    """What all slack sources provide, beside the ``p_mw`` specified at their nodes."""
    converged: Any
    status: Any
    """Status; of several islands the worst."""
    iterations: Any
    mismatch_pu: Any
    """Largest power left over at a bus, recomputed from the voltages."""
    load_factor: Any
    """1; with status COLLAPSE the share of all injections of the island that can be carried, at the nose, to 1e-7."""
    frequency_hz: Array
    """(n_bus,): nominal, but lower or higher where droop sources share an island's imbalance; 0 where dead."""
    taps: Array
    """(n_branch,): the tap ratios in force."""

    def table(self, what: str = "buses") -> pd.DataFrame:
        """One row per bus, or per branch with ``what="branches"``."""
        import pandas as pd

        if what == "buses":
            of_bus = ("vm_pu", "va_deg", "energised", "p_mw", "q_mvar", "frequency_hz")
            return pd.DataFrame({name: getattr(self, name) for name in of_bus}, index=pd.Index(self.buses, name="bus"))
        if what == "branches":
            names = ("p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar", "loading", "taps")
            index = pd.Index(self.branches, name="branch")
            return pd.DataFrame({name: getattr(self, name) for name in names}, index=index)
        raise ValueError(f"table({what!r}): expected 'buses' or 'branches'")


_RESULTS = {
    "vm_pu": "vm", "p_mw": "p_bus", "q_mvar": "q_bus", "loading": "loading", "p_from_mw": "p_from",
    "q_from_mvar": "q_from", "p_to_mw": "p_to", "q_to_mvar": "q_to",
}  # fmt: skip
"""Field of a Solution -> array of the kernel, which is in per unit."""
_PER_UNIT = {"vm_pu", "loading"}
_PER_BRANCH = {"loading", "p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar"}


class Network:
    """The power flow of a graph. Raise SiteError with every problem of the graph, SiteError for unknown names.

    Every node of kind "slack" is held at its ``vm_pu``, ``va_deg``. Edges without impedance merge their nodes while
    they are closed. ``buses`` and ``branches`` give the order of all arrays.
    """

    def __init__(self, graph: nx.Graph) -> None:
        self._data: GridData = read_graph(graph)
        self._graph = graph.copy()
        self.buses: tuple[Hashable, ...] = self._data.buses
        """Node names, in the order of the arrays."""
        self.branches: tuple[str, ...] = tuple(branch.name for branch in self._data.branches)
        """Edge names, in the order of the arrays."""
        self.base_mva: float = self._data.base_mva
        self._index = {name: index for index, name in enumerate(self.branches)}
        self._grid = _build_grid(self._data)
        self._controls = Controls(self._data, self._grid)
        self._couplers = [
            (k, ends) for k, (branch, ends) in enumerate(zip(self._data.branches, self._controls.ends, strict=True))
            if branch.coupler
        ]  # fmt: skip
        self._closed = [branch.closed for branch in self._data.branches]
        self._switched = True
        self._one_by_one = _one_by_one(self._data)

    @classmethod
    def from_matpower(cls, path: str | PathLike[str], *, q_limits: bool = False) -> Network:
        """Read a MATPOWER case file (version 2). Nothing in the file is executed; what is no literal is an error.

        ``q_limits`` honours the generators' reactive limits, which MATPOWER itself does only on request.
        """
        return cls(case_graph(read_case(Path(path)), q_limits=q_limits))

    @classmethod
    def from_pandapower(cls, path: str | PathLike[str], *, q_limits: bool = False) -> Network:
        """Read a file that ``pandapower.to_json`` wrote, without pandapower.

        Nodes are the indices of the buses, edges are named by table and index, "line 3"; names stay as ``label``. Raise
        SiteError with table, row, column and value of everything that cannot be honoured. ``q_limits`` honours the
        generators' reactive limits, which pandapower itself does only on request.
        """
        return cls(net_graph(*read_net(Path(path)), q_limits=q_limits))

    # ---- solving

    def solve(
        self, p_mw: npt.ArrayLike | None = None, q_mvar: npt.ArrayLike | None = None, tol: float = 1e-8,
        *, warm: bool = False, taps: bool = True,
    ) -> Solution:  # fmt: skip
        """Solve for injections of shape (n_bus,), + into the bus; None takes the graph's own.

        ``tol`` bounds the power mismatch of every bus, in per unit. The answer depends on the input alone, unless
        ``warm`` starts from the voltages solved last. Tap changers start from the graph's ``tap_ratio``; without
        ``taps`` they stay there. Physics that goes wrong is a ``status``, not an exception.
        """
        p, q = self._given(p_mw, "p_mw", 1), self._given(q_mvar, "q_mvar", 1)
        self._ready()
        arrays = self._grid.arrays
        np.divide(p, self.base_mva, out=arrays["p_pu"])
        np.divide(q, self.base_mva, out=arrays["q_pu"])
        if not warm:
            self._grid.forget()
        status = Status(int(self._or_dead(self._controls.solve(tol, taps=taps))))
        fields = {name: self._scaled(name, arrays[source][: self._width(name)]) for name, source in _RESULTS.items()}
        return self._solution(
            fields, arrays["vr"], arrays["vi"],
            losses_mw=self._grid.loss_p * self.base_mva,
            p_slack_mw=self._controls.slack_pu() * self.base_mva,
            converged=status is Status.OK, status=status, iterations=self._grid.iterations,
            mismatch_pu=max(self._grid.mismatch_p, self._grid.mismatch_q), load_factor=self._grid.load_factor(),
            frequency_hz=self._controls.frequency_hz(), taps=self._controls.taps(),
        )  # fmt: skip

    def solve_many(
        self, p_mw: npt.ArrayLike | None = None, q_mvar: npt.ArrayLike | None = None, tol: float = 1e-8,
        *, taps: bool = True,
    ) -> SolutionSeries:  # fmt: skip
        """Solve for each row of injections of shape (n_step, n_bus), MW and Mvar, + into the bus.

        Eight stretches of the rows are solved side by side; the first row of each starts cold, every other from the
        row before. Flows are computed when first asked for, from the arrays given here, which are not copied: do not
        change them before you have looked at the flows you want.

        Networks with reactive limits, ZIP loads, volt-var curves, droop sources or tap changers are solved row after
        row. Tap changers start every row from the graph's ``tap_ratio``: no row's taps depend on the row before.
        """
        p, q = self._rows(p_mw, q_mvar)
        self._ready()
        if len(p) < LEAST_ROWS or self._one_by_one:
            return self._in_sequence(p, q, tol, taps=taps)
        closed = tuple(self._closed)
        v = np.empty((*p.shape, 2))
        status, iterations, of_island = self._side_by_side(p, q, tol, v=v)

        def flows() -> dict[str, Array]:
            return self._replay(closed, p, q, v=v, of_island=of_island)

        return SolutionSeries(self.buses, self.branches, v, status, iterations, self._alive(), flows)

    def solve_extremes(
        self, p_mw: npt.ArrayLike | None = None, q_mvar: npt.ArrayLike | None = None, tol: float = 1e-8
    ) -> Extremes:
        """As ``solve_many``, but keep no voltages: only the least and greatest of each bus and branch, and totals."""
        p, q = self._rows(p_mw, q_mvar)
        self._ready()
        if len(p) < LEAST_ROWS or self._one_by_one:
            return extremes_of(self._in_sequence(p, q, tol, taps=True))
        n_bus, n_branch = len(self.buses), len(self.branches)
        sizes = {"low2": n_bus, "high2": n_bus, "load2": n_branch, "loss": len(p), "slack": len(p)}
        found = {name: np.zeros(size) for name, size in sizes.items()}
        status, iterations, _ = self._side_by_side(p, q, tol, extremes=found)
        rate = np.array([branch.rate_mva / self.base_mva for branch in self._data.branches])
        loading = np.divide(np.sqrt(found["load2"]), rate, out=np.zeros(n_branch), where=rate > 0.0)
        return Extremes(
            self.buses, self.branches, np.sqrt(found["low2"]), np.sqrt(found["high2"]), loading,
            found["loss"] * self.base_mva, found["slack"] * self.base_mva, status, iterations,
        )  # fmt: skip

    def _side_by_side(
        self, p_mw: Array, q_mvar: Array, tol: float, *, v: Array | None = None,
        extremes: dict[str, Array] | None = None,
    ) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int32], npt.NDArray[np.int8]]:  # fmt: skip
        """Solve rows in lanes into ``v`` or ``extremes``: status and iterations (n_step,), status of each island."""
        status, iterations = np.zeros(len(p_mw), np.int8), np.zeros(len(p_mw), np.int32)
        of_island = np.zeros((len(p_mw), max(self._grid.n_island, 1)), np.int8)
        batch = _core.batch.Batch(self._grid)
        batch.run(p_mw, q_mvar, v, status, of_island, iterations, extremes, tol, MAX_ITERATIONS)
        return self._or_dead(status), iterations, of_island

    def _rows(self, p_mw: npt.ArrayLike | None, q_mvar: npt.ArrayLike | None) -> tuple[Array, Array]:
        """Injections of every row, MW and Mvar; one given alone is combined with the graph's own of the other."""
        p, q = self._given(p_mw, "p_mw", 2), self._given(q_mvar, "q_mvar", 2)
        shape = (max(len(p), len(q)), len(self.buses))
        return tuple(np.broadcast_to(x, shape) for x in (p, q))  # type: ignore[return-value]

    def _in_sequence(self, p_mw: Array, q_mvar: Array, tol: float, *, taps: bool) -> SolutionSeries:
        """Row after row with the solver of ``solve``, each from the voltages of the row before."""
        steps = len(p_mw)
        p_pu, q_pu = (np.ascontiguousarray(x / self.base_mva) for x in (p_mw, q_mvar))
        self._grid.forget()
        out = {source: np.zeros((steps, len(self._grid.arrays[source]))) for source in (*_RESULTS.values(), "vr", "vi")}
        totals = ("status", "iterations", "loss_p", "slack_p", "mismatch", "load_factor")
        sums = {name: np.zeros(steps) for name in totals}
        if self._controls.active:
            self._controls.series(p_pu, q_pu, out, sums, tol=tol, taps=taps)
        else:
            self._grid.series(p_pu, q_pu, out | sums, tol, MAX_ITERATIONS)
        v = np.stack([out.pop("vr"), out.pop("vi")], axis=-1)
        status, iterations = self._or_dead(sums["status"]), sums["iterations"].astype(np.int32)
        flows = self._series_fields(out, sums)
        return SolutionSeries(self.buses, self.branches, v, status, iterations, self._alive(), lambda: flows)

    def _replay(
        self, closed: tuple[bool, ...], p_mw: Array, q_mvar: Array, *, v: Array, of_island: npt.NDArray[np.int8]
    ) -> dict[str, Array]:
        """Flows of rows solved before, with the switches as they were then; what was solved last stays as it is."""
        present, solved = tuple(self._closed), self._grid.arrays["state"].copy()
        for index, state in enumerate(closed):
            self._grid.set_closed(index, state)
        out = {source: np.zeros((len(v), len(self._grid.arrays[source]))) for source in _RESULTS.values()}
        sums = {name: np.zeros(len(v)) for name in ("loss_p", "slack_p", "mismatch")}
        p_pu, q_pu = (np.ascontiguousarray(x / self.base_mva) for x in (p_mw, q_mvar))
        self._grid.replay(v, p_pu, q_pu, of_island, out | sums)
        sums["load_factor"] = np.ones(len(v))
        for step in np.flatnonzero((of_island == Status.COLLAPSE).any(axis=1)):
            sums["load_factor"][step] = self._load_factor(p_pu[step], q_pu[step])
        for index, state in enumerate(present):
            self._grid.set_closed(index, state)
        self._grid.ensure()
        self._grid.arrays["state"][:] = solved
        return self._series_fields(out, sums)

    def _load_factor(self, p_pu: Array, q_pu: Array) -> float:
        """Share of injections beyond the nose that can be carried."""
        self._grid.arrays["p_pu"][:], self._grid.arrays["q_pu"][:] = p_pu, q_pu
        self._grid.forget()
        self._grid.power_flow(1e-8, MAX_ITERATIONS)
        return float(self._grid.load_factor())

    def _series_fields(self, out: dict[str, Array], sums: dict[str, Array]) -> dict[str, Array]:
        """Kernel arrays of a series -> fields of a Solution."""
        fields = {
            name: self._scaled(name, out[source][:, : self._width(name)])
            for name, source in _RESULTS.items() if name != "vm_pu"
        }  # fmt: skip
        totals = {"losses_mw": sums["loss_p"] * self.base_mva, "p_slack_mw": sums["slack_p"] * self.base_mva}
        totals |= {"mismatch_pu": sums["mismatch"], "load_factor": sums["load_factor"]}
        constant = {"frequency_hz": self._controls.frequency_hz(), "taps": self._controls.taps()}
        rows = len(sums["loss_p"])
        varying = {
            name: out.get(name, np.broadcast_to(values, (rows, len(values)))) for name, values in constant.items()
        }
        return fields | totals | varying

    def _or_dead(self, codes: npt.ArrayLike) -> npt.NDArray[np.int8]:
        """Status of solves from the kernel's codes, which have no word for a network without any slack."""
        codes = np.asarray(codes, dtype=np.int8)
        return codes if self._grid.n_island else np.where(codes == Status.OK, np.int8(Status.DEAD), codes)

    def _alive(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self._grid.arrays["alive"]).astype(bool)

    def _given(self, values: npt.ArrayLike | None, name: str, ndim: int) -> Array:
        """Injections as given; the graph's own where none are."""
        given = self._data.columns[name] if values is None else np.asarray(values, dtype=np.float64)
        if values is None and ndim == 2:
            given = given[np.newaxis]
        if given.ndim != ndim or given.shape[-1] != len(self.buses):
            expected = f"({'n_step, ' if ndim == 2 else ''}{len(self.buses)}{',' if ndim == 1 else ''})"
            raise ValueError(f"{name} has shape {given.shape}, expected {expected}")
        return given if given.strides[-1] == given.itemsize else np.ascontiguousarray(given)

    def _width(self, name: str) -> int:
        return len(self.branches) if name in _PER_BRANCH else len(self.buses)

    def _scaled(self, name: str, values: Array) -> Array:
        return values.copy() if name in _PER_UNIT else values * self.base_mva

    def _solution(self, fields: dict[str, Array], vr: Array, vi: Array, **totals: Any) -> Solution:
        alive = np.broadcast_to(self._grid.arrays["alive"].astype(bool), vr.shape).copy()
        angles = np.degrees(np.arctan2(vi, vr))
        return Solution(self.buses, self.branches, va_deg=angles, energised=alive, **fields, **totals)

    # ---- switching

    def open(self, name: str) -> None:
        """Open a branch; exact, nothing of it is left."""
        self._switch(name, closed=False)

    def close(self, name: str) -> None:
        """Close a branch."""
        self._switch(name, closed=True)

    def _switch(self, name: str, *, closed: bool) -> None:
        index = self._row_of(name)
        self._grid.set_closed(index, closed)
        self._closed[index] = closed
        self._switched = True

    def _row_of(self, name: str) -> int:
        """Where a branch stands in the arrays; SiteError for an unknown one."""
        if name in self._index:
            return self._index[name]
        near = difflib.get_close_matches(str(name), self.branches, n=1)
        hint = f"did you mean {near[0]!r}?" if near else ""
        raise SiteError([Problem("branch", "not a branch of this network", name, hint)])

    def _ready(self) -> None:
        """Bring the kernel up to date and refuse merged nodes that are to be held at different voltages."""
        if not self._switched:
            return
        self._controls.arrange(self._closed)
        problems: list[Problem] = []
        for group in sensitivities.groups(len(self.buses), [ends for k, ends in self._couplers if self._closed[k]]):
            problems += _conflicts(self._data, group)
        if problems:
            raise SiteError(problems)
        self._switched = False

    def islands(self) -> list[Island]:
        """What the closed branches connect, in the order of the first bus."""
        joined = nx.Graph()
        joined.add_nodes_from(self.buses)
        for branch, closed in zip(self._data.branches, self._closed, strict=True):
            if closed:
                joined.add_edge(branch.from_bus, branch.to_bus)
        kinds = dict(zip(self.buses, self._data.kinds, strict=True))
        found = []
        for group in nx.connected_components(joined):
            buses = tuple(bus for bus in self.buses if bus in group)
            found.append(Island(buses, any(kinds[bus] == "slack" for bus in buses)))
        return found

    # ---- sensitivities

    def loading_table(self, sol: Solution | None = None) -> pd.DataFrame:
        """One row per branch, the highest ``loading`` first: MVA, rating, loss, current at both ends.

        Of ``sol``, or of a fresh ``solve()``. Currents are 0 where ``vn_kv`` is not known or nothing flows.
        """
        return sensitivities.loading_table(self._data, self.solve() if sol is None else sol)

    def ptdf(self) -> Array:
        """Power transfer distribution factors of the DC model, (n_branch, n_bus), in MW per MW.

        What an injection at a bus adds to the flow into each branch at its from end, taken up by the slacks of the
        island: they have columns of 0. Open branches and dead buses are 0. Closed couplers have the flow that
        ``solve`` gives them. Raise SiteError for a branch that has resistance only.
        """
        self._ready()
        return sensitivities.ptdf(self._circuit(), self._grid)

    def lodf(self) -> Array:
        """Line outage distribution factors of the DC model, (n_branch, n_branch), in MW per MW.

        Column k: what the flow of branch k adds to each branch when k opens; -1 on the diagonal. The rest of the
        column is 0 where factors say nothing: where k is open, a coupler, or in ``islanding``.
        """
        return sensitivities.lodf(self._circuit(), self.ptdf(), self._parts())

    def islanding(self) -> npt.NDArray[np.bool_]:
        """Whether opening each branch, alone, takes the last slack from some bus; (n_branch,)."""
        return self._parts().splits

    def screen_outages(
        self, branches: list[str] | None = None, p_mw: npt.ArrayLike | None = None,
        q_mvar: npt.ArrayLike | None = None, *, verify: bool = False,
    ) -> pd.DataFrame:  # fmt: skip
        """One row per outage of a closed branch (all, or those named), the worst first.

        ``worst_loading`` at ``worst_branch`` and the number ``overloaded`` afterwards; ``islanding`` and the
        ``unserved_mw`` that the lost buses drew. ``method`` "dc": base case, with active flows moved by the factors and
        reactive flows kept. "ac": solved, for couplers in a loop and, with ``verify``, for all. Raise ValueError if the
        base case has no solution, SiteError for an unknown branch.
        """
        for name in branches or ():
            self._row_of(name)
        question = {"p_mw": p_mw, "q_mvar": q_mvar}
        return sensitivities.screen(self, self._circuit(), question, names=branches, verify=verify)

    def _circuit(self) -> sensitivities.Circuit:
        """The network with its present switches, as the DC model reads it."""
        from_row, to_row = sensitivities.bus_rows(self._data)
        coupler = np.array([branch.coupler for branch in self._data.branches], dtype=bool)
        held = np.concatenate([self._controls.ideal, self._controls.droopers])
        closed, shares = np.array(self._closed, dtype=bool), self._controls.shares()
        return sensitivities.Circuit(self._data, closed, from_row, to_row, coupler, held, shares)

    def _parts(self) -> sensitivities.Parts:
        return sensitivities.parts(self._circuit())

    def collapse_margin(
        self, direction: tuple[npt.ArrayLike, npt.ArrayLike] | None = None, p_mw: npt.ArrayLike | None = None,
        q_mvar: npt.ArrayLike | None = None,
    ) -> collapse.CollapseMargin:  # fmt: skip
        """How far the load can grow: λ at the nose of (p_mw, q_mvar) + (λ − 1) ``direction``, each (n_bus,).

        Without a direction every bus that draws active power grows in proportion; the others stay. λ to 1e-8.
        Tap changers stay at the graph's ``tap_ratio``; droop sources and volt-var curves answer.
        Raise ValueError for a direction that moves no energised bus or only buses that slacks hold, and for NaN.
        """
        p_pu, q_pu = (
            self._given(given, name, 1) / self.base_mva for given, name in ((p_mw, "p_mw"), (q_mvar, "q_mvar"))
        )
        if direction is None:
            loads = p_pu < 0.0
            way = (np.where(loads, p_pu, 0.0), np.where(loads, q_pu, 0.0))
        else:
            given = [self._given(part, f"direction[{k}]", 1) for k, part in enumerate(direction)]
            way = (given[0] / self.base_mva, given[1] / self.base_mva)
        if not all(np.isfinite(values).all() for values in (p_pu, q_pu, *way)):
            raise ValueError("an injection or the direction is not finite")
        self._ready()
        if not (self._grid.arrays["alive"].astype(bool) & ((way[0] != 0.0) | (way[1] != 0.0))).any():
            raise ValueError("the direction moves no energised bus: there is no nose to find")
        self._grid.forget()

        def solve(factor: float) -> Array | None:
            self._grid.arrays["p_pu"][:] = p_pu + (factor - 1.0) * way[0]
            self._grid.arrays["q_pu"][:] = q_pu + (factor - 1.0) * way[1]
            status = self._controls.solve(1e-10, taps=False)
            return self._grid.arrays["vm"].copy() if status == Status.OK else None

        return collapse.margin(solve, self.buses, -float(way[0].sum()) * self.base_mva)

    # ---- short circuit

    def short_circuit(self, bus: Any = None, *, method: str = "c", lv_tolerance_percent: float = 10.0) -> Any:
        """Largest three-phase short circuit at a node after IEC 60909-0:2016, at the present switches.

        One node gives a ShortCircuit; a list of nodes, or None for all but star points, a DataFrame with its fields in
        one row per node, without what branches and sources bring. ``method`` is that of
        the peak: "c" (20 Hz), "b" (factor 1.15). ``lv_tolerance_percent``, 6 or 10, gives c of nodes up to 1 kV. Raise
        SiteError with everything that is missing, SolveError where impedances cancel.
        """
        return short_circuit(
            self._data, self._graph, self._closed, bus, method=method, lv_tolerance_percent=lv_tolerance_percent
        )

    # ---- looking

    def to_networkx(self) -> nx.Graph:
        """A copy of the graph it was built from, with the present switches as ``closed``."""
        graph = self._graph.copy()
        for branch, closed in zip(self._data.branches, self._closed, strict=True):
            graph.edges[branch.key]["closed"] = closed
            graph.edges[branch.key]["name"] = branch.name
        return graph

    def branch_table(self) -> pd.DataFrame:
        """One row per branch: ends, per-unit values, rating, present switch."""
        import pandas as pd

        names = ("r_pu", "x_pu", "b_pu", "tap_ratio", "shift_deg", "rate_mva", "coupler")
        columns: dict[str, Any] = {name: [getattr(branch, name) for branch in self._data.branches] for name in names}
        ends = {"from": [b.from_bus for b in self._data.branches], "to": [b.to_bus for b in self._data.branches]}
        return pd.DataFrame(ends | columns | {"closed": self._closed}, index=pd.Index(self.branches, name="branch"))


def _one_by_one(data: GridData) -> bool:
    """Whether a batch must be solved row after row: limits, loads and controls that are not dealt with side by side."""
    regulated = np.array(data.kinds) == "pv"
    limited = [np.isfinite(data.columns[name][regulated]).any() for name in ("q_min_mvar", "q_max_mvar")]
    local = any(data.columns[name].any() for name in ("z_share", "i_share", "droop_mw_per_hz"))
    return any(limited) or local or bool(data.q_curves) or any(branch.control for branch in data.branches)


def _build_grid(data: GridData) -> Any:
    """The compiled grid of a checked graph."""
    row = {bus: index for index, bus in enumerate(data.buses)}
    kinds = np.array(data.kinds)
    columns, base = data.columns, data.base_mva
    ports = np.array([branch.admittance() for branch in data.branches], dtype=np.complex128).reshape(-1, 4)
    held, droop = kinds == "slack", columns["droop_mw_per_hz"] > 0.0
    return _core.network.Grid(
        n_bus=len(data.buses),
        from_bus=[row[branch.from_bus] for branch in data.branches],
        to_bus=[row[branch.to_bus] for branch in data.branches],
        y_ff=ports[:, 0], y_ft=ports[:, 1], y_tf=ports[:, 2], y_tt=ports[:, 3],
        is_coupler=[branch.coupler for branch in data.branches],
        closed=[branch.closed for branch in data.branches],
        y_shunt=(columns["gs_mw"] + 1j * columns["bs_mvar"]) / base,
        forming_rank=np.where(held & ~droop, np.cumsum(held), 0), forming_vm=columns["vm_pu"],
        forming_va=np.radians(columns["va_deg"]),
        rate_pu=[branch.rate_mva / base for branch in data.branches], base_mva=base,
        # a droop source that does not hold its island regulates like a pv node without limits
        kind=((kinds == "pv") | droop).astype(np.int8), v_set=columns["vm_pu"],
        q_min=np.where(droop, -math.inf, columns["q_min_mvar"]) / base,
        q_max=np.where(droop, math.inf, columns["q_max_mvar"]) / base,
        q_curves={row: curve / (1.0, base) for row, curve in data.q_curves.items()},
        z_share=columns["z_share"], i_share=columns["i_share"], hold_all=True,
    )  # fmt: skip


def _conflicts(data: GridData, rows: list[int]) -> list[Problem]:
    """Problems of a merged group of nodes: set-points that cannot hold at once."""
    problems = []
    for kind, names in (("slack", ("vm_pu", "va_deg")), ("pv", ("vm_pu",))):
        members = [row for row in rows if data.kinds[row] == kind]
        for name in names:
            values = [float(data.columns[name][row]) for row in members]
            if len(set(values)) > 1:
                nodes = ", ".join(repr(data.buses[row]) for row in members)
                problems.append(Problem(f"nodes {nodes}", f"merged by closed couplers, but {name} differs", values))
    return problems
