"""pandapower's JSON files as networkx graphs, read without pandapower.

Format: ``pandapower.to_json``, format versions 2 and 3: a table is a text of its own in ``orient="split"``. What the
columns mean: the manual of pandapower, "Datastructure and Elements"; its power flow with default options is met.
"""

from __future__ import annotations

import cmath
import json
import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import networkx as nx

from twin._network_data import t_to_pi, transformer_impedance
from twin._short_circuit_data import three_winding
from twin.errors import Problem, SiteError

READ = (
    "bus", "line", "trafo", "trafo3w", "load", "sgen", "gen", "ext_grid", "motor", "shunt", "impedance", "switch",
    "storage",
)  # fmt: skip
HARMLESS = {
    "measurement", "poly_cost", "pwl_cost", "bus_geodata", "line_geodata", "group", "characteristic", "std_types",
    "trafo_characteristic_table", "trafo_characteristic_spline", "shunt_characteristic_table",
    "shunt_characteristic_spline", "q_capability_characteristic", "q_capability_curve_table", "piecewise_linear_cost",
    "polynomial_cost", "gen_reactive_power_capability_characteristic",
}  # fmt: skip
"""Tables that change nothing: results, costs, drawings, and tables that only rows which are refused refer to."""
SIDES = {"line": ("from", "to"), "trafo": ("hv", "lv"), "trafo3w": ("hv", "mv", "lv")}
SWITCHED = {"l": "line", "t": "trafo", "t3": "trafo3w"}
LEAST = {
    "bus": ("vn_kv",), "line": ("from_bus", "to_bus", "length_km", "r_ohm_per_km", "x_ohm_per_km"),
    "trafo": ("hv_bus", "lv_bus", "sn_mva", "vn_hv_kv", "vn_lv_kv", "vk_percent", "vkr_percent"),
    "switch": ("bus", "element", "et", "closed"), "load": ("bus", "p_mw"), "sgen": ("bus", "p_mw"),
    "gen": ("bus", "p_mw", "vm_pu"), "ext_grid": ("bus", "vm_pu"), "storage": ("bus", "p_mw"),
    "motor": ("bus", "pn_mech_mw", "cos_phi"), "shunt": ("bus", "q_mvar"),
    "impedance": ("from_bus", "to_bus", "rft_pu", "xft_pu", "rtf_pu", "xtf_pu", "sn_mva"),
    "trafo3w": ("hv_bus", "mv_bus", "lv_bus", *(f"{name}_{side}_{unit}" for side in ("hv", "mv", "lv") for name, unit in
                (("sn", "mva"), ("vn", "kv"), ("vk", "percent"), ("vkr", "percent")))),
}  # fmt: skip
"""Table -> columns that no row may leave empty."""
BASE_MVA = 100.0
SWITCH_R_OVER_X = 2.0
"""pandapower's default for bus-bus switches with an impedance."""


@dataclass
class Row:
    """One row of a table; missing and NaN values are absent."""

    table: str
    index: int
    values: dict[str, Any]
    problems: list[Problem]
    columns: frozenset[str] = frozenset()
    """All columns of the table, empty cells included: they tell the version of the format."""

    def complain(self, column: str, message: str, got: object = None) -> None:
        """Note one problem."""
        self.problems.append(Problem(f"{self.table}[{self.index}].{column}", message, got))

    def number(self, column: str, default: float = 0.0) -> float:
        """A finite number, ``default`` where there is none."""
        value = self.values.get(column)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            self.complain(column, "expected a number", value)
            return default
        return float(value)

    def above_zero(self, column: str, default: float = 1.0) -> float:
        """A number above 0."""
        value = self.number(column, default)
        if value <= 0.0:
            self.complain(column, "expected a number above 0", value)
            return default
        return value

    def given(self, *columns: str) -> dict[str, float]:
        """The columns that have a number."""
        return {column: self.number(column) for column in columns if self.values.get(column) is not None}

    def flag(self, column: str, *, default: bool = False) -> bool:
        """True or false; 0 and 1 stand for them in old files."""
        value = self.values.get(column)
        if value is None:
            return default
        if value not in (True, False):
            self.complain(column, "expected true or false", value)
            return default
        return bool(value)

    def text(self, column: str) -> str:
        """A text, empty where there is none."""
        value = self.values.get(column)
        return "" if value is None else str(value)

    def label(self) -> dict[str, str]:
        """The name of the row as an annotation of node or edge."""
        return {"label": self.text("name")} if self.text("name") else {}


@dataclass
class Injection:
    """What stands at a bus: constant powers by their shares (of V², of V), the kind of the node, its sources."""

    power: dict[tuple[float, float], list[float]] = field(default_factory=dict)
    node: dict[str, Any] = field(default_factory=dict)

    def add(self, p_mw: float, q_mvar: float, shares: tuple[float, float] = (0.0, 0.0)) -> None:
        """Add an injection, + into the bus."""
        total = self.power.setdefault(shares, [0.0, 0.0])
        total[0] += p_mw
        total[1] += q_mvar


# ---- the file ----------------------------------------------------------------------------------------------------


def read_net(path: Path) -> tuple[dict[str, list[Row]], float]:
    """(table -> rows, frequency in Hz) of a file. Raise SiteError with everything that cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise SiteError([Problem("file", f"is no JSON: {error}", file=str(path))]) from None
    net = content.get("_object", content) if isinstance(content, dict) else None
    if not isinstance(net, dict) or "bus" not in net:
        raise SiteError([Problem("file", "is no network of pandapower: it has no table 'bus'", file=str(path))])
    problems: list[Problem] = []
    tables = {name: list(_rows(name, value, problems)) for name, value in net.items() if not name.startswith("_")}
    problems += _unsupported(tables)
    for name, columns in LEAST.items():
        for row in tables.get(name, []):
            for column in columns:
                if row.values.get(column) is None:
                    row.complain(column, "missing")
    if problems:
        raise SiteError(problems)
    frequency = net.get("f_hz", 50.0)
    return {name: tables.get(name, []) for name in READ}, float(frequency)


def _rows(name: str, value: Any, problems: list[Problem]) -> Iterator[Row]:
    """Rows of what is a table; nothing for other entries."""
    if not isinstance(value, dict) or value.get("_class") != "DataFrame" or name in HARMLESS:
        return
    if name.startswith("res_"):
        return
    content = value.get("_object")
    if isinstance(content, str):
        content = json.loads(content)
    if not isinstance(content, dict) or not {"columns", "index", "data"} <= content.keys():
        if content and value.get("orient") != "split":
            problems.append(Problem(name, "expected a table in orient='split'", value.get("orient")))
        return
    for index, cells in zip(content["index"], content["data"], strict=True):
        pairs = zip(content["columns"], cells, strict=True)
        values = {column: cell for column, cell in pairs if cell is not None and not _is_nan(cell)}
        yield Row(name, index, values, problems, frozenset(content["columns"]))


def _is_nan(cell: Any) -> bool:
    return isinstance(cell, float) and math.isnan(cell)


def _unsupported(tables: Mapping[str, list[Row]]) -> list[Problem]:
    """Rows in service of tables that this reader does not know."""
    return [
        Problem(f"{name}[{row.index}]", f"{name} is not supported: remove it or put it out of service")
        for name, rows in tables.items()
        if name not in READ
        for row in rows
        if row.flag("in_service", default=True)
    ]


# ---- the graph ---------------------------------------------------------------------------------------------------


def net_graph(tables: Mapping[str, list[Row]], frequency_hz: float, *, q_limits: bool) -> nx.MultiGraph:
    """The graph of a net: nodes by the index of the bus, edges named by table and index, "line 3"."""
    return _Builder(tables, frequency_hz, q_limits=q_limits).graph()


class _Builder:
    """Turns rows into nodes and edges; keeps all problems until the end."""

    def __init__(self, tables: Mapping[str, list[Row]], frequency_hz: float, *, q_limits: bool) -> None:
        self.tables, self.q_limits = tables, q_limits
        self.out = nx.MultiGraph(base_mva=BASE_MVA, frequency_hz=frequency_hz)
        self.problems: list[Problem] = []
        for rows in tables.values():
            for row in rows:
                row.problems = self.problems
        self.vn_kv = {row.index: row.above_zero("vn_kv") for row in tables["bus"]}
        self.alive = {row.index: row.flag("in_service", default=True) for row in tables["bus"]}
        self.at = {row.index: Injection() for row in tables["bus"]}
        self.ends: dict[tuple[str, int, str], Hashable] = {}
        """(table, index, side) -> the node that an open switch puts in place of the bus."""

    def graph(self) -> nx.MultiGraph:
        self._check_buses()
        if self.problems:
            raise SiteError(self.problems)
        for row in self.tables["bus"]:
            self.out.add_node(row.index, vn_kv=self.vn_kv[row.index], **row.label())
        self._injections()
        switches = [row for row in self.tables["switch"] if row.text("et") in SWITCHED]
        self._open_ends(switches)
        self._lines()
        self._transformers()
        for row in self.tables["impedance"]:
            self._impedance(row)
        self._switches()
        self._place_injections()
        if self.problems:
            raise SiteError(self.problems)
        return self.out

    def _check_buses(self) -> None:
        """Complain about references to buses that do not exist."""
        for name, rows in self.tables.items():
            columns = [f"{side}_bus" for side in SIDES.get(name, ())] or ["bus"]
            columns = ["from_bus", "to_bus"] if name == "impedance" else columns
            for row in rows if name != "bus" else []:
                for column in columns:
                    if row.values.get(column) not in self.alive:
                        row.complain(column, "names a bus that the table bus does not have", row.values.get(column))
        for row in self.tables["switch"]:
            if row.text("et") == "b" and row.values["element"] not in self.alive:
                row.complain("element", "names a bus that the table bus does not have", row.values["element"])

    def _serving(self, table: str) -> Iterator[tuple[Row, Injection]]:
        """Rows in service at buses in service, with what stands at their bus."""
        for row in self.tables[table]:
            if row.flag("in_service", default=True) and self.alive[row.values["bus"]]:
                yield row, self.at[row.values["bus"]]

    # ---- injections

    def _injections(self) -> None:
        for row, at in self._serving("load"):
            self._load(row, at)
        for table, sign in (("sgen", 1.0), ("storage", -1.0)):
            for row, at in self._serving(table):
                scaling = sign * row.number("scaling", 1.0)
                at.add(scaling * row.number("p_mw"), scaling * row.number("q_mvar"))
        for row, at in self._serving("motor"):
            at.add(*self._motor_power(row))
        for row, at in self._serving("shunt"):
            self._shunt(row, at)
        for row, at in self._serving("gen"):
            self._gen(row, at)
        for row, at in self._serving("ext_grid"):
            at.node |= {"kind": "slack", "vm_pu": row.number("vm_pu", 1.0), "va_deg": row.number("va_degree")}
        self._sources()

    @staticmethod
    def _load(row: Row, at: Injection) -> None:
        """A load by its shares, those of active and of reactive power."""
        scaling = -row.number("scaling", 1.0)
        shares = {}
        for part in ("p", "q"):
            old = {name: row.number(f"const_{name}_percent") for name in "zi"}
            shares[part] = tuple(row.number(f"const_{name}_{part}_percent", old[name]) / 100.0 for name in "zi")
        at.add(scaling * row.number("p_mw"), 0.0, shares["p"])  # type: ignore[arg-type]
        at.add(0.0, scaling * row.number("q_mvar"), shares["q"])  # type: ignore[arg-type]

    @staticmethod
    def _motor_power(row: Row) -> tuple[float, float]:
        share = row.number("loading_percent", 100.0) / 100.0 * row.number("scaling", 1.0)
        p_mw = row.number("pn_mech_mw") / (row.above_zero("efficiency_percent", 100.0) / 100.0) * share
        cos_phi = row.number("cos_phi")
        if not 0.0 < cos_phi <= 1.0:
            row.complain("cos_phi", "expected a share above 0 and at most 1", cos_phi)
            return 0.0, 0.0
        return -p_mw, -math.sqrt((p_mw / cos_phi) ** 2 - p_mw * p_mw)

    def _shunt(self, row: Row, at: Injection) -> None:
        if row.flag("step_dependency_table"):
            row.complain("step_dependency_table", "shunts by table are not supported", True)
        vn_kv = self.vn_kv[row.values["bus"]]
        size = row.number("step", 1.0) * (vn_kv / row.above_zero("vn_kv", vn_kv)) ** 2
        at.node["gs_mw"] = at.node.get("gs_mw", 0.0) + size * row.number("p_mw")
        at.node["bs_mvar"] = at.node.get("bs_mvar", 0.0) - size * row.number("q_mvar")

    def _gen(self, row: Row, at: Injection) -> None:
        slack = row.flag("slack")
        if not slack:
            at.add(row.number("scaling", 1.0) * row.number("p_mw"), 0.0)
        vm_pu = row.number("vm_pu", 1.0)
        if at.node.get("vm_pu", vm_pu) != vm_pu:
            row.complain("vm_pu", f"another source at the bus holds {at.node['vm_pu']}", vm_pu)
        at.node["vm_pu"] = vm_pu
        at.node["kind"] = "slack" if slack or at.node.get("kind") == "slack" else "pv"
        if self.q_limits:
            for name, column, none in (("q_min_mvar", "min_q_mvar", -math.inf), ("q_max_mvar", "max_q_mvar", math.inf)):
                at.node[name] = at.node.get(name, 0.0) + row.number(column, none)

    def _place_injections(self) -> None:
        """Constant power goes to the node; loads that depend on voltage to nodes of their own, but the only one."""
        for bus, at in self.at.items():
            node = self.out.nodes[bus]
            power = {shares: total for shares, total in at.power.items() if any(total)}
            if len(power) == 1 and at.node.get("kind", "pq") == "pq":
                ((shares, total),) = power.items()
                at.node |= _injection(total, shares)
            else:
                at.node |= _injection(power.pop((0.0, 0.0), [0.0, 0.0]), (0.0, 0.0))
                for shares, total in power.items():
                    self._beside(bus, f"load at {bus}, z {shares[0]:g}, i {shares[1]:g}", _injection(total, shares))
            if at.node.get("kind") == "slack":
                at.node.pop("q_min_mvar", None)
                at.node.pop("q_max_mvar", None)
            node |= at.node

    def _beside(self, bus: Hashable, name: str, node: dict[str, Any]) -> None:
        """A node of its own, joined with a bus by a coupler of the same name."""
        self.out.add_node(name, vn_kv=self.vn_kv[bus], **node)  # type: ignore[index]
        self.out.add_edge(bus, name, name=name, closed=True)

    # ---- what feeds a short circuit

    def _sources(self) -> None:
        for row, at in self._serving("ext_grid"):
            self._source(row, at, row.given("s_sc_max_mva", "rx_max") if row.given("s_sc_max_mva") else {})
        for row, at in self._serving("gen"):
            self._source(row, at, self._machine(row))
        for row, at in self._serving("motor"):
            self._source(row, at, self._motor(row))
        for row, at in self._serving("sgen"):
            self._source(row, at, self._converter(row))

    def _source(self, row: Row, at: Injection, found: dict[str, float]) -> None:
        """At the bus itself, or beside it where another source of the kind already is."""
        if not found:
            return
        feeder = "s_sc_max_mva" in found
        if "s_sc_max_mva" in at.node if feeder else "sn_mva" in at.node:
            self._beside(row.values["bus"], f"{row.table} {row.index}", found)
        else:
            at.node |= found

    @staticmethod
    def _needs(row: Row, what: str, *columns: str) -> bool:
        missing = [column for column in columns if row.values.get(column) is None]
        for column in missing:
            row.complain(column, f"missing: {what} needs it")
        return not missing

    def _machine(self, row: Row) -> dict[str, float]:
        if not row.given("xdss_pu") or not self._needs(row, "a generator with xdss_pu", "sn_mva", "cos_phi"):
            return {}
        found = row.given("xdss_pu", "rdss_ohm", "sn_mva", "cos_phi", "pg_percent")
        return found | {"vn_machine_kv": row.number("vn_kv", self.vn_kv[row.values["bus"]])}

    def _motor(self, row: Row) -> dict[str, float]:
        needed = ("cos_phi_n", "efficiency_n_percent")
        if not row.given("lrc_pu") or not self._needs(row, "a motor with lrc_pu", *needed):
            return {}
        sn_mva = row.above_zero("pn_mech_mw") / (row.above_zero(needed[1]) / 100.0) / row.above_zero(needed[0])
        found = {"lrc_pu": row.number("lrc_pu"), "sn_mva": sn_mva, **row.given("cos_phi")}
        found |= {"motor_rx": row.number("rx")} if row.given("rx") else {}
        return found | {"vn_machine_kv": row.number("vn_kv", self.vn_kv[row.values["bus"]])}

    def _converter(self, row: Row) -> dict[str, float]:
        kind = row.text("generator_type")
        if kind == "async_doubly_fed" and row.given("max_ik_ka"):
            row.complain("generator_type", "doubly fed generators are not supported in short circuits", kind)
        if kind == "async" and row.given("lrc_pu") and self._needs(row, "an asynchronous generator", "sn_mva"):
            rx = {"motor_rx": row.number("rx")} if row.given("rx") else {}
            return {"lrc_pu": row.number("lrc_pu"), "sn_mva": row.number("sn_mva")} | rx
        if kind in ("", "current_source") and row.given("k") and row.flag("current_source", default=True):
            return {"i_max_pu": row.number("k"), "sn_mva": row.number("sn_mva")} if row.given("sn_mva") else {}
        return {}

    # ---- branches

    def _end(self, row: Row, side: str) -> Hashable:
        """The node at one end: its bus, or what an open switch has put there."""
        bus: Hashable = row.values[f"{side}_bus"]
        return self.ends.get((row.table, row.index, side), bus)

    def _open_ends(self, switches: list[Row]) -> None:
        """A node behind every open switch at a branch in service, and the switch as an open edge."""
        rows = {name: {row.index: row for row in self.tables[name]} for name in SIDES}
        for switch in switches:
            table = SWITCHED[switch.text("et")]
            row = rows[table].get(switch.values["element"])
            if row is None:
                switch.complain(
                    "element", f"names a row that the table {table} does not have", switch.values["element"]
                )
                continue
            side = next((s for s in SIDES[table] if row.values[f"{s}_bus"] == switch.values["bus"]), None)
            if side is None:
                switch.complain("bus", f"is no end of {table} {row.index}", switch.values["bus"])
            elif not switch.flag("closed", default=True) and row.flag("in_service", default=True):
                name, before = f"switch {switch.index}", self._end(row, side)
                self.out.add_node(name, vn_kv=self.vn_kv[switch.values["bus"]])
                self.out.add_edge(before, name, name=name, closed=False, **switch.label())
                self.ends[table, row.index, side] = name

    def _lines(self) -> None:
        for row in self.tables["line"]:
            dead = [side for side in SIDES["line"] if not self.alive[row.values[f"{side}_bus"]]]
            serving = row.flag("in_service", default=True)
            if serving and len(dead) == 1:
                self._dead_end(row, dead[0])
            self._line(row, closed=serving and len(dead) < 2)

    def _dead_end(self, row: Row, side: str) -> None:
        """The end of a line at a bus out of service: the line stays connected with the other one."""
        name = f"line {row.index} {side}"
        self.out.add_node(name, vn_kv=self.vn_kv[row.values[f"{side}_bus"]])
        self.ends["line", row.index, side] = name

    def _line(self, row: Row, *, closed: bool) -> None:
        km, parallel = row.number("length_km"), row.above_zero("parallel")
        rated_ka = row.number("max_i_ka") * row.number("df", 1.0) * parallel
        self.out.add_edge(
            self._end(row, "from"), self._end(row, "to"), name=f"line {row.index}", closed=closed,
            r_ohm=row.number("r_ohm_per_km") * km / parallel, x_ohm=row.number("x_ohm_per_km") * km / parallel,
            c_nf=row.number("c_nf_per_km") * km * parallel, g_us=row.number("g_us_per_km") * km * parallel,
            rate_mva=math.sqrt(3.0) * self.vn_kv[row.values["from_bus"]] * rated_ka, **row.label(),
            **{"from": self._end(row, "from")},
        )  # fmt: skip

    def _impedance(self, row: Row) -> None:
        size = BASE_MVA / row.above_zero("sn_mva")
        edge = {
            "r_pu": row.number("rft_pu") * size, "x_pu": row.number("xft_pu") * size,
            "g_from_pu": row.number("gf_pu") / size, "b_from_pu": row.number("bf_pu") / size,
            "g_to_pu": row.number("gt_pu") / size, "b_to_pu": row.number("bt_pu") / size,
        }  # fmt: skip
        back = {"r_back_pu": row.number("rtf_pu") * size, "x_back_pu": row.number("xtf_pu") * size}
        if (back["r_back_pu"], back["x_back_pu"]) != (edge["r_pu"], edge["x_pu"]):
            edge |= back
        ends = row.values["from_bus"], row.values["to_bus"]
        closed = row.flag("in_service", default=True) and all(self.alive[end] for end in ends)
        self.out.add_edge(*ends, name=f"impedance {row.index}", closed=closed, rate_mva=row.number("sn_mva"),
                          **edge, **row.label(), **{"from": ends[0]})  # fmt: skip

    def _switches(self) -> None:
        """Bus-bus switches: couplers, or impedances where they have one."""
        for row in self.tables["switch"]:
            kind = row.text("et")
            if kind not in ("b", *SWITCHED):
                row.complain("et", "expected 'b', 'l', 't' or 't3'", kind)
            if kind != "b":
                continue
            ends = row.values["bus"], row.values["element"]
            closed = row.flag("closed", default=True) and all(self.alive[end] for end in ends)
            z_ohm = row.number("z_ohm")
            share = 1.0 / math.hypot(1.0, SWITCH_R_OVER_X)
            z = {"r_ohm": SWITCH_R_OVER_X * share * z_ohm, "x_ohm": share * z_ohm} if z_ohm > 0.0 else {}
            self.out.add_edge(*ends, name=f"switch {row.index}", closed=closed, **z, **row.label())

    # ---- transformers

    def _transformers(self) -> None:
        units = {
            row.values["power_station_trafo"] for row, _ in self._serving("gen") if row.given("power_station_trafo")
        }
        for row in self.tables["trafo"]:
            if not self._sound_plate(row):
                continue
            edge = self._two_winding(row)
            if row.index in units:
                edge |= {"unit_transformer": True, "oltc": row.flag("oltc"), **row.given("pt_percent")}
            elif not row.flag("power_station_unit"):
                edge |= {"unit_transformer": False}
            closed = self._in_service(row, ("hv", "lv"))
            ends = {"hv": self._end(row, "hv"), "lv": self._end(row, "lv")}
            self._transformer(f"trafo {row.index}", ends, closed, edge, row)
        for row in self.tables["trafo3w"]:
            if self._sound_plate(row):
                self._three_winding(row)

    def _in_service(self, row: Row, sides: tuple[str, ...]) -> bool:
        alive = all(self.alive[row.values[f"{side}_bus"]] for side in sides)
        return row.flag("in_service", default=True) and alive

    @staticmethod
    def _sound_plate(row: Row) -> bool:
        """Whether a transformer is one that the graph can say; complain about what it cannot."""
        before = len(row.problems)
        for part in ("",) if row.table == "trafo" else ("hv_", "mv_", "lv_"):
            vk_percent, vkr_percent = row.number(f"vk_{part}percent"), row.number(f"vkr_{part}percent")
            if abs(vkr_percent) > abs(vk_percent):
                row.complain(f"vkr_{part}percent", f"above vk_{part}percent = {vk_percent}", vkr_percent)
        for column in ("tap_dependency_table", "tap_dependent_impedance"):
            if row.flag(column):
                row.complain(column, "values that depend on the tap by a table are not supported", True)
        for column in ("leakage_resistance_ratio_hv", "leakage_reactance_ratio_hv"):
            if row.number(column, 0.5) != 0.5:
                row.complain(
                    column, "expected 0.5: no other division of the impedance is supported", row.number(column)
                )
        if row.number("tap2_pos") != row.number("tap2_neutral") and row.text("tap2_side"):
            row.complain("tap2_pos", "a second tap changer is supported in its neutral position only",
                         row.number("tap2_pos"))  # fmt: skip
        return len(row.problems) == before

    def _two_winding(self, row: Row) -> dict[str, Any]:
        parallel = row.above_zero("parallel")
        sn_mva = row.above_zero("sn_mva") * parallel
        return {
            "sn_mva": sn_mva, "vk_percent": row.number("vk_percent"), "vkr_percent": row.number("vkr_percent"),
            **_no_load(row.number("pfe_kw") * parallel, row.number("i0_percent"), sn_mva),
            "rate_mva": sn_mva * row.number("df", 1.0), "vn": (row.above_zero("vn_hv_kv"), row.above_zero("vn_lv_kv")),
            "shift": row.number("shift_degree"), "tap": (row.text("tap_side"), _tap(row)),
        }  # fmt: skip

    def _transformer(
        self, name: str, ends: Mapping[str, Hashable], closed: bool, edge: dict[str, Any], row: Row
    ) -> None:
        """One edge; the side that taps is ``from``: the impedance stands on the other."""
        (vn_hv, vn_lv), shift, (side, tap) = edge.pop("vn"), edge.pop("shift"), edge.pop("tap")
        shift += math.degrees(cmath.phase(tap)) * (-1.0 if side == "lv" else 1.0)
        turned = side == "lv" and tap != 1.0
        from_end, to_end = (ends["lv"], ends["hv"]) if turned else (ends["hv"], ends["lv"])
        edge |= {
            "tap_ratio": abs(tap), "shift_deg": -shift if turned else shift, "magnetising": "t",
            "vn_from_kv": vn_lv if turned else vn_hv, "vn_to_kv": vn_hv if turned else vn_lv,
        }  # fmt: skip
        if row.table == "trafo" and edge["vk_percent"] < 0.0:
            edge = _without_plate(edge, (self.out.nodes[from_end]["vn_kv"], self.out.nodes[to_end]["vn_kv"]))
        self.out.add_edge(from_end, to_end, name=name, closed=closed, **edge, **row.label(), **{"from": from_end})

    def _three_winding(self, row: Row) -> None:
        """Three edges at a star point that has the voltage of the high-voltage side."""
        star, sides = f"trafo3w {row.index}", SIDES["trafo3w"]
        self.out.add_node(star, vn_kv=self.vn_kv[row.values["hv_bus"]], star=True)
        sn_mva, vn_kv = ({s: row.above_zero(f"{name}_{s}_{unit}") for s in sides} for name, unit in
                         (("sn", "mva"), ("vn", "kv")))  # fmt: skip
        arms = three_winding(
            sn_mva=tuple(sn_mva.values()),  # type: ignore[arg-type]
            vk_percent=tuple(row.number(f"vk_{s}_percent") for s in sides),  # type: ignore[arg-type]
            vkr_percent=tuple(row.number(f"vkr_{s}_percent") for s in sides),  # type: ignore[arg-type]
        )
        loss_side = row.text("loss_side") or "hv"
        if loss_side == "star":
            self._star_losses(row, star, sn_mva["hv"], vn_kv["hv"])
        for side, arm in zip(sides, arms, strict=True):
            losses = (row.number("pfe_kw"), row.number("i0_percent")) if loss_side == side else (0.0, 0.0)
            shift = 0.0 if side == "hv" else row.number(f"shift_{side}_degree")
            edge = {**arm, **_no_load(*losses, sn_mva[side]), "rate_mva": sn_mva[side], "shift": shift,
                    "vn": (vn_kv["hv"], vn_kv[side]), "tap": self._star_tap(row, side)}  # fmt: skip
            end = self._end(row, side)
            ends = {"hv": end, "lv": star} if side == "hv" else {"hv": star, "lv": end}
            self._transformer(f"{star} {side}", ends, self._in_service(row, (side,)), edge, row)

    def _star_losses(self, row: Row, star: str, sn_mva: float, vn_kv: float) -> None:
        """No-load losses as a shunt of the star point."""
        size = (self.out.nodes[star]["vn_kv"] / vn_kv) ** 2
        p_mw, s_mva = row.number("pfe_kw") / 1e3, row.number("i0_percent") / 100.0 * sn_mva
        q_mvar = math.sqrt(max(s_mva * s_mva - p_mw * p_mw, 0.0))
        self.out.nodes[star].update(gs_mw=size * p_mw, bs_mvar=-size * q_mvar)

    @staticmethod
    def _star_tap(row: Row, side: str) -> tuple[str, complex]:
        """(end of the arm that taps, tap) of one arm; at the star point the tap acts the other way round."""
        if row.text("tap_side") != side:
            return "", 1.0 + 0j
        tap, terminal = _tap(row), "hv" if side == "hv" else "lv"
        if not row.flag("tap_at_star_point"):
            return terminal, tap
        return ("lv" if terminal == "hv" else "hv"), 1.0 / tap


def _injection(total: list[float], shares: tuple[float, float]) -> dict[str, float]:
    found = {"p_mw": total[0], "q_mvar": total[1]}
    return found | {"z_share": shares[0], "i_share": shares[1]} if any(shares) else found


def _no_load(pfe_kw: float, i0_percent: float, sn_mva: float) -> dict[str, float]:
    """``pfe_kw`` and ``i0_percent`` as pandapower takes them: |i0|, and all loss where the loss alone is as much."""
    i0_percent = abs(i0_percent)
    return {"pfe_kw": pfe_kw, "i0_percent": i0_percent if i0_percent / 100.0 * sn_mva > pfe_kw / 1e3 else 0.0}


def _without_plate(edge: dict[str, Any], vn_kv: tuple[float, float]) -> dict[str, Any]:
    """The edge in per unit of the base: a negative reactance is no transformer's, and no K_T belongs to it."""
    plate = {name: edge[name] for name in ("sn_mva", "vk_percent", "vkr_percent", "pfe_kw", "i0_percent")}
    rated = edge["vn_from_kv"] / vn_kv[0], edge["vn_to_kv"] / vn_kv[1]
    r, x, g, b = transformer_impedance(**plate, base_mva=BASE_MVA)
    z, y = t_to_pi(complex(r, x) * rated[1] ** 2, complex(g, b) / rated[1] ** 2)
    kept = {name: edge[name] for name in ("shift_deg", "rate_mva")}
    kept["tap_ratio"] = edge["tap_ratio"] * rated[0] / rated[1]
    return kept | {"r_pu": z.real, "x_pu": z.imag, "g_pu": 2.0 * y.real, "b_pu": 2.0 * y.imag}


def _tap(row: Row) -> complex:
    """Voltage of the tapped side over its rated voltage; the angle is that by which it leads."""
    steps = row.number("tap_pos", row.number("tap_neutral")) - row.number("tap_neutral")
    percent, degree = row.number("tap_step_percent"), row.number("tap_step_degree")
    if "tap_changer_type" in row.columns:
        kind = row.text("tap_changer_type")
    else:  # format 2
        kind = "Ideal" if row.flag("tap_phase_shifter") else "Ratio"
    if not kind or not row.text("tap_side") or not steps:
        return 1.0 + 0j
    if kind in ("Ratio", "Symmetrical"):
        return 1.0 + steps * percent / 100.0 * cmath.exp(1j * math.radians(degree))
    if kind != "Ideal":
        row.complain("tap_changer_type", "expected 'Ratio', 'Symmetrical' or 'Ideal'", kind)
        return 1.0 + 0j
    if degree and percent:
        row.complain("tap_step_percent", "an ideal phase shifter has either degrees or percent", percent)
    angle = steps * math.radians(degree) if degree else 2.0 * math.asin(steps * percent / 200.0)
    return cmath.exp(1j * angle)
