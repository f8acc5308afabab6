"""Short circuits after IEC 60909-0: the published example, closed forms, what feeds a fault, what is refused."""

from __future__ import annotations

import cmath
import math

import networkx as nx
import numpy as np
import pytest

from tests.reference import tr_60909_4 as tr
from twin.errors import SiteError, SolveError
from twin.network import Network, three_winding
from twin.short_circuit import Elimination

ROOT_3 = math.sqrt(3.0)


def feeder_graph(**source):
    """A 20 kV feeder of 500 MVA, a transformer of 0.63 MVA and 50 m of cable at 0.4 kV."""
    g = nx.Graph(base_mva=100.0)
    g.add_node("grid", kind="slack", vn_kv=20.0, **(source or {"s_sc_max_mva": 500.0, "rx_max": 0.1}))
    g.add_node("board", vn_kv=0.4)
    g.add_node("rack", vn_kv=0.4, p_mw=-0.1)
    g.add_edge("grid", "board", name="T1", sn_mva=0.63, vk_percent=4.0, vkr_percent=1.1)
    g.add_edge("board", "rack", name="cable", r_ohm=0.0125, x_ohm=0.004, c_nf=30.0)
    return g


def feeder_impedances(c=1.1):
    """The same by hand, in ohm at 0.4 kV."""
    x_grid = 1.1 * 0.4**2 / 500.0 / math.hypot(1.0, 0.1)
    rated = 0.4**2 / 0.63
    x_t = math.sqrt(0.04**2 - 0.011**2)
    k_t = 0.95 * c / (1.0 + 0.6 * x_t)
    board = complex(0.1 * x_grid, x_grid) + k_t * rated * complex(0.011, x_t)
    return board, board + complex(0.0125, 0.004)


def machine_graph(**edge):
    """A generator of 21 kV behind a transformer of 115/21 kV at 110 kV, with a feeder beyond a line."""
    g = nx.Graph(base_mva=100.0)
    g.add_node("grid", kind="slack", vn_kv=110.0, s_sc_max_mva=3000.0)
    g.add_node("yard", vn_kv=110.0)
    g.add_node("gen", kind="pv", vn_kv=20.0, p_mw=100.0, sn_mva=150.0, vn_machine_kv=21.0, xdss_pu=0.14, cos_phi=0.85,
               rdss_ohm=0.002)  # fmt: skip
    g.add_edge("grid", "yard", name="line", r_ohm=1.0, x_ohm=4.0)
    plate = {"sn_mva": 150.0, "vk_percent": 16.0, "vkr_percent": 0.5, "vn_from_kv": 115.0, "vn_to_kv": 21.0}
    g.add_edge("yard", "gen", name="TG", **plate, **edge)
    return g


def problems(act):
    with pytest.raises(SiteError) as caught:
        act()
    return [str(problem) for problem in caught.value.problems]


# ---- published and closed forms


def test_the_example_of_iec_tr_60909_4_gives_the_printed_currents():
    table = Network(tr.graph()).short_circuit(list(tr.I_K_KA))
    np.testing.assert_allclose(table.i_k_ka, list(tr.I_K_KA.values()), rtol=0, atol=5.1e-5)
    np.testing.assert_allclose(table.i_p_ka.loc[list(tr.I_P_KA)], list(tr.I_P_KA.values()), rtol=0, atol=5.1e-5)


def test_the_peak_at_a_generator_of_the_example_is_that_of_another_program():
    # DIgSILENT PowerFactory, as the test suite of pandapower quotes it
    table = Network(tr.graph()).short_circuit(["G1", "G2"])
    np.testing.assert_allclose(table.i_p_ka, [136.2801, 210.3159], rtol=0, atol=5.1e-5)


@pytest.mark.parametrize(("tolerance", "c"), [(10.0, 1.10), (6.0, 1.05)])
def test_feeder_transformer_and_cable_meet_the_calculation_by_hand(tolerance, c):
    table = Network(feeder_graph()).short_circuit(["board", "rack"], lv_tolerance_percent=tolerance)
    for bus, z in zip(("board", "rack"), feeder_impedances(c), strict=True):
        i_k = c * 0.4 / ROOT_3 / abs(z)
        kappa = 1.02 + 0.98 * math.exp(-3.0 * z.real / z.imag)
        assert table.i_k_ka[bus] == pytest.approx(i_k, rel=1e-12)
        assert table.i_p_ka[bus] == pytest.approx(math.sqrt(2.0) * kappa * i_k, rel=1e-12)
        assert complex(table.r_ohm[bus], table.x_ohm[bus]) == pytest.approx(z, rel=1e-12)
        assert table.s_k_mva[bus] == pytest.approx(ROOT_3 * 0.4 * i_k, rel=1e-12)


def test_at_a_feeder_its_own_power_comes_back():
    assert Network(feeder_graph()).short_circuit("grid").s_k_mva == pytest.approx(500.0, rel=1e-12)


def test_method_b_multiplies_by_1_15_up_to_its_limit_where_a_branch_has_much_resistance():
    net = Network(feeder_graph())
    plain, larger = net.short_circuit("rack"), net.short_circuit("rack", method="b")
    assert larger.kappa == pytest.approx(1.15 * plain.kappa, rel=1e-12)
    steep = feeder_graph()
    steep.edges["board", "rack"].update(r_ohm=0.0001, x_ohm=0.004)
    steep.edges["grid", "board"]["vkr_percent"] = 0.2
    net = Network(steep)
    assert net.short_circuit("rack", method="b").kappa == pytest.approx(net.short_circuit("rack").kappa, rel=1e-12)


# ---- generators


def machine_z(factor=1.0):
    return factor * complex(0.002, 0.14 * 21.0**2 / 150.0)


def transformer_z(rated_kv, factor=1.0):
    return factor * rated_kv**2 / 150.0 * complex(0.005, math.sqrt(0.16**2 - 0.005**2))


SIN_PHI = math.sqrt(1.0 - 0.85**2)
X_T = math.sqrt(0.16**2 - 0.005**2)


@pytest.mark.parametrize(
    ("edge", "factor"),
    [
        ({"oltc": True}, (110 / 21) ** 2 * (21 / 115) ** 2 * 1.1 / (1 + abs(0.14 - X_T) * SIN_PHI)),
        ({}, (110 / 21) * (21 / 115) * 1.1 / (1 + 0.14 * SIN_PHI)),
        ({"oltc": False, "pt_percent": 12.0}, (110 / 21) * (21 / 115) * 0.88 * 1.1 / (1 + 0.14 * SIN_PHI)),
    ],
)
def test_a_generator_alone_behind_its_transformer_is_a_power_station_unit(edge, factor):
    found = Network(machine_graph(**edge)).short_circuit("yard")
    z = transformer_z(115.0, factor) + machine_z(factor) * (115.0 / 21.0) ** 2
    assert found.branch_ka["TG"] == pytest.approx(1.1 * 110.0 / ROOT_3 / abs(z), rel=1e-12)


def test_without_a_unit_generator_and_transformer_are_corrected_each():
    found = Network(machine_graph(unit_transformer=False)).short_circuit("yard")
    k_t, k_g = 0.95 * 1.1 / (1 + 0.6 * X_T), 20 / 21 * 1.1 / (1 + 0.14 * SIN_PHI)
    z = transformer_z(115.0, k_t) + machine_z(k_g) * (115.0 / 21.0) ** 2
    assert found.branch_ka["TG"] == pytest.approx(1.1 * 110.0 / ROOT_3 / abs(z), rel=1e-12)


def test_at_the_generator_of_a_unit_it_is_corrected_alone():
    found = Network(machine_graph(oltc=True)).short_circuit("gen")
    k = 1.1 / (1 + 0.14 * SIN_PHI)
    assert found.source_ka["gen"] == pytest.approx(1.1 * 21.0 / ROOT_3 / abs(machine_z(k)), rel=1e-12)
    x_grid = 1.1 * 110.0**2 / 3000.0 / math.hypot(1.0, 0.1)
    behind = (complex(0.1 * x_grid, x_grid) + complex(1.0, 4.0)) * (21.0 / 115.0) ** 2 + transformer_z(21.0)
    assert found.branch_ka["TG"] == pytest.approx(1.1 * 21.0 / ROOT_3 / abs(behind), rel=1e-12)


@pytest.mark.parametrize(("vn_kv", "sn_mva", "share"), [(0.4, 2.0, 0.15), (10.5, 20.0, 0.07), (21.0, 150.0, 0.05)])
def test_a_generator_has_a_fictitious_resistance_by_voltage_and_size(vn_kv, sn_mva, share):
    g = nx.Graph()
    g.add_node("gen", kind="slack", vn_kv=vn_kv, sn_mva=sn_mva, xdss_pu=0.2, rdss_ohm=0.0, cos_phi=0.8)
    found = Network(g).short_circuit("gen")
    assert found.kappa == pytest.approx(1.02 + 0.98 * math.exp(-3.0 * share), rel=1e-12)
    assert found.r_ohm == 0.0


def test_a_second_branch_at_the_generator_ends_the_unit():
    g = machine_graph()
    g.add_node("aux", vn_kv=20.0)
    g.add_edge("gen", "aux", name="aux cable", x_ohm=0.1)
    apart = machine_graph(unit_transformer=False)
    assert Network(g).short_circuit("yard").i_k_ka == Network(apart).short_circuit("yard").i_k_ka


# ---- motors and inverters


def test_a_motor_on_a_node_of_its_own_adds_its_starting_current():
    g = feeder_graph()
    g.add_node("motor", vn_kv=0.4, sn_mva=0.2, lrc_pu=6.0, motor_rx=0.42)
    g.add_edge("board", "motor", name="breaker", closed=True)
    net = Network(g)
    found = net.short_circuit("board")
    assert found.source_ka["motor"] == pytest.approx(1.1 * 6.0 * 0.2 / ROOT_3 / 0.4, rel=1e-12)
    assert net.short_circuit("motor").i_k_ka == found.i_k_ka
    net.open("breaker")
    assert net.short_circuit("board").i_k_ka == pytest.approx(1.1 * 0.4 / ROOT_3 / abs(feeder_impedances()[0]))


def test_motors_without_a_ratio_take_that_of_their_voltage():
    def ratio(vn_kv, sn_mva):
        g = nx.Graph()
        g.add_node("m", kind="pq", vn_kv=vn_kv, sn_mva=sn_mva, lrc_pu=5.0, cos_phi=0.9)
        found = Network(g).short_circuit("m")
        return found.r_ohm / found.x_ohm

    assert [ratio(0.4, 0.1), ratio(10.0, 0.5), ratio(10.0, 5.0)] == pytest.approx([0.42, 0.15, 0.10])


def test_an_inverter_brings_its_limit_at_its_terminals_and_its_share_elsewhere():
    g = feeder_graph()
    g.nodes["rack"].update(i_max_pu=1.2, sn_mva=0.3)
    net = Network(g)
    z_board, z_rack = feeder_impedances()
    limit = 1.2 * 0.3 / ROOT_3 / 0.4
    alone = 1.1 * 0.4 / ROOT_3 / abs(z_rack)
    at_rack = net.short_circuit("rack")
    assert at_rack.i_k_ka == pytest.approx(alone + limit, rel=1e-12)
    kappa = 1.02 + 0.98 * math.exp(-3.0 * z_rack.real / z_rack.imag)
    assert at_rack.i_p_ka == pytest.approx(math.sqrt(2.0) * (kappa * alone + limit), rel=1e-12)
    assert at_rack.source_ka["rack"] == pytest.approx(limit, rel=1e-12)
    at_board = net.short_circuit("board")
    # Z_board,rack = Z_board in a radial network: all of the limit arrives there
    assert at_board.i_k_ka == pytest.approx(1.1 * 0.4 / ROOT_3 / abs(z_board) + limit, rel=1e-12)
    assert at_board.branch_ka["cable"] == pytest.approx(limit, rel=1e-9)


def test_an_island_of_inverters_feeds_a_fault_with_their_limits():
    g = feeder_graph(i_max_pu=1.1, sn_mva=2.0)
    found = Network(g).short_circuit("rack")
    assert found.energised
    assert found.i_k_ka == pytest.approx(1.1 * 2.0 / ROOT_3 / 0.4, rel=1e-12)
    assert found.i_p_ka == pytest.approx(math.sqrt(2.0) * found.i_k_ka, rel=1e-12)


# ---- topology


def test_a_dead_island_has_no_short_circuit_current_and_no_nan():
    net = Network(feeder_graph())
    net.open("T1")
    found = net.short_circuit("rack")
    assert (found.i_k_ka, found.i_p_ka, found.s_k_mva, found.kappa, found.energised) == (0.0, 0.0, 0.0, 0.0, False)
    table = net.short_circuit()
    assert not table.isna().any().any()
    assert table.energised.tolist() == [True, False, False]
    net.close("T1")
    assert net.short_circuit("rack").energised


def test_branches_at_a_fault_share_its_current():
    for bus in ("F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "G1"):
        found = Network(tr.graph()).short_circuit(bus)
        parts = [*found.branch_ka.values(), *found.source_ka.values()]
        assert found.i_k_ka <= sum(parts) * (1.0 + 1e-12)
        assert found.i_k_ka > 0.98 * sum(parts)


def test_taps_and_shifts_change_nothing_where_the_rated_voltages_are_known():
    g = feeder_graph()
    g.edges["grid", "board"].update({"vn_from_kv": 20.0, "vn_to_kv": 0.4})
    plain = Network(g).short_circuit()
    g.edges["grid", "board"].update({"tap_ratio": 0.95, "shift_deg": 150.0})
    assert Network(g).short_circuit().equals(plain)


def test_loads_shunts_and_charging_are_left_out():
    g = feeder_graph()
    plain = Network(g).short_circuit()
    g.nodes["rack"].update(p_mw=-0.3, q_mvar=-0.2, bs_mvar=0.1, z_share=0.5)
    g.edges["board", "rack"]["c_nf"] = 900.0
    assert Network(g).short_circuit().equals(plain)


@pytest.mark.parametrize("seed", range(6))
def test_the_sparse_diagonal_is_that_of_the_dense_inverse(seed):
    rng = np.random.default_rng(seed)
    g = nx.gnm_random_graph(40, 40 + 8 * seed, seed=seed)
    y = np.zeros((40, 40), dtype=complex)
    for u, v in g.edges:
        y[u, v] = y[v, u] = -1.0 / complex(rng.uniform(0.0, 0.1), rng.uniform(0.05, 0.2))
    y -= np.diag(y.sum(axis=1)) - np.diag(1.0 / (1j * rng.uniform(0.1, 1.0, 40)))
    rows = [{j: y[i, j] for j in range(40) if j != i and y[i, j]} for i in range(40)]
    factors = Elimination(np.diag(y).tolist(), rows)
    dense = np.linalg.inv(y)
    np.testing.assert_allclose(factors.diagonal(), np.diag(dense), rtol=1e-11)
    np.testing.assert_allclose(factors.solve({7: 1.0, 3: 2.0j}), dense[:, 7] + 2.0j * dense[:, 3], rtol=1e-9)


# ---- three-winding transformers


def test_the_arms_of_a_three_winding_transformer_give_back_its_pairs():
    arms = three_winding(sn_mva=(350, 350, 50), vk_percent=(21, 7, 10), vkr_percent=(0.26, 0.16, 0.16))
    z = [
        complex(arm["vkr_percent"], math.copysign(math.sqrt(arm["vk_percent"] ** 2 - arm["vkr_percent"] ** 2),
                                                  arm["vk_percent"])) / arm["sn_mva"]
        for arm in arms
    ]  # fmt: skip
    assert arms[1]["vk_percent"] < 0.0
    assert [abs(z[0] + z[1]) * 350, abs(z[1] + z[2]) * 50, abs(z[2] + z[0]) * 50] == pytest.approx([21, 7, 10])


def test_a_star_point_is_found_without_being_named():
    g = tr.graph()
    named = Network(g).short_circuit()
    for number in (3, 4, 5, 6):
        del g.nodes[f"T{number} star"]["star"]
    assert Network(g).short_circuit().equals(named)
    assert "T3 star" not in named.index


def test_a_star_point_has_no_short_circuit():
    found = problems(lambda: Network(star_without_voltage()).short_circuit("s"))
    assert found == ["nodes['s'].vn_kv: the star point of a transformer has no terminals"]


def star_without_voltage():
    g = nx.Graph()
    g.add_node("a", kind="slack", vn_kv=110.0, s_sc_max_mva=1000.0)
    for node, arm in zip("abc", three_winding(sn_mva=(40, 40, 10), vk_percent=(10, 6, 17)), strict=True):
        g.add_node(node, vn_kv={"a": 110.0, "b": 20.0, "c": 10.0}[node])
        g.add_edge(node, "s", name=f"T{node}", **arm)
    return g


# ---- what is refused


def test_sources_that_say_too_little_are_all_named_at_once():
    g = feeder_graph(vm_pu=1.0)
    g.nodes["board"].update(kind="pv")
    assert Network(g).solve().converged
    found = problems(lambda: Network(g).short_circuit("rack"))
    assert found == [
        "nodes['grid'].s_sc_max_mva: missing: a slack needs it for a short circuit (or xdss_pu, or i_max_pu); no "
        "source is infinite",
        "nodes['board'].xdss_pu: missing: a regulated source says what it brings to a short circuit (or i_max_pu, 0 "
        "for nothing)",
    ]


@pytest.mark.parametrize(
    ("node", "says"),
    [
        ({"rx_max": 0.1}, "rx_max = 0.1: means nothing without s_sc_max_mva"),
        ({"xdss_pu": 0.2}, "sn_mva: missing: a synchronous machine (xdss_pu) needs it"),
        ({"xdss_pu": 0.2, "sn_mva": 1.0, "cos_phi": 1.2}, "cos_phi = 1.2: expected a share between 0 and 1"),
        ({"lrc_pu": 0.0, "sn_mva": 1.0}, "lrc_pu = 0.0: expected a number above 0"),
        ({"lrc_pu": 5.0, "i_max_pu": 1.0, "sn_mva": 1.0}, "is a motor (lrc_pu) and an inverter (i_max_pu) at once"),
        ({"star": 1}, "star = 1: expected true or false"),
    ],
)
def test_an_unsound_source_says_what_is_wrong(node, says):
    g = feeder_graph()
    g.nodes["rack"].update(node)
    assert any(says in problem for problem in problems(lambda: Network(g)))


@pytest.mark.parametrize(
    ("edge", "says"),
    [
        ({"vk_percent": -4.0}, "vk_percent = -4.0: expected 0 or above, but at a star point"),
        ({"oltc": "yes"}, "oltc = 'yes': expected true or false"),
        ({"magnetising": "pi"}, "magnetising = 'pi': expected 'from' or 't'"),
        ({"vn_from_kv": 0.0}, "vn_from_kv = 0.0: expected a number above 0"),
    ],
)
def test_an_unsound_transformer_says_what_is_wrong(edge, says):
    g = feeder_graph()
    g.edges["grid", "board"].update(edge)
    assert any(says in problem for problem in problems(lambda: Network(g)))


def test_an_unknown_node_is_an_error_with_the_nearest_name():
    net = Network(feeder_graph())
    assert problems(lambda: net.short_circuit("rak")) == [
        "bus = 'rak': not a node of this network (did you mean 'rack'?)"
    ]
    with pytest.raises(ValueError, match="method = 'a': expected 'b'"):
        net.short_circuit("rack", method="a")
    with pytest.raises(ValueError, match="has 6 and 10"):
        net.short_circuit("rack", lv_tolerance_percent=5)


def test_a_node_without_a_voltage_is_an_error():
    g = feeder_graph()
    g.add_node("far")
    g.add_edge("rack", "far", name="tail", x_pu=0.1)
    assert problems(lambda: Network(g).short_circuit()) == ["nodes['far'].vn_kv: missing: a short circuit needs it"]


def test_impedances_that_cancel_are_an_error_and_not_a_large_current():
    g = nx.Graph()
    g.add_node("grid", kind="slack", vn_kv=10.0, s_sc_max_mva=100.0)
    g.add_node("far", vn_kv=10.0)
    z = cmath.rect(1.1, math.atan2(1.0, 0.1))
    g.add_edge("grid", "far", name="series", r_pu=-z.real, x_pu=-z.imag)
    with pytest.raises(SolveError, match="cancel"):
        Network(g).short_circuit("far")
