"""Site networks of the generator that lies beside the public data: 56, 295 and 2,891 buses, radial or with loops.

Only tests marked ``needs_data`` may ask for them. The generator's arrays are turned into a graph; none of its solvers
is used but its own SciPy Newton, as an oracle that shares nothing with us.
"""

import importlib.util
import sys
from pathlib import Path

import networkx as nx
import numpy as np

BUSES = {"site60": 56, "site300": 295, "site3000": 2891}


def load(shared_data: Path):
    """The module of the generator."""
    path = shared_data.parent / "prototypes" / "powerflow" / "nets.py"
    spec = importlib.util.spec_from_file_location("site_generator_nets", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def graph_of(net, s_pu: np.ndarray) -> nx.MultiGraph:
    """The graph of one of its networks with the injections ``s_pu`` (n_bus,); nodes are bus numbers, the slack is 0."""
    graph = nx.MultiGraph(base_mva=net.base_mva)
    for k, s in enumerate(np.asarray(s_pu) * net.base_mva):
        slack = {"kind": "slack", "vm_pu": float(net.vset[k])} if net.kind[k] == 2 else {}
        graph.add_node(k, vn_kv=float(net.vn[k]), p_mw=float(s.real), q_mvar=float(s.imag), **slack)
    for k, (f, t) in enumerate(zip(net.f.tolist(), net.t.tolist(), strict=True)):
        edge = {"r_pu": float(net.r[k]), "x_pu": float(net.x[k]), "b_pu": float(net.b[k])}
        tap = {"tap_ratio": float(net.tap[k])} if net.vn[f] != net.vn[t] or net.tap[k] != 1.0 else {}
        graph.add_edge(f, t, name=f"branch {k}", **{"from": f}, **edge, **tap)
    return graph
