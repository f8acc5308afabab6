"""What the site can carry with some of its parts out of service: reach and capacity of the network, hall by hall.

A quasi-static picture made once from the plan: ratings in MVA are read as MW, losses are left to the demand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import networkx as nx

from twin.components.battery import Battery
from twin.components.breaker import Breaker
from twin.components.cooling_plant import CoolingPlant
from twin.components.grid_tie import GridTie
from twin.components.line import Line
from twin.components.rack_hall import GPUS_PER_RACK, RackHall
from twin.components.solar_plant import SolarPlant
from twin.components.transformer import Transformer

if TYPE_CHECKING:
    from twin.site import Site

SOURCE, SINK = "source", "sink"
GRAINS_PER_MW = 1_000_000
"""Flows are whole watts: the maximum flow of whole numbers is exact and ends."""


@dataclass(frozen=True)
class Failable:
    """A part that fails by itself."""

    name: str
    failures_per_year: float
    repair_h: float

    @property
    def unavailable(self) -> float:
        """Share of time it is out, in the long run."""
        load = self.failures_per_year * self.repair_h / 8760.0
        return load / (1.0 + load)


@dataclass(frozen=True)
class Hall:
    """One hall: its rooms, each fed by two boards, and its pumps."""

    name: str
    gpus: int
    rooms: tuple[tuple[str, str], ...]
    """Buses of the two boards of each room."""
    board_mw: float
    pumps: tuple[str, ...]
    pumps_needed: int


@dataclass(frozen=True)
class Island:
    """A part of the network that hangs together, without the grid."""

    halls: tuple[int, ...]
    solar_share: float
    """Share of the site's solar power."""
    energy_mwh: float
    power_mw: float
    forming: bool


@dataclass
class SiteCapacity:
    """The site as buses, branches, sources and halls; answers are kept by what is out."""

    parts: list[Failable]
    halls: list[Hall]
    edges: dict[str, tuple[str, str, float]]
    """Branch → its two buses and its rating, MW; 0: no limit."""
    open_edges: dict[str, tuple[str, str]]
    """Normally open couplers that close by themselves."""
    ties: dict[str, tuple[str, float]]
    solar: dict[str, tuple[str, float]]
    stores: dict[str, tuple[str, float, float, bool]]
    known: dict[Any, Any] = field(default_factory=dict)

    def islands(self, out: frozenset[str]) -> tuple[set[str], list[Island]]:
        """Buses that the grid reaches, and the islands it does not."""
        found = self.known.get(out)
        if found is None:
            found = self.known[out] = self._islands(self._graph(out), out)
        return found

    def carried_mw(self, out: frozenset[str], solar_mw: float, demand_mw: tuple[float, ...]) -> tuple[float, ...]:
        """Most power each hall gets from the grid and the sun where the grid reaches, by maximum flow."""
        key = out, solar_mw, demand_mw
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self._carried(out, solar_mw, demand_mw)
        return found

    def _graph(self, out: frozenset[str]) -> nx.Graph[str]:
        graph: nx.Graph[str] = nx.Graph()
        graph.add_nodes_from(bus for a, b, _ in self.edges.values() for bus in (a, b))
        graph.add_edges_from((a, b) for name, (a, b, _) in self.edges.items() if name not in out)
        for name, ends in self.open_edges.items():
            levels = [self._level(graph, bus, out) for bus in ends]
            if name not in out and levels[0] != levels[1]:
                graph.add_edge(*ends)
        return graph

    def _level(self, graph: nx.Graph[str], bus: str, out: frozenset[str]) -> int:
        reached = nx.node_connected_component(graph, bus)
        if any(tie in reached for name, (tie, _) in self.ties.items() if name not in out):
            return 2
        return int(any(forming and at in reached for at, _, _, forming in self.stores.values()))

    def _islands(self, graph: nx.Graph[str], out: frozenset[str]) -> tuple[set[str], list[Island]]:
        with_grid: set[str] = set()
        islands = []
        total = sum(mw for _, mw in self.solar.values()) or 1.0
        for reached in sorted(nx.connected_components(graph), key=min):
            if any(bus in reached for name, (bus, _) in self.ties.items() if name not in out):
                with_grid |= reached
                continue
            stores = [(e, p, f) for bus, e, p, f in self.stores.values() if bus in reached]
            fed = [any(a in reached or b in reached for a, b in hall.rooms) for hall in self.halls]
            islands.append(Island(
                tuple(i for i, here in enumerate(fed) if here),
                sum(mw for bus, mw in self.solar.values() if bus in reached) / total,
                sum(e for e, _, _ in stores), sum(p for _, p, _ in stores), any(f for _, _, f in stores),
            ))  # fmt: skip
        return with_grid, islands

    def _carried(self, out: frozenset[str], solar_mw: float, demand_mw: tuple[float, ...]) -> tuple[float, ...]:
        with_grid, _ = self.islands(out)
        graph: nx.DiGraph[str] = nx.DiGraph()
        for a, b, mw in [*((*self.edges[n],) for n in self.edges if n not in out), *self._closed(out)]:
            if a in with_grid:
                _add_flow(graph, a, b, mw)
                _add_flow(graph, b, a, mw)
        self._add_sources(graph, out, solar_mw, with_grid)
        for hall, mw in zip(self.halls, demand_mw, strict=True):
            self._add_hall(graph, hall, mw, out, with_grid)
        if SOURCE not in graph or SINK not in graph:
            return tuple(0.0 for _ in self.halls)
        _, flow = nx.maximum_flow(graph, SOURCE, SINK)
        return tuple(flow.get(hall.name, {}).get(SINK, 0) / GRAINS_PER_MW for hall in self.halls)

    def _closed(self, out: frozenset[str]) -> Iterable[tuple[str, str, float]]:
        graph = self._graph(out)
        return ((a, b, 0.0) for a, b in self.open_edges.values() if graph.has_edge(a, b))

    def _add_sources(self, graph: nx.DiGraph[str], out: frozenset[str], solar_mw: float, reach: set[str]) -> None:
        supply: dict[str, float] = {}
        total = sum(mw for _, mw in self.solar.values()) or 1.0
        for name, (bus, mw) in self.ties.items():
            if name not in out:
                supply[bus] = supply.get(bus, 0.0) + mw
        for bus, mw in self.solar.values():
            if bus in reach:
                supply[bus] = supply.get(bus, 0.0) + solar_mw * mw / total
        for bus, mw in supply.items():
            graph.add_edge(SOURCE, bus, capacity=int(mw * GRAINS_PER_MW))

    def _add_hall(self, graph: nx.DiGraph[str], hall: Hall, mw: float, out: frozenset[str], reach: set[str]) -> None:
        pumping = min(1.0, sum(pump not in out for pump in hall.pumps) / hall.pumps_needed)
        graph.add_edge(hall.name, SINK, capacity=int(mw * pumping * GRAINS_PER_MW))
        share = mw / len(hall.rooms)
        for k, boards in enumerate(hall.rooms):
            room = f"{hall.name} room {k}"
            graph.add_edge(room, hall.name, capacity=-int(-share * GRAINS_PER_MW // 1))
            for bus in boards:
                if bus in reach and f"{bus}.ups" not in out:
                    graph.add_edge(bus, room, capacity=int(hall.board_mw * GRAINS_PER_MW))


def _add_flow(graph: nx.DiGraph[str], start: str, end: str, mw: float) -> None:
    """One more way from ``start`` to ``end``; capacities of parallel branches add up, 0 is no limit."""
    old = graph.get_edge_data(start, end)
    if not mw or (old is not None and "capacity" not in old):
        graph.add_edge(start, end)
        graph[start][end].pop("capacity", None)
    else:
        graph.add_edge(start, end, capacity=int(mw * GRAINS_PER_MW) + (old["capacity"] if old else 0))


def capacity_of(site: Site) -> SiteCapacity:
    """The quasi-static picture of ``site``; kinds of a plug-in have no failure data here and stay in service."""
    plan = site.plan
    names = [bus.name for bus in plan.bus_list]
    made = SiteCapacity([], [], {}, {}, {}, {}, {})
    for branch in plan.branches.values():
        ends = names[branch.from_bus], names[branch.to_bus]
        if branch.closed:
            made.edges[branch.name] = (*ends, 0.0 if branch.coupler else branch.rate_mva)
    plants = {c.hall: c for c in site.scenario.components if isinstance(c, CoolingPlant)}
    for c in site.scenario.components:
        if isinstance(c, Transformer | Line | Breaker | GridTie):
            made.parts.append(Failable(c.name, c.failures_per_year, c.repair_h))
        if isinstance(c, Breaker) and not c.closed and c.auto_transfer:
            made.open_edges[c.name] = c.from_bus, c.to_bus
        elif isinstance(c, GridTie):
            made.ties[c.name] = c.bus, c.import_limit_mw
        elif isinstance(c, SolarPlant):
            made.solar[c.name] = c.bus, c.ac_mw
        elif isinstance(c, Battery):
            usable = c.energy_mwh * c.soc_max_share
            made.stores[c.name] = c.bus, usable, c.power_mw, c.grid_forming
        elif isinstance(c, RackHall):
            _add_hall(made, c, plants[c.name])
    made.parts = [each for each in made.parts if each.failures_per_year > 0.0]
    return made


def _add_hall(made: SiteCapacity, hall: RackHall, plant: CoolingPlant) -> None:
    rooms = tuple((f"{hall.name}.a{k:02}", f"{hall.name}.b{k:02}") for k in range(1, hall.rooms_count + 1))
    pumps = tuple(f"{plant.name}.pump{k}" for k in range(1, plant.pumps_count + 1))
    gpus = GPUS_PER_RACK * sum(hall.racks_of_rows) * hall.rooms_count
    made.halls.append(Hall(hall.name, gpus, rooms, 0.85 * hall.board_mva, pumps, plant.pumps_needed_count))
    for side in ("a", "b"):
        made.parts.append(Failable(f"{hall.name}.{side}.xfmr", hall.side_failures_per_year, hall.side_repair_h))
    for bus in (bus for room in rooms for bus in room):
        made.parts.append(Failable(f"{bus}.ups", hall.ups_failures_per_year, hall.ups_repair_h))
    made.parts += [Failable(pump, plant.pump_failures_per_year, plant.pump_repair_h) for pump in pumps]
