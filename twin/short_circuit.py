"""Three-phase short circuits after IEC 60909-0:2016: largest initial and peak current of any node of a graph.

The equivalent voltage source c U_n/√3 at the fault drives the nodal impedance of the positive-sequence network; loads,
shunts and capacitances are left out, transformers have their rated ratio and a corrected impedance. Only what the fault
needs is inverted: a sparse symmetric elimination gives the diagonal of the impedance matrix, and one column where the
currents beside the fault are asked for.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any

import networkx as nx

from twin._network_data import Branch, GridData
from twin._short_circuit_data import (
    LV_LIMIT_KV,
    feeder_impedance,
    fictitious_resistance,
    machine_factor,
    motor_resistance_ratio,
    pair_reactances,
    peak_factor,
    relative_impedance,
    star_arms,
    star_points,
    transformer_factor,
    voltage_factor,
)
from twin.errors import Problem, SiteError, SolveError

if TYPE_CHECKING:
    import pandas as pd

LOW_FREQUENCY_SHARE = 0.4
"""20 Hz of 50 Hz, 24 Hz of 60 Hz: the frequency of method c, 8.1."""
METHODS = ("b", "c")
SMALLEST_PIVOT = 1e-11
"""Of the largest entry of its row: below it nothing but rounding is left."""


@dataclass(frozen=True)
class ShortCircuit:
    """A three-phase short circuit at one node. Where nothing feeds it, currents and κ are 0, impedances infinite."""

    bus: Hashable
    i_k_ka: float
    """Initial symmetrical current I''_k, root mean square."""
    i_p_ka: float
    """Peak current i_p."""
    s_k_mva: float
    """√3 U_n I''_k."""
    r_ohm: float
    """Impedance at the fault, without inverters: they have none."""
    x_ohm: float
    kappa: float
    """Peak over √2 I''_k of what rotating machines and feeders bring; inverters bring √2."""
    c: float
    """Voltage factor."""
    energised: bool
    """Whether a source is connected."""
    branch_ka: Mapping[str, float] = field(default_factory=dict)
    """Name of each closed branch at the node (and at nodes merged with it) -> initial current that it brings."""
    source_ka: Mapping[Hashable, float] = field(default_factory=dict)
    """Name of each node merged into the fault that has sources -> their initial current."""


_COLUMNS = ("i_k_ka", "i_p_ka", "s_k_mva", "r_ohm", "x_ohm", "kappa", "c", "energised")


@dataclass(frozen=True)
class Source:
    """A feeder or rotating machine: an impedance to the reference, per unit of its bus."""

    bus: Hashable
    group: int
    z: complex
    z_peak: complex
    """With R_Gf in place of the resistance of a synchronous machine."""
    machine: bool = False


@dataclass(frozen=True)
class Arm:
    """A branch with impedance: ``z`` per unit on its to side, behind an ideal ratio at its from side."""

    branch: Branch
    ends: tuple[int, int]
    z: complex
    ratio: float


@dataclass(frozen=True)
class Unit:
    """A power station unit: generator and unit transformer, 6.7."""

    arm: int
    source: int
    factor: float
    """K_S or K_SO: of both, for faults outside."""
    inner: float
    """K_G,S or K_G,SO: of the generator alone, for a fault at its terminals."""
    voltage: float
    """U_rG over the nominal voltage of its bus."""


# ---- elimination -------------------------------------------------------------------------------------------------


class Elimination:
    """L D Lᵀ of a symmetric complex matrix, minimum degree. Raise ArithmeticError with the row whose pivot vanishes."""

    def __init__(self, diagonal: Sequence[complex], rows: Sequence[Mapping[int, complex]]) -> None:
        self.pivots = list(diagonal)
        self.lower: list[list[tuple[int, complex]]] = [[] for _ in self.pivots]
        self.order: list[int] = []
        left = [dict(row) for row in rows]
        queue = [(len(row), k) for k, row in enumerate(left)]
        heapify(queue)
        done = [False] * len(left)
        while queue:
            degree, k = heappop(queue)
            if done[k] or degree != len(left[k]):
                continue
            done[k] = True
            self._eliminate(k, left, max(map(abs, (diagonal[k], *rows[k].values()))))
            for j, _ in self.lower[k]:
                heappush(queue, (len(left[j]), j))

    def _eliminate(self, k: int, left: list[dict[int, complex]], scale: float) -> None:
        pivot = self.pivots[k]
        if abs(pivot) <= SMALLEST_PIVOT * scale:
            raise ArithmeticError(k)
        self.order.append(k)
        self.lower[k] = [(j, value / pivot) for j, value in left[k].items()]
        for place, (a, share) in enumerate(self.lower[k]):
            row = left[a]
            del row[k]
            self.pivots[a] -= share * share * pivot
            for b, other in self.lower[k][place + 1 :]:
                row[b] = left[b][a] = row.get(b, 0j) - share * other * pivot

    def diagonal(self) -> list[complex]:
        """Diagonal of the inverse: only entries where the factor has them are formed (Takahashi 1973)."""
        inverse: list[dict[int, complex]] = [{} for _ in self.pivots]
        for k in reversed(self.order):
            lower = self.lower[k]
            for j, _ in lower:
                inverse[k][j] = inverse[j][k] = -sum(share * inverse[i][j] for i, share in lower)
            inverse[k][k] = 1.0 / self.pivots[k] - sum(share * inverse[i][k] for i, share in lower)
        return [row[k] for k, row in enumerate(inverse)]

    def solve(self, right: Mapping[int, complex]) -> list[complex]:
        """The solution for a sparse right side."""
        x = [0j] * len(self.pivots)
        for k, value in right.items():
            x[k] = value
        for k in self.order:
            for j, share in self.lower[k]:
                x[j] -= share * x[k]
        for k in reversed(self.order):
            x[k] = x[k] / self.pivots[k] - sum(share * x[j] for j, share in self.lower[k])
        return x


# ---- the model ---------------------------------------------------------------------------------------------------


class Model:
    """The positive-sequence network of a graph at its present switches. Raise SiteError with all that is missing."""

    def __init__(
        self, data: GridData, graph: nx.Graph, closed: Sequence[bool], lv_tolerance_percent: float = 10.0
    ) -> None:
        self.data, self.graph, self.tolerance = data, graph, lv_tolerance_percent
        self.problems: list[Problem] = []
        self.vn_kv = dict(zip(data.buses, data.columns["vn_kv"].tolist(), strict=True))
        self.stars = star_points(graph)
        self.closed = [branch for branch, shut in zip(data.branches, closed, strict=True) if shut]
        self.group = self._groups()
        self.count = max(self.group.values()) + 1
        self.inverters: dict[int, list[tuple[Hashable, float]]] = {}
        """Group -> its nodes with inverters and their currents, per unit."""
        self.sources: list[Source] = []
        for bus in data.buses:
            self._read_sources(bus)
        self.arms = [
            Arm(branch, (self.group[branch.from_bus], self.group[branch.to_bus]), *self._series(branch))
            for branch in self.closed
            if not branch.coupler
        ]
        self._correct_stars()
        self.units = [unit for index in range(len(self.arms)) for unit in self._unit(index)]
        self._correct()
        if self.problems:
            raise SiteError(self.problems)
        self.live = self._live()

    def c(self, vn_kv: float) -> float:
        """Voltage factor of a nominal voltage."""
        return voltage_factor(vn_kv, self.tolerance)

    def _groups(self) -> dict[Hashable, int]:
        """Node -> number of the bus that it makes with all that closed couplers join to it."""
        joined = nx.Graph()
        joined.add_nodes_from(self.data.buses)
        joined.add_edges_from((branch.from_bus, branch.to_bus) for branch in self.closed if branch.coupler)
        return {bus: number for number, group in enumerate(nx.connected_components(joined)) for bus in group}

    # ---- sources

    def _read_sources(self, bus: Hashable) -> None:
        row, vn_kv, base = self.graph.nodes[bus], self.vn_kv[bus], self.data.base_mva
        group = self.group[bus]
        if self._missing(bus, row, vn_kv):
            return
        if row.get("s_sc_max_mva"):
            rx = row.get("rx_max")
            z = feeder_impedance(row["s_sc_max_mva"], 0.1 if rx is None else rx, self.c(vn_kv), base)
            self.sources.append(Source(bus, group, z, z))
        if row.get("xdss_pu"):
            self.sources.append(self._machine(bus, row, vn_kv))
        if row.get("lrc_pu"):
            z = self._motor(row, vn_kv)
            self.sources.append(Source(bus, group, z, z))
        if row.get("i_max_pu"):
            self.inverters.setdefault(group, []).append((bus, row["i_max_pu"] * row["sn_mva"] / base))

    def _missing(self, bus: Hashable, row: Mapping[str, Any], vn_kv: float) -> bool:
        """Complain about a source that does not say what it brings."""
        path, kind = f"nodes[{bus!r}]", row.get("kind", "pq")
        said = [name for name in ("s_sc_max_mva", "xdss_pu", "lrc_pu", "i_max_pu") if row.get(name) is not None]
        if kind == "slack" and not said:
            text = "missing: a slack needs it for a short circuit (or xdss_pu, or i_max_pu); no source is infinite"
            self.problems.append(Problem(f"{path}.s_sc_max_mva", text))
        if kind == "pv" and not said:
            text = "missing: a regulated source says what it brings to a short circuit (or i_max_pu, 0 for nothing)"
            self.problems.append(Problem(f"{path}.xdss_pu", text))
        if said and vn_kv <= 0.0:
            self.problems.append(Problem(f"{path}.vn_kv", f"missing: {said[0]} needs it"))
        return bool(said) and vn_kv <= 0.0

    def _machine(self, bus: Hashable, row: Mapping[str, Any], vn_kv: float) -> Source:
        """A synchronous machine without correction factor."""
        rated_kv = row.get("vn_machine_kv") or vn_kv
        base_ohm = vn_kv * vn_kv / self.data.base_mva
        x = row["xdss_pu"] * rated_kv * rated_kv / row["sn_mva"] / base_ohm
        r_peak = fictitious_resistance(x, row["sn_mva"], rated_kv)
        r = r_peak if row.get("rdss_ohm") is None else row["rdss_ohm"] / base_ohm
        return Source(bus, self.group[bus], complex(r, x), complex(r_peak, x), machine=True)

    def _motor(self, row: Mapping[str, Any], vn_kv: float) -> complex:
        """Z_M of an asynchronous motor, 6.10."""
        rated_kv = row.get("vn_machine_kv") or vn_kv
        size: float = self.data.base_mva / row["lrc_pu"] / row["sn_mva"] * (rated_kv / vn_kv) ** 2
        rx = row.get("motor_rx")
        if rx is None:
            rx = motor_resistance_ratio(row["sn_mva"], row.get("cos_phi") or 1.0, rated_kv)
        return complex(rx, 1.0) * size / math.hypot(rx, 1.0)

    # ---- branches

    def _series(self, branch: Branch) -> tuple[complex, float]:
        """(impedance on the to side, ratio) of a branch at the rated ratio, not yet corrected."""
        edge = self.graph.edges[branch.key]
        if branch.back and branch.back != (branch.r_pu, branch.x_pu):
            text = "another impedance in the other direction: a short circuit needs one for both"
            self.problems.append(Problem(f"edges[{branch.name!r}].x_back_pu", text, branch.back))
        given = edge.get("vn_from_kv") or edge.get("vn_to_kv")
        ratio = branch.rated_ratio if given else branch.tap_ratio
        if edge.get("vk_percent") is None:
            return complex(branch.r_pu, branch.x_pu), ratio
        return self._to_side(branch, relative_impedance(*_plate(edge)[1:]) / edge["sn_mva"]), ratio

    def _to_side(self, branch: Branch, z: complex) -> complex:
        """Per unit of the base and the to bus, from per unit of 1 MVA and the rated voltage."""
        rated_kv = self.graph.edges[branch.key].get("vn_to_kv")
        share = rated_kv / self.vn_kv[branch.to_bus] if rated_kv else 1.0
        return z * self.data.base_mva * share * share

    def _correct_stars(self) -> None:
        """Give the arms of three-winding transformers the impedances that corrected pairs make."""
        edges: dict[Hashable, list[Branch]] = {}
        for branch in self.data.branches:
            for end in {branch.from_bus, branch.to_bus} & self.stars:
                edges.setdefault(end, []).append(branch)
        place = {arm.branch.name: index for index, arm in enumerate(self.arms)}
        for star, branches in edges.items():
            rows = [self.graph.edges[branch.key] for branch in branches]
            if len(branches) != 3 or any(row.get("vk_percent") is None for row in rows):
                self.problems.append(Problem(f"nodes[{star!r}].star", "expected three edges with vk_percent there"))
                continue
            plates = [_plate(row) for row in rows]
            outer = [self.vn_kv[b.to_bus if b.from_bus == star else b.from_bus] for b in branches]
            x_pairs = pair_reactances(plates)
            ab, bc, ca = (transformer_factor(x_pairs[i], self.c(min(outer[i], outer[(i + 1) % 3]))) for i in range(3))
            for branch, z in zip(branches, star_arms(plates, (ab, bc, ca)), strict=True):
                if branch.name in place:
                    index = place[branch.name]
                    self.arms[index] = replace(self.arms[index], z=self._to_side(branch, z))

    def _is_arm(self, branch: Branch) -> bool:
        return not self.stars.isdisjoint((branch.from_bus, branch.to_bus))

    def _unit(self, index: int) -> Iterator[Unit]:
        """The power station unit that a transformer makes with the one machine at one of its ends, if it is one."""
        arm = self.arms[index]
        edge = self.graph.edges[arm.branch.key]
        said = edge.get("unit_transformer")
        if edge.get("vk_percent") is None or self._is_arm(arm.branch) or said is False:
            return
        ends = [end for end in arm.ends if any(s.machine and s.group == end for s in self.sources)]
        if said is None:
            ends = [end for end in ends if self._alone(end)]
        for end in ends[:1]:
            machines = [k for k, s in enumerate(self.sources) if s.group == end and s.machine]
            if len(machines) > 1:
                names = ", ".join(repr(self.sources[k].bus) for k in machines)
                text = f"a unit has one generator, here are {names}"
                self.problems.append(Problem(f"edges[{arm.branch.name!r}].unit_transformer", text, said))
                return
            yield self._station(index, machines[0], edge)

    def _alone(self, group: int) -> bool:
        """Whether one machine and one branch, open or closed, are all that stands there."""
        touching = sum(
            not branch.coupler and group in (self.group[branch.from_bus], self.group[branch.to_bus])
            for branch in self.data.branches
        )
        return touching == 1 and sum(source.group == group for source in self.sources) == 1

    def _station(self, index: int, source: int, edge: Mapping[str, Any]) -> Unit:
        """Factors of a power station unit, equations (22) to (26)."""
        arm, machine = self.arms[index], self.sources[source]
        row = self.graph.nodes[machine.bus]
        inside = arm.branch.from_bus if arm.ends[0] == machine.group else arm.branch.to_bus
        outside = arm.branch.to_bus if inside == arm.branch.from_bus else arm.branch.from_bus
        ratio = arm.ratio if inside == arm.branch.to_bus else 1.0 / arm.ratio
        c, xdss, sin_phi = self.c(self.vn_kv[outside]), row["xdss_pu"], _sine(row["cos_phi"])
        voltage = (row.get("vn_machine_kv") or self.vn_kv[inside]) / self.vn_kv[inside]
        # U_nQ/U_rG · U_rTLV/U_rTHV, in per unit of the buses' nominal voltages
        match = 1.0 / (voltage * ratio)
        lift = 1.0 + (row.get("pg_percent") or 0.0) / 100.0
        if self._on_load_taps(edge):
            x_t = relative_impedance(*_plate(edge)[1:]).imag
            return Unit(index, source, match * match * c / (1.0 + abs(xdss - x_t) * sin_phi),
                        machine_factor(xdss, sin_phi, c), voltage)  # fmt: skip
        off_load = 1.0 - (edge.get("pt_percent") or 0.0) / 100.0
        inner = machine_factor(xdss, sin_phi, c) / lift
        return Unit(index, source, match * off_load * inner, inner, voltage)

    @staticmethod
    def _on_load_taps(edge: Mapping[str, Any]) -> bool:
        """``oltc``; where it is not said, whether the edge has the attributes of a tap changer."""
        if edge.get("oltc") is not None:
            return bool(edge["oltc"])
        return any(edge.get(name) is not None for name in ("tap_min", "tap_max", "tap_step", "v_target_pu"))

    def _correct(self) -> None:
        """K_T of network transformers, K_G of machines that are in no unit."""
        in_unit = {unit.arm for unit in self.units}
        for index, arm in enumerate(self.arms):
            edge = self.graph.edges[arm.branch.key]
            if edge.get("vk_percent") is not None and index not in in_unit and not self._is_arm(arm.branch):
                c = self.c(min(self.vn_kv[arm.branch.from_bus], self.vn_kv[arm.branch.to_bus]))
                k_t = transformer_factor(relative_impedance(*_plate(edge)[1:]).imag, c)
                self.arms[index] = replace(arm, z=arm.z * k_t)
        in_unit = {unit.source for unit in self.units}
        for index, source in enumerate(self.sources):
            if source.machine and index not in in_unit:
                self.sources[index] = _scaled(source, self._k_g(source.bus))

    def _k_g(self, bus: Hashable) -> float:
        """K_G of a generator without unit transformer, equation (18)."""
        row, vn_kv = self.graph.nodes[bus], self.vn_kv[bus]
        rated_kv = (row.get("vn_machine_kv") or vn_kv) * (1.0 + (row.get("pg_percent") or 0.0) / 100.0)
        match: float = vn_kv / rated_kv
        return match * machine_factor(row["xdss_pu"], _sine(row["cos_phi"]), self.c(vn_kv))

    # ---- the network around a fault

    def _live(self) -> dict[int, int]:
        """Group -> row of the admittance matrix, of all that an impedance connects with the reference."""
        joined = nx.Graph()
        joined.add_nodes_from(range(self.count))
        joined.add_edges_from(arm.ends for arm in self.arms)
        held = {source.group for source in self.sources}
        groups = [group for part in nx.connected_components(joined) if part & held for group in part]
        self.islands = {group: part for part in nx.connected_components(joined) for group in part}
        return {group: row for row, group in enumerate(sorted(groups))}

    def around(self, fault: int) -> Unit | None:
        """The unit at whose generator the fault is."""
        return next((unit for unit in self.units if self.sources[unit.source].group == fault), None)

    def elements(self, inside: Unit | None) -> tuple[list[Arm], list[Source]]:
        """Branches and sources, with the factors of power station units as a fault inside one or elsewhere asks."""
        arms, sources = list(self.arms), list(self.sources)
        for unit in self.units:
            factor = 1.0 if unit is inside else unit.factor
            arms[unit.arm] = replace(arms[unit.arm], z=arms[unit.arm].z * factor)
            sources[unit.source] = _scaled(sources[unit.source], unit.inner if unit is inside else factor)
        return arms, sources

    def eliminate(self, inside: Unit | None, frequency_share: float = 1.0, *, peak: bool = False) -> Elimination:
        """The factorised admittance at a share of the frequency; ``peak`` takes fictitious resistances."""
        arms, sources = self.elements(inside)
        diagonal = [0j] * len(self.live)
        rows: list[dict[int, complex]] = [{} for _ in diagonal]
        for arm in arms:
            if arm.ends[0] in self.live and arm.ends[0] != arm.ends[1]:
                f, t = (self.live[end] for end in arm.ends)
                y = 1.0 / _at(arm.z, frequency_share)
                diagonal[f] += y / (arm.ratio * arm.ratio)
                diagonal[t] += y
                rows[f][t] = rows[t][f] = rows[f].get(t, 0j) - y / arm.ratio
        for source in sources:
            diagonal[self.live[source.group]] += 1.0 / _at(source.z_peak if peak else source.z, frequency_share)
        try:
            return Elimination(diagonal, rows)
        except ArithmeticError as error:
            group = next(group for group, row in self.live.items() if row == error.args[0])
            bus = next(bus for bus, number in self.group.items() if number == group)
            raise SolveError(
                f"short circuit: impedances around node {bus!r} cancel; check negative reactances"
            ) from None

    def largest_rx(self, fault: int) -> float:
        """Largest R/X of the branches and sources of an island; infinite for one without reactance."""
        arms, sources = self.elements(None)
        island = self.islands[fault]
        parts = [arm.z for arm in arms if arm.ends[0] in island] + [s.z_peak for s in sources if s.group in island]
        return max(z.real / abs(z.imag) if z.imag else math.inf for z in parts)


def _plate(edge: Mapping[str, Any]) -> tuple[float, float, float]:
    return edge["sn_mva"], edge["vk_percent"], edge.get("vkr_percent") or 0.0


def _sine(cosine: float) -> float:
    return math.sqrt(1.0 - cosine * cosine)


def _at(z: complex, frequency_share: float) -> complex:
    return complex(z.real, z.imag * frequency_share)


def _scaled(source: Source, factor: float) -> Source:
    return replace(source, z=source.z * factor, z_peak=source.z_peak * factor)


# ---- faults ------------------------------------------------------------------------------------------------------


class Study:
    """Faults of one model; factorisations are made once and shared by all faults that see the same factors."""

    def __init__(self, model: Model, method: str) -> None:
        if method not in METHODS:
            raise ValueError(f"method = {method!r}: expected 'b' (factor 1.15) or 'c' (20 Hz)")
        self.model, self.method = model, method
        self._made: dict[tuple[int, str], Any] = {}

    def _get(self, inside: Unit | None, what: str) -> Any:
        key = (-1 if inside is None else inside.arm, what)
        if key not in self._made:
            self._made[key] = self._make(inside, what)
        return self._made[key]

    def _make(self, inside: Unit | None, what: str) -> Any:
        if what == "factors":
            return self.model.eliminate(inside)
        if what == "diagonal":
            return self._get(inside, "factors").diagonal()
        if what == "inverters":
            return self._get(inside, "factors").solve(self._injections(self._get(inside, "diagonal")))
        share = LOW_FREQUENCY_SHARE if self.method == "c" else 1.0
        return self.model.eliminate(inside, share, peak=True).diagonal()

    def _injections(self, diagonal: list[complex]) -> dict[int, complex]:
        """Row -> current of its inverters: a short circuit is inductive, they follow the angle of the impedance."""
        live = self.model.live
        return {
            live[group]: sum(size for _, size in found) * abs(z) / z
            for group, found in self.model.inverters.items()
            if group in live and (z := diagonal[live[group]])
        }

    def fault(self, bus: Hashable, *, contributions: bool) -> ShortCircuit:
        """The short circuit at a node with a rated voltage."""
        model = self.model
        vn_kv, group = model.vn_kv[bus], model.group[bus]
        c, rated_ka = model.c(vn_kv), model.data.base_mva / math.sqrt(3.0) / vn_kv
        if group not in model.live:
            return self._without_machines(bus, group, c, rated_ka)
        inside = model.around(group)
        row = model.live[group]
        z = self._get(inside, "diagonal")[row]
        lift = inside.voltage if inside else 1.0
        machines = c * lift / abs(z) * rated_ka
        inverters = abs(self._get(inside, "inverters")[row] / z) * rated_ka if model.inverters else 0.0
        kappa = self._kappa(inside, group, vn_kv)
        ohm = vn_kv * vn_kv / model.data.base_mva
        found = ShortCircuit(
            bus, i_k_ka=machines + inverters, i_p_ka=math.sqrt(2.0) * (kappa * machines + inverters),
            s_k_mva=math.sqrt(3.0) * vn_kv * (machines + inverters), r_ohm=z.real * ohm, x_ohm=z.imag * ohm,
            kappa=kappa, c=c, energised=True,
        )  # fmt: skip
        return self._shared(found, inside, group, c * lift, rated_ka) if contributions else found

    def _without_machines(self, bus: Hashable, group: int, c: float, rated_ka: float) -> ShortCircuit:
        """A fault that inverters alone feed: all their current goes there, off-nominal ratios neglected. Or none."""
        island = self.model.islands[group]
        parts = [(g, name, size) for g, found in self.model.inverters.items() if g in island for name, size in found]
        current = sum(size for _, _, size in parts) * rated_ka
        return ShortCircuit(
            bus, i_k_ka=current, i_p_ka=math.sqrt(2.0) * current, s_k_mva=current / rated_ka * self.model.data.base_mva,
            r_ohm=math.inf, x_ohm=math.inf, kappa=0.0, c=c, energised=bool(parts),
            source_ka={name: size * rated_ka for g, name, size in parts if g == group},
        )  # fmt: skip

    def _kappa(self, inside: Unit | None, group: int, vn_kv: float) -> float:
        """κ by method b or c of 8.1, each with fictitious resistances of synchronous machines."""
        z = self._get(inside, "peak")[self.model.live[group]]
        share = LOW_FREQUENCY_SHARE if self.method == "c" else 1.0
        kappa = peak_factor(z.real / z.imag * share) if z.imag > 0.0 else 1.02
        if self.method == "c" or self.model.largest_rx(group) < 0.3:
            return kappa
        return min(1.15 * kappa, 1.8 if vn_kv <= LV_LIMIT_KV else 2.0)

    def _shared(self, found: ShortCircuit, inside: Unit | None, group: int, c: float, rated_ka: float) -> ShortCircuit:
        """With the currents that branches and sources bring."""
        model, row = self.model, self.model.live[group]
        factors = self._get(inside, "factors")
        z = factors.solve({row: 1.0 + 0j})
        rise = self._get(inside, "inverters") if model.inverters else [0j] * len(z)
        # change of voltage that the source at the fault makes, and that inverters make around a fault held at 0
        v = [(rise[k] - z[k] * (c + rise[row]) / z[row]) for k in range(len(z))]
        arms, sources = model.elements(inside)
        branches = {
            arm.branch.name: abs(_brought(arm, model, v, group)) * rated_ka
            for arm in arms
            if group in arm.ends and arm.ends[0] != arm.ends[1]
        }
        at: dict[Hashable, complex] = {}
        for source in sources:
            if source.group == group:
                at[source.bus] = at.get(source.bus, 0j) - v[row] / source.z
        for bus, size in model.inverters.get(group, []):
            at[bus] = at.get(bus, 0j) + size * abs(z[row]) / z[row]
        return replace(found, branch_ka=branches, source_ka={bus: abs(i) * rated_ka for bus, i in at.items()})


def _brought(arm: Arm, model: Model, v: Sequence[complex], group: int) -> complex:
    """Current that a branch brings to one of its ends, per unit there."""
    v_from, v_to = (v[model.live[end]] for end in arm.ends)
    into_to = (v_from / arm.ratio - v_to) / arm.z
    return into_to if arm.ends[1] == group else -into_to / arm.ratio


def short_circuit(
    data: GridData, graph: nx.Graph, closed: Sequence[bool], bus: Any, *, method: str, lv_tolerance_percent: float
) -> ShortCircuit | pd.DataFrame:
    """What ``Network.short_circuit`` answers."""
    known = set(data.buses)
    one = bus is not None and not isinstance(bus, (list, set)) and not hasattr(bus, "__array__")
    asked = [bus] if one or (isinstance(bus, Hashable) and bus in known) else list(data.buses if bus is None else bus)
    problems = [_unknown(name, data.buses) for name in asked if name not in known]
    if problems:
        raise SiteError(problems)
    model = Model(data, graph, closed, lv_tolerance_percent)
    if bus is None:
        asked = [name for name in asked if name not in model.stars]
    problems = [_no_voltage(name, model) for name in asked if model.vn_kv[name] <= 0.0]
    if problems:
        raise SiteError(problems)
    study = Study(model, method)
    found = [study.fault(name, contributions=one) for name in asked]
    return found[0] if one else _table(found)


def _unknown(name: Hashable, buses: Sequence[Hashable]) -> Problem:
    near = difflib.get_close_matches(str(name), [str(bus) for bus in buses], n=1)
    return Problem("bus", "not a node of this network", name, f"did you mean {near[0]!r}?" if near else "")


def _no_voltage(name: Hashable, model: Model) -> Problem:
    star = name in model.stars
    text = "the star point of a transformer has no terminals" if star else "missing: a short circuit needs it"
    return Problem(f"nodes[{name!r}].vn_kv", text)


def _table(found: Sequence[ShortCircuit]) -> pd.DataFrame:
    import pandas as pd

    columns = {name: [getattr(fault, name) for fault in found] for name in _COLUMNS}
    return pd.DataFrame(columns, index=pd.Index([fault.bus for fault in found], name="bus"))
