"""Networks to test with, as networkx graphs in the schema of ``twin.Network``."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np


def impedance(mva: float, percent: float, r_share: float) -> dict:
    """Per-unit r and x on 100 MVA of something with a short-circuit voltage on its own rating."""
    z = percent / 100.0 * 100.0 / mva
    return {"r_pu": z * r_share, "x_pu": z * np.sqrt(1.0 - r_share * r_share), "rate_mva": mva}


def site(halls: int, rows: int, blocks: int, *, loops: bool = False) -> nx.MultiGraph:
    """A campus: 330 kV tie, three 110 kV sections, 10 kV halls in rings with 0.4 kV rows, 35 kV solar feeders.

    ``loops`` closes the rings and the couplers (with impedance) between sections. 3 + 10 x (1 + 2 x 7) + ... buses.
    """
    g = nx.MultiGraph(base_mva=100.0)

    def link(start, end, **edge):
        g.add_edge(start, end, name=f"{start}>{end}", **{"from": start}, **edge)

    g.add_node("grid", kind="slack", vm_pu=1.02, vn_kv=330.0)
    g.add_node("hv", vn_kv=330.0)
    link("grid", "hv", **impedance(10_000.0, 100.0, 0.1))
    for k in range(3):
        g.add_node(f"s{k}", vn_kv=110.0)
        link("hv", f"s{k}", **impedance(500.0, 11.5, 0.02), tap_ratio=0.9875, b_pu=-0.001)
    for k in range(2):
        link(f"s{k}", f"s{k + 1}", r_pu=1e-4, x_pu=5e-4, closed=loops)
    for h in range(halls):
        hall, mva = f"h{h}", 900.0 / halls
        g.add_node(hall, vn_kv=10.0)
        link(f"s{h % 3}", hall, **impedance(1.5 * mva, 12.0, 0.03), tap_ratio=0.975)
        last = hall
        for r in range(rows):
            ring, low = f"{hall}r{r}", f"{hall}l{r}"
            g.add_node(ring, vn_kv=10.0)
            p = -mva / rows * (0.8 + 0.2 * ((3 * h + r) % 7) / 7.0)
            g.add_node(low, vn_kv=0.4, p_mw=p, q_mvar=0.2 * p)
            link(last, ring, **impedance(1.3 * mva, 0.2, 0.78), b_pu=1e-4)
            link(ring, low, **impedance(1.4 * mva / rows, 6.0, 0.13))
            last = ring
        link(last, hall, **impedance(0.8 * mva, 0.4, 0.78), closed=loops)
    for b in range(blocks):
        block, mva = f"p{b}", 1000.0 / blocks
        g.add_node(block, vn_kv=35.0)
        link(f"s{b % 3}", block, **impedance(1.1 * mva, 10.5, 0.04))
        for k in range(4):
            g.add_node(f"{block}i{k}", vn_kv=0.69, p_mw=0.7 * mva / 4, q_mvar=-0.02 * mva)
            link(block, f"{block}i{k}", **impedance(1.2 * mva / 4, 7.0, 0.1))
    return g


def random_graph(seed: int, *, regulated: bool = False) -> nx.MultiGraph:
    """A connected graph of 2 to 16 buses with loops, parallels, taps, shifts, shunts, couplers, open switches."""
    rng = np.random.Generator(np.random.Philox(seed))
    u = rng.random
    n = 2 + int(u() * 15)
    g = nx.MultiGraph(base_mva=100.0)
    for k in range(n):
        g.add_node(k, p_mw=8.0 * u() - 6.0, q_mvar=2.0 * u() - 1.5)
        if u() < 0.2:
            g.nodes[k].update(gs_mw=u(), bs_mvar=4.0 * u() - 2.0)
        if u() < 0.3:
            g.nodes[k].update(p_mw=0.0, q_mvar=0.0)
        if regulated and k and u() < 0.3:
            g.nodes[k].update(kind="pv", vm_pu=1.01)
    g.nodes[0].update(kind="slack", vm_pu=1.02)
    if n > 6 and u() < 0.3:
        g.nodes[n - 1].update(kind="slack", vm_pu=1.02)
    pairs = [(int(u() * k), k) for k in range(1, n)]
    pairs += [(int(u() * n), int(u() * n)) for _ in range(int(u() * n))]
    for index, (a, b) in enumerate(pairs):
        if a == b:
            continue
        edge = {"name": f"e{index}", "from": a if u() < 0.5 else b, "closed": bool(u() < 0.85)}
        if u() < 0.2:
            edge.update(r_pu=0.0, x_pu=0.0)
        else:
            edge.update(r_pu=0.01 * u(), x_pu=0.005 + 0.03 * u(), b_pu=0.02 * u(), rate_mva=100.0)
            if index < n - 1:  # in loops a shift would drive large circulating flows
                edge.update(tap_ratio=0.96 + 0.08 * u(), shift_deg=(0.0, 30.0, 150.0)[int(3 * u())] * (u() < 0.2))
        g.add_edge(a, b, **edge)
    return g


def tree_shifts_only(g: nx.MultiGraph) -> bool:
    """Whether no closed loop holds a phase shift (a 150 degree shift in a loop is a short circuit)."""
    closed = nx.MultiGraph()
    closed.add_nodes_from(g)
    closed.add_edges_from((a, b, k) for a, b, k, e in g.edges(keys=True, data=True) if e["closed"])
    slacks = [k for k, row in g.nodes(data=True) if row.get("kind") == "slack"]
    for one, other in itertools.pairwise(slacks):
        closed.add_edge(one, other)
    simple = nx.Graph(closed)
    bridges = {frozenset(pair) for pair in nx.bridges(simple)}
    for a, b, edge in g.edges(data=True):
        alone = closed.number_of_edges(a, b) == 1 and frozenset((a, b)) in bridges
        if edge["closed"] and edge.get("shift_deg") and not alone:
            return False
    return True
