"""A site's graph solved by power-grid-model: the oracle for the power flow of a running plant.

Per unit is kept by rating every node 10 kV. Closed breakers have no impedance: their buses become one node.
"""

import math

import networkx as nx
import numpy as np
import power_grid_model as pgm

BASE_W = 100e6
U_V = 10e3
OHM = U_V**2 / BASE_W


def _merged(graph: nx.MultiGraph) -> dict[str, int]:
    """Bus → number of its node, buses behind closed breakers together, dead ones left out."""
    couplers = nx.Graph([(a, b) for a, b, e in graph.edges(data=True) if e["kind"] == "breaker" and e["closed"]])
    couplers.add_nodes_from(graph)
    return {bus: k for k, group in enumerate(nx.connected_components(couplers)) for bus in group}


def _series(edge: dict) -> tuple[float, float]:
    """Resistance and reactance, pu on 100 MVA, of a line or of a transformer by its nameplate."""
    if "r_pu" in edge:
        return edge["r_pu"], edge["x_pu"]
    scale = 100.0 / edge["sn_mva"] / 100.0
    return edge["vkr_percent"] * scale, math.sqrt(edge["vk_percent"] ** 2 - edge["vkr_percent"] ** 2) * scale


def _iron(edge: dict) -> tuple[float, float]:
    """No-load conductance and susceptance at a transformer's from side, pu on 100 MVA."""
    g = edge["pfe_kw"] / 1000.0 / 100.0
    return g, -math.sqrt(max((edge["i0_percent"] / 100.0 * edge["sn_mva"] / 100.0) ** 2 - g * g, 0.0))


def _table(kind: str, first_id: int, columns: dict) -> np.ndarray:
    array = pgm.initialize_array("input", kind, len(next(iter(columns.values()))))
    array["id"] = first_id + np.arange(len(array))
    for name, values in columns.items():
        array[name] = values
    return array


def model_of(graph: nx.MultiGraph) -> tuple[pgm.PowerGridModel, dict[str, int]]:
    """The model of ``graph`` and the node of each bus."""
    node = _merged(graph)
    edges = [e | {"ends": (node[e["from"]], node[b if e["from"] == a else a])}
             for a, b, e in graph.edges(data=True) if e["kind"] != "breaker" and e["closed"]]  # fmt: skip
    iron = [e for e in edges if "pfe_kw" in e]
    series = np.array([_series(e) for e in edges])
    slack = [bus for bus, data in graph.nodes(data=True) if data["kind"] == "slack"]
    injected = [bus for bus in graph if graph.nodes[bus].get("p_mw") or graph.nodes[bus].get("q_mvar")]
    tables = {
        "node": _table("node", 0, {"u_rated": np.full(max(node.values()) + 1, U_V)}),
        "generic_branch": _table("generic_branch", 10_000, {
            "from_node": [e["ends"][0] for e in edges], "to_node": [e["ends"][1] for e in edges], "from_status": 1,
            "to_status": 1, "r1": series[:, 0] * OHM, "x1": series[:, 1] * OHM,
            "b1": [e.get("b_pu", 0.0) / OHM for e in edges], "g1": 0.0, "theta": 0.0,
            "k": [e.get("tap_ratio", 1.0) for e in edges],
        }),
        "shunt": _table("shunt", 30_000, {
            "node": [e["ends"][0] for e in iron], "status": 1, "g1": [_iron(e)[0] / OHM for e in iron],
            "b1": [_iron(e)[1] / OHM for e in iron],
        }),
        "source": _table("source", 90_000, {
            "node": [node[bus] for bus in slack], "status": 1, "u_ref": [graph.nodes[bus]["vm_pu"] for bus in slack],
            "sk": 1e24, "rx_ratio": 0.1,
        }),
        "sym_load": _table("sym_load", 50_000, {
            "node": [node[bus] for bus in injected], "status": 1, "type": 0,
            "p_specified": [-graph.nodes[bus].get("p_mw", 0.0) * 1e6 for bus in injected],
            "q_specified": [-graph.nodes[bus].get("q_mvar", 0.0) * 1e6 for bus in injected],
        }),
    }  # fmt: skip
    return pgm.PowerGridModel(tables), node


def voltages(graph: nx.MultiGraph) -> dict[str, float]:
    """Voltage magnitude of every bus, pu; 0 where it has no source."""
    model, node = model_of(graph)
    out = model.calculate_power_flow(error_tolerance=1e-12, max_iterations=50)["node"]
    return {bus: float(out["u_pu"][k]) if out["energized"][k] else 0.0 for bus, k in node.items()}
