"""Tap changers with deadband: every position tried by hand, limits, cascades, endings."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.reference import networks
from tests.unit.test_network_graph import problems
from twin.network import Network

CONTROL = {"tap_min": 0.9, "tap_max": 1.1, "tap_step": 0.0125, "v_target_pu": 1.0, "deadband_pu": 0.01}


def station(p_mw=-60.0, q_mvar=-30.0, tap_ratio=1.0, **control):
    """A transformer of 12 % behind a slack, with the tap at the slack's side."""
    g = nx.Graph()
    g.add_node("hv", kind="slack", vm_pu=1.0)
    g.add_node("lv", p_mw=p_mw, q_mvar=q_mvar)
    g.add_edge("hv", "lv", name="T1", x_pu=0.12, r_pu=0.005, tap_ratio=tap_ratio, **{"from": "hv"}, **CONTROL | control)
    return g


def fixed(graph, ratios):
    """The graph with tap ratios set by edge name and no tap changers."""
    plain = graph.copy()
    for *_, edge in plain.edges(data=True):
        for name in CONTROL:
            edge.pop(name, None)
        edge["tap_ratio"] = float(ratios[edge["name"]])
    return plain


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.floats(-120.0, 120.0), st.floats(-60.0, 60.0), st.integers(-8, 8), st.floats(0.011, 0.03))
def test_it_stops_at_the_first_position_in_its_band_or_at_the_limit(p_mw, q_mvar, start, deadband_pu):
    g = station(p_mw, q_mvar, 1.0 + 0.0125 * start, deadband_pu=deadband_pu)
    positions = range(-8 - start, 9 - start)
    ratio = {n: 1.0 + 0.0125 * (start + n) for n in positions}
    volts = {n: Network(fixed(g, {"T1": ratio[n]})).solve().vm_pu[1] for n in positions}
    heading = 1 if volts[0] > 1.0 else -1
    way = [n for n in positions if n * heading >= 0]
    way = sorted(way, key=abs)
    expected = next((n for n in way if abs(volts[n] - 1.0) <= deadband_pu), way[-1])
    sol = Network(g).solve()
    assert sol.converged
    assert sol.taps[0] == pytest.approx(ratio[expected], abs=1e-12)
    assert sol.vm_pu[1] == pytest.approx(volts[expected], abs=1e-8)


def test_raising_the_ratio_lowers_the_voltage_at_the_to_side():
    low, high = Network(station()).solve(), Network(station(p_mw=0.0, q_mvar=60.0)).solve()
    assert low.taps[0] < 1.0 < high.taps[0]
    assert abs(low.vm_pu[1] - 1.0) <= 0.01
    assert abs(high.vm_pu[1] - 1.0) <= 0.01


def test_at_the_limit_it_stays_there():
    sol = Network(station(v_target_pu=1.3)).solve()
    assert sol.taps[0] == pytest.approx(0.9, abs=1e-12)
    assert sol.vm_pu[1] < 1.29


def test_where_no_position_fits_it_turns_back_a_few_times_and_stays_beside_the_band():
    sol = Network(station(0.0, -38.0, deadband_pu=0.00625)).solve()  # a step moves the voltage by 0.014
    assert sol.converged
    assert 0.00625 < abs(sol.vm_pu[1] - 1.0) < 0.0125


def test_without_taps_and_in_its_band_nothing_moves():
    net = Network(station())
    still = net.solve(taps=False)
    assert still.taps[0] == 1.0
    assert still.vm_pu.tobytes() == Network(fixed(station(), {"T1": 1.0})).solve().vm_pu.tobytes()
    calm = Network(station(p_mw=-1.0, q_mvar=0.0)).solve()
    assert calm.taps[0] == 1.0
    assert net.solve().table("branches").loc["T1", "taps"] < 1.0


def test_each_solve_starts_from_the_taps_of_the_graph():
    net = Network(station())
    first = net.solve()
    net.solve([0.0, 0.0], [0.0, 60.0])
    again = net.solve()
    assert first.vm_pu.tobytes() == again.vm_pu.tobytes()
    assert first.taps.tobytes() == again.taps.tobytes()
    many = net.solve_many([[0.0, -60.0], [0.0, 0.0]], [[0.0, -30.0], [0.0, 60.0]])
    assert many.taps[0] == first.taps
    assert many.taps[1, 0] > 1.0


def cascade(changers, rng, deadband_pu=0.008):
    """Transformers in a row from a slack, a load behind each."""
    g = nx.Graph()
    g.add_node(0, kind="slack", vm_pu=1.0)
    for k in range(1, changers + 1):
        g.add_node(k, p_mw=-30.0 * rng(), q_mvar=-20.0 * rng())
        g.add_edge(k - 1, k, name=f"T{k}", x_pu=0.1, **{"from": k - 1}, **CONTROL | {"deadband_pu": deadband_pu})
    return g


@pytest.mark.parametrize("seed", range(8))
def test_transformers_in_a_row_all_end_in_their_bands(seed):
    g = cascade(4, np.random.Generator(np.random.Philox(seed)).random)
    net = Network(g)
    sol = net.solve()
    assert sol.converged
    assert (np.abs(sol.vm_pu[1:] - 1.0) <= 0.008).all()
    plain = Network(fixed(g, dict(zip(net.branches, sol.taps, strict=True)))).solve()
    np.testing.assert_allclose(sol.vm_pu, plain.vm_pu, atol=1e-9)


def test_the_transformer_nearest_to_the_slack_moves_first_so_that_those_behind_it_need_not():
    g = cascade(3, lambda: 0.0, deadband_pu=0.02)
    g.nodes[0]["vm_pu"] = 0.94
    sol = Network(g).solve()
    assert sol.taps == pytest.approx([0.95, 1.0, 1.0], abs=1e-12)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_in_random_meshes_every_solve_ends_and_is_that_of_the_taps_it_tells(seed):
    graph = networks.random_graph(seed, regulated=True)
    assume(networks.tree_shifts_only(graph))
    u = np.random.Generator(np.random.Philox(seed + 1)).random
    for *_, edge in graph.edges(data=True):
        if edge["x_pu"] > 0.0 and u() < 0.5:
            edge.update(CONTROL | {"tap_ratio": 1.0, "v_target_pu": 0.98 + 0.04 * u(), "deadband_pu": 0.00625})
    net = Network(graph)
    sol = net.solve(tol=1e-10)
    assert sol.converged
    steps = (sol.taps - 1.0) / 0.0125
    controlled = np.array([b.control is not None for b in net._data.branches])
    assert np.abs(steps - steps.round())[controlled].max(initial=0.0) < 1e-9
    assert np.abs(steps)[controlled].max(initial=0.0) < 8.001
    plain = Network(fixed(graph, dict(zip(net.branches, sol.taps, strict=True)))).solve(tol=1e-10)
    np.testing.assert_allclose(sol.vm_pu, plain.vm_pu, atol=1e-8)


def test_an_unsound_tap_changer_says_what_is_wrong():
    g = station(tap_ratio=1.2, deadband_pu=0.001)
    found = problems(g)
    assert "edges['T1'].tap_ratio: expected tap_min <= tap_ratio <= tap_max, found 0.9, 1.2, 1.1" in found
    assert any("deadband_pu = 0.001: expected at least half of tap_step = 0.0125" in text for text in found)
    g = station()
    del g.edges["hv", "lv"]["v_target_pu"], g.edges["hv", "lv"]["from"]
    found = problems(g)
    assert any("edges['T1'].v_target_pu: missing: a tap changer needs tap_min" in text for text in found)
    g = station()
    del g.edges["hv", "lv"]["from"]
    assert problems(g) == ["edges['T1'].from: missing: name the tap side, both ends have the same vn_kv"]


def test_positions_count_from_the_ratio_of_the_rated_voltages():
    plate = {"sn_mva": 100.0, "vk_percent": 12.0, "vn_from_kv": 115.5}
    g = station(-30.0, -10.0)
    g.nodes["hv"].update(vn_kv=110.0, vm_pu=1.05)
    g.nodes["lv"]["vn_kv"] = 10.0
    g.edges["hv", "lv"].update(plate)
    del g.edges["hv", "lv"]["x_pu"], g.edges["hv", "lv"]["r_pu"]
    assert Network(g).solve(taps=False).taps[0] == 1.0
    sol = Network(g).solve()
    assert sol.taps[0] == pytest.approx(0.9875, abs=1e-12)
    assert sol.vm_pu[1] == pytest.approx(Network(fixed(g, {"T1": 0.9875})).solve().vm_pu[1], abs=1e-9)
