"""From a networkx graph to the arrays of the power-flow kernel: the schema, its checks, branch admittances."""

from __future__ import annotations

import difflib
import math
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt

from twin._short_circuit_data import EDGE_FLAGS, EDGE_PLATE, NODE_SOURCES, source_problems, star_points
from twin.errors import Problem, SiteError

Array = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]

GRAPH_DEFAULTS = {"base_mva": 100.0, "frequency_hz": 50.0}
KINDS = ("slack", "pv", "pq")
NODE_NUMBERS = (
    "vn_kv", "vm_pu", "va_deg", "p_mw", "q_mvar", "q_min_mvar", "q_max_mvar", "gs_mw", "bs_mvar", "z_share", "i_share",
    "droop_mw_per_hz",
)  # fmt: skip
PER_UNIT = (
    "r_pu", "x_pu", "b_pu", "g_pu", "g_from_pu", "b_from_pu", "g_to_pu", "b_to_pu", "r_back_pu", "x_back_pu",
)  # fmt: skip
OHMS = ("r_ohm", "x_ohm", "c_nf", "g_us")
TRANSFORMER = ("sn_mva", "vk_percent", "vkr_percent", "pfe_kw", "i0_percent")
TAP_CONTROL = ("tap_min", "tap_max", "tap_step", "v_target_pu", "deadband_pu")
EDGE_NUMBERS = (*PER_UNIT, *OHMS, *TRANSFORMER, *EDGE_PLATE, "tap_ratio", "shift_deg", "rate_mva", *TAP_CONTROL)
NODE_NAMES = ("kind", "star", "q_v_curve", *NODE_NUMBERS, *NODE_SOURCES)
EDGE_NAMES = ("name", "from", "closed", "magnetising", *EDGE_FLAGS, *EDGE_NUMBERS)
MAGNETISING = ("from", "t")

ABOVE_ZERO = {
    "vn_kv", "vm_pu", "sn_mva", "tap_ratio", "base_mva", "frequency_hz", "s_sc_max_mva", "xdss_pu", "lrc_pu", "cos_phi",
    "vn_machine_kv", "vn_from_kv", "vn_to_kv", "droop_mw_per_hz", *TAP_CONTROL,
}  # fmt: skip
NOT_NEGATIVE = {
    "rate_mva", "pfe_kw", "i0_percent", "c_nf", "g_us", "rx_max", "rdss_ohm", "motor_rx", "i_max_pu", "pg_percent",
    "pt_percent",
}  # fmt: skip
SHARES = {"z_share", "i_share", "cos_phi"}
UNBOUNDED = {"q_min_mvar", "q_max_mvar"}
"""May be infinite: no limit."""

SIDED = ("pfe_kw", "i0_percent", *EDGE_PLATE[:2], "g_from_pu", "b_from_pu", "g_to_pu", "b_to_pu", "x_back_pu")
"""What tells one end of an edge from the other."""

ELECTRIC_SUFFIXES = (
    "_kw", "_mw", "_gw", "_w", "_kvar", "_mvar", "_mva", "_kva", "_kv", "_v", "_ohm", "_mohm", "_nf", "_uf", "_pu",
    "_percent", "_hz", "_ka", "_a", "_per_km", "_us",
)  # fmt: skip
"""A name that ends so means an electrical quantity: outside the schema it is an error, not an annotation."""


# ---- admittances -------------------------------------------------------------------------------------------------


def phasor(angle_deg: float) -> complex:
    """exp(j angle), exact at multiples of 30 degrees, where vector groups stand."""
    thirds, rest = divmod(angle_deg, 30.0)
    if rest:
        return complex(math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg)))
    half_root_3 = math.sqrt(3.0) / 2.0
    cosines = (1.0, half_root_3, 0.5, 0.0, -0.5, -half_root_3, -1.0, -half_root_3, -0.5, 0.0, 0.5, half_root_3)
    step = int(thirds) % 12
    return complex(cosines[step], cosines[(step - 3) % 12])


def branch_admittance(
    r_pu: float,
    x_pu: float,
    b_pu: float = 0.0,
    *,
    g_pu: float = 0.0,
    tap_ratio: float = 1.0,
    shift_deg: float = 0.0,
    g_from_pu: float = 0.0,
    b_from_pu: float = 0.0,
) -> tuple[complex, complex, complex, complex]:
    """Two-port admittances (y_ff, y_ft, y_tf, y_tt) of a branch, per unit.

    Pi model behind an ideal transformer at the from side, ratio ``tap_ratio`` and phase ``shift_deg`` (the to side
    lags by it), half of ``g_pu`` + j ``b_pu`` at each end: MATPOWER manual 7.1, eq. 3.2. ``g_from_pu`` + j
    ``b_from_pu`` is a shunt at the from terminal itself, for the no-load losses of a transformer. Raise ValueError
    for zero impedance.
    """
    if r_pu == 0.0 and x_pu == 0.0:
        raise ValueError("a branch without impedance has no admittance: it merges its buses")
    series = 1.0 / complex(r_pu, x_pu)
    tap = tap_ratio * phasor(shift_deg)
    y_tt = series + 0.5 * complex(g_pu, b_pu)
    y_ff = y_tt / (tap_ratio * tap_ratio) + complex(g_from_pu, b_from_pu)
    return y_ff, -series / tap.conjugate(), -series / tap, y_tt


def transformer_impedance(
    *,
    sn_mva: float,
    vk_percent: float,
    vkr_percent: float = 0.0,
    pfe_kw: float = 0.0,
    i0_percent: float = 0.0,
    base_mva: float = 100.0,
) -> tuple[float, float, float, float]:
    """(r_pu, x_pu, g_from_pu, b_from_pu) on ``base_mva`` from a transformer's name plate.

    Short-circuit voltage gives the series impedance, no-load loss and current the shunt (IEC 60076-1). Raise
    ValueError where the loss part exceeds the whole. A zero ``i0_percent`` means that the current is all loss. A
    negative ``vk_percent`` is that of a negative reactance, as an arm of a three-winding transformer may have.
    """
    if abs(vkr_percent) > abs(vk_percent):
        raise ValueError(f"vkr_percent = {vkr_percent} is above vk_percent = {vk_percent}")
    scale = base_mva / sn_mva / 100.0
    loss, apparent = pfe_kw / 1e3, i0_percent / 100.0 * sn_mva
    if 0.0 < apparent < loss:
        raise ValueError(f"i0_percent = {i0_percent} is less than the no-load loss of {pfe_kw} kW alone")
    reactive = math.sqrt(apparent * apparent - loss * loss) if apparent > 0.0 else 0.0
    x_pu = math.copysign(math.sqrt(vk_percent * vk_percent - vkr_percent * vkr_percent), vk_percent) * scale
    return vkr_percent * scale, x_pu, loss / base_mva, -reactive / base_mva


def t_to_pi(z: complex, y: complex) -> tuple[complex, complex]:
    """(series impedance, shunt at each end) of the pi that is a T: half of z on either side of y to earth."""
    return z + z * z * y / 4.0, y / (1.0 + z * y / 4.0) / 2.0


def line_impedance(
    *, r_ohm: float, x_ohm: float, c_nf: float = 0.0, vn_kv: float, base_mva: float = 100.0, frequency_hz: float = 50.0
) -> tuple[float, float, float]:
    """(r_pu, x_pu, b_pu) on ``base_mva`` of a line of rated voltage ``vn_kv``; ``c_nf`` is its whole capacitance."""
    base_ohm = vn_kv * vn_kv / base_mva
    return r_ohm / base_ohm, x_ohm / base_ohm, 2.0 * math.pi * frequency_hz * c_nf * 1e-9 * base_ohm


# ---- the tables --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TapControl:
    """A tap changer that keeps the voltage at the to side within ``v_target_pu`` ± ``deadband_pu``."""

    tap_min: float
    tap_max: float
    tap_step: float
    v_target_pu: float
    deadband_pu: float

    def positions(self, tap_ratio: float) -> tuple[int, int]:
        """Steps down and up from a ratio that stay within the limits."""
        down = math.floor((tap_ratio - self.tap_min) / self.tap_step + 1e-9)
        return -down, math.floor((self.tap_max - tap_ratio) / self.tap_step + 1e-9)


@dataclass(frozen=True)
class Branch:
    """One edge of the graph, in per unit of the base; ``coupler`` has no impedance and merges its buses."""

    name: str
    from_bus: Hashable
    to_bus: Hashable
    r_pu: float = 0.0
    x_pu: float = 0.0
    b_pu: float = 0.0
    g_from_pu: float = 0.0
    b_from_pu: float = 0.0
    tap_ratio: float = 1.0
    shift_deg: float = 0.0
    rate_mva: float = 0.0
    closed: bool = True
    key: tuple[Hashable, ...] = ()
    """How the graph names the edge."""
    g_pu: float = 0.0
    g_to_pu: float = 0.0
    b_to_pu: float = 0.0
    back: tuple[float, float] | None = None
    """Series (r_pu, x_pu) that the to side sees, where it is another."""
    rated_ratio: float = 1.0
    """Part of ``tap_ratio`` that rated voltages make, where they are not those of the buses."""
    control: TapControl | None = None

    @property
    def own_ratio(self) -> float:
        """``tap_ratio`` as the graph has it."""
        return self.tap_ratio / self.rated_ratio

    @property
    def coupler(self) -> bool:
        """Whether it has no impedance."""
        return self.r_pu == 0.0 and self.x_pu == 0.0

    def admittance(self, tap_ratio: float | None = None) -> tuple[complex, complex, complex, complex]:
        """Its two-port admittances, at another tap ratio if one is given; zeros for a coupler."""
        if self.coupler:
            return 0j, 0j, 0j, 0j
        y_ff, y_ft, y_tf, y_tt = branch_admittance(
            self.r_pu, self.x_pu, self.b_pu, g_pu=self.g_pu, shift_deg=self.shift_deg,
            tap_ratio=self.tap_ratio if tap_ratio is None else tap_ratio,
            g_from_pu=self.g_from_pu, b_from_pu=self.b_from_pu,
        )  # fmt: skip
        if self.back:
            forth, back = 1.0 / complex(self.r_pu, self.x_pu), 1.0 / complex(*self.back)
            y_tf, y_tt = y_tf * (back / forth), y_tt + back - forth
        return y_ff, y_ft, y_tf, y_tt + complex(self.g_to_pu, self.b_to_pu)


@dataclass(frozen=True)
class GridData:
    """A checked graph: node columns in the order of ``buses``, branch records in the order of the graph's edges."""

    base_mva: float
    frequency_hz: float
    buses: tuple[Hashable, ...]
    kinds: tuple[str, ...]
    columns: dict[str, Array]
    """NODE_NUMBERS -> (n_bus,), with defaults filled in; ``vn_kv`` is 0 where it is not given."""
    branches: tuple[Branch, ...]
    q_curves: dict[int, Array]
    """Row of a bus -> its volt-var curve, (n_point, 2): vm_pu, rising, and Mvar injected beside ``q_mvar``."""


NODE_DEFAULTS = dict.fromkeys(NODE_NUMBERS, 0.0) | {
    "vm_pu": 1.0, "q_min_mvar": -math.inf, "q_max_mvar": math.inf
}  # fmt: skip


@dataclass
class Reader:
    """Reads a graph and keeps every problem it meets; ``read_graph`` raises them together."""

    graph: nx.Graph
    problems: list[Problem] = field(default_factory=list)

    def complain(self, path: str, message: str, got: object = None, hint: str = "") -> None:
        """Note one problem."""
        self.problems.append(Problem(path, message, got, hint))

    def number(self, path: str, attributes: Mapping[str, Any], name: str) -> float | None:
        """The value of an attribute if it is given and sound."""
        value = attributes.get(name)
        if value is None:
            return None
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
            self.complain(f"{path}.{name}", "expected a number", value)
            return None
        value = float(value)
        expected = _expected(name, value)
        if expected:
            self.complain(f"{path}.{name}", f"expected {expected}", value)
            return None
        return value

    def check_names(self, path: str, attributes: Mapping[str, Any], known: tuple[str, ...]) -> None:
        """Complain about names that were surely meant for the schema; others are annotations and are left alone."""
        for name in attributes:
            if not isinstance(name, str) or name in known:
                continue
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
            if near or name.endswith(ELECTRIC_SUFFIXES):
                hint = f"did you mean {near[0]!r}?" if near else ""
                self.complain(f"{path}.{name}", "not an attribute of the schema", attributes[name], hint)

    # ---- nodes

    def nodes(self) -> tuple[tuple[str, ...], dict[str, Array], dict[int, Array]]:
        """Kinds, columns and volt-var curves of all nodes."""
        columns = {name: np.full(len(self.graph), NODE_DEFAULTS[name]) for name in NODE_NUMBERS}
        kinds: list[str] = []
        curves: dict[int, Array] = {}
        for index, (node, attributes) in enumerate(self.graph.nodes(data=True)):
            path = f"nodes[{node!r}]"
            self.check_names(path, attributes, NODE_NAMES)
            kinds.append(self.kind(path, attributes))
            for name in NODE_NUMBERS:
                value = self.number(path, attributes, name)
                if value is not None:
                    columns[name][index] = value
            self.sources(path, attributes)
            self.check_node(path, kinds[-1], {name: float(columns[name][index]) for name in NODE_NUMBERS})
            curve = self.curve(f"{path}.q_v_curve", kinds[-1], attributes.get("q_v_curve"))
            if curve is not None:
                curves[index] = curve
        return tuple(kinds), columns, curves

    def curve(self, path: str, kind: str, given: object) -> Array | None:
        """A volt-var curve if it is given and sound."""
        if given is None:
            return None
        if kind != "pq":
            self.complain(path, f"only a 'pq' node has a volt-var curve, this one is {kind!r}")
        try:
            points = np.array(given, dtype=np.float64)
        except (TypeError, ValueError):
            points = np.zeros(0)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2 or not np.isfinite(points).all():
            self.complain(path, "expected two or more finite pairs (vm_pu, q_mvar)", given)
            return None
        if points[0, 0] <= 0.0 or (np.diff(points[:, 0]) <= 0.0).any():
            self.complain(path, "expected vm_pu above 0 and rising from point to point", given)
        if (np.diff(points[:, 1]) > 0.0).any():
            self.complain(path, "expected q_mvar that never rises with the voltage: a rising one is unstable", given)
        return points

    def sources(self, path: str, attributes: Mapping[str, Any]) -> None:
        """Check what only a short circuit reads."""
        for name in NODE_SOURCES:
            self.number(path, attributes, name)
        self.flag(path, attributes, "star")
        self.problems += source_problems(path, attributes)

    def flag(self, path: str, attributes: Mapping[str, Any], name: str) -> None:
        """Complain about a value that is neither true nor false."""
        if attributes.get(name) is not None and not isinstance(attributes[name], (bool, np.bool_)):
            self.complain(f"{path}.{name}", "expected true or false", attributes[name])

    def kind(self, path: str, attributes: Mapping[str, Any]) -> str:
        """The kind of a node, "pq" where none is given."""
        kind = attributes.get("kind", "pq")
        if isinstance(kind, str) and kind in KINDS:
            return kind
        near = difflib.get_close_matches(str(kind).lower(), KINDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else ""
        self.complain(f"{path}.kind", "expected 'slack', 'pv' or 'pq'", kind, hint)
        return "pq"

    def check_node(self, path: str, kind: str, row: Mapping[str, float]) -> None:
        """Rules that hold between the attributes of one node."""
        if row["z_share"] + row["i_share"] > 1.0:
            self.complain(f"{path}.z_share", "expected z_share + i_share of at most 1", row["z_share"] + row["i_share"])
        if kind != "pq" and (row["z_share"] or row["i_share"]):
            self.complain(f"{path}.z_share", f"only a 'pq' node has ZIP shares, this one is {kind!r}")
        if kind != "slack" and row["droop_mw_per_hz"]:
            self.complain(f"{path}.droop_mw_per_hz", f"only a 'slack' node shares by droop, this one is {kind!r}")
        if row["q_min_mvar"] > row["q_max_mvar"]:
            self.complain(f"{path}.q_min_mvar", f"above q_max_mvar = {row['q_max_mvar']}", row["q_min_mvar"])

    # ---- edges

    def edges(self, buses: Mapping[Hashable, float], base: Mapping[str, float]) -> Iterator[Branch]:
        """Branch records of all edges; ``buses`` gives the rated voltage of each node, 0 where none is known."""
        seen: set[str] = set()
        stars = star_points(self.graph)
        for *ends, attributes in self.graph.edges(data=True, **({"keys": True} if self.graph.is_multigraph() else {})):
            u, v = ends[0], ends[1]
            name = attributes.get("name", f"{u}-{v}")
            path = f"edges[{name!r}]"
            if not isinstance(name, str):
                self.complain(f"{path}.name", "expected a text", name)
            elif name in seen:
                self.complain(f"{path}.name", f"used twice, again between {u!r} and {v!r}: names must be unique", name)
            if u == v:
                self.complain(path, f"joins {u!r} with itself")
            seen.add(str(name))
            self.check_names(path, attributes, EDGE_NAMES)
            values = {key: self.number(path, attributes, key) for key in EDGE_NUMBERS}
            self.check_plate(path, attributes, values, star=not stars.isdisjoint((u, v)))
            yield self.branch(path, str(name), tuple(ends), attributes, values=values, buses=buses, base=base)

    def check_plate(
        self, path: str, attributes: Mapping[str, Any], values: Mapping[str, float | None], *, star: bool
    ) -> None:
        """Rules for what a transformer's name plate says."""
        for name in EDGE_FLAGS:
            self.flag(path, attributes, name)
        for name in ("vk_percent", "vkr_percent"):
            if (values[name] or 0.0) < 0.0 and not star:
                self.complain(f"{path}.{name}", "expected 0 or above, but at a star point", values[name])
        if attributes.get("magnetising", "from") not in MAGNETISING:
            self.complain(f"{path}.magnetising", "expected 'from' or 't'", attributes["magnetising"])
        for name in (*EDGE_PLATE, *EDGE_FLAGS, "magnetising"):
            if attributes.get(name) is not None and attributes.get("vk_percent") is None:
                self.complain(f"{path}.{name}", "only an edge with vk_percent has it", attributes[name])

    def branch(
        self, path: str, name: str, ends: tuple[Hashable, ...], attributes: Mapping[str, Any], *,
        values: Mapping[str, float | None], buses: Mapping[Hashable, float], base: Mapping[str, float],
    ) -> Branch:  # fmt: skip
        """The record of one edge."""
        tapped = (values["tap_ratio"] or 1.0) != 1.0 or (values["shift_deg"] or 0.0) != 0.0
        control = self.tap_control(path, values)
        sided = tapped or control is not None or any(values[name] for name in SIDED)
        from_bus, to_bus = self.orient(path, ends, attributes, buses, matters=sided)
        rated = self.rated(path, values, (buses[from_bus], buses[to_bus]))
        fields = self.impedance(path, attributes, values, (buses[from_bus], buses[to_bus]), base, rated)
        closed = attributes.get("closed", True)
        if not isinstance(closed, (bool, np.bool_)):
            self.complain(f"{path}.closed", "expected true or false", closed)
        ratio = rated[0] / rated[1]
        branch = Branch(
            name, from_bus, to_bus, tap_ratio=(values["tap_ratio"] or 1.0) * ratio, rated_ratio=ratio,
            shift_deg=values["shift_deg"] or 0.0, rate_mva=values["rate_mva"] or 0.0, closed=bool(closed), key=ends,
            control=control, **fields,
        )  # fmt: skip
        if branch.coupler and (tapped or control or fields.keys() - {"r_pu", "x_pu"}):
            self.complain(
                path, "a branch without impedance merges its buses: it can have neither tap, shift nor charging"
            )
        return branch

    def rated(self, path: str, values: Mapping[str, float | None], vn_kv: tuple[float, float]) -> tuple[float, float]:
        """Rated voltages of a transformer's (from, to) windings over those of their buses."""
        shares = [1.0, 1.0]
        for side, name in enumerate(("vn_from_kv", "vn_to_kv")):
            if values[name] and not vn_kv[side]:
                self.complain(f"{path}.{name}", "needs vn_kv at the node of that end", values[name])
            elif values[name]:
                shares[side] = (values[name] or 0.0) / vn_kv[side]
        return shares[0], shares[1]

    def tap_control(self, path: str, values: Mapping[str, float | None]) -> TapControl | None:
        """The tap changer of an edge, None where it has none or an unsound one."""
        given = {name: value for name in TAP_CONTROL if (value := values[name]) is not None}
        missing = [name for name in TAP_CONTROL if name not in given]
        if not given:
            return None
        for name in missing:
            self.complain(f"{path}.{name}", f"missing: a tap changer needs {', '.join(TAP_CONTROL)}")
        if missing:
            return None
        control, ratio = TapControl(**given), values["tap_ratio"] or 1.0
        if not control.tap_min <= ratio <= control.tap_max:
            text = f"expected tap_min <= tap_ratio <= tap_max, found {control.tap_min}, {ratio}, {control.tap_max}"
            self.complain(f"{path}.tap_ratio", text)
        if control.deadband_pu < 0.5 * control.tap_step:
            text = f"expected at least half of tap_step = {control.tap_step}: else no position may hold the voltage"
            self.complain(f"{path}.deadband_pu", text, control.deadband_pu)
        return control

    def orient(
        self, path: str, ends: tuple[Hashable, ...], attributes: Mapping[str, Any], buses: Mapping[Hashable, float],
        *, matters: bool,
    ) -> tuple[Hashable, Hashable]:  # fmt: skip
        """(from, to): ``from`` as given, else the edge's direction, else the higher voltage, else the edge's order."""
        u, v = ends[0], ends[1]
        given = attributes.get("from")
        if given is not None:
            if given not in (u, v):
                self.complain(f"{path}.from", f"expected {u!r} or {v!r}", given)
            return (v, u) if given == v else (u, v)
        if self.graph.is_directed() or buses[u] > buses[v]:
            return u, v
        if buses[v] > buses[u]:
            return v, u
        if matters:
            self.complain(f"{path}.from", "missing: name the tap side, both ends have the same vn_kv")
        return u, v

    def impedance(
        self, path: str, attributes: Mapping[str, Any], values: Mapping[str, float | None],
        vn_kv: tuple[float, float], base: Mapping[str, float], rated: tuple[float, float],
    ) -> dict[str, Any]:  # fmt: skip
        """Fields of the Branch that are not 0, in per unit, from whichever family of attributes the edge has."""
        families = [
            names for names in (PER_UNIT, OHMS, TRANSFORMER) if any(attributes.get(n) is not None for n in names)
        ]
        if not families and attributes.get("closed") is not None:
            return {}  # a switch
        if len(families) != 1:
            text = "expected r_pu/x_pu/b_pu, or r_ohm/x_ohm/c_nf, or sn_mva/vk_percent"
            self.complain(path, f"{text}: found {'more than one' if families else 'none'} (a coupler has x_pu = 0)")
            return {}
        if families[0] == PER_UNIT:
            return self.per_unit(path, values)
        if families[0] == TRANSFORMER:
            return self.transformer(path, attributes, values, base, rated)
        if vn_kv[0] <= 0.0 or vn_kv[0] != vn_kv[1]:
            self.complain(path, "r_ohm and x_ohm need the same vn_kv at both ends", vn_kv)
            return {}
        r, x, c, g_us = (values[name] or 0.0 for name in OHMS)
        r, x, b = line_impedance(r_ohm=r, x_ohm=x, c_nf=c, vn_kv=vn_kv[0], **base)
        return _non_zero(r_pu=r, x_pu=x, b_pu=b, g_pu=g_us * 1e-6 * vn_kv[0] ** 2 / base["base_mva"])

    def per_unit(self, path: str, values: Mapping[str, float | None]) -> dict[str, Any]:
        """Fields of an edge that is given in per unit."""
        fields = _non_zero(**{name: values[name] or 0.0 for name in PER_UNIT if not name.endswith("_back_pu")})
        if values["r_back_pu"] is not None or values["x_back_pu"] is not None:
            back = (values["r_back_pu"] or 0.0, values["x_back_pu"] or 0.0)
            if back == (0.0, 0.0) or not (values["r_pu"] or values["x_pu"]):
                self.complain(f"{path}.x_back_pu", "expected an impedance in both directions", back)
            return fields | {"back": back}
        return fields

    def transformer(
        self, path: str, attributes: Mapping[str, Any], values: Mapping[str, float | None],
        base: Mapping[str, float], rated: tuple[float, float],
    ) -> dict[str, Any]:  # fmt: skip
        """Fields of a transformer edge; ``rated`` are its rated voltages over those of the buses."""
        missing = [name for name in ("sn_mva", "vk_percent") if not values[name]]
        for name in missing:
            self.complain(f"{path}.{name}", "missing: a transformer needs it, above 0")
        if missing:
            return {"x_pu": 1.0}
        given = {name: values[name] or 0.0 for name in TRANSFORMER}
        try:
            r, x, g, b = transformer_impedance(**given, base_mva=base["base_mva"])
        except ValueError as error:
            self.complain(path, str(error))
            return {"x_pu": 1.0}
        from_square, to_square = rated[0] * rated[0], rated[1] * rated[1]
        z = complex(r, x) * to_square
        if attributes.get("magnetising") == "t":
            z, y = t_to_pi(z, complex(g, b) / to_square)
            return _non_zero(r_pu=z.real, x_pu=z.imag, g_pu=2.0 * y.real, b_pu=2.0 * y.imag)
        return _non_zero(r_pu=z.real, x_pu=z.imag, g_from_pu=g / from_square, b_from_pu=b / from_square)


def _non_zero(**fields: float) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value != 0.0}


def _expected(name: str, value: float) -> str:
    """What a value should have been, empty where it is sound."""
    if math.isnan(value) or (math.isinf(value) and name not in UNBOUNDED):
        return "a finite number"
    if name in ABOVE_ZERO and value <= 0.0:
        return "a number above 0"
    if name in NOT_NEGATIVE and value < 0.0:
        return "0 or above"
    if name in SHARES and not 0.0 <= value <= 1.0:
        return "a share between 0 and 1"
    return ""


def read_graph(graph: nx.Graph) -> GridData:
    """Check a graph against the schema and lower it; raise SiteError with every problem found."""
    reader = Reader(graph)
    if len(graph) == 0:
        reader.complain("graph", "has no nodes")
    reader.check_names("graph", graph.graph, tuple(GRAPH_DEFAULTS))
    base = {}
    for name, default in GRAPH_DEFAULTS.items():
        value = reader.number("graph", graph.graph, name)
        base[name] = default if value is None else value
    kinds, columns, curves = reader.nodes()
    buses = tuple(graph.nodes)
    branches = tuple(reader.edges(dict(zip(buses, columns["vn_kv"].tolist(), strict=True)), base))
    if reader.problems:
        raise SiteError(reader.problems)
    return GridData(base["base_mva"], base["frequency_hz"], buses, kinds, columns, branches, curves)


def joined(n: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """For each of n things the lowest of those that the pairs join it to."""
    root = list(range(n))

    def find(k: int) -> int:
        while root[k] != k:
            root[k] = root[root[k]]
            k = root[k]
        return k

    for a, b in pairs:
        low, high = sorted((find(a), find(b)))
        root[high] = low
    return [find(k) for k in range(n)]
