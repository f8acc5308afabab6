"""``twin.network``: published cases, the schema and its errors, switching by name, shapes of the answers."""

from __future__ import annotations

import math
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from tests.reference import powerflow
from twin.errors import SiteError
from twin.network import Network, Status, branch_admittance, line_impedance, transformer_impedance


def shared_cases():
    """``../shared/data/matpower`` beside the checkout, or beside the checkout's parent."""
    for root in Path(__file__).resolve().parents[2:5]:
        folder = root.parent / "shared" / "data" / "matpower"
        if folder.is_dir():
            return folder
    return None


def case(name, **options):
    folder = shared_cases()
    if folder is None:
        pytest.skip("../shared/data/matpower is absent")
    return Network.from_matpower(folder / f"{name}.m", **options)


def line_graph(**edge):
    g = nx.Graph(base_mva=100.0)
    g.add_node("grid", kind="slack", vn_kv=10.0)
    g.add_node("load", p_mw=-20.0, q_mvar=-5.0, vn_kv=10.0)
    g.add_edge("grid", "load", name="cable", **(edge or {"r_pu": 0.02, "x_pu": 0.1}))
    return g


def problems(graph):
    with pytest.raises(SiteError) as caught:
        Network(graph)
    return [str(problem) for problem in caught.value.problems]


# ---- published cases


@pytest.mark.needs_data
def test_case9_with_all_set_points_at_1_pu_meets_the_published_losses():
    graph = case("case9").to_networkx()
    for bus in (1, 2, 3):
        graph.nodes[bus]["vm_pu"] = 1.0
    net = Network(graph)
    sol = net.solve(tol=1e-11)
    assert sol.losses_mw == pytest.approx(4.9547, abs=5e-5)
    assert net.buses[int(sol.vm_pu.argmin())] == 9
    assert sol.vm_pu.min() == pytest.approx(0.957621, abs=5e-7)


@pytest.mark.needs_data
def test_case14_meets_the_published_solution():
    sol = case("case14").solve(tol=1e-11)
    published = [
        1.06, 1.045, 1.01, 1.017671, 1.019514, 1.07, 1.06152, 1.09, 1.055932, 1.050985, 1.056907, 1.055189, 1.050382,
        1.03553,
    ]  # fmt: skip
    np.testing.assert_allclose(sol.vm_pu, published, rtol=0, atol=5.1e-7)
    assert sol.losses_mw == pytest.approx(13.3933, abs=5e-5)
    assert sol.p_slack_mw == pytest.approx(232.3933, abs=5e-5)


@pytest.mark.needs_data
def test_case33bw_in_kilowatts_and_ohms_meets_the_published_losses():
    sol = case("case33bw").solve(tol=1e-11)
    assert sol.losses_mw * 1e3 == pytest.approx(202.677, abs=5e-4)  # Baran and Wu 1989: 202.7 kW
    assert sol.vm_pu.min() == pytest.approx(0.9131, abs=5e-5)


@pytest.mark.needs_data
@pytest.mark.parametrize("name", ["case9", "case14", "case118", "case1354pegase", "case2869pegase"])
def test_published_cases_agree_with_the_reference(name):
    net = case(name)
    sol = net.solve(tol=1e-11)
    assert sol.converged
    assert sol.iterations <= 7
    slow = powerflow.solve_graph(net.to_networkx(), tol=1e-11)
    v = sol.vm_pu * np.exp(1j * np.radians(sol.va_deg))
    assert np.abs(v - [slow[bus] for bus in net.buses]).max() < 1e-8
    assert sol.p_mw.sum() == pytest.approx(sol.losses_mw, abs=1e-6)


@pytest.mark.needs_data
@pytest.mark.parametrize("name", ["case118", "case1354pegase", "case2869pegase"])
def test_published_cases_agree_with_lightsim2grid(name):
    algorithm = pytest.importorskip("lightsim2grid.algorithm")
    net = case(name)
    sol = net.solve(tol=1e-11)
    graph = net.to_networkx()
    _, group, branches = powerflow.contracted(graph)
    rows = [graph.nodes[bus] for bus in net.buses]
    shunt = np.array([(r.get("gs_mw", 0.0) + 1j * r.get("bs_mvar", 0.0)) / 100.0 for r in rows])
    y = powerflow.admittance(len(rows), branches, group, shunt).tocsc()
    kinds = np.array([r["kind"] for r in rows])
    slack, pv, pq = (np.flatnonzero(kinds == kind) for kind in ("slack", "pv", "pq"))
    s = np.array([r["p_mw"] + 1j * r["q_mvar"] for r in rows]) / 100.0
    start = np.where(kinds == "pq", 1.0, sol.vm_pu) * np.exp(1j * np.radians(sol.va_deg[slack[0]]))
    solver = algorithm.NR_KLU()
    assert solver.solve(y, start.copy(), s, slack, (kinds == "slack").astype(float), pv, pq, 40, 1e-11)
    assert np.abs(solver.get_V() - sol.vm_pu * np.exp(1j * np.radians(sol.va_deg))).max() < 1e-8


@pytest.mark.needs_data
def test_reactive_limits_of_case118_hold_and_only_bound_sources_leave_their_voltage():
    net = case("case118", q_limits=True)
    sol = net.solve(tol=1e-10)
    assert sol.converged
    bound = 0
    for k, (_, row) in enumerate(net.to_networkx().nodes(data=True)):
        if row["kind"] == "pv":
            source = sol.q_mvar[k] - row["q_mvar"]
            assert row["q_min_mvar"] - 1e-6 <= source <= row["q_max_mvar"] + 1e-6
            off = sol.vm_pu[k] - row["vm_pu"]
            at_limit = min(source - row["q_min_mvar"], row["q_max_mvar"] - source) < 1e-6
            assert abs(off) < 1e-9 or at_limit
            bound += abs(off) > 1e-9
    assert bound > 0


# ---- what a case file may not hold


def test_a_statement_in_a_case_file_is_refused_and_never_run(tmp_path):
    path = tmp_path / "evil.m"
    path.write_text("mpc.baseMVA = 100;\nmpc.bus = zeros(3);\nsystem('true');\nmpc.gen = [1 2 x];\n", encoding="utf-8")
    with pytest.raises(SiteError) as caught:
        Network.from_matpower(path)
    text = str(caught.value)
    assert "evil.m:2: mpc.bus: expected a number, found 'zeros(3)'" in text
    assert "evil.m:3: statement = \"system('true')\": not a literal" in text
    assert "expected a number, found 'x'" in text
    assert "mpc.branch: missing" in text


# ---- the schema


def test_all_problems_of_a_graph_are_listed_at_once_with_names_and_hints():
    g = line_graph(r_pu=0.02, x_pu=math.nan, rate_mwa=10.0)
    g.nodes["load"].update(kind="PQ", vn_kv=-1.0, p_kw=3.0)
    g.graph["base_mwa"] = 100.0
    found = "\n".join(problems(g))
    assert "edges['cable'].x_pu = nan: expected a finite number" in found
    assert "edges['cable'].rate_mwa = 10.0: not an attribute of the schema (did you mean 'rate_mva'?)" in found
    assert "nodes['load'].kind = 'PQ': expected 'slack', 'pv' or 'pq' (did you mean 'pq'?)" in found
    assert "nodes['load'].vn_kv = -1.0: expected a number above 0" in found
    assert "nodes['load'].p_kw = 3.0: not an attribute of the schema (did you mean 'p_mw'?)" in found
    assert "graph.base_mwa = 100.0: not an attribute of the schema (did you mean 'base_mva'?)" in found


@pytest.mark.parametrize(
    ("edge", "says"),
    [
        ({"colour": "red"}, "found none"),
        ({"x_pu": 0.1, "x_ohm": 1.0}, "found more than one"),
        ({"sn_mva": 10.0}, "vk_percent: missing"),
        ({"sn_mva": 10.0, "vk_percent": 1.0, "vkr_percent": 2.0}, "vkr_percent = 2.0 is above vk_percent = 1.0"),
        ({"x_pu": 0.0, "tap_ratio": 0.9, "from": "grid"}, "neither tap, shift nor charging"),
        ({"x_pu": 0.1, "tap_ratio": 0.9}, "from: missing: name the tap side"),
        ({"x_pu": 0.1, "from": "moon"}, "from = 'moon': expected 'grid' or 'load'"),
        ({"x_pu": 0.1, "closed": "no"}, "closed = 'no': expected true or false"),
        ({"x_pu": "0.1"}, "x_pu = '0.1': expected a number"),
        ({"r_ohm_per_km": 0.1, "x_pu": 0.1}, "not an attribute of the schema"),
    ],
)
def test_an_unsound_edge_says_what_is_wrong(edge, says):
    assert any(says in problem for problem in problems(line_graph(**edge)))


def test_annotations_without_a_unit_are_left_alone():
    g = line_graph(r_pu=0.02, x_pu=0.1, colour="red")
    g.nodes["load"]["pos"] = (1.0, 2.0)
    assert Network(g).solve().converged


def test_two_edges_of_one_name_are_a_problem():
    g = nx.MultiGraph(line_graph())
    g.add_edge("grid", "load", name="cable", x_pu=0.1)
    assert "used twice" in problems(g)[0]


def test_an_unknown_branch_names_the_nearest():
    with pytest.raises(SiteError, match=r"branch = 'cabel': not a branch of this network \(did you mean 'cable'\?\)"):
        Network(line_graph()).open("cabel")


def test_slacks_of_different_voltage_cannot_be_merged():
    g = nx.Graph()
    g.add_node("a", kind="slack", vm_pu=1.0)
    g.add_node("b", kind="slack", vm_pu=1.02)
    g.add_edge("a", "b", name="tie", x_pu=0.0, closed=False)
    net = Network(g)
    assert net.solve().converged
    net.close("tie")
    with pytest.raises(
        SiteError, match=r"nodes 'a', 'b' = \[1.0, 1.02\]: merged by closed couplers, but vm_pu differs"
    ):
        net.solve()


# ---- branch models


def test_a_line_in_ohms_equals_the_same_line_in_per_unit():
    r, x, b = line_impedance(r_ohm=0.2, x_ohm=1.0, c_nf=300.0, vn_kv=10.0)
    assert (r, x) == (0.2, 1.0)
    assert b == pytest.approx(2 * math.pi * 50 * 300e-9, rel=1e-12)
    ohms, units = Network(line_graph(r_ohm=0.2, x_ohm=1.0, c_nf=300.0)), Network(line_graph(r_pu=r, x_pu=x, b_pu=b))
    assert ohms.solve().vm_pu.tobytes() == units.solve().vm_pu.tobytes()


def test_a_name_plate_gives_losses_and_voltage_drop_of_the_transformer():
    # 25 MVA, 10 %, 0.4 %, 20 kW, 0.1 %: copper loss at rated current is 0.4 % of 25 MVA = 100 kW
    r, x, g, b = transformer_impedance(sn_mva=25, vk_percent=10, vkr_percent=0.4, pfe_kw=20, i0_percent=0.1)
    assert math.hypot(r, x) == pytest.approx(0.4)
    assert r == pytest.approx(0.016)
    assert g * 100e3 == pytest.approx(20.0)
    assert math.hypot(g, b) * 100 == pytest.approx(0.025)
    y_ff, y_ft, _, y_tt = branch_admittance(r, x, tap_ratio=0.95, g_from_pu=g, b_from_pu=b)
    assert y_ff == pytest.approx(y_tt / 0.95**2 + complex(g, b))
    assert y_ft == pytest.approx(-y_tt / 0.95)


def test_the_tap_is_at_the_higher_voltage_unless_from_says_otherwise():
    g = nx.Graph()
    g.add_node("lv", vn_kv=10.0)
    g.add_node("hv", kind="slack", vn_kv=110.0)
    g.add_edge("lv", "hv", name="T1", sn_mva=40.0, vk_percent=12.0, tap_ratio=0.95, shift_deg=150.0)
    sol = Network(g).solve()
    assert sol.vm_pu[0] == pytest.approx(1 / 0.95, abs=1e-12)
    assert sol.va_deg[0] == pytest.approx(-150.0, abs=1e-9)


# ---- answers


def test_an_island_without_slack_is_zero_and_not_energised():
    g = line_graph()
    g.add_node("far", p_mw=-3.0)
    g.add_edge("load", "far", name="spur", x_pu=0.1, closed=False, rate_mva=10.0)
    net = Network(g)
    sol = net.solve()
    assert sol.converged
    assert list(sol.energised) == [True, True, False]
    assert sol.vm_pu[2] == sol.va_deg[2] == sol.p_mw[2] == sol.p_from_mw[1] == 0.0
    assert [(island.buses, island.energised) for island in net.islands()] == [
        (("grid", "load"), True),
        (("far",), False),
    ]


def test_a_graph_of_couplers_alone_shares_one_voltage():
    g = nx.path_graph(4)
    g.nodes[0].update(kind="slack", vm_pu=1.03)
    for k in (1, 2, 3):
        g.nodes[k]["p_mw"] = -10.0
    for k in range(3):
        g.edges[k, k + 1].update(name=f"q{k}", closed=True)
    sol = Network(g).solve()
    assert list(sol.vm_pu) == [1.03] * 4
    assert sol.p_from_mw == pytest.approx([30.0, 20.0, 10.0])
    assert sol.p_slack_mw == pytest.approx(30.0)


def test_solve_many_gives_the_rows_of_solve_with_a_leading_axis():
    net = Network(line_graph())
    p = np.array([[0.0, -10.0], [0.0, -30.0], [0.0, -900.0], [0.0, -20.0]])
    many = net.solve_many(p, np.zeros_like(p), tol=1e-11)
    assert many.vm_pu.shape == (4, 2)
    assert many.p_from_mw.shape == (4, 1)
    assert list(many.converged) == [True, True, False, True]
    assert list(many.status) == [Status.OK, Status.OK, Status.COLLAPSE, Status.OK]
    for k in (0, 1, 3):
        one = net.solve(p[k], np.zeros(2), tol=1e-11)
        assert many.vm_pu[k] == pytest.approx(one.vm_pu, abs=1e-10)
        assert many.losses_mw[k] == pytest.approx(one.losses_mw, abs=1e-9)
        assert many.p_slack_mw[k] == pytest.approx(one.p_slack_mw, abs=1e-8)


def test_the_same_question_gives_the_same_bits_whatever_was_asked_before():
    net = Network(line_graph())
    first = net.solve()
    net.solve([0.0, -60.0], [0.0, -10.0])
    again = net.solve()
    assert first.vm_pu.tobytes() == again.vm_pu.tobytes()
    assert first.losses_mw == again.losses_mw


def test_tables_name_buses_and_branches():
    net = Network(line_graph(r_pu=0.02, x_pu=0.1, rate_mva=25.0))
    sol = net.solve()
    assert list(sol.table().index) == ["grid", "load"]
    assert sol.table("branches").loc["cable", "loading"] == pytest.approx(
        math.hypot(sol.p_from_mw[0], sol.q_from_mvar[0]) / 25
    )
    assert net.branch_table().loc["cable", "to"] == "load"
    with pytest.raises(ValueError, match="expected 'buses' or 'branches'"):
        sol.table("nodes")


def test_to_networkx_returns_the_present_switches_and_builds_the_same_network():
    net = Network(line_graph())
    net.open("cable")
    again = Network(net.to_networkx())
    assert net.to_networkx().edges["grid", "load"]["closed"] is False
    assert list(again.solve().energised) == [True, False]


def test_arrays_of_the_wrong_shape_are_refused():
    net = Network(line_graph())
    with pytest.raises(ValueError, match=r"p_mw has shape \(3,\), expected \(2,\)"):
        net.solve([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"q_mvar has shape \(2,\), expected \(n_step, 2\)"):
        net.solve_many(np.zeros((4, 2)), np.zeros(2))


def test_nan_is_a_status_and_never_a_result():
    sol = Network(line_graph()).solve([0.0, math.nan])
    assert sol.status == Status.BAD_INPUT
    assert not sol.converged
    assert np.isfinite(sol.vm_pu).all()
    assert np.isfinite(sol.p_from_mw).all()
