"""The site: from a scenario to the networkx graph, the plan, and the checks that both make sense."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import networkx as nx

from twin.errors import Problem, SiteError
from twin.globs import matches
from twin.plan import SHORTAGE, Guard, Kind, Place, Plan, nearest

if TYPE_CHECKING:
    from twin.network import Network
    from twin.scenario import Scenario

MW = 1e-6

SITE_CHANNELS: tuple[tuple[str, str, str, float, Kind, str], ...] = (
    ("grid.p_mw", "grid_w", "MW", MW, "mean", "power from the grid, import positive"),
    ("solar.p_mw", "solar_w", "MW", MW, "mean", "solar power delivered"),
    ("solar.available_mw", "solar_available_w", "MW", MW, "mean", "solar power that could be delivered"),
    ("solar.curtailed_mw", "curtailed_w", "MW", MW, "mean", "solar power held back"),
    ("battery.p_mw", "battery_w", "MW", MW, "mean", "power of the storage, discharge positive"),
    ("battery.soc", "soc", "1", 1.0, "state", "state of charge of the storage in service"),
    ("genset.p_mw", "genset_w", "MW", MW, "mean", "power of the gensets"),
    ("it.p_mw", "it_w", "MW", MW, "mean", "power into the racks"),
    ("cooling.p_mw", "cooling_w", "MW", MW, "mean", "power of the cooling plants and CDU pumps"),
    ("auxiliary.p_mw", "auxiliary_w", "MW", MW, "mean", "other loads, with those of the battery containers"),
    ("losses.p_mw", "losses_w", "MW", MW, "mean", "losses of network and UPS"),
    ("site.load_mw", "load_w", "MW", MW, "mean", "it + cooling + auxiliary + losses"),
    ("site.unserved_mw", "unserved_w", "MW", MW, "mean", "rack demand that nothing serves"),
    ("site.frequency_hz", "frequency_hz", "Hz", 1.0, "state", "frequency of the largest island; 0 when all is dead"),
    ("site.pue", "pue", "1", 1.0, "mean", "site load over IT power; null when IT is 0"),
    ("weather.ghi_w_m2", "ghi_w_m2", "W/m²", 1.0, "mean", "global horizontal irradiance"),
    ("weather.temp_c", "temp_c", "°C", 1.0, "mean", "air temperature"),
    ("weather.wet_bulb_c", "wet_bulb_c", "°C", 1.0, "mean", "wet-bulb temperature"),
    ("weather.gust_m_s", "gust_m_s", "m/s", 1.0, "mean", "gust speed"),
    ("jobs.running", "running", "1", 1.0, "state", "jobs running"),
    ("jobs.queued", "queued", "1", 1.0, "state", "jobs waiting"),
    ("it.utilisation", "utilisation", "1", 1.0, "state", "GPUs that hold jobs, of those in service"),
    ("it.cap", "cap", "1", 1.0, "mean", "power allowed to the lowest tier of jobs"),
    ("it.bbu_mw", "bbu_w", "MW", MW, "mean", "power out of rack batteries, negative while they recharge"),
    ("cooling.water_kg_s", "water_kg_s", "kg/s", 1.0, "mean", "water used for cooling: evaporation, blowdown, drift"),
    ("audit.energy_pu", "energy_residual_pu", "pu", 1.0, "mean", "energy residual of a step, of throughput"),
)
"""Name, column of the site table, unit, scale, kind, description: recorded every minute."""


class Site:
    """What stands there: the plan, and the graph at hand."""

    def __init__(self, scenario: Scenario, plan: Plan) -> None:
        self.scenario = scenario
        self.plan = plan
        self.graph: nx.MultiGraph[str] = _graph(plan)

    def network(self) -> Network:
        """The site's electrical network by itself, in its normal switch state."""
        from twin.network import Network

        return Network(self.graph)


def build(scenario: Scenario) -> Site:
    """Lower every component, and check the result. Raise SiteError with every problem found."""
    plan = Plan()
    for component in scenario.components:
        component.declare(plan)
    # halls first: cooling plants look up the hall they belong to, whatever the order in the file
    for component in sorted(scenario.components, key=lambda component: component.kind == "cooling_plant"):
        component.lower(plan)
    for name, column, unit, scale, kind, text in SITE_CHANNELS:
        plan.channel(name, Place("site", column), unit, text, scale=scale, kind=kind, site=True, fine=True)
    plan.guard(
        Guard(SHORTAGE, "shortage", Place("site", "cap"), 0.999, below=True, mode="soft", asset="site", fine=False)
    )
    _check_limits(plan)
    if not plan.problems:
        _check_loops(plan)
        _check_islands(plan)
        _check_names(scenario, plan)
    if plan.problems:
        # members of a bank share its line: what is wrong with all of them is said once
        raise SiteError(list(dict.fromkeys(_located(scenario, problem) for problem in plan.problems)))
    return Site(scenario, plan)


def _check_limits(plan: Plan) -> None:
    if not plan.bus_list:
        plan.problem("bus", "the site has no bus")
    if not plan.forming:
        plan.problem("grid_tie", "nothing can hold the voltage: no grid tie and no grid-forming storage")


def _check_loops(plan: Plan) -> None:
    """Every hall has its cooling plant, and only one."""
    for hall, row in zip(plan.halls, plan.rows["loop"], strict=True):
        if "flow_w_k" not in row:
            plan.problem(f"rack_hall.{hall}", "no cooling plant belongs to this hall", hall, f'add hall = "{hall}"')


def _check_islands(plan: Plan) -> None:
    """With every switch in its normal position, every bus hangs on something that can hold a voltage."""
    graph = nx.Graph()
    graph.add_nodes_from(range(len(plan.bus_list)))
    graph.add_edges_from((b.from_bus, b.to_bus) for b in plan.branches.values() if b.closed)
    for island in sorted(nx.connected_components(graph), key=min):
        if not any(bus in plan.forming for bus in island):
            names = [plan.bus_list[bus].name for bus in sorted(island)]
            owner = plan.bus_list[min(island)].asset
            kind = plan.assets[owner].kind if owner in plan.assets else "bus"
            shown = ", ".join(names[:4]) + (f" … ({len(names)} buses)" if len(names) > 4 else "")
            plan.problem(f"{kind}.{owner}", "an island without a source", shown, "close a switch or connect it")


def _check_names(scenario: Scenario, plan: Plan) -> None:
    """Names in timeline, commissioning, expectations and windows must be there."""

    for i, entry in enumerate(scenario.timeline):
        known = plan.inputs if entry.do == "set" else plan.assets
        if entry.what not in known:
            kind = "input" if entry.do == "set" else "asset"
            plan.problem(f"timeline[{i}].what", f"no {kind} of this name", entry.what, nearest(entry.what, known))
        elif entry.do in ("open", "close", "trip") and not plan.assets[entry.what].switches:
            plan.problem(f"timeline[{i}].do", f"{entry.what} has no switch", entry.do, "use fail")
        elif entry.do == "derate" and not plan.assets[entry.what].places.get("derate"):
            plan.problem(f"timeline[{i}].do", f"{entry.what} cannot be derated", entry.do)
    for i, expected in enumerate(scenario.expect):
        if not any(matches(name, expected.that) for name in plan.channels):
            hint = nearest(expected.that, plan.channels).replace("did you mean", "nearest:").removesuffix(" ?")
            plan.problem(f"expect[{i}].that", "matches no channel", expected.that, hint)
    for i, window in enumerate(scenario.record.window):
        for pattern in window.channels:
            if not any(matches(name, pattern) for name in plan.channels):
                plan.problem(
                    f"record.window[{i}].channels", "matches no channel", pattern, nearest(pattern, plan.channels)
                )
    for i, group in enumerate(scenario.commissioning):
        if not any(matches(name, group.what) and asset.places.get("commission") for name, asset in plan.assets.items()):
            plan.problem(
                f"commission[{i}].what",
                "matches nothing that can be commissioned",
                group.what,
                nearest(group.what, plan.assets),
            )


def _located(scenario: Scenario, problem: Problem) -> Problem:
    """The problem with the file and line of the table it speaks of."""
    _, _, rest = problem.path.partition(".")
    name, dot, field = rest.rpartition(".") if rest not in scenario.origins else (rest, "", "")
    if name not in scenario.origins:
        return scenario.problem_at(problem.path, problem.message, problem.got, problem.hint)
    path = ".".join(map(str, scenario.origins[name])) + (f".{field}" if dot else "")
    found = scenario.problem_at(path, problem.message, problem.got, problem.hint)
    members = [other for other, key in scenario.origins.items() if key == scenario.origins[name]]
    return found if len(members) > 1 and found.got is None else replace(found, message=f"{name}: {found.message}")


def _graph(plan: Plan) -> nx.MultiGraph[str]:
    """The network as a networkx graph with the attributes that ``Network`` documents."""
    graph: nx.MultiGraph[str] = nx.MultiGraph(base_mva=100.0, frequency_hz=50.0)
    for index, bus in enumerate(plan.bus_list):
        rank, vm_pu = plan.forming.get(index, (0, 1.0))
        kind = "slack" if rank == 1 else "pq"
        graph.add_node(bus.name, vn_kv=bus.vn_kv, kind=kind, vm_pu=vm_pu, asset=bus.asset)
    for branch in plan.branches.values():
        ends = plan.bus_list[branch.from_bus].name, plan.bus_list[branch.to_bus].name
        graph.add_edge(
            *ends, key=branch.name, name=branch.name, **{"from": ends[0]}, closed=branch.closed,
            rate_mva=branch.rate_mva,
            asset=branch.asset, kind=branch.kind, **branch.attributes,
        )  # fmt: skip
    return graph
