"""An independent power flow to compare with: polar Newton on a SciPy sparse matrix, straight from the textbook.

Reads the same networkx schema as ``twin.Network`` (per-unit branches only), shares no line with it, and knows nothing
of elimination orders, merging by index or current injections. The Jacobian is MATPOWER technical note 2.
"""

from __future__ import annotations

import networkx as nx
import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla


def contracted(graph: nx.Graph) -> tuple[list, dict, list]:
    """Islands of the graph after closed couplers have merged their nodes: groups, node -> group, branches."""
    merge, live = nx.Graph(), []
    merge.add_nodes_from(graph)
    for u, v, edge in graph.edges(data=True):
        if not edge.get("closed", True):
            continue
        if edge.get("r_pu", 0.0) == 0.0 and edge.get("x_pu", 0.0) == 0.0:
            merge.add_edge(u, v)
        else:
            start = edge.get("from", u)
            live.append((start, v if start == u else u, edge))
    groups = [sorted(group, key=list(graph).index) for group in nx.connected_components(merge)]
    return groups, {node: index for index, group in enumerate(groups) for node in group}, live


def admittance(n: int, branches: list, group_of: dict, shunt: np.ndarray) -> sp.csr_matrix:
    """Bus admittance matrix, MATPOWER pi model with the tap at the from side."""
    y = sp.lil_matrix((n, n), dtype=complex)
    y.setdiag(shunt)
    for start, end, edge in branches:
        f, t = group_of[start], group_of[end]
        series = 1.0 / (edge.get("r_pu", 0.0) + 1j * edge.get("x_pu", 0.0))
        tap = edge.get("tap_ratio", 1.0) * np.exp(1j * np.deg2rad(edge.get("shift_deg", 0.0)))
        own = series + 0.5j * edge.get("b_pu", 0.0)
        y[f, f] += own / abs(tap) ** 2
        y[t, t] += own
        y[f, t] += -series / np.conj(tap)
        y[t, f] += -series / tap
    return y.tocsr()


def newton(y, s, v, *, pv, pq, tol=1e-12, rounds=40):
    """Polar Newton from the voltage v; returns (v, largest mismatch)."""
    v = v.copy()
    free = np.r_[pv, pq]
    for _ in range(rounds):
        current = y @ v
        miss = v * np.conj(current) - s
        f = np.r_[miss[free].real, miss[pq].imag]
        if not len(f) or np.abs(f).max() < tol:
            break
        dv, di, dn = sp.diags(v), sp.diags(current), sp.diags(v / abs(v))
        by_angle = (1j * dv @ np.conj(di - y @ dv)).tocsr()
        by_size = (dv @ np.conj(y @ dn) + np.conj(di) @ dn).tocsr()
        jacobian = sp.bmat([
            [by_angle[free][:, free].real, by_size[free][:, pq].real],
            [by_angle[pq][:, free].imag, by_size[pq][:, pq].imag],
        ], format="csc")  # fmt: skip
        x = -sla.spsolve(jacobian, f)
        angle, size = np.angle(v), np.abs(v)
        angle[free] += x[: len(free)]
        size[pq] += x[len(free) :]
        v = size * np.exp(1j * angle)
    return v, float(np.abs(f).max()) if len(f) else 0.0


def solve_graph(graph: nx.Graph, tol: float = 1e-12) -> dict:
    """Complex voltage of every node, 0 where no slack reaches it. Shifts are followed along a tree for the start."""
    base = graph.graph.get("base_mva", 100.0)
    groups, group_of, branches = contracted(graph)
    shunt = np.zeros(len(groups), dtype=complex)
    s, kind, v = shunt.copy(), np.array(["pq"] * len(groups), dtype=object), np.zeros(len(groups), dtype=complex)
    for node, row in graph.nodes(data=True):
        g = group_of[node]
        shunt[g] += (row.get("gs_mw", 0.0) + 1j * row.get("bs_mvar", 0.0)) / base
        s[g] += (row.get("p_mw", 0.0) + 1j * row.get("q_mvar", 0.0)) / base
        if row.get("kind", "pq") == "slack" or (row.get("kind") == "pv" and kind[g] == "pq"):
            kind[g] = row["kind"]
            v[g] = row.get("vm_pu", 1.0) * np.exp(1j * np.deg2rad(row.get("va_deg", 0.0)))
    walk = nx.Graph()
    for start, end, edge in branches:
        walk.add_edge(group_of[start], group_of[end], start=group_of[start], turn=edge.get("shift_deg", 0.0))
    alive = set(np.flatnonzero(kind == "slack"))
    for root in sorted(alive):
        for a, b in nx.bfs_edges(walk, root) if root in walk else ():
            if b not in alive:
                alive.add(b)
                turn = walk.edges[a, b]["turn"] * (-1.0 if walk.edges[a, b]["start"] == a else 1.0)
                size = abs(v[b]) if kind[b] == "pv" else 1.0
                v[b] = size * v[a] / abs(v[a]) * np.exp(1j * np.deg2rad(turn))
    keep = np.array(sorted(alive), dtype=int)
    y = admittance(len(groups), branches, group_of, shunt)[keep][:, keep]
    pv, pq = np.flatnonzero(kind[keep] == "pv"), np.flatnonzero(kind[keep] == "pq")
    found, miss = newton(y, s[keep], v[keep], pv=pv, pq=pq, tol=tol)
    assert miss < 1e-9, f"the reference itself did not converge: {miss}"
    answer = np.zeros(len(groups), dtype=complex)
    answer[keep] = found
    return {node: complex(answer[group_of[node]]) for node in graph}
