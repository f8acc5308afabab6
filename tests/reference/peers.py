"""Other power flows on the networks of networks.py: oracles for voltages, and what a solve costs them.

Every timed call takes injections from arrays (n_step, n_bus) in per unit and ends with voltages in arrays.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import networkx as nx
import numpy as np

BASE_W = 100e6
U_V = 10e3
OHM = U_V**2 / BASE_W


def best_of(call: Callable[[], object], tries: int = 3) -> tuple[float, object]:
    """Least CPU time of a call, s, and its last answer."""
    least, answer = np.inf, None
    for _ in range(tries):
        start = time.process_time()
        answer = call()
        least = min(least, time.process_time() - start)
    return least, answer


def closed_edges(graph: nx.MultiGraph) -> list[tuple[int, int, dict]]:
    """(row of the from node, row of the to node, attributes) of closed edges."""
    row = {bus: k for k, bus in enumerate(graph)}
    edges = [(a, b, e) for a, b, e in graph.edges(data=True) if e.get("closed", True)]
    return [(row[e["from"]], row[b if e["from"] == a else a], e) for a, b, e in edges]


def loaded(graph: nx.MultiGraph) -> np.ndarray:
    """Rows of the nodes that inject."""
    return np.array([k for k, (_, data) in enumerate(graph.nodes(data=True)) if data.get("p_mw")])


# ---------------------------------------------------------------------- power-grid-model


def pgm_model(graph: nx.MultiGraph):
    """The same graph in power-grid-model; per unit is kept by rating every node 10 kV. The slack is the first node."""
    import power_grid_model as pgm

    edges = closed_edges(graph)
    node = pgm.initialize_array("input", "node", len(graph))
    node["id"], node["u_rated"] = np.arange(len(graph)), U_V
    branch = pgm.initialize_array("input", "generic_branch", len(edges))
    branch["id"] = 10_000 + np.arange(len(edges))
    branch["from_node"], branch["to_node"] = [e[0] for e in edges], [e[1] for e in edges]
    branch["from_status"] = branch["to_status"] = 1
    for name, key, unit in (("r1", "r_pu", OHM), ("x1", "x_pu", OHM), ("b1", "b_pu", 1 / OHM)):
        branch[name] = [e.get(key, 0.0) * unit for *_, e in edges]
    branch["g1"], branch["theta"], branch["k"] = 0.0, 0.0, [e.get("tap_ratio", 1.0) for *_, e in edges]
    source = pgm.initialize_array("input", "source", 1)
    source["id"], source["node"], source["status"], source["u_ref"] = 90_000, 0, 1, 1.02
    source["sk"], source["rx_ratio"] = 1e24, 0.1
    rows, data = loaded(graph), list(graph.nodes.values())
    load = pgm.initialize_array("input", "sym_load", len(rows))
    load["id"], load["node"], load["status"], load["type"] = 50_000 + np.arange(len(rows)), rows, 1, 0
    load["p_specified"] = [-data[k]["p_mw"] / 100.0 * BASE_W for k in rows]
    load["q_specified"] = [-data[k].get("q_mvar", 0.0) / 100.0 * BASE_W for k in rows]
    return pgm.PowerGridModel({"node": node, "generic_branch": branch, "source": source, "sym_load": load})


def pgm_voltages(graph: nx.MultiGraph) -> np.ndarray:
    """Complex voltages of the graph's own injections."""
    out = pgm_model(graph).calculate_power_flow(error_tolerance=1e-12, max_iterations=50)["node"]
    return out["u_pu"] * np.exp(1j * out["u_angle"])


def pgm_batch(graph: nx.MultiGraph, s: np.ndarray) -> tuple[float, np.ndarray]:
    """CPU seconds of one batch by Newton on one thread, and its voltages."""
    import power_grid_model as pgm

    model, rows = pgm_model(graph), loaded(graph)
    update = pgm.initialize_array("update", "sym_load", (len(s), len(rows)))
    update["id"] = 50_000 + np.arange(len(rows))
    update["p_specified"], update["q_specified"] = -s[:, rows].real * BASE_W, -s[:, rows].imag * BASE_W

    def call():
        return model.calculate_power_flow(
            update_data={"sym_load": update}, error_tolerance=1e-8, threading=-1,
            output_component_types={"node": ["u_pu", "u_angle"]},
        )  # fmt: skip

    spent, out = best_of(call)
    return spent, out["node"]["u_pu"] * np.exp(1j * out["node"]["u_angle"])


# ---------------------------------------------------------------------- lightsim2grid


def matpower_case(graph: nx.MultiGraph) -> dict:
    """The graph as MATPOWER's tables; nodes with a source have a generator, the others a load."""
    data, edges = list(graph.nodes.values()), closed_edges(graph)
    sources = [k for kind in ("slack", "pv") for k, row in enumerate(data) if row.get("kind", "pq") == kind]
    bus = np.zeros((len(data), 13))
    bus[:, 0], bus[:, 1] = np.arange(len(data)), 1
    for k, row in enumerate(data):
        bus[k, 1] = {"pq": 1, "pv": 2, "slack": 3}[row.get("kind", "pq")]
        if bus[k, 1] == 1:
            bus[k, 2:4] = -row.get("p_mw", 0.0), -row.get("q_mvar", 0.0)
        bus[k, 4:6] = row.get("gs_mw", 0.0), row.get("bs_mvar", 0.0)
        bus[k, 9] = row.get("vn_kv", 10.0)
    bus[:, 6], bus[:, 7], bus[:, 10], bus[:, 11], bus[:, 12] = 1, 1.0, 1, 1.2, 0.8
    branch = np.zeros((len(edges), 13))
    for k, (start, end, e) in enumerate(edges):
        transformer = data[start].get("vn_kv") != data[end].get("vn_kv") or "tap_ratio" in e or "shift_deg" in e
        tap = e.get("tap_ratio", 1.0) if transformer else 0.0
        branch[k, :5] = start, end, e["r_pu"], e["x_pu"], e.get("b_pu", 0.0)
        branch[k, 5:13] = 9999, 9999, 9999, tap, e.get("shift_deg", 0.0), 1, -360, 360
    gen = np.zeros((len(sources), 21))
    for k, at in enumerate(sources):
        power = 0.0 if bus[at, 1] == 3 else data[at].get("p_mw", 0.0)
        gen[k, :10] = at, power, 0, 9999, -9999, data[at]["vm_pu"], 100.0, 1, 99999, -99999
    return {"version": "2", "baseMVA": 100.0, "bus": bus, "branch": branch, "gen": gen}


def cold_start(graph: nx.MultiGraph) -> np.ndarray:
    """Set-points where there are any, else 1.02."""
    return np.array([row.get("vm_pu", 1.02) for row in graph.nodes.values()], dtype=complex)


def lightsim_batch(
    graph: nx.MultiGraph, s: np.ndarray, v_start: np.ndarray | None = None, tol: float = 1e-8
) -> tuple[float, np.ndarray, str]:
    """CPU seconds of the fastest of its batch algorithms that solve every row, the voltages, the algorithm's name.

    Angles are counted from the slack, whose angle is 0 there.
    """
    import lightsim2grid.network as reader
    from lightsim2grid import lightsim2grid_cpp as core

    found = []
    for name in ("NRSing_KLU", "NR_KLU", "KLUSingleSlack", "KLU"):
        if not hasattr(core.AlgorithmType, name):
            continue
        for chord in (False, True):
            case = reader.init_from_matpower(matpower_case(graph))
            rows = np.array([load.bus_id for load in case.get_loads()], int)
            units = np.array([unit.bus_id for unit in case.get_generators()], int)
            series = core.TimeSeriesCPP(case)
            series.change_algorithm(getattr(core.AlgorithmType, name))
            if chord:  # the Jacobian's factors are kept as long as they serve
                config = series.get_algo_config()
                numbers = list(config.int_params)
                numbers[1] = 1
                config.int_params = numbers
                series.set_algo_config(config)
            p, q = (np.ascontiguousarray(-part[:, rows] * 100.0) for part in (s.real, s.imag))
            gen = np.ascontiguousarray(s[:, units].real * 100.0)
            start = cold_start(graph) if v_start is None else v_start
            args = (gen, np.zeros((len(s), 0)), p, q, start, 100, tol)
            if series.compute_Vs(*args) == 1 and series.nb_solved() == len(s):
                spent, _ = best_of(lambda series=series, args=args: series.compute_Vs(*args))
                found.append((spent, np.array(series.get_voltages())[:, : len(graph)], f"{name}{'+chord' * chord}"))
    return min(found, key=lambda entry: entry[0])


# ---------------------------------------------------------------------- rustpower


def rust_one_by_one(graph: nx.MultiGraph, s: np.ndarray) -> tuple[float, np.ndarray]:
    """CPU seconds of solving row after row, the better of cold and warm starts, and the voltages of the last row."""
    import rustpower

    from tests.reference.powerflow import admittance

    n = len(graph)
    branches = [(start, end, e) for start, end, e in closed_edges(graph)]
    y = admittance(n, branches, {k: k for k in range(n)}, np.zeros(n, complex))
    cold = np.full(n, 1.02, dtype=complex)
    solver = rustpower.NewtonSolver()
    solver.setup_from_nodes(
        y.indptr.tolist(), y.indices.tolist(), y.data.astype(complex), s[0].copy(), cold, list(range(1, n)), [], [0]
    )

    def call(warm: bool) -> None:
        for row in s:
            solver.set_s_bus(row)
            if warm:
                solver.set_v_init(np.asarray(solver.get_voltage()))
            solver.solve(max_iter=30, tol=1e-8)

    call(False)
    spent = [best_of(lambda warm=warm: call(warm))[0] for warm in (False, True)]
    return min(spent), np.asarray(solver.get_voltage())
