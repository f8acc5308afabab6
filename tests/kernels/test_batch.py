"""Power flows side by side: every row as if it were solved alone, whatever its neighbours do."""

import importlib.util
import os
import subprocess
import sys

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import networks
from twin import _core
from twin.network import LEAST_ROWS, Network, Status

ROWS = 203  # no multiple of eight: the last stretch is shorter


def walk(net: Network, seed: int = 1, rows: int = ROWS, swing: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Injections (rows, n_bus) that wander about the network's own."""
    random = np.random.Generator(np.random.Philox(seed))
    table = net.to_networkx().nodes(data=True)
    p, q = (np.array([float(data.get(name, 0.0)) for _, data in table]) for name in ("p_mw", "q_mvar"))
    steps = 1.0 + swing * np.cumsum(random.standard_normal((rows, len(p))) * 0.1, axis=0)
    return p * steps, q * steps


def campus(loops: bool = False) -> Network:
    return Network(networks.site(3, 4, 5, loops=loops))


def feeder(net: Network) -> str:
    """A branch that carries load and has no other way beside it."""
    flows = net.solve_many(*walk(net, rows=LEAST_ROWS)).p_from_mw[0]
    tree = nx.Graph(net.to_networkx())
    bridges = {frozenset(edge) for edge in nx.bridges(tree)}
    ends = net.branch_table()
    return next(
        name for name, flow in zip(net.branches, flows, strict=True)
        if abs(flow) > 1.0 and frozenset((ends.loc[name, "from"], ends.loc[name, "to"])) in bridges
    )  # fmt: skip


def assert_same(net: Network, p: np.ndarray, q: np.ndarray, tol: float = 1e-12) -> None:
    many = net.solve_many(p, q, tol=tol)
    for row in range(0, len(p), 7):
        one = net.solve(p[row], q[row], tol=tol)
        assert many.status[row] == one.status
        assert abs(many.v_pu[row] - one.vm_pu * np.exp(1j * np.radians(one.va_deg))).max() < 1e-9
        for name in ("p_mw", "q_mvar", "p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar"):
            np.testing.assert_allclose(getattr(many, name)[row], getattr(one, name), rtol=0, atol=1e-6)
        np.testing.assert_allclose(many.loading[row], one.loading, rtol=0, atol=1e-8)
        assert many.losses_mw[row] == pytest.approx(one.losses_mw, abs=1e-6)
        assert many.p_slack_mw[row] == pytest.approx(one.p_slack_mw, abs=1e-6)
    assert many.mismatch_pu[many.converged].max() < 1e-8


@pytest.mark.parametrize("loops", [False, True])
def test_every_row_is_what_it_would_be_alone(loops):
    net = campus(loops)
    assert_same(net, *walk(net))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), regulated=st.booleans())
def test_rows_of_random_networks_are_what_they_would_be_alone(seed, regulated):
    net = Network(networks.random_graph(seed, regulated=regulated))
    p, q = walk(net, seed, rows=LEAST_ROWS)
    many = net.solve_many(p, q, tol=1e-12)
    for row in (0, 7, 8, 40, LEAST_ROWS - 1):
        one = net.solve(p[row], q[row], tol=1e-12)
        if many.converged[row] and one.converged:
            np.testing.assert_allclose(many.vm_pu[row], one.vm_pu, rtol=0, atol=1e-8)
            np.testing.assert_allclose(many.p_from_mw[row], one.p_from_mw, rtol=0, atol=1e-5)
        else:
            assert not many.converged[row]
            assert not one.converged


def test_zip_loads_and_reactive_limits_are_solved_one_after_the_other():
    graph = networks.site(2, 2, 2)
    loads = [node for node, data in graph.nodes(data=True) if data.get("p_mw", 0.0) < 0.0]
    graph.nodes[loads[0]]["i_share"] = 0.4
    net = Network(graph)
    assert_same(net, *walk(net, rows=LEAST_ROWS))


def test_a_row_beyond_the_nose_disturbs_no_other():
    net = campus()
    p, q = walk(net)
    calm = net.solve_many(p, q, tol=1e-11)
    worse_p, worse_q = p.copy(), q.copy()
    for row in (5, 30, 31, 150, ROWS - 1):
        worse_p[row] *= 60.0
        worse_q[row] *= 60.0
    many = net.solve_many(worse_p, worse_q, tol=1e-11)
    hit = np.zeros(ROWS, bool)
    hit[[5, 30, 31, 150, ROWS - 1]] = True
    assert (many.converged == ~hit).all()
    assert (many.status[hit] == Status.COLLAPSE).all()
    assert abs(many.v_pu[~hit] - calm.v_pu[~hit]).max() < 1e-8
    assert many.v_pu[30].tobytes() == many.v_pu[29].tobytes()  # the last good voltages
    assert many.v_pu[31].tobytes() != many.v_pu[31 + 1].tobytes()
    assert np.isfinite(many.v_pu.view(float)).all()
    assert (many.p_mw[hit] == 0.0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_none_stays_in_its_row(bad):
    net = campus()
    p, q = walk(net)
    calm = net.solve_many(p, q)
    p[17, 3] = bad
    q[90, 0] = bad  # at the slack
    many = net.solve_many(p, q)
    assert np.flatnonzero(many.status == Status.BAD_INPUT).tolist() == [17, 90]
    rest = np.ones(ROWS, bool)
    rest[[17, 90]] = False
    assert many.converged[rest].all()
    assert abs(many.v_pu[rest] - calm.v_pu[rest]).max() < 1e-7
    for name in ("vm_pu", "p_mw", "loading", "losses_mw"):
        assert np.isfinite(getattr(many, name)).all()


def test_one_lane_does_not_see_its_neighbours():
    net = campus(loops=True)
    p, q = walk(net)
    many = net.solve_many(p, q)
    stretch = -(-ROWS // 8)
    other_p = p.copy()
    other_p[stretch:] *= 1.3  # all stretches but the first
    again = net.solve_many(other_p, q)
    assert again.v_pu[:stretch].tobytes() == many.v_pu[:stretch].tobytes()
    assert again.iterations[:stretch].tolist() == many.iterations[:stretch].tolist()
    assert abs(again.v_pu[stretch:] - many.v_pu[stretch:]).max() > 1e-4


def test_dead_islands_are_zero_in_every_row():
    net = campus()
    p, q = walk(net)
    net.open(feeder(net))
    many = net.solve_many(p, q)
    dead = ~many.energised[0]
    assert dead.any()
    assert (many.v_pu[:, dead] == 0.0).all()
    assert (many.p_mw[:, dead] == 0.0).all()
    assert_same(net, p, q)


def test_flows_are_those_of_the_switches_at_the_time():
    net = campus()
    p, q = walk(net)
    many, early = net.solve_many(p, q), net.solve_many(p, q).p_from_mw
    name = feeder(net)
    net.open(name)
    assert (many.p_from_mw == early).all()
    assert net.solve().p_from_mw[net.branches.index(name)] == 0.0


def test_looking_at_flows_does_not_move_a_warm_start():
    p, q = walk(campus(loops=True))
    warm = []
    for look in (False, True):
        net = campus(loops=True)
        many = net.solve_many(p, q)
        net.solve(p[5], q[5])
        if look:
            assert many.p_from_mw.any()
        warm.append(net.solve(p[6], q[6], warm=True))
    assert warm[0].vm_pu.tobytes() == warm[1].vm_pu.tobytes()
    assert warm[0].iterations == warm[1].iterations


def test_extremes_are_those_of_the_rows():
    net = campus(loops=True)
    p, q = walk(net)
    p[40] *= 60.0  # no solution: counts for nothing
    many, found = net.solve_many(p, q), net.solve_extremes(p, q)
    good = many.converged
    assert not good[40]
    assert (found.status == many.status).all()
    np.testing.assert_allclose(found.vm_min_pu, many.vm_pu[good].min(axis=0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.vm_max_pu, many.vm_pu[good].max(axis=0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.loading_max, many.loading[good].max(axis=0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.losses_mw[good], many.losses_mw[good], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.p_slack_mw[good], many.p_slack_mw[good], rtol=0, atol=1e-9)
    assert found.losses_mw[40] == found.p_slack_mw[40] == 0.0


PRINT_SHA = """
import hashlib
from tests.kernels.test_batch import campus, walk
net = campus(loops=True)
p, q = walk(net)
p[9] *= 60.0
many = net.solve_many(p, q)
found = net.solve_extremes(p, q)
sha = hashlib.sha256(many.v_pu.tobytes() + many.iterations.tobytes() + many.status.tobytes())
sha.update(found.vm_min_pu.tobytes() + found.losses_mw.tobytes() + found.p_slack_mw.tobytes())
print(sha.hexdigest())
"""


def test_vectors_of_every_width_give_the_same_bits():
    level = _core.level()
    found = set()
    for isa, needs in (("baseline", 0), ("x86_64_v3", 3), ("x86_64_v4", 4)):
        if level >= needs and importlib.util.find_spec(f"twin._core.{isa}.batch") is not None:
            env = {**os.environ, "TWIN_ISA": isa}
            done = subprocess.run(
                [sys.executable, "-c", PRINT_SHA], env=env, capture_output=True, text=True, check=True
            )
            found.add(done.stdout)
    assert len(found) == 1


def alone(net: Network, p: np.ndarray, q: np.ndarray) -> int:
    """How many rows the sequential solver had to take."""
    batch, rows = _core.batch.Batch(net._grid), len(p)
    status, of_island, steps = np.zeros(rows, np.int8), np.zeros((rows, 1), np.int8), np.zeros(rows, np.int32)
    batch.run(p, q, None, status, of_island, steps, None, 1e-8, 12)
    return batch.alone


def test_a_bus_that_only_other_lanes_load_does_not_move_a_lane():
    """Behind a ratio of 2.5 the voltage is below half the slack's: no low root where nothing is injected."""
    graph = nx.Graph(base_mva=100.0)
    graph.add_node(0, kind="slack", vm_pu=1.02)
    graph.add_node(1, p_mw=-10.0, q_mvar=-2.0)
    graph.add_node(2)
    graph.add_edge(0, 1, name="line", r_pu=0.01, x_pu=0.05)
    graph.add_edge(1, 2, name="step", **{"from": 1}, r_pu=0.01, x_pu=0.05, tap_ratio=2.5)
    net = Network(graph)
    p, q = walk(net, rows=LEAST_ROWS)
    calm = net.solve_many(p, q)
    stretch = LEAST_ROWS // 8
    loaded = p.copy()
    loaded[stretch:, 2] = -0.1
    many = net.solve_many(loaded, q)
    assert calm.converged.all()
    assert many.v_pu[:stretch].tobytes() == calm.v_pu[:stretch].tobytes()
    assert many.iterations[:stretch].tolist() == calm.iterations[:stretch].tolist()
    # the first row of each stretch, and all that are refused: none of the first stretch besides
    assert (alone(net, p, q), alone(net, loaded, q)) == (8, LEAST_ROWS - stretch + 1)


@pytest.mark.parametrize("rows", [4, LEAST_ROWS])
def test_a_network_without_a_source_is_dead_in_every_row(rows):
    net = Network(nx.Graph([(0, 1, {"name": "line", "x_pu": 0.1})], base_mva=100.0))
    p = np.zeros((rows, 2))
    for answer in (net.solve_many(p, p), net.solve_extremes(p, p)):
        assert (answer.status == Status.DEAD).all()
        assert not answer.converged.any()
