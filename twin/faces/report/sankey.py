"""Where the energy came from and where it went, as an SVG that follows the theme and needs no script."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from twin.faces.report.words import number, safe

WIDTH, HEIGHT, BAR, GAP = 520.0, 330.0, 10.0, 16.0
_TOP = 8.0
_LINE = 15.0
"""Height of a label."""
_COLOURS = {
    "solar": "solar", "grid": "grid", "genset": "loss", "battery": "battery", "curtailed": "curt", "export": "grid",
    "site": "it", "it": "it", "cooling": "cool", "auxiliary": "fill", "losses": "loss",
}  # fmt: skip
_NAMES = {"grid": "grid import", "it": "IT", "auxiliary": "other"}


@dataclass
class _Node:
    name: str
    x: float
    value: float
    y: float = 0.0
    out_y: float = 0.0
    in_y: float = 0.0
    height: float = 0.0


@dataclass
class Flows:
    """Energies between the parts of the site, MWh, split so that each node's books close."""

    links: list[tuple[str, str, float]] = field(default_factory=list)

    @classmethod
    def of(cls, energy_mwh: dict[str, float]) -> Flows:
        """Sun first goes into export and storage, the rest into the site; the grid gives what is left."""
        known = {name: energy_mwh.get(name, 0.0) for name in _NEEDED}
        used = known["solar_used"]
        exported = min(known["grid_export"], used)
        charged = min(known["battery_charge"], used - exported)
        from_grid = known["battery_charge"] - charged
        back = known["grid_export"] - exported
        links = [
            ("solar", "curtailed", known["curtailed"]),
            ("solar", "export", exported),
            ("solar", "site", used - exported - charged),
            ("solar", "battery", charged),
            ("grid", "battery", from_grid),
            ("battery", "export", back),
            ("battery", "site", known["battery_discharge"] - back),
            ("grid", "site", known["grid_import"] - from_grid),
            ("genset", "site", known["genset"]),
            *(("site", name, known[name]) for name in ("it", "cooling", "auxiliary", "losses")),
        ]
        return cls([link for link in links if link[2] > 0.0])

    def through(self, name: str) -> float:
        """Energy through a node: the greater of what comes in and what goes out."""
        comes = sum(value for _, target, value in self.links if target == name)
        goes = sum(value for source, _, value in self.links if source == name)
        return max(comes, goes)


_NEEDED = (
    "solar_used", "curtailed", "grid_import", "grid_export", "battery_charge", "battery_discharge", "genset", "it",
    "cooling", "auxiliary", "losses",
)  # fmt: skip
_COLUMNS = (
    (("solar", "grid", "genset"), 0.0), (("battery",), 0.40), (("site",), 0.60),
    (("curtailed", "export", "it", "cooling", "auxiliary", "losses"), 1.0),
)  # fmt: skip


def sankey(energy_mwh: dict[str, float], unit: str, scale: float, digits: int) -> str:
    """The picture; numbers are in ``unit``, of ``scale`` MWh."""
    flows = Flows.of(energy_mwh)
    nodes = _placed(flows)
    if not nodes:
        return ""
    ribbons = "".join(_ribbon(nodes[a], nodes[b], value, unit, scale, digits) for a, b, value in flows.links)
    bars = "".join(
        f'<rect x="{node.x:.1f}" y="{node.y:.1f}" width="{BAR:g}" height="{max(node.height, 1.5):.1f}" '
        f'fill="var(--{_COLOURS[node.name]})"/>'
        for node in nodes.values()
    )
    alt = "Energy flows: " + ", ".join(
        f"{a} to {b} {number(value / scale, digits)} {unit}" for a, b, value in flows.links
    )
    return (
        f'<svg class="sankey" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{safe(alt)}">'
        f"{ribbons}{bars}{_labels(nodes, scale, digits)}</svg>"
    )


def flows_csv(energy_mwh: dict[str, float]) -> str:
    """The flows as CSV."""
    lines = [f"{source},{target},{value:.3f}" for source, target, value in Flows.of(energy_mwh).links]
    return "\n".join(["from,to,energy_mwh", *lines]) + "\n"


def _placed(flows: Flows) -> dict[str, _Node]:
    columns = [
        [_Node(name, x * (WIDTH - BAR), flows.through(name)) for name in names if flows.through(name) > 0.0]
        for names, x in _COLUMNS
    ]
    room = [HEIGHT - 2 * _TOP - GAP * max(len(column) - 1, 0) for column in columns]
    per_px = max(
        (sum(n.value for n in column) / space for column, space in zip(columns, room, strict=True) if column),
        default=0.0,
    )
    for column in columns:
        y = _TOP
        for node in column:
            node.height = node.value / per_px
            node.y = node.out_y = node.in_y = y
            y += node.height + GAP
    nodes = {node.name: node for column in columns for node in column}
    _centre(nodes, flows)
    return nodes


def _centre(nodes: dict[str, _Node], flows: Flows) -> None:
    """Put the site beside what it feeds, and the battery under the sun's way to the site."""
    site, battery = nodes.get("site"), nodes.get("battery")
    fed = [nodes[name] for name in ("it", "cooling", "auxiliary", "losses") if name in nodes]
    if site and fed:
        middle = (fed[0].y + fed[-1].y + fed[-1].height) / 2.0
        site.y = site.in_y = site.out_y = min(
            max(middle - site.height / 2.0, _TOP + _LINE), HEIGHT - _TOP - site.height
        )
    if battery and site:
        direct = next((value for a, b, value in flows.links if (a, b) == ("solar", "site")), 0.0)
        y = site.y + direct / site.value * site.height + 10.0
        battery.y = battery.in_y = battery.out_y = min(y, HEIGHT - _TOP - battery.height)


def _ribbon(a: _Node, b: _Node, value: float, unit: str, scale: float, digits: int) -> str:
    thick_a, thick_b = (value / node.value * node.height for node in (a, b))
    x0, x1 = a.x + BAR, b.x
    y0, y1 = a.out_y, b.in_y
    a.out_y += thick_a
    b.in_y += thick_b
    bend = (x1 - x0) * 0.5
    z0, z1 = y0 + thick_a, y1 + thick_b
    path = (
        f"M{x0:.1f} {y0:.1f}C{x0 + bend:.1f} {y0:.1f} {x1 - bend:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
        f"V{z1:.1f}C{x1 - bend:.1f} {z1:.1f} {x0 + bend:.1f} {z0:.1f} {x0:.1f} {z0:.1f}Z"
    )
    colour = _COLOURS[b.name if a.name == "site" or b.name == "curtailed" else a.name]
    tip = f"{_NAMES.get(a.name, a.name)} → {_NAMES.get(b.name, b.name)}: {number(value / scale, digits)} {unit}"
    return f'<path d="{path}" fill="var(--{colour})" class="flow"><title>{safe(tip)}</title></path>'


def _labels(nodes: dict[str, _Node], scale: float, digits: int) -> str:
    left = [node for node in nodes.values() if node.x < WIDTH / 2]
    right = [node for node in nodes.values() if node.x >= WIDTH / 2 and node.name != "site"]
    site = [node for node in nodes.values() if node.name == "site"]
    marks = []
    for group, anchor, shift in ((left, "start", BAR + 5), (right, "end", -5.0), (site, "middle", BAR / 2.0)):
        for node, middle in zip(group, _apart([node.y + node.height / 2.0 for node in group]), strict=True):
            y = node.y - 10.0 if node.name == "site" else middle
            text = f"{_NAMES.get(node.name, node.name)} {number(node.value / scale, digits)}"
            marks.append(f'<text x="{node.x + shift:.1f}" y="{y + 4:.1f}" text-anchor="{anchor}">{text}</text>')
    return "".join(marks)


def _apart(places: list[float]) -> list[float]:
    """Heights of labels, moved so that no two touch and none leaves the picture."""
    order = sorted(range(len(places)), key=places.__getitem__)
    found = list(places)
    for before, after in pairwise(order):
        found[after] = max(found[after], found[before] + _LINE)
    lowest = HEIGHT - _TOP
    for at in reversed(order):
        found[at] = min(found[at], lowest)
        lowest = found[at] - _LINE
    return found
