"""The three-phase test network of IEC TR 60909-4:2000, clause 6, as a graph, and the currents printed there.

Data and results as they stand in the test suite of pandapower (BSD-3, ``test_iec60909_4.py``), which cites the report.
"""

from __future__ import annotations

import math

import networkx as nx

from twin.network import three_winding

I_K_KA = {
    "F1": 40.6447, "F2": 31.7831, "F3": 19.6730, "F4": 16.2277, "F5": 33.1894, "F6": 37.5629, "F7": 25.5895,
    "F8": 13.5778, "G1": 52.4438, "G2": 80.5720,
}  # fmt: skip
I_P_KA = {
    "F1": 100.5677, "F2": 80.6079, "F3": 45.8111, "F4": 36.8427, "F5": 83.4033, "F6": 98.1434, "F7": 51.6899,
    "F8": 36.9227,
}  # fmt: skip
"""Method c, 20 Hz."""

NODES_KV = {
    "F1": 380, "F2": 110, "F3": 110, "F4": 110, "F5": 110, "F6": 10, "F7": 10, "F8": 30, "H": 30, "G1": 20, "G2": 10,
    "T5C": 10, "T6C": 10,
}  # fmt: skip
LINES = {
    "L1": ("F2", "F3", 20, 0.12, 0.39), "L2": ("F3", "F4", 10, 0.12, 0.39), "L3a": ("F2", "F5", 5, 0.12, 0.39),
    "L3b": ("F2", "F5", 5, 0.12, 0.39), "L4": ("F5", "F3", 10, 0.096, 0.388), "L5": ("F5", "F4", 15, 0.12, 0.386),
    "L6": ("F6", "F7", 1, 0.082, 0.086),
}  # fmt: skip
"""Ends, km, ohm/km."""
NETWORK = {"sn_mva": (350, 350, 50), "vk_percent": (21, 7, 10), "vkr_percent": (0.26, 0.16, 0.16)}
STATION = {"sn_mva": (31.5, 31.5, 31.5), "vk_percent": (12, 12, 12), "vkr_percent": (0.5, 0.5, 0.5)}
STARS = {
    "T3": (("F1", 400), ("F2", 120), ("H", 30), NETWORK), "T4": (("F1", 400), ("F2", 120), ("F8", 30), NETWORK),
    "T5": (("F5", 115), ("F6", 10.5), ("T5C", 10.5), STATION),
    "T6": (("F5", 115), ("F6", 10.5), ("T6C", 10.5), STATION),
}  # fmt: skip
"""Ends with rated voltages, ratings of the windings, pairs AB, BC, CA."""


def graph() -> nx.MultiGraph:
    g = nx.MultiGraph(base_mva=100.0)
    for node, vn_kv in NODES_KV.items():
        g.add_node(node, vn_kv=float(vn_kv))
    for node, i_ka in (("F1", 38.0), ("F5", 16.0)):
        g.add_node(node, kind="slack", s_sc_max_mva=math.sqrt(3.0) * i_ka * NODES_KV[node], rx_max=0.1)
    for name, (u, v, km, r, x) in LINES.items():
        g.add_edge(u, v, name=name, r_ohm=km * r, x_ohm=km * x)
    for name, (a, b, c, pairs) in STARS.items():
        add_three_winding(g, name, (a, b, c), pairs)
    add_stations(g)
    add_motors(g)
    return g


def add_three_winding(g, name, ends, pairs):
    star, star_kv = f"{name} star", ends[0][1]
    g.add_node(star, vn_kv=g.nodes[ends[0][0]]["vn_kv"], star=True)
    for (node, vn_kv), arm, letter in zip(ends, three_winding(**pairs), "ABC", strict=True):
        g.add_edge(node, star, name=name + letter, vn_from_kv=vn_kv, vn_to_kv=star_kv, **{"from": node}, **arm)


def add_stations(g):
    """S1 with on-load taps, S2 with off-load taps that stay in their middle, and G3 without unit transformer."""
    machine = {"sn_mva": 150.0, "vn_machine_kv": 21.0, "xdss_pu": 0.14, "rdss_ohm": 0.002, "cos_phi": 0.85}
    g.add_node("G1", **machine)
    plate = {"sn_mva": 150.0, "vk_percent": 16.0, "vkr_percent": 0.5, "vn_from_kv": 115.0, "vn_to_kv": 21.0}
    g.add_edge("F4", "G1", name="T1", oltc=True, **plate)
    machine = {"sn_mva": 100.0, "vn_machine_kv": 10.5, "xdss_pu": 0.16, "rdss_ohm": 0.005, "cos_phi": 0.9}
    g.add_node("G2", pg_percent=7.5, **machine)
    plate = {"sn_mva": 100.0, "vk_percent": 12.0, "vkr_percent": 0.5, "vn_from_kv": 120.0, "vn_to_kv": 10.5}
    g.add_edge("F3", "G2", name="T2", **plate)
    machine = {"sn_mva": 10.0, "vn_machine_kv": 10.5, "xdss_pu": 0.1, "rdss_ohm": 0.018, "cos_phi": 0.8}
    g.add_node("F6", **machine)


def add_motors(g):
    """M1 of 5 MW, M2 and M3 of 2 MW: one node each beyond the first, joined by couplers."""
    for number, (p_mw, cos_phi, efficiency, lrc_pu) in enumerate(
        ((5.0, 0.88, 0.975, 5.0), (2.0, 0.89, 0.968, 5.2), (2.0, 0.89, 0.968, 5.2)), start=1
    ):
        motor = {"sn_mva": p_mw / cos_phi / efficiency, "lrc_pu": lrc_pu, "motor_rx": 0.1}
        g.add_node(f"M{number}", vn_kv=10.0, **motor)
        g.add_edge("F7", f"M{number}", name=f"breaker M{number}", closed=True)
