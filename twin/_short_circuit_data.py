"""What IEC 60909-0:2016 needs of a graph: attributes, their checks, voltage and correction factors, star points.

Formulas only; ``twin.short_circuit`` puts them together. Clauses and tables are those of the standard.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import networkx as nx

from twin.errors import Problem

NODE_SOURCES = (
    "s_sc_max_mva", "rx_max", "xdss_pu", "rdss_ohm", "cos_phi", "pg_percent", "lrc_pu", "motor_rx", "i_max_pu",
    "sn_mva", "vn_machine_kv",
)  # fmt: skip
"""Numbers of a node that only a short circuit reads."""
EDGE_PLATE = ("vn_from_kv", "vn_to_kv", "pt_percent")
"""Numbers of a transformer edge beyond its impedance: rated voltages, range of off-load taps of a unit transformer."""
EDGE_FLAGS = ("unit_transformer", "oltc")

MACHINES = {"xdss_pu": "a synchronous machine", "lrc_pu": "a motor", "i_max_pu": "an inverter"}
"""The attribute that makes a node a machine -> what it then is."""
COMPANIONS = {
    "rx_max": "s_sc_max_mva", "rdss_ohm": "xdss_pu", "pg_percent": "xdss_pu", "motor_rx": "lrc_pu",
}  # fmt: skip
"""Attribute -> the one without which it means nothing."""
NEEDS = {"xdss_pu": ("sn_mva", "cos_phi"), "lrc_pu": ("sn_mva",), "i_max_pu": ("sn_mva",)}

LV_LIMIT_KV = 1.0
LV_FACTORS = {6.0: 1.05, 10.0: 1.10}
"""Tolerance of a low-voltage system in percent -> c_max, table 1."""


# ---- checks ------------------------------------------------------------------------------------------------------


def source_problems(path: str, attributes: Mapping[str, Any]) -> list[Problem]:
    """What is wrong between the short-circuit attributes of one node."""
    given = {name for name in NODE_SOURCES if attributes.get(name) is not None}
    found = [name for name in MACHINES if name in given]
    problems = [
        Problem(f"{path}.{name}", f"means nothing without {other}", attributes[name])
        for name, other in COMPANIONS.items()
        if name in given and other not in given
    ]
    if len(found) > 1:
        kinds = " and ".join(f"{MACHINES[name]} ({name})" for name in found)
        hint = "give each a node of its own and join it by an edge with closed = true"
        problems.append(Problem(path, f"is {kinds} at once: sn_mva would belong to both", hint=hint))
    for name in found:
        problems += [
            Problem(f"{path}.{need}", f"missing: {MACHINES[name]} ({name}) needs it")
            for need in NEEDS[name]
            if need not in given
        ]
    return problems


def star_points(graph: nx.Graph) -> set[Hashable]:
    """Nodes that are the star point of a three-winding transformer.

    ``star`` says so. Without it, a node is one where exactly three transformer edges meet and nothing else is, if it
    has no ``vn_kv`` or that of one of its neighbours: no ordinary bus has a transformer to a bus of its own voltage.
    """
    arms: dict[Hashable, list[tuple[Hashable, Mapping[str, Any]]]] = {node: [] for node in graph}
    for u, v, attributes in graph.edges(data=True):
        arms[u].append((v, attributes))
        arms[v].append((u, attributes))
    return {node for node, row in graph.nodes(data=True) if _is_star(graph, row, arms[node])}


def _is_star(graph: nx.Graph, row: Mapping[str, Any], arms: list[tuple[Hashable, Mapping[str, Any]]]) -> bool:
    if row.get("star") is not None:
        return bool(row["star"])
    if len(arms) != 3 or any(edge.get("vk_percent") is None for _, edge in arms):
        return False
    if row.get("kind", "pq") != "pq" or any(row.get(name) for name in (*_INJECTIONS, *NODE_SOURCES)):
        return False
    return row.get("vn_kv") is None or any(graph.nodes[other].get("vn_kv") == row["vn_kv"] for other, _ in arms)


_INJECTIONS = ("p_mw", "q_mvar", "gs_mw", "bs_mvar")


# ---- factors -----------------------------------------------------------------------------------------------------


def voltage_factor(vn_kv: float, lv_tolerance_percent: float = 10.0) -> float:
    """c_max of a nominal voltage, table 1: 1.10, up to 1 kV with a tolerance of 6 % 1.05.

    Raise ValueError for another tolerance than 6 or 10.
    """
    if lv_tolerance_percent not in LV_FACTORS:
        raise ValueError(f"lv_tolerance_percent = {lv_tolerance_percent}: table 1 of IEC 60909-0 has 6 and 10")
    return LV_FACTORS[lv_tolerance_percent] if 0.0 < vn_kv <= LV_LIMIT_KV else 1.10


def feeder_impedance(s_sc_mva: float, rx: float, c: float, base_mva: float) -> complex:
    """Impedance of a network feeder, per unit of its bus: Z = c U_n² / S''_kQ, 6.2."""
    x_pu = c * base_mva / s_sc_mva / math.hypot(1.0, rx)
    return complex(rx * x_pu, x_pu)


def transformer_factor(x_t: float, c: float) -> float:
    """K_T of a network transformer of relative reactance ``x_t``, 6.3.3; c of the lower-voltage side."""
    return 0.95 * c / (1.0 + 0.6 * x_t)


def machine_factor(xdss: float, sin_phi: float, c: float) -> float:
    """c_max / (1 + x''_d sin φ), without the ratio of voltages: K_G,S and the core of K_G and K_SO, 6.6.1, 6.7."""
    return c / (1.0 + xdss * sin_phi)


def fictitious_resistance(x: float, sn_mva: float, vn_kv: float) -> float:
    """R_Gf of a synchronous machine for the peak current, in the unit of ``x``, 6.6.1."""
    if vn_kv <= LV_LIMIT_KV:
        return 0.15 * x
    return (0.05 if sn_mva >= 100.0 else 0.07) * x


def motor_resistance_ratio(sn_mva: float, cos_phi: float, vn_kv: float) -> float:
    """R_M/X_M of an asynchronous motor, 6.10: 0.42 for low voltage with its cables; above, 0.10 from 1 MW, else 0.15.

    The standard counts active power per pair of poles; their number is not in the schema, one pair is taken.
    """
    if vn_kv <= LV_LIMIT_KV:
        return 0.42
    return 0.10 if sn_mva * cos_phi >= 1.0 else 0.15


def peak_factor(rx: float) -> float:
    """κ = 1.02 + 0.98 exp(−3 R/X), equation (57)."""
    return 1.02 + 0.98 * math.exp(-3.0 * rx)


def star_arms(
    plates: list[tuple[float, float, float]], factors: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> list[complex]:
    """Impedances of the arms A, B, C of a three-winding transformer after its pairs were multiplied by ``factors``.

    ``plates`` are (sn_mva, vk_percent, vkr_percent) of the arms, each on its own rating; the answer is in per unit of
    1 MVA. ``factors`` belong to the pairs AB, BC, CA: K_T corrects measured pairs, not arms (6.3.3).
    """
    arms = [relative_impedance(vk, vkr) / sn for sn, vk, vkr in plates]
    ab, bc, ca = (factors[i] * (arms[i] + arms[(i + 1) % 3]) for i in range(3))
    return [(ab + ca - bc) / 2.0, (ab + bc - ca) / 2.0, (bc + ca - ab) / 2.0]


def pair_reactances(plates: list[tuple[float, float, float]]) -> list[float]:
    """Relative reactances of the pairs AB, BC, CA, each on the smaller rating of its two windings."""
    arms = [relative_impedance(vk, vkr) / sn for sn, vk, vkr in plates]
    return [(arms[i] + arms[(i + 1) % 3]).imag * min(plates[i][0], plates[(i + 1) % 3][0]) for i in range(3)]


def relative_impedance(vk_percent: float, vkr_percent: float) -> complex:
    """Impedance on the rating of a transformer; the sign of ``vk_percent`` is that of the reactance."""
    x = math.copysign(math.sqrt(vk_percent * vk_percent - vkr_percent * vkr_percent), vk_percent)
    return complex(vkr_percent, x) / 100.0


def three_winding(
    *, sn_mva: tuple[float, float, float], vk_percent: tuple[float, float, float],
    vkr_percent: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> list[dict[str, float]]:  # fmt: skip
    """Attributes ``sn_mva``, ``vk_percent``, ``vkr_percent`` of the three edges A, B, C of a three-winding transformer.

    ``sn_mva`` are the ratings of the windings; ``vk_percent`` and ``vkr_percent`` those of the pairs AB, BC, CA, each
    on the smaller rating of the pair. An arm may come out negative: that is right, and allowed at a star point only.
    """
    smaller = [min(sn_mva[i], sn_mva[(i + 1) % 3]) for i in range(3)]
    ab, bc, ca = (relative_impedance(vk_percent[i], vkr_percent[i]) / smaller[i] for i in range(3))
    arms = ((ab + ca - bc) / 2.0, (ab + bc - ca) / 2.0, (bc + ca - ab) / 2.0)
    return [
        {
            "sn_mva": sn,
            "vk_percent": 100.0 * math.copysign(abs(arm) * sn, arm.imag),
            "vkr_percent": 100.0 * arm.real * sn,
        }
        for sn, arm in zip(sn_mva, arms, strict=True)
    ]
