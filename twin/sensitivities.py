"""What moves what in a network, in the DC model: PTDF, LODF, and a screen of all single outages.

The DC model takes every voltage as 1 pu, leaves out resistance, charging and shunts and makes angles linear in the
injections: B. Stott, J. Jardim, O. Alsac, DC power flow revisited, IEEE Trans. Power Systems 24 (3), 2009. Signs and
susceptances are MATPOWER's (manual 3.7 and 4.4: 1 / (x tap)), so that its makePTDF and makeLODF give the same.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twin._network_data import Array, GridData, joined
from twin.errors import Problem, SiteError

if TYPE_CHECKING:
    import pandas as pd

    from twin.network import Network, Solution

Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.intp]

COLUMNS_AT_ONCE = 256
"""Outages screened together: bounds the memory of a screen to a few arrays of (n_branch, 256)."""
SINGULAR = 1e-9
"""A branch whose own transfer factor is this near 1 has no way around it."""


@dataclass(frozen=True)
class Circuit:
    """A checked graph with one state of its switches; rows are indices of buses, -1 never occurs."""

    data: GridData
    closed: Mask
    from_row: Index
    to_row: Index
    coupler: Mask
    held: Index
    """Slacks: ideal ones first, then those with droop."""
    shares: Array
    """(n_bus,): of an island without ideal slack, the share of its imbalance that each source takes; else 0."""

    @property
    def n_bus(self) -> int:
        """How many buses there are."""
        return len(self.data.buses)

    def susceptance_pu(self) -> Array:
        """1 / (x tap) of each branch, 0 where it is a coupler; raise SiteError where a reactance is 0."""
        branches = self.data.branches
        lost = [b.name for b in branches if b.x_pu == 0.0 and not b.coupler]
        if lost:
            text = "expected a reactance: the DC model has no answer for a resistance alone"
            raise SiteError([Problem(f"edges[{name!r}].x_pu", text, 0.0) for name in lost])
        return np.array([0.0 if b.coupler else 1.0 / (b.x_pu * b.tap_ratio) for b in branches])


# ---- distribution factors ----------------------------------------------------------------------------------------


def ptdf(circuit: Circuit, grid: Any) -> Array:
    """Flow into each branch at its from end per injection at each bus, (n_branch, n_bus); see ``Network.ptdf``."""
    island = grid.arrays["island_of_bus"]
    injected = np.eye(circuit.n_bus)
    for number in range(grid.n_island):
        members = np.flatnonzero(island == number)
        if circuit.shares[members].any():
            injected[np.ix_(members, members)] -= circuit.shares[members]  # what one row injects, the sources take
    injected[island < 0] = 0.0
    susceptance = np.where(circuit.closed, circuit.susceptance_pu(), 0.0)
    angles = injected.copy()
    try:
        grid.solve_dc(susceptance, angles)
    except ValueError as error:
        raise SiteError([Problem("edges", str(error))]) from error
    factors = (angles[:, circuit.from_row] - angles[:, circuit.to_row]) * susceptance
    _add_couplers(circuit, factors, injected)
    return np.ascontiguousarray(factors.T)


def _add_couplers(circuit: Circuit, factors: Array, injected: Array) -> None:
    """Fill the columns of closed couplers in ``factors`` (n_case, n_branch) from the balance of each merged bus."""
    live = np.flatnonzero(circuit.closed & circuit.coupler)
    if not len(live):
        return
    f, t = circuit.from_row, circuit.to_row
    left = injected.copy()
    carrying = np.flatnonzero(circuit.closed & ~circuit.coupler)
    np.subtract.at(left.T, f[carrying], factors[:, carrying].T)
    np.add.at(left.T, t[carrying], factors[:, carrying].T)
    for members in groups(circuit.n_bus, list(zip(f[live].tolist(), t[live].tolist(), strict=True))):
        holders = [bus for bus in circuit.held if bus in members]
        if holders:
            left[:, holders[0]] -= left[:, members].sum(axis=1)
        inside = live[np.isin(f[live], members)]
        place = {bus: k for k, bus in enumerate(members)}
        ends = np.zeros((len(inside), len(members)))
        for k, b in enumerate(inside):
            ends[k, place[int(f[b])]] += 1.0
            ends[k, place[int(t[b])]] -= 1.0
        potentials = np.linalg.pinv(ends.T @ ends, hermitian=True)
        factors[:, inside] = left[:, members] @ (ends @ potentials).T


def groups(n_bus: int, pairs: list[tuple[int, int]]) -> list[list[int]]:
    """Sets of buses that the pairs join, each rising, only those of more than one."""
    members: dict[int, list[int]] = {}
    for k, root in enumerate(joined(n_bus, pairs) if pairs else ()):
        members.setdefault(root, []).append(k)
    return [group for group in members.values() if len(group) > 1]


def lodf(circuit: Circuit, factors: Array, parts: Parts) -> Array:
    """Share of each branch's flow (column) that goes to each other branch (row) when it opens; ``Network.lodf``."""
    transfer = factors[:, circuit.from_row] - factors[:, circuit.to_row]
    usable = has_factors(circuit, transfer, parts)
    transfer[:, ~usable] = 0.0
    own = transfer.diagonal().copy()
    transfer /= 1.0 - own
    np.fill_diagonal(transfer, -1.0)
    return transfer


def has_factors(circuit: Circuit, transfer: Array, parts: Parts) -> Mask:
    """Branches whose outage distribution factors describe: closed, with impedance, and with a way around them."""
    around = np.abs(1.0 - transfer.diagonal()) > SINGULAR
    return circuit.closed & ~circuit.coupler & ~parts.splits & around


# ---- what an outage cuts off -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parts:
    """Which branches cut something off: from one walk through the network, all holding buses taken as one."""

    splits: Mask
    """(n_branch,) whether buses lose every slack when the branch opens."""
    first: Index
    """(n_bus,) place of each bus in the walk, -1 where dead; what a branch cuts off is a run of places."""
    cut_from: Index
    """(n_branch,) first place that is cut off; 0 where nothing is."""
    cut_end: Index
    """(n_branch,) the place after the last."""

    def lost(self, branch: int) -> Mask:
        """Buses that are dead without the branch (and are not so with it)."""
        inside = (self.first >= self.cut_from[branch]) & (self.first < self.cut_end[branch]) & (self.first >= 0)
        return np.asarray(inside, dtype=np.bool_)


def parts(circuit: Circuit) -> Parts:
    """Bridges by the lowest place reachable (R. Tarjan, Information Processing Letters 2 (6), 1974)."""
    n, top = circuit.n_bus, circuit.n_bus
    ways: list[list[tuple[int, int]]] = [[] for _ in range(n + 1)]
    for b in np.flatnonzero(circuit.closed).tolist():
        f, t = int(circuit.from_row[b]), int(circuit.to_row[b])
        ways[f].append((t, b))
        ways[t].append((f, b))
    for bus in circuit.held.tolist():  # one node above all of them; -1 - bus is no branch
        ways[top].append((bus, -1 - bus))
        ways[bus].append((top, -1 - bus))
    first, low, end, by = _walk(ways, top)
    n_branch = len(circuit.closed)
    splits, cut_from, cut_end = np.zeros(n_branch, bool), np.zeros(n_branch, np.intp), np.zeros(n_branch, np.intp)
    for bus in range(n):
        if first[bus] > 0 and by[bus] >= 0 and low[bus] == first[bus]:
            splits[by[bus]], cut_from[by[bus]], cut_end[by[bus]] = True, first[bus], end[bus]
    return Parts(splits, np.array(first[:n], dtype=np.intp), cut_from, cut_end)


def _walk(ways: list[list[tuple[int, int]]], top: int) -> tuple[list[int], list[int], list[int], list[int]]:
    """Depth first from ``top``: place of each node, lowest place its part reaches, place after its part, way in."""
    first, low, end, by = ([-1] * len(ways) for _ in range(4))
    first[top] = low[top] = 0
    count = 1
    path: list[tuple[int, Iterator[tuple[int, int]]]] = [(top, iter(ways[top]))]
    by[top] = -(10**9)
    while path:
        node, rest = path[-1]
        step = next(rest, None)
        if step is None:
            path.pop()
            end[node] = count
            if path:
                low[path[-1][0]] = min(low[path[-1][0]], low[node])
        elif first[step[0]] < 0:
            first[step[0]] = low[step[0]] = count
            by[step[0]] = step[1]
            count += 1
            path.append((step[0], iter(ways[step[0]])))
        elif step[1] != by[node]:
            low[node] = min(low[node], first[step[0]])
    return first, low, end, by


# ---- screening ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Screened:
    """What one outage does: the branch that is loaded most after it, and how it was found."""

    branch: str
    islanding: bool
    unserved_mw: float
    worst_branch: str
    worst_loading: float
    overloaded: int
    method: str
    status: str


def screen(
    network: Network, circuit: Circuit, question: dict[str, Any], *, names: list[str] | None, verify: bool
) -> pd.DataFrame:
    """The table of ``Network.screen_outages``; ``question`` is what ``solve`` is asked."""
    import pandas as pd

    base = network.solve(**question)
    if not base.converged:
        raise ValueError(f"the network as it stands has no solution to start from: status {base.status.name}")
    factors, found = network.ptdf(), parts(circuit)
    transfer = factors[:, circuit.from_row] - factors[:, circuit.to_row]
    linear = (has_factors(circuit, transfer, found) | found.splits) & (not verify)
    wanted = range(len(network.branches)) if names is None else [network.branches.index(name) for name in names]
    asked = [b for b in wanted if circuit.closed[b]]
    rows = _linear_rows(circuit, base, factors, transfer, found, [b for b in asked if linear[b]])
    for b in asked:
        if not linear[b]:
            after = _solve_without(network, network.branches[b], question)
            lost = found.lost(b)
            rows[b] = _row(circuit, base, b, lost, after.loading, method="ac", status=after.status.name)
    ordered = sorted((rows[b] for b in asked), key=lambda row: (-row.worst_loading, row.branch))
    columns = {name: [getattr(row, name) for row in ordered] for name in Screened.__dataclass_fields__}
    return pd.DataFrame(columns).set_index("branch")


def _solve_without(network: Network, name: str, question: dict[str, Any]) -> Solution:
    """The solution with one branch open; the switches are left as they were."""
    network.open(name)
    try:
        return network.solve(**question)
    finally:
        network.close(name)


def _linear_rows(
    circuit: Circuit, base: Solution, factors: Array, transfer: Array, found: Parts, outages: list[int]
) -> dict[int, Screened]:
    """Outages by their factors: the active flow moves, the reactive flow of the base case stays."""
    rows: dict[int, Screened] = {}
    for start in range(0, len(outages), COLUMNS_AT_ONCE):
        some = np.array(outages[start : start + COLUMNS_AT_ONCE], dtype=np.intp)
        change = _changes(circuit, base, factors, transfer, found, some)
        loading = _loading(circuit, base, change)
        for k, b in enumerate(some.tolist()):
            lost = found.lost(b)
            column = np.where(lost[circuit.from_row] | lost[circuit.to_row], 0.0, loading[:, k])
            column[b] = 0.0
            rows[b] = _row(circuit, base, b, lost, column, method="dc", status="OK")
    return rows


def _changes(circuit: Circuit, base: Solution, factors: Array, transfer: Array, found: Parts, some: Index) -> Array:
    """Change of active flow (n_branch, n_outage), MW, as the outages ``some`` make it."""
    flow = 0.5 * (base.p_from_mw - base.p_to_mw)
    own = transfer[some, some]
    around = ~found.splits[some]
    change = transfer[:, some] * np.where(around, flow[some] / np.where(around, 1.0 - own, 1.0), 0.0)
    for k in np.flatnonzero(~around).tolist():
        b = int(some[k])
        lost_from = bool(found.lost(b)[circuit.from_row[b]])
        near = circuit.to_row[b] if lost_from else circuit.from_row[b]
        change[:, k] = factors[:, near] * (base.p_to_mw if lost_from else base.p_from_mw)[b]
    return np.asarray(change)


def _loading(circuit: Circuit, base: Solution, change: Array) -> Array:
    """Loading of every branch after a change of its active flow, the reactive one kept; (n_branch, n_outage)."""
    rate = np.array([branch.rate_mva for branch in circuit.data.branches])[:, np.newaxis]
    at_from = np.hypot(base.p_from_mw[:, np.newaxis] + change, base.q_from_mvar[:, np.newaxis])
    at_to = np.hypot(base.p_to_mw[:, np.newaxis] - change, base.q_to_mvar[:, np.newaxis])
    rated = (rate > 0.0) & circuit.closed[:, np.newaxis]
    return np.asarray(np.where(rated, np.maximum(at_from, at_to) / np.where(rate > 0.0, rate, 1.0), 0.0))


def _row(
    circuit: Circuit, base: Solution, branch: int, lost: Mask, loading: Array, *, method: str, status: str
) -> Screened:
    """One line of the table from the loadings after the outage."""
    worst, names = int(loading.argmax()), circuit.data.branches
    drawn = -np.minimum(base.p_mw[lost], 0.0).sum()
    return Screened(
        names[branch].name, bool(lost.any()), float(drawn) + 0.0, names[worst].name if loading[worst] > 0.0 else "",
        float(loading[worst]), int((loading > 1.0).sum()), method, status,
    )  # fmt: skip


def loading_table(data: GridData, sol: Solution) -> pd.DataFrame:
    """The table of ``Network.loading_table``."""
    import pandas as pd

    row = {bus: k for k, bus in enumerate(data.buses)}
    ends = np.array([[row[b.from_bus], row[b.to_bus]] for b in data.branches], dtype=np.intp).reshape(-1, 2)
    s_from, s_to = np.hypot(sol.p_from_mw, sol.q_from_mvar), np.hypot(sol.p_to_mw, sol.q_to_mvar)
    kv = np.sqrt(3.0) * sol.vm_pu * data.columns["vn_kv"]
    amps = [np.divide(s, kv[ends[:, side]], out=np.zeros(len(ends)), where=kv[ends[:, side]] > 0.0)
            for side, s in enumerate((s_from, s_to))]  # fmt: skip
    columns: dict[str, Any] = {
        "from": [b.from_bus for b in data.branches], "to": [b.to_bus for b in data.branches],
        "loading": sol.loading, "s_mva": np.maximum(s_from, s_to), "rate_mva": [b.rate_mva for b in data.branches],
        "loss_mw": sol.p_from_mw + sol.p_to_mw, "i_from_ka": amps[0], "i_to_ka": amps[1],
    }  # fmt: skip
    table = pd.DataFrame(columns, index=pd.Index([b.name for b in data.branches], name="branch"))
    return table.sort_values(["loading", "s_mva"], ascending=False, kind="stable")


def bus_rows(data: GridData) -> tuple[Index, Index]:
    """Row of the from bus and of the to bus of every branch."""
    row: dict[Hashable, int] = {bus: k for k, bus in enumerate(data.buses)}
    return (
        np.array([row[b.from_bus] for b in data.branches], dtype=np.intp),
        np.array([row[b.to_bus] for b in data.branches], dtype=np.intp),
    )  # fmt: skip
