"""``Network.ptdf``, ``lodf``, ``islanding``, ``screen_outages``, ``loading_table``: dense oracles, another program."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import networks, powerflow
from tests.unit.test_network_graph import case, line_graph
from twin.errors import SiteError
from twin.network import Network

SEEDS = st.integers(0, 10**6)


def closed_edges(graph):
    """(name, from, to, edge) of every closed edge."""
    for u, v, edge in graph.edges(data=True):
        if edge["closed"]:
            start = edge.get("from", u)
            yield edge["name"], start, v if start == u else u, edge


def dense_flows(net, p_pu, tie_x_pu=1e-9):
    """DC flows by branch name from one dense solve; couplers are given a tiny reactance."""
    graph, row = net.to_networkx(), {bus: k for k, bus in enumerate(net.buses)}
    y = np.zeros((len(row), len(row)))
    lines = [(name, row[f], row[t], 1.0 / ((e.get("x_pu") or tie_x_pu) * e.get("tap_ratio", 1.0)))
             for name, f, t, e in closed_edges(graph)]  # fmt: skip
    for _, f, t, b in lines:
        y[f, f] += b
        y[t, t] += b
        y[f, t] -= b
        y[t, f] -= b
    group = powerflow.contracted(graph)[1]  # of slacks that couplers join, the first one gives the power
    slacks = [bus for bus, d in graph.nodes(data=True) if d.get("kind") == "slack"]
    held = [row[bus] for k, bus in enumerate(slacks) if group[bus] not in [group[other] for other in slacks[:k]]]
    alive = net.solve().energised
    free = [k for k in range(len(row)) if alive[k] and k not in held]
    angle = np.zeros(len(row))
    angle[free] = np.linalg.solve(y[np.ix_(free, free)], p_pu[free])
    return {name: b * (angle[f] - angle[t]) if alive[f] else 0.0 for name, f, t, b in lines}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SEEDS)
def test_ptdf_gives_the_flows_of_a_dense_dc_solve_couplers_included(seed):
    net = Network(networks.random_graph(seed, regulated=True))
    p_pu = np.random.Generator(np.random.Philox(seed)).normal(size=len(net.buses))
    slow = dense_flows(net, p_pu)
    np.testing.assert_allclose(net.ptdf() @ p_pu, [slow.get(name, 0.0) for name in net.branches], atol=2e-5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SEEDS)
def test_lodf_gives_the_flows_of_the_network_with_that_branch_open(seed):
    net = Network(networks.random_graph(seed))
    p_pu = np.random.Generator(np.random.Philox(seed)).normal(size=len(net.buses))
    before, factors, splits = net.ptdf() @ p_pu, net.lodf(), net.islanding()
    table = net.branch_table()
    assert np.isfinite(factors).all()
    for k, name in enumerate(net.branches):
        if splits[k] or table["coupler"].iloc[k] or not table["closed"].iloc[k]:
            assert not np.delete(factors[:, k], k).any()
            continue
        net.open(name)
        np.testing.assert_allclose(before + factors[:, k] * before[k], net.ptdf() @ p_pu, atol=1e-8)
        net.close(name)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SEEDS)
def test_islanding_names_the_branches_whose_opening_leaves_a_bus_dead(seed):
    net = Network(networks.random_graph(seed))
    splits = net.islanding()
    alive = net.solve().energised.sum()
    for name, closed, found in zip(net.branches, net.branch_table()["closed"], splits, strict=True):
        net.open(name)
        assert found == (net.solve().energised.sum() < alive)
        if closed:
            net.close(name)


@pytest.mark.needs_data
def test_case14_agrees_with_the_factors_of_another_program():
    net = case("case14")  # pandapower 3.5, makePTDF (slack at bus 1) and makeLODF, eight digits
    published = [
        [-0.83801865, -0.6674571, -0.65176465, -0.64326615],
        [0.07991252, 0.5025721, 0.2807828, 0.16066917],
        [0.0029521, 0.01856584, -0.44685782, -0.35693327],
    ]
    np.testing.assert_allclose(net.ptdf()[np.ix_([0, 6, 14], [1, 3, 8, 13])], published, rtol=0, atol=1e-8)
    published = [[1.0, 0.28986836], [-0.16884621, -0.24583963], [0.02886118, -0.23967069], [-0.01737953, 0.14432407]]
    np.testing.assert_allclose(net.lodf()[np.ix_([1, 2, 9, 15], [0, 6])], published, rtol=0, atol=1e-8)
    assert [name for name, splits in zip(net.branches, net.islanding(), strict=True) if splits] == ["7-8"]


def test_parallel_lines_share_by_their_susceptance_and_take_over_from_each_other():
    g = nx.MultiGraph()
    g.add_node("a", kind="slack")
    g.add_node("b", p_mw=-30.0)
    g.add_edge("a", "b", name="one", x_pu=0.1, rate_mva=25.0)
    g.add_edge("a", "b", name="two", x_pu=0.2, rate_mva=20.0)
    net = Network(g)
    np.testing.assert_allclose(net.ptdf(), [[0.0, -2 / 3], [0.0, -1 / 3]], atol=1e-15)
    np.testing.assert_allclose(net.lodf(), [[-1.0, 1.0], [1.0, -1.0]], atol=1e-15)
    table = net.screen_outages()
    assert list(table.index) == ["one", "two"]
    assert table["worst_branch"].to_list() == ["two", "one"]
    assert table["worst_loading"].to_list() == pytest.approx([1.5, 1.2], abs=0.01)
    assert table["overloaded"].to_list() == [1, 1]


def test_a_screen_of_factors_ranks_like_one_that_solves_every_outage():
    net = Network(networks.site(10, 11, 12, loops=True))
    fast, slow = net.screen_outages(), net.screen_outages(verify=True)
    assert set(fast["method"]) == {"dc"}
    assert set(slow["method"]) == {"ac"}
    slow = slow.loc[fast.index]
    np.testing.assert_allclose(fast["worst_loading"], slow["worst_loading"], atol=0.06)
    assert (fast["islanding"] == slow["islanding"]).all()
    np.testing.assert_allclose(fast["unserved_mw"], slow["unserved_mw"])
    assert net.branch_table()["closed"].all()


def test_an_outage_that_islands_counts_what_is_not_served_and_relieves_the_way_there():
    g = line_graph(x_pu=0.01, rate_mva=40.0)
    g.add_node("far", p_mw=-10.0)
    g.add_edge("load", "far", name="spur", x_pu=0.01, rate_mva=40.0)
    table = Network(g).screen_outages()
    assert table.loc["cable", ["islanding", "unserved_mw", "worst_loading"]].to_list() == [True, 30.0, 0.0]
    assert table.loc["spur", "unserved_mw"] == 10.0
    assert table.loc["spur", "worst_loading"] == pytest.approx(math.hypot(20.0, 5.0) / 40.0, abs=0.01)


def test_a_coupler_in_a_loop_is_screened_by_solving_it():
    g = line_graph(x_pu=0.01, rate_mva=40.0)
    g.add_node("other")
    g.add_edge("grid", "other", name="second", x_pu=0.02, rate_mva=40.0)
    g.add_edge("load", "other", name="tie", x_pu=0.0)
    table = Network(g).screen_outages(["tie"])
    assert table.loc["tie", ["method", "status", "worst_branch"]].to_list() == ["ac", "OK", "cable"]
    assert table.loc["tie", "worst_loading"] == pytest.approx(math.hypot(20.0, 5.0) / 40.0, abs=0.01)


def test_the_loading_table_is_sorted_and_gives_currents_where_voltages_are_known():
    g = line_graph(r_pu=0.02, x_pu=0.1, rate_mva=25.0)
    g.add_node("idle")
    g.add_edge("load", "idle", name="spur", x_pu=0.1)
    table = Network(g).loading_table()
    assert list(table.index) == ["cable", "spur"]
    cable = table.loc["cable"]
    assert cable["loading"] == pytest.approx(cable["s_mva"] / 25.0)
    assert cable["i_from_ka"] == pytest.approx(cable["s_mva"] / (math.sqrt(3) * 10.0))
    assert cable["i_to_ka"] == pytest.approx(cable["i_from_ka"])  # a line without charging
    assert cable["loss_mw"] == pytest.approx(0.02 * (cable["s_mva"] / 100) ** 2 * 100)
    assert table.loc["spur", ["s_mva", "i_from_ka", "i_to_ka"]].abs().max() < 1e-9


def test_factors_refuse_a_branch_without_reactance_and_a_base_case_without_solution():
    with pytest.raises(SiteError, match=r"edges\['cable'\].x_pu = 0.0: expected a reactance"):
        Network(line_graph(r_pu=0.1, x_pu=0.0)).ptdf()
    with pytest.raises(ValueError, match="no solution to start from: status COLLAPSE"):
        Network(line_graph()).screen_outages(p_mw=[0.0, -9e3])
    with pytest.raises(SiteError, match=r"branch = 'cabel'"):
        Network(line_graph()).screen_outages(["cabel"])
