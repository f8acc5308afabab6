"""``Network.from_pandapower``: what pandapower finds for the same files, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from twin.errors import SiteError
from twin.network import Network

FOLDER = Path(__file__).resolve().parents[1] / "data" / "pandapower"


def read(name):
    return Network.from_pandapower(FOLDER / f"{name}.json")


def expected(name):
    return json.loads((FOLDER / f"{name}.expected.json").read_text(encoding="utf-8"))


def phasors(vm_pu, va_deg):
    return np.array(vm_pu, dtype=float) * np.exp(1j * np.radians(np.array(va_deg, dtype=float)))


def changed(tmp_path, change, name="everything"):
    """The file with its tables as rows, changed by ``change(tables)``."""
    content = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    tables = {}
    for table, value in content["_object"].items():
        if isinstance(value, dict):
            tables[table] = json.loads(value["_object"])
    change(tables)
    for table, split in tables.items():
        content["_object"][table] = {"_class": "DataFrame", "orient": "split", "_object": json.dumps(split)}
    path = tmp_path / "net.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def cell(tables, table, row, column, value):
    tables[table]["data"][row][tables[table]["columns"].index(column)] = value


def problems(path):
    with pytest.raises(SiteError) as caught:
        Network.from_pandapower(path)
    return [str(problem) for problem in caught.value.problems]


# ---- what pandapower finds


@pytest.mark.parametrize("name", ["everything", "short-circuit", "format-2"])
def test_voltages_are_those_of_pandapower(name):
    net, want = read(name), expected(name)
    sol = net.solve(tol=1e-11)
    rows = [net.buses.index(bus) for bus in want["bus"]]
    alive = np.array([vm is not None for vm in want["vm_pu"]])
    assert sol.energised[rows].tolist() == alive.tolist()
    ours = phasors(sol.vm_pu[rows], sol.va_deg[rows])[alive]
    assert np.abs(ours - phasors(want["vm_pu"], want["va_deg"])[alive]).max() < 1e-9


@pytest.mark.parametrize("name", ["everything", "short-circuit", "format-2"])
def test_flows_are_those_of_pandapower(name):
    net, want = read(name), expected(name)
    sol, graph = net.solve(tol=1e-11), net.to_networkx()
    ends = {edge["name"]: edge["from"] for *_, edge in graph.edges(data=True) if "from" in edge}
    bus = json.loads(json.loads((FOLDER / f"{name}.json").read_text())["_object"]["trafo"]["_object"])
    lv = dict(zip(bus["index"], (row[bus["columns"].index("lv_bus")] for row in bus["data"]), strict=True))
    for table in ("line", "trafo"):
        for index, flows in want[table].items():
            k = net.branches.index(f"{table} {index}")
            ours = [sol.p_from_mw[k], sol.q_from_mvar[k], sol.p_to_mw[k], sol.q_to_mvar[k]]
            if table == "trafo" and ends[f"trafo {index}"] == lv[int(index)]:
                ours = ours[2:] + ours[:2]
            np.testing.assert_allclose(ours, [flow or 0.0 for flow in flows], rtol=0, atol=1e-7)


def test_short_circuit_currents_are_those_of_pandapower():
    table, want = read("short-circuit").short_circuit(), expected("short-circuit")
    alive = [bus for bus, i_k in zip(want["sc_bus"], want["i_k_ka"], strict=True) if i_k is not None]
    for ours, theirs in (("i_k_ka", "i_k_ka"), ("i_p_ka", "i_p_ka")):
        values = dict(zip(want["sc_bus"], want[theirs], strict=True))
        np.testing.assert_allclose(table[ours].loc[alive], [values[bus] for bus in alive], rtol=0, atol=1e-8)
    assert table.i_k_ka.loc[11] == 0.0  # out of service


# ---- names, annotations, switches


def test_nodes_are_indices_of_buses_and_names_stay_as_labels():
    net = read("everything")
    assert net.buses[:3] == (0, 1, 2)
    graph = net.to_networkx()
    assert graph.nodes[3]["label"] == "bus 3"
    assert {edge["name"]: edge.get("label") for *_, edge in graph.edges(data=True)}["line 0"] == "a"
    assert "trafo3w 0 mv" in net.branches


def test_an_open_switch_at_a_line_leaves_it_charged_and_can_be_closed():
    net = read("everything")
    k = net.branches.index("line 3")
    sol = net.solve(tol=1e-11)
    assert sol.energised[net.buses.index("switch 0")]
    assert abs(sol.p_to_mw[k]) + abs(sol.q_to_mvar[k]) < 1e-9
    assert sol.q_from_mvar[k] < -0.1
    net.close("switch 0")
    assert abs(net.solve(tol=1e-11).p_to_mw[k]) > 0.1


def test_a_line_to_a_bus_out_of_service_stays_charged_and_the_bus_dead():
    net = read("everything")
    sol = net.solve(tol=1e-11)
    assert not sol.energised[net.buses.index(11)]
    assert sol.energised[net.buses.index("line 5 to")]


def test_loads_at_one_bus_keep_their_own_dependence_on_voltage(tmp_path):
    net = read("everything")
    node = net.to_networkx().nodes["load at 5, z 0.3, i 0.2"]
    assert (node["p_mw"], node["q_mvar"], node["z_share"], node["i_share"]) == (-2.0, 0.0, 0.3, 0.2)
    node = net.to_networkx().nodes["load at 5, z 0.5, i 0.1"]
    assert (node["p_mw"], node["q_mvar"]) == (0.0, -0.5)


def test_reactive_limits_are_honoured_on_request():
    free = read("everything")
    bound = Network.from_pandapower(FOLDER / "everything.json", q_limits=True)
    k = free.buses.index(16)
    assert abs(free.solve().q_mvar[k]) > 1.0
    assert abs(bound.solve().q_mvar[k]) == pytest.approx(1.0, abs=1e-6)


def test_a_transformer_with_a_negative_reactance_has_no_name_plate(tmp_path):
    def change(tables):
        cell(tables, "trafo", 2, "vk_percent", -6.0)

    net = Network.from_pandapower(changed(tmp_path, change))
    edge = next(edge for *_, edge in net.to_networkx().edges(data=True) if edge["name"] == "trafo 2")
    assert edge["x_pu"] < 0.0
    assert "vk_percent" not in edge
    assert net.solve().converged


def test_an_ideal_phase_shifter_in_percent_turns_along_a_chord(tmp_path):
    def change(tables):
        cell(tables, "trafo", 3, "tap_step_degree", None)
        cell(tables, "trafo", 3, "tap_step_percent", 2.0)

    net = Network.from_pandapower(changed(tmp_path, change))
    edge = next(edge for *_, edge in net.to_networkx().edges(data=True) if edge["name"] == "trafo 3")
    assert edge["from"] == 10  # the low side taps: its angle leads by the three steps
    assert edge["shift_deg"] == pytest.approx(math.degrees(2.0 * math.asin(3 * 0.02 / 2.0)))
    assert edge["tap_ratio"] == pytest.approx(1.0)


# ---- what is refused


def test_everything_that_cannot_be_honoured_is_named_at_once(tmp_path):
    def change(tables):
        tables["ward"] = {"columns": ["bus", "in_service"], "index": [0, 4], "data": [[1, False], [2, True]]}
        tables["controller"] = {"columns": ["object", "in_service"], "index": [0], "data": [[None, True]]}
        cell(tables, "line", 1, "x_ohm_per_km", None)

    assert problems(changed(tmp_path, change)) == [
        "ward[4]: ward is not supported: remove it or put it out of service",
        "controller[0]: controller is not supported: remove it or put it out of service",
        "line[1].x_ohm_per_km: missing",
    ]


def test_unsound_cells_are_named_by_table_row_and_column(tmp_path):
    def change(tables):
        cell(tables, "load", 0, "p_mw", "much")
        cell(tables, "trafo", 0, "tap_changer_type", "Tabular")
        cell(tables, "trafo", 1, "tap_dependency_table", True)
        cell(tables, "trafo", 2, "in_service", "perhaps")
        cell(tables, "gen", 0, "cos_phi", None)
        cell(tables, "line", 1, "parallel", 0)
        cell(tables, "trafo3w", 0, "vkr_mv_percent", 9.0)

    found = problems(changed(tmp_path, change))
    assert "load[0].p_mw = 'much': expected a number" in found
    assert "trafo[0].tap_changer_type = 'Tabular': expected 'Ratio', 'Symmetrical' or 'Ideal'" in found
    assert any(text.startswith("trafo[1].tap_dependency_table = True: values that depend") for text in found)
    assert "trafo[2].in_service = 'perhaps': expected true or false" in found
    assert "line[1].parallel = 0.0: expected a number above 0" in found
    assert "trafo3w[0].vkr_mv_percent = 9.0: above vk_mv_percent = 7.0" in found
    assert "gen[0].cos_phi: missing: a generator with xdss_pu needs it" in found


def test_references_to_what_does_not_exist_are_named(tmp_path):
    def change(tables):
        cell(tables, "load", 0, "bus", 77)
        cell(tables, "line", 0, "to_bus", 78)

    found = problems(changed(tmp_path, change))
    assert "load[0].bus = 77: names a bus that the table bus does not have" in found
    assert "line[0].to_bus = 78: names a bus that the table bus does not have" in found


@pytest.mark.parametrize(
    ("text", "says"), [("{", "is no JSON"), ('{"a": 1}', "it has no table 'bus'"), ("[]", "no net")]
)
def test_a_file_of_another_kind_is_refused(tmp_path, text, says):
    path = tmp_path / "net.json"
    path.write_text(text, encoding="utf-8")
    assert says in problems(path)[0]
