"""The compiled power flow: closed forms, other solvers, exact switching, bits."""

from __future__ import annotations

import importlib
import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.reference import networks, peers, powerflow
from twin import _core
from twin.network import Network, Status, branch_admittance

Grid = _core.network.Grid


def grid(edges, n_bus, module=_core.network, **options):
    """A kernel grid of lines (from, to, r, x); r = x = 0 is a coupler. Bus 0 holds unless told otherwise."""
    ports = [branch_admittance(r, x) if r or x else (0j,) * 4 for _, _, r, x in edges]
    columns = dict(zip(("y_ff", "y_ft", "y_tf", "y_tt"), np.array(ports).T, strict=True))
    options.setdefault("forming_rank", [1] + [0] * (n_bus - 1))
    return module.Grid(
        n_bus=n_bus, from_bus=[e[0] for e in edges], to_bus=[e[1] for e in edges], **columns,
        is_coupler=[e[2] == e[3] == 0 for e in edges], **options,
    )  # fmt: skip


def inject(net, p, q=None):
    net.arrays["p_pu"][:] = p
    net.arrays["q_pu"][:] = 0.0 if q is None else q


def two_bus_voltage(r, x, p, q):
    """Upper voltage behind a line from 1 pu, for a load p + jq; V^4 + (2(rp + xq) - 1) V^2 + z^2 s^2 = 0."""
    k, zs2 = 1.0 - 2.0 * (r * p + x * q), (r * r + x * x) * (p * p + q * q)
    return math.sqrt((k + math.sqrt(k * k - 4.0 * zs2)) / 2.0)


def nose(r, x, p, q):
    """Factor on the load p + jq at which the two voltages meet."""
    return 1.0 / (2.0 * (r * p + x * q + math.hypot(r, x) * math.hypot(p, q)))


LINES = [(0.0, 0.1, 1.0, 0.0), (0.05, 0.1, 0.9, 0.436), (0.1, 0.02, 0.95, 0.312), (0.02, 0.2, 0.2, 0.98)]


@pytest.mark.parametrize(("r", "x", "p", "q"), LINES)
@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.999])
def test_two_buses_meet_the_closed_form_up_to_the_nose(r, x, p, q, share):
    load = share * nose(r, x, p, q)
    net = grid([(0, 1, r, x)], 2)
    inject(net, [0, -load * p], [0, -load * q])
    assert net.power_flow(1e-12) == Status.OK
    assert net.arrays["vm"][1] == pytest.approx(two_bus_voltage(r, x, load * p, load * q), abs=1e-9)


@pytest.mark.parametrize(("r", "x", "p", "q"), LINES)
@pytest.mark.parametrize("share", [1.00001, 1.5, 40.0])
def test_beyond_the_nose_it_says_collapse_and_where_the_nose_is(r, x, p, q, share):
    load = share * nose(r, x, p, q)
    net = grid([(0, 1, r, x)], 2)
    inject(net, [0, -load * p], [0, -load * q])
    assert net.power_flow() == Status.COLLAPSE
    assert net.arrays["island_lambda"][0] * share == pytest.approx(1.0, abs=1e-5)


def test_a_warm_start_at_the_low_root_still_finds_the_upper_one():
    net = grid([(0, 1, 0.0, 0.1)], 2)
    inject(net, [0, -2.0])
    net.power_flow()
    low = math.sqrt((1.0 - math.sqrt(1.0 - 0.16)) / 2.0)
    net.arrays["vr"][1], net.arrays["vi"][1] = low * low, -0.2
    assert net.power_flow() == Status.OK
    assert net.arrays["vm"][1] == pytest.approx(two_bus_voltage(0.0, 0.1, 2.0, 0.0), abs=1e-9)


def test_a_collapsed_island_keeps_its_last_voltage_and_leaves_the_other_alone():
    net = grid([(0, 1, 0.0, 0.1), (2, 3, 0.0, 0.1)], 4, forming_rank=[1, 0, 1, 0])
    inject(net, [0, -1.0, 0, -1.0])
    net.power_flow()
    before = net.arrays["vr"].copy()
    inject(net, [0, -9.0, 0, -2.0])
    assert net.power_flow() == Status.COLLAPSE
    assert list(net.arrays["island_status"][:2]) == [Status.COLLAPSE, Status.OK]
    assert net.arrays["vr"][1] == before[1]
    assert net.arrays["vm"][3] == pytest.approx(two_bus_voltage(0.0, 0.1, 2.0, 0.0), abs=1e-9)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("bus", [0, 1, 4])
def test_an_input_that_is_not_finite_is_bad_input_and_never_reaches_a_result(value, bus):
    net = grid([(0, 1, 0.0, 0.1), (2, 3, 0.0, 0.1)], 5, forming_rank=[1, 0, 1, 0, 0])
    inject(net, [0, -1.0, 0, -1.0, 0])
    net.power_flow()
    net.arrays["p_pu"][bus] = value
    assert net.power_flow() == Status.BAD_INPUT
    assert net.arrays["island_status"][1] == Status.OK
    for name in ("state", "vm", "p_from", "q_to", "loading", "p_bus", "slack_p"):
        assert np.isfinite(net.arrays[name]).all(), name


def test_an_unsolvable_matrix_is_singular():
    net = grid([(0, 1, 0.0, 0.1)], 2, y_shunt=[0, 10j])  # the shunt resonates with the line
    inject(net, [0, -0.1])
    assert net.power_flow() == Status.SINGULAR


# ---- other solvers


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.booleans())
def test_random_grids_agree_with_the_reference(seed, regulated):
    graph = networks.random_graph(seed, regulated=regulated)
    assume(networks.tree_shifts_only(graph))
    net = Network(graph)
    sol = net.solve(tol=1e-11)
    slow = powerflow.solve_graph(graph)
    v = sol.vm_pu * np.exp(1j * np.radians(sol.va_deg))
    assert sol.converged
    assert np.abs(v - [slow[bus] for bus in net.buses]).max() < 1e-9
    assert sol.p_mw.sum() == pytest.approx(sol.losses_mw, abs=1e-8)
    assert list(sol.energised) == [slow[bus] != 0 for bus in net.buses]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_what_enters_a_bus_leaves_it_through_branches_couplers_and_shunt(seed):
    graph = networks.random_graph(seed)
    assume(networks.tree_shifts_only(graph))
    net = Network(graph)
    sol = net.solve(tol=1e-11)
    table, row = net.branch_table(), {bus: k for k, bus in enumerate(net.buses)}
    left = np.array([graph.nodes[b].get("gs_mw", 0.0) for b in net.buses]) * sol.vm_pu**2
    np.add.at(left, [row[b] for b in table["from"]], sol.p_from_mw)
    np.add.at(left, [row[b] for b in table["to"]], sol.p_to_mw)
    np.testing.assert_allclose(left, sol.p_mw, atol=1e-7)


@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize(("halls", "rows", "blocks"), [(3, 3, 6), (10, 11, 12), (24, 55, 45)])  # 56, 295, 2894
def test_the_campus_agrees_with_power_grid_model(halls, rows, blocks, loops):
    graph = networks.site(halls, rows, blocks, loops=loops)
    sol = Network(graph).solve(tol=1e-11)
    assert sol.converged
    ours = sol.vm_pu * np.exp(1j * np.radians(sol.va_deg))
    assert np.abs(ours - peers.pgm_voltages(graph)).max() < 1e-8
    assert sol.p_mw.sum() == pytest.approx(sol.losses_mw, abs=1e-8)


# ---- exact switching


def test_opening_leaves_nothing_and_a_dead_bus_is_all_zeros():
    net = grid([(0, 1, 0.01, 0.1), (1, 2, 0.01, 0.1)], 3, rate_pu=[1.0, 1.0])
    inject(net, [0, -0.5, -0.5])
    net.power_flow()
    net.set_closed(1, False)
    assert net.power_flow() == Status.OK
    assert list(net.arrays["island_of_bus"]) == [0, 0, -1]
    for name in ("vr", "vi", "vm", "p_bus", "q_bus"):
        assert net.arrays[name][2] == 0.0
    assert net.arrays["p_from"][1] == net.arrays["loading"][1] == 0.0
    assert net.arrays["vm"][1] == pytest.approx(two_bus_voltage(0.01, 0.1, 0.5, 0.0), abs=1e-9)


def test_opening_and_closing_returns_the_same_bits():
    net = Network(networks.site(3, 3, 6, loops=True))
    before = net.solve()
    for name in ("h0>h0r0", "s0>s1", "p1>p1i2"):
        net.open(name)
        net.solve()
        net.close(name)
    after = net.solve()
    assert before.vm_pu.tobytes() == after.vm_pu.tobytes()
    assert before.p_from_mw.tobytes() == after.p_from_mw.tobytes()


def test_a_restored_state_gives_the_same_bits_also_in_another_grid():
    edges = [(0, 1, 0.01, 0.1), (1, 2, 0.02, 0.1), (2, 0, 0.01, 0.2)]
    one, other = grid(edges, 3), grid(edges, 3)
    for net, first in ((one, 0.3), (other, 0.9)):
        inject(net, [0, -first, -0.2])
        net.power_flow()
    kept = one.arrays["state"].copy()
    other.arrays["state"][:] = kept
    for net in (one, other):
        inject(net, [0, -0.7, -0.4])
        net.power_flow()
    assert one.arrays["state"].tobytes() == other.arrays["state"].tobytes()


def test_a_bus_that_comes_back_from_dead_is_solved_afresh():
    net = grid([(0, 1, 0.01, 0.1), (1, 2, 0.01, 0.1)], 3)
    inject(net, [0, -0.5, -0.5])
    net.power_flow(1e-12)
    whole = net.arrays["vm"].copy()
    net.set_closed(0, False)
    assert net.power_flow() == Status.OK
    assert not net.arrays["alive"][1:].any()
    net.set_closed(0, True)
    net.power_flow(1e-12)
    np.testing.assert_allclose(net.arrays["vm"], whole, rtol=0, atol=1e-12)


def test_the_lowest_rank_holds_an_island_and_the_next_takes_over_in_a_split():
    net = grid([(0, 1, 0.0, 0.1), (1, 2, 0.0, 0.1)], 3, forming_rank=[1, 0, 5], forming_vm=[1.0, 1.0, 1.01])
    inject(net, [0, -0.3, 0.2])
    net.power_flow(1e-12)
    assert net.n_island == 1
    assert net.arrays["slack_p"][0] == pytest.approx(0.1, abs=1e-9)
    net.set_closed(0, False)
    net.power_flow(1e-12)
    assert list(net.arrays["slack_of_island"][:2]) == [0, 2]
    assert net.arrays["vm"][2] == pytest.approx(1.01, abs=1e-15)
    assert net.arrays["slack_p"][1] == pytest.approx(0.3 - 0.2, abs=1e-9)
    net.set_forming(2, 0)
    net.power_flow()
    assert list(net.arrays["island_of_bus"]) == [0, -1, -1]


def test_a_tap_patch_equals_a_grid_built_with_that_tap():
    net, built = (grid([(0, 1, 0.0, 0.1), (1, 2, 0.01, 0.1)], 3) for _ in range(2))
    for g in (net, built):
        inject(g, [0, -0.5, -0.3])
    net.power_flow()
    net.set_tap(0, *branch_admittance(0.0, 0.1, tap_ratio=0.95, shift_deg=30.0))
    built.set_tap(0, *branch_admittance(0.0, 0.1, tap_ratio=0.95, shift_deg=30.0))
    assert net.power_flow(1e-12) == built.power_flow(1e-12) == Status.OK
    np.testing.assert_allclose(net.arrays["vr"], built.arrays["vr"], atol=1e-11)
    assert math.degrees(math.atan2(net.arrays["vi"][1], net.arrays["vr"][1])) == pytest.approx(-32.9, abs=2.0)


def test_couplers_carry_the_balance_of_their_buses_and_parallel_ones_share():
    # 0 -line- 1 =(two couplers)= 2 -coupler- 3;   0.4 drawn at 2, 0.2 at 3
    net = grid([(0, 1, 0.0, 0.1), (1, 2, 0, 0), (2, 1, 0, 0), (2, 3, 0, 0)], 4, rate_pu=[1.0, 0.5, 0.5, 1.0])
    inject(net, [0, 0, -0.4, -0.2])
    assert net.power_flow(1e-12) == Status.OK
    assert net.arrays["p_from"] == pytest.approx([0.6, 0.3, -0.3, 0.2], abs=1e-10)
    assert net.arrays["p_to"][3] == pytest.approx(-0.2, abs=1e-10)
    assert net.arrays["loading"][1] == pytest.approx(0.6, abs=1e-9)
    assert len(set(net.arrays["vr"][1:])) == 1


def test_reactive_limits_bind_and_let_go_again():
    net = grid([(0, 1, 0.0, 0.1)], 2, kind=[0, 1], v_set=[1.0, 1.05], q_min=[0, -0.1], q_max=[0, 0.2])
    assert net.power_flow(1e-12) == Status.OK
    assert net.arrays["q_bus"][1] == pytest.approx(0.2, abs=1e-11)
    assert net.arrays["q_mode"][1] == 1.0
    net.arrays["v_set"][1] = 1.01
    assert net.power_flow(1e-12) == Status.OK
    assert net.arrays["vm"][1] == pytest.approx(1.01, abs=1e-11)
    assert net.arrays["q_bus"][1] == pytest.approx(1.01 * (1.01 - 1.0) / 0.1, abs=1e-9)


def test_constant_current_and_admittance_loads_follow_the_voltage():
    net = grid([(0, 1, 0.0, 0.2)], 2, z_share=[0, 0.5], i_share=[0, 0.3])
    inject(net, [0, -1.0], [0, -0.2])
    assert net.power_flow(1e-12) == Status.OK
    v = net.arrays["vm"][1]
    assert v < 0.96
    assert net.arrays["p_bus"][1] == pytest.approx(-(0.2 + 0.3 * v + 0.5 * v * v), abs=1e-12)
    assert -net.arrays["p_to"][0] == pytest.approx(0.2 + 0.3 * v + 0.5 * v * v, abs=1e-10)


def test_a_regulated_bus_merged_with_a_voltage_dependent_load_is_balanced():
    edges = [(0, 1, 0.0, 0.1), (1, 2, 0.0, 0.0)]
    for q_max, mode in ((9.0, 0.0), (0.3, 1.0)):
        net = grid(edges, 3, kind=[0, 1, 0], v_set=[1, 1.05, 1], z_share=[0, 0, 1.0], q_max=[0, q_max, 0])
        inject(net, [0, 0, -0.5], [0, 0, -0.2])
        assert net.power_flow(1e-12) == Status.OK
        v = net.arrays["vm"][1]
        assert net.arrays["q_mode"][1] == mode
        assert net.arrays["p_bus"][2] == pytest.approx(-0.5 * v * v, abs=1e-12)
        assert net.mismatch_p < 1e-11
        assert -net.arrays["p_to"][0] == pytest.approx(0.5 * v * v, abs=1e-10)


def test_a_pure_admittance_load_takes_one_linear_step():
    net = grid([(0, 1, 0.0, 0.2)], 2, z_share=[0, 1.0])
    inject(net, [0, -1.0])
    assert net.power_flow(1e-12) == Status.OK
    assert net.arrays["vm"][1] == pytest.approx(1.0 / math.hypot(1.0, 0.2), abs=1e-12)


def test_every_instruction_set_gives_the_same_bits():
    graph = networks.site(3, 3, 6, loops=True)
    states = []
    for isa in ("baseline", "x86_64_v3", "x86_64_v4"):
        if isa == "x86_64_v4" and _core.isa != isa:
            continue
        try:
            module = importlib.import_module(f"twin._core.{isa}.network")
        except ImportError:
            continue
        edges = [(a, b, e) for a, b, e in graph.edges(data=True) if e.get("closed", True)]
        row = {bus: k for k, bus in enumerate(graph)}
        net = grid([(row[a], row[b], e["r_pu"], e["x_pu"]) for a, b, e in edges], len(graph), module)
        for share in (1.0, 0.9):
            inject(net, [share * d.get("p_mw", 0.0) / 100.0 for _, d in graph.nodes(data=True)])
            assert net.power_flow() == Status.OK
        states.append(net.arrays["state"].tobytes())
    assert len(set(states)) == 1


def test_mismatch_and_energy_are_booked():
    net = Network(networks.site(10, 11, 12))
    sol = net.solve(tol=1e-8)
    kernel = net._grid
    given_p = kernel.arrays["p_pu"].sum() + kernel.arrays["slack_p"][: kernel.n_island].sum()
    assert sol.mismatch_pu <= 1e-8
    assert given_p == pytest.approx(kernel.loss_p + kernel.mismatch_sum, abs=1e-12)


def test_a_grid_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"points outside 0 .. 1"):
        grid([(0, 2, 0.0, 0.1)], 2)
    with pytest.raises(ValueError, match=r"rate_pu has shape \(2,\), expected \(1,\)"):
        grid([(0, 1, 0.0, 0.1)], 2, rate_pu=[1, 1])
    with pytest.raises(ValueError, match="v_set holds NaN"):
        grid([(0, 1, 0.0, 0.1)], 2, v_set=[1, math.nan])
    with pytest.raises(IndexError, match=r"branch 1: expected 0 .. 0"):
        grid([(0, 1, 0.0, 0.1)], 2).set_closed(1, True)


def test_islands_are_found_like_networkx_does():
    graph = networks.site(3, 3, 6)
    net = Network(graph)
    for name in ("s0>h0", "p2>p2i1", "hv>s1"):
        net.open(name)
    sol = net.solve()
    closed = nx.Graph([(a, b) for a, b, e in net.to_networkx().edges(data=True) if e["closed"]])
    reached = nx.node_connected_component(closed, "grid")
    assert [bool(x) for x in sol.energised] == [bus in reached for bus in net.buses]
