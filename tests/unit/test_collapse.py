"""Voltage collapse: the nose by closed form and by bisection with the reference, and what a solve beyond it says."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.reference import networks, powerflow
from tests.unit.test_network_graph import case, line_graph
from twin.network import Network, Status


def nose(r, x, p, q):
    """Factor on the load p + jq behind r + jx at 1 pu at which the two voltages meet."""
    return 1.0 / (2.0 * (r * p + x * q + math.hypot(r, x) * math.hypot(p, q)))


def scaled(graph, factor):
    """The graph with every load times ``factor``."""
    grown = graph.copy()
    for _, row in grown.nodes(data=True):
        if row.get("p_mw", 0.0) < 0.0:
            row.update(p_mw=factor * row["p_mw"], q_mvar=factor * row["q_mvar"])
    return grown


def reference_nose(graph, low, high):
    """Largest factor at which the independent Newton still finds a solution, by bisection to 1e-7."""
    while high - low > 1e-7 * high:
        middle = 0.5 * (low + high)
        try:
            powerflow.solve_graph(scaled(graph, middle), tol=1e-9)
            low = middle
        except AssertionError:
            high = middle
    return low


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.floats(0.0, 0.2), st.floats(0.01, 0.3), st.floats(0.05, 1.4), st.floats(0.05, 3.0))
def test_two_buses_collapse_at_the_closed_form_from_either_side(r, x, angle, share):
    p, q = math.cos(angle), math.sin(angle)
    load_mw = 100.0 * share * nose(r, x, p, q)
    g = line_graph(r_pu=r, x_pu=x)
    g.nodes["load"].update(p_mw=-load_mw * p, q_mvar=-load_mw * q)
    found = Network(g).collapse_margin()
    assert found.load_factor * share == pytest.approx(1.0, abs=1e-8)
    assert found.weakest_bus == "load"
    assert found.margin_mw == pytest.approx((1.0 / share - 1.0) * load_mw * p, abs=1e-5)


@pytest.mark.parametrize("loops", [False, True])
def test_the_campus_collapses_where_the_reference_loses_its_solution(loops):
    graph = networks.site(3, 3, 6, loops=loops)
    found = Network(graph).collapse_margin()
    assert found.load_factor == pytest.approx(reference_nose(graph, 1.0, 8.0), abs=1e-6 * found.load_factor)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_random_networks_solve_just_below_the_nose_and_not_just_above(seed):
    g = networks.random_graph(seed, regulated=True)
    assume(networks.tree_shifts_only(g))
    try:
        factor = Network(g).collapse_margin().load_factor
    except ValueError as error:
        assume("no energised bus" not in str(error) and "no nose" not in str(error))
    assert Network(scaled(g, (1.0 - 1e-5) * factor)).solve().status == Status.OK
    assert Network(scaled(g, (1.0 + 1e-5) * factor)).solve().status == Status.COLLAPSE


def test_a_direction_grows_what_it_names_and_leaves_the_rest():
    g = nx.Graph()
    g.add_node("grid", kind="slack")
    for name, p_mw in (("one", -40.0), ("two", -60.0)):
        g.add_node(name, p_mw=p_mw)
        g.add_edge("grid", name, x_pu=0.1)
    net = Network(g)
    grown = net.collapse_margin(direction=([0.0, -10.0, 0.0], [0.0, 0.0, 0.0]))
    assert grown.weakest_bus == "one"
    assert 40.0 + grown.margin_mw == pytest.approx(100.0 * nose(0.0, 0.1, 1.0, 0.0), abs=1e-5)
    assert net.collapse_margin().load_factor == pytest.approx(nose(0.0, 0.1, 1.0, 0.0) / 0.6, abs=1e-8)
    with pytest.raises(ValueError, match="moves no energised bus"):
        net.collapse_margin(direction=(np.zeros(3), np.zeros(3)))
    with pytest.raises(ValueError, match="slacks hold every bus"):
        net.collapse_margin(direction=([-1.0, 0.0, 0.0], np.zeros(3)))
    with pytest.raises(ValueError, match="not finite"):
        net.collapse_margin(p_mw=[0.0, math.nan, 0.0])


@pytest.mark.needs_data
def test_reactive_limits_bring_the_nose_nearer():
    free, limited = (case("case118", q_limits=limits).collapse_margin() for limits in (False, True))
    assert 1.0 < limited.load_factor < free.load_factor
    assert limited.weakest_bus != free.weakest_bus


def test_a_network_that_cannot_be_solved_without_the_load_has_no_nose():
    g = line_graph(x_pu=0.1)
    g.nodes["load"].update(p_mw=-1.0, q_mvar=0.0)
    g.add_node("far", p_mw=900.0)
    g.add_edge("load", "far", x_pu=0.1)
    found = Network(g).collapse_margin()
    assert (found.found, found.load_factor, found.weakest_bus) == (False, 0.0, None)


@pytest.mark.parametrize("share", [1.001, 1.7, 30.0])
def test_a_solution_beyond_the_nose_tells_the_share_that_can_be_carried(share):
    load_mw = 100.0 * share * nose(0.02, 0.1, 0.9, 0.4)
    net = Network(line_graph())
    sol = net.solve([0.0, -0.9 * load_mw], [0.0, -0.4 * load_mw])
    assert sol.status == Status.COLLAPSE
    assert sol.load_factor * share == pytest.approx(1.0, abs=1e-7)
    many = net.solve_many([[0.0, -0.9 * load_mw], [0.0, -1.0]], [[0.0, -0.4 * load_mw], [0.0, 0.0]])
    assert list(many.status) == [Status.COLLAPSE, Status.OK]
    assert many.load_factor == pytest.approx([sol.load_factor, 1.0], abs=1e-7)


def test_a_batch_tells_the_load_factor_of_each_row():
    beyond = -180.0 * nose(0.02, 0.1, 1.0, 0.0)
    p = np.zeros((70, 2))
    p[5, 1], p[33, 1] = beyond, -1.0
    many = Network(line_graph()).solve_many(p, np.zeros((70, 2)))
    assert list(np.flatnonzero(many.status == Status.COLLAPSE)) == [5]
    assert many.load_factor[5] == pytest.approx(1.0 / 1.8, abs=1e-7)
    assert (np.delete(many.load_factor, 5) == 1.0).all()


def test_a_network_without_any_slack_is_dead_and_zero():
    g = line_graph()
    net = Network(g)
    net.open("cable")
    assert net.solve().status == Status.OK  # the slack stands alone, but stands
    g.nodes["grid"]["kind"] = "pq"
    net = Network(g)
    sol, many = net.solve(), net.solve_many(np.zeros((2, 2)), np.zeros((2, 2)))
    assert sol.status == Status.DEAD
    assert not sol.converged
    assert not sol.energised.any()
    assert not sol.vm_pu.any()
    assert list(many.status) == [Status.DEAD, Status.DEAD]
    batch = net.solve_many(np.zeros((70, 2)), np.zeros((70, 2)))
    assert set(batch.status) == {Status.DEAD}
    assert not batch.frequency_hz.any()
