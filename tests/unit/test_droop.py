"""Droop sources: sharing by hand, against root finding with the reference, with an ideal slack, in islands."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import networks, powerflow
from tests.unit.test_network_graph import problems
from twin.network import Network, Status


def pair(r_pu=0.0, **second):
    """Two droop sources, 10 and 30 MW/Hz, with a load of 40 MW between them."""
    g = nx.Graph(frequency_hz=50.0)
    g.add_node("one", kind="slack", droop_mw_per_hz=10.0, vm_pu=1.01)
    g.add_node("load", p_mw=-40.0, q_mvar=-5.0)
    g.add_node("two", kind="slack", **{"droop_mw_per_hz": 30.0, "vm_pu": 1.01} | second)
    g.add_edge("one", "load", name="west", r_pu=r_pu, x_pu=0.05)
    g.add_edge("load", "two", name="east", r_pu=r_pu, x_pu=0.1)
    return g


def test_two_sources_share_a_load_by_their_droop_and_hold_their_voltages():
    sol = Network(pair()).solve(tol=1e-11)
    assert sol.converged
    assert sol.p_mw == pytest.approx([10.0, -40.0, 30.0], abs=1e-7)
    assert sol.frequency_hz == pytest.approx([49.0] * 3, abs=1e-9)
    assert sol.vm_pu[[0, 2]] == pytest.approx([1.01, 1.01], abs=1e-10)
    assert sol.p_slack_mw == pytest.approx(40.0, abs=1e-7)


def test_set_points_come_first_and_losses_are_shared_too():
    g = pair(r_pu=0.02)
    g.nodes["one"]["p_mw"] = 25.0
    sol = Network(g).solve(tol=1e-11)
    fall_hz = (40.0 - 25.0 + sol.losses_mw) / 40.0
    assert sol.losses_mw > 0.1
    assert sol.frequency_hz == pytest.approx([50.0 - fall_hz] * 3, abs=1e-9)
    assert sol.p_mw[[0, 2]] == pytest.approx([25.0 + 10.0 * fall_hz, 30.0 * fall_hz], abs=1e-7)


def test_with_too_much_power_the_frequency_rises_and_sources_take_it_in():
    sol = Network(pair()).solve([0.0, 20.0, 0.0], tol=1e-11)
    assert sol.frequency_hz == pytest.approx([50.5] * 3, abs=1e-9)
    assert sol.p_mw[[0, 2]] == pytest.approx([-5.0, -15.0], abs=1e-7)


def test_beside_an_ideal_slack_the_frequency_stays_and_droop_sources_keep_power_and_voltage():
    g = pair()
    g.nodes["two"]["p_mw"] = 12.0
    g.add_node("grid", kind="slack", vm_pu=1.0)
    g.add_edge("grid", "load", name="tie", x_pu=0.05)
    net = Network(g)
    sol = net.solve(tol=1e-11)
    assert list(sol.frequency_hz) == [50.0] * 4
    assert sol.p_mw == pytest.approx([0.0, -40.0, 12.0, 28.0], abs=1e-7)
    assert sol.vm_pu[[0, 2, 3]] == pytest.approx([1.01, 1.01, 1.0], abs=1e-10)
    before = sol.vm_pu.tobytes()
    net.open("tie")
    alone = net.solve(tol=1e-11)
    assert alone.frequency_hz == pytest.approx([49.3, 49.3, 49.3, 50.0], abs=1e-9)
    net.close("tie")
    assert net.solve(tol=1e-11).vm_pu.tobytes() == before


def test_each_island_has_its_own_frequency_and_a_dead_one_has_none():
    net = Network(pair())
    net.open("west")
    sol = net.solve(tol=1e-11)
    assert sol.frequency_hz == pytest.approx([50.0, 50.0 - 4.0 / 3.0, 50.0 - 4.0 / 3.0], abs=1e-9)
    net.open("east")
    assert list(net.solve().frequency_hz) == [50.0, 0.0, 50.0]


def held_power(graph, holder, fall_hz):
    """MW that the reference finds at ``holder`` beyond its share when the other sources give theirs."""
    plain = graph.copy()
    for bus, row in plain.nodes(data=True):
        droop = row.pop("droop_mw_per_hz", 0.0)
        row["p_mw"] = row["p_mw"] + droop * fall_hz
        if droop and bus != holder:
            row["kind"] = "pv"
    volts = powerflow.solve_graph(plain)
    groups, group_of, branches = powerflow.contracted(plain)
    shunt = np.zeros(len(groups), dtype=complex)
    for bus, row in plain.nodes(data=True):
        shunt[group_of[bus]] += (row.get("gs_mw", 0.0) + 1j * row.get("bs_mvar", 0.0)) / 100.0
    v = np.array([volts[group[0]] for group in groups])
    drawn = v * np.conj(powerflow.admittance(len(groups), branches, group_of, shunt) @ v) * 100.0
    mine = group_of[holder]
    return drawn[mine].real - sum(plain.nodes[bus]["p_mw"] for bus in groups[mine])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_random_meshes_share_as_scipy_finds(seed):
    graph = networks.random_graph(seed, regulated=True)
    u = np.random.Generator(np.random.Philox(seed + 1)).random
    for *_, edge in graph.edges(data=True):
        edge.update(closed=True, shift_deg=0.0)
    for _, row in graph.nodes(data=True):
        if row.get("kind") == "slack" or u() < 0.3:
            row.update(kind="slack", vm_pu=1.01, droop_mw_per_hz=1.0 + 20.0 * u())
        elif row.get("kind") == "pv":
            row["vm_pu"] = 1.01
    fall_hz = scipy.optimize.newton(lambda x: held_power(graph, 0, x), 0.0, x1=0.1, tol=1e-12)
    sol = Network(graph).solve(tol=1e-11)
    assert sol.converged
    assert sol.frequency_hz == pytest.approx([50.0 - fall_hz] * len(graph), abs=1e-8)
    droop = np.array([row.get("droop_mw_per_hz", 0.0) for _, row in graph.nodes(data=True)])
    assert sol.p_slack_mw == pytest.approx(droop.sum() * fall_hz, abs=1e-6)
    assert sol.p_mw.sum() == pytest.approx(sol.losses_mw, abs=1e-6)


def test_many_steps_are_those_of_solve_and_one_that_fails_harms_no_other():
    p = np.array([[0.0, -10.0, 0.0], [0.0, -9e3, 0.0], [0.0, -60.0, 0.0]])
    net = Network(pair(r_pu=0.01))
    many = net.solve_many(p, np.zeros((3, 3)), tol=1e-11)
    assert list(many.status) == [Status.OK, Status.COLLAPSE, Status.OK]
    assert many.frequency_hz.shape == (3, 3)
    assert list(many.frequency_hz[1]) == [50.0] * 3
    for k in (0, 2):
        one = net.solve(p[k], np.zeros(3), tol=1e-11)
        assert many.frequency_hz[k] == pytest.approx(one.frequency_hz, abs=1e-9)
        assert many.p_mw[k] == pytest.approx(one.p_mw, abs=1e-7)


def test_transfer_factors_share_by_droop_too():
    np.testing.assert_allclose(Network(pair()).ptdf()[:, 1], [-0.25, 0.75], atol=1e-14)


def test_droop_belongs_to_a_slack_and_is_above_zero():
    g = pair(droop_mw_per_hz=-1.0)
    g.nodes["load"]["droop_mw_per_hz"] = 5.0
    assert problems(g) == [
        "nodes['load'].droop_mw_per_hz: only a 'slack' node shares by droop, this one is 'pq'",
        "nodes['two'].droop_mw_per_hz = -1.0: expected a number above 0",
    ]
