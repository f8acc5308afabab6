"""Volt-var inverters: ``q_v_curve`` against root finding, the reference with the power found, and its errors."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest
import scipy.optimize
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.kernels.test_network import grid, inject
from tests.reference import networks, powerflow
from tests.unit.test_network_graph import line_graph, problems
from twin.network import Network, Status

CURVE = [(0.92, 30.0), (0.98, 0.0), (1.02, 0.0), (1.08, -30.0)]


def feeder(curve, p_mw=-20.0, q_mvar=-5.0, **line):
    """A slack at 1 pu and a bus with an inverter behind a line."""
    g = line_graph(**(line or {"r_pu": 0.05, "x_pu": 0.2}))
    g.nodes["load"].update(p_mw=p_mw, q_mvar=q_mvar, q_v_curve=curve)
    return g


def upper_voltage(r, x, p, q):
    """Voltage behind r + jx from 1 pu for a load p + jq; NaN beyond the nose."""
    k, zs2 = 1.0 - 2.0 * (r * p + x * q), (r * r + x * x) * (p * p + q * q)
    root = k * k - 4.0 * zs2
    return math.sqrt((k + math.sqrt(root)) / 2.0) if root >= 0.0 and k > 0.0 else math.nan


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(st.floats(0.8, 1.2), min_size=2, max_size=6, unique=True),
    st.lists(st.floats(-60.0, 60.0), min_size=6, max_size=6),
    st.floats(-60.0, 60.0),
    st.floats(0.0, 0.2),
)
def test_the_voltage_is_the_root_that_scipy_finds(knots_pu, q_mvar, p_mw, r_pu):
    knots_pu = sorted(knots_pu)
    assume(min(np.diff(knots_pu)) > 1e-6)
    q_mvar = sorted(q_mvar, reverse=True)[: len(knots_pu)]
    net = Network(feeder(list(zip(knots_pu, q_mvar, strict=True)), p_mw, 0.0, r_pu=r_pu, x_pu=0.2))

    def off(v):  # falls in the voltage at which the inverter is asked: the answer is unique
        return upper_voltage(r_pu, 0.2, -p_mw / 100.0, -np.interp(v, knots_pu, q_mvar) / 100.0) - v

    assume(math.isfinite(off(1.3)) and math.isfinite(off(0.6)))
    assume(off(0.6) > 0.0)
    v = scipy.optimize.brentq(off, 0.6, 1.5, xtol=1e-13)
    sol = net.solve(tol=1e-11)
    assert sol.status == Status.OK
    assert sol.vm_pu[1] == pytest.approx(v, abs=1e-9)
    assert sol.q_mvar[1] == pytest.approx(np.interp(v, knots_pu, q_mvar), abs=1e-4)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_random_networks_with_inverters_agree_with_the_reference_given_their_power(seed):
    graph = networks.random_graph(seed, regulated=True)
    assume(networks.tree_shifts_only(graph))
    u = np.random.Generator(np.random.Philox(seed + 1)).random
    curved = [bus for bus, row in graph.nodes(data=True) if row.get("kind", "pq") == "pq" and u() < 0.5]
    for bus in curved:
        shift = 0.04 * u() - 0.02
        graph.nodes[bus]["q_v_curve"] = [(v + shift, q / 6.0) for v, q in CURVE]
    net = Network(graph)
    sol = net.solve(tol=1e-11)
    assert sol.converged
    plain = net.to_networkx()
    for k, bus in enumerate(net.buses):
        curve = plain.nodes[bus].pop("q_v_curve", None)
        if curve is not None and sol.energised[k]:
            plain.nodes[bus]["q_mvar"] += np.interp(sol.vm_pu[k], *np.transpose(curve))
    slow = powerflow.solve_graph(plain)
    ours = sol.vm_pu * np.exp(1j * np.radians(sol.va_deg))
    assert np.abs(ours - [slow[bus] for bus in net.buses]).max() < 1e-9
    booked = Network(plain).solve(tol=1e-11)
    np.testing.assert_allclose(sol.q_mvar, booked.q_mvar, atol=1e-6)
    assert sol.losses_mw == pytest.approx(booked.losses_mw, abs=1e-7)


def test_a_level_curve_is_constant_power():
    sol = Network(feeder([(0.9, 12.0), (1.1, 12.0)])).solve(tol=1e-12)
    plain = line_graph(r_pu=0.05, x_pu=0.2)
    plain.nodes["load"].update(p_mw=-20.0, q_mvar=7.0)
    np.testing.assert_allclose(sol.vm_pu, Network(plain).solve(tol=1e-12).vm_pu, atol=1e-12)
    assert sol.q_mvar[1] == pytest.approx(7.0)


def test_a_very_steep_curve_holds_the_voltage_like_a_regulated_bus():
    net = Network(feeder([(0.99 - 1e-7, 50.0), (0.99 + 1e-7, -50.0)]))
    sol = net.solve()
    assert sol.converged
    assert sol.vm_pu[1] == pytest.approx(0.99, abs=1.1e-7)


def test_inverters_of_merged_buses_add_up_also_at_the_slack():
    g = feeder(CURVE)
    g.add_node("twin", q_v_curve=[(0.95, 5.0), (1.0, -5.0)])
    g.add_edge("load", "twin", name="tie", x_pu=0.0)
    g.add_node("near", q_v_curve=[(0.9, 4.0), (1.1, -4.0)])
    g.add_edge("grid", "near", name="bar", x_pu=0.0)
    net = Network(g)
    sol = net.solve(tol=1e-12)
    v = sol.vm_pu[1]
    assert sol.q_mvar[1] == pytest.approx(-5.0 + np.interp(v, *np.transpose(CURVE)), abs=1e-8)
    assert sol.q_mvar[2] == pytest.approx(np.interp(v, [0.95, 1.0], [5.0, -5.0]), abs=1e-8)
    assert sol.q_from_mvar[net.branches.index("bar")] == pytest.approx(0.0, abs=1e-8)  # at 1 pu it gives nothing
    assert sol.q_mvar.sum() == pytest.approx(sol.q_from_mvar.sum() + sol.q_to_mvar.sum(), abs=1e-8)


def test_many_steps_honour_curves_and_the_nose_moves_out_with_support():
    p = np.array([[0.0, -10.0], [0.0, -60.0]])
    net = Network(feeder(CURVE))
    many = net.solve_many(p, np.zeros((2, 2)), tol=1e-11)
    for k in range(2):
        assert many.vm_pu[k] == pytest.approx(net.solve(p[k], np.zeros(2), tol=1e-11).vm_pu, abs=1e-10)
    bare = line_graph(r_pu=0.05, x_pu=0.2)
    assert net.collapse_margin().load_factor > Network(bare).collapse_margin().load_factor


def test_every_instruction_set_gives_the_same_bits():
    states = []
    for isa in ("baseline", "x86_64_v3"):
        try:
            module = importlib.import_module(f"twin._core.{isa}.network")
        except ImportError:
            continue
        edges = [(0, 1, 0.01, 0.1), (1, 2, 0.02, 0.1), (2, 3, 0.01, 0.2), (3, 1, 0.05, 0.1)]
        curves = {2: [(0.95, 0.2), (1.0, -0.1)], 3: [(0.9, 0.4), (0.98, 0.0), (1.02, -0.3)]}
        net = grid(edges, 4, module, q_curves=curves)
        for share in (1.0, 1.7):
            inject(net, [0.0, -0.3 * share, -0.4 * share, -0.2])
            assert net.power_flow() == Status.OK
        states.append(net.arrays["state"].tobytes() + net.arrays["q_bus"].tobytes())
    assert len(set(states)) == 1


@pytest.mark.parametrize(
    ("curve", "says"),
    [
        ([(0.9, 1.0)], "expected two or more finite pairs (vm_pu, q_mvar)"),
        ([(0.9, 1.0), (1.1, math.nan)], "expected two or more finite pairs (vm_pu, q_mvar)"),
        ("steep", "expected two or more finite pairs (vm_pu, q_mvar)"),
        ([(0.9, 1.0), (0.9, 0.0)], "expected vm_pu above 0 and rising from point to point"),
        ([(0.9, 0.0), (1.1, 1.0)], "expected q_mvar that never rises with the voltage"),
    ],
)
def test_an_unsound_curve_says_what_is_wrong(curve, says):
    (found,) = problems(feeder(curve))
    assert found.startswith(f"nodes['load'].q_v_curve = {curve!r}: {says}")


def test_only_a_pq_node_has_a_curve():
    g = feeder(CURVE)
    g.nodes["load"]["kind"] = "pv"
    assert problems(g) == ["nodes['load'].q_v_curve: only a 'pq' node has a volt-var curve, this one is 'pv'"]
