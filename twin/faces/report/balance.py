"""The first figure: where the power came from and where it went, over the whole run, with flags of what happened."""

from __future__ import annotations

from typing import Any

import numpy as np

from twin.faces.report.canvas import Canvas, Figure, Label, missing
from twin.faces.report.causes import ATTENTION, Event, Fold, walk
from twin.faces.report.energy import Energy
from twin.faces.report.gather import Array, Facts, Rows, Times
from twin.faces.report.pack import column, times
from twin.faces.report.words import hours_text, percent, safe, sentence
from twin.quantities import MS_PER_DAY, MS_PER_HOUR, MS_PER_MIN

_MOST_BINS = 1500
_WIDTHS_MIN = (1, 2, 5, 10, 15, 30, 60)
_FLAGS = 6
_LETTER = 0.0115
"""Width of a letter of a flag as a share of the axis, on paper, where it is narrowest."""
_MARKS = 150
"""Stretches of the time axis that carry one mark of each priority at most."""
_POWERS = ("solar.p_mw", "grid.p_mw", "battery.p_mw", "site.load_mw")
_STACK = (
    ("solar used", "solar_used", "$solar/.62"), ("battery discharge", "battery_discharge", "$battery/.85"),
    ("genset", "genset", "$loss/.7"), ("grid import", "grid_import", "$grid/.42"),
)  # fmt: skip
_BELOW = (("export", "grid_export", "$grid/.42"), ("charge", "battery_charge", "$battery/.85"))


class _Balance:
    """Powers by bin, or energies by day of a long run."""

    def __init__(self, facts: Facts, energy: Energy) -> None:
        self.facts = facts
        self.unit = "GWh/d" if facts.long else "MW"
        if facts.long:
            self.t_ms = np.arange(len(energy.by_day), dtype=np.int64) * MS_PER_DAY + _first_day(facts)
            names = energy.by_day[0].energy_mwh
            self.values = {name: np.array([day.energy_mwh[name] for day in energy.by_day]) / 1e3 for name in names}
        else:
            self.t_ms, self.values = _binned(facts.fine)

    def __getitem__(self, name: str) -> Array:
        return self.values.get(name, np.zeros(len(self.t_ms)))

    @property
    def top(self) -> Array:
        """Upper edge of everything above 0."""
        return np.asarray(sum((self[name] for _, name, _ in _STACK), self["curtailed"]), dtype=np.float64)

    @property
    def bottom(self) -> Array:
        """Lower edge of everything below 0, negative."""
        return -(self["grid_export"] + self["battery_charge"])


def _first_day(facts: Facts) -> int:
    origin = facts.clock.origin_ms
    first = int(facts.mean.t_ms[0]) if len(facts.mean.t_ms) else 0
    return (first + origin) // MS_PER_DAY * MS_PER_DAY - origin


def _binned(rows: Rows) -> tuple[Times, dict[str, Array]]:
    """Mean powers of bins of equal length, few enough to draw; import and export are told apart before the mean."""
    width = next((w for w in _WIDTHS_MIN if rows.t_ms[-1] <= w * MS_PER_MIN * _MOST_BINS), 60) * MS_PER_MIN
    bins, place = np.unique(rows.t_ms // width, return_inverse=True)
    hours = np.bincount(place, weights=rows.length_ms) / MS_PER_HOUR
    parts = {
        "solar_used": rows.energy_mwh("solar.p_mw"), "load": rows.energy_mwh("site.load_mw"),
        "grid_import": np.maximum(rows.energy_mwh("grid.p_mw"), 0.0),
        "grid_export": np.maximum(-rows.energy_mwh("grid.p_mw"), 0.0),
        "battery_discharge": np.maximum(rows.energy_mwh("battery.p_mw"), 0.0),
        "battery_charge": np.maximum(-rows.energy_mwh("battery.p_mw"), 0.0),
    }  # fmt: skip
    for name, channel in (("curtailed", "solar.curtailed_mw"), ("genset", "genset.p_mw")):
        if channel in rows:
            parts[name] = rows.energy_mwh(channel)
    return bins * width, {name: np.bincount(place, weights=value) / hours for name, value in parts.items()}


def balance(facts: Facts, energy: Energy, tree: list[Fold], events: list[Event]) -> Figure:
    """Stacked supply above 0, export and charge below, the load as a line, curtailed hatched, flags of events."""
    absent = [name for name in _POWERS if name not in (facts.mean if facts.long else facts.fine)]
    if absent:
        return missing("balance", "Power balance", *absent)
    data = _Balance(facts, energy)
    low, high = float(data.bottom.min()), float(max(data.top.max(), data["load"].max()))
    canvas = Canvas(facts, 1.12 * low, 1.04 * high, height=360, unit=data.unit, half=False, top=30)
    _stack(canvas, data)
    _name_areas(canvas, data)
    _flags(canvas, tree, events)
    canvas.ends([Label(float(data["load"][-1]), "load")])
    flags_axis = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
    return canvas.figure("balance", _balance_title(facts, energy), yaxis2=flags_axis)


def _stack(canvas: Canvas, data: _Balance) -> None:
    x = times(data.t_ms, canvas.origin_ms)
    shape = "hv" if data.facts.long else "linear"
    digits = ".1f" if data.facts.long else ".0f"

    def area(name: str, values: Array, colour: str, group: str, **more: Any) -> None:
        sign = -1.0 if group == "below" else 1.0
        canvas.traces.append({
            "type": "scatter", "mode": "lines", "name": name, "x": x, "y": column(sign * values), "stackgroup": group,
            "line": {"width": 0, "shape": shape}, "fillcolor": colour,
            "hovertemplate": f"{name} %{{y:{digits}}} {data.unit}<extra></extra>", **more,
        })  # fmt: skip

    for name, key, colour in _STACK:
        if data[key].any():
            area(name, data[key], colour, "above")
    pattern = {"shape": "/", "size": 5, "solidity": 0.22, "fgcolor": "$solar", "bgcolor": "rgba(0,0,0,0)"}
    if data["curtailed"].any():
        area("curtailed", data["curtailed"], "rgba(0,0,0,0)", "above", fillpattern=pattern)
    for name, key, colour in _BELOW:
        if data[key].any():
            area(name, data[key], colour, "below")
    canvas.line("load", data.t_ms, data["load"], "$ink", f"%{{y:{digits}}} {data.unit}", width=2.0)
    canvas.traces[-1]["line"]["shape"] = shape


def _name_areas(canvas: Canvas, data: _Balance) -> None:
    """Write each area's name where it is thick enough for it, else just outside its thickest place."""
    edge = np.zeros(len(data.t_ms))
    areas = []
    for name, key, _ in (*_STACK, ("curtailed", "curtailed", "")):
        areas.append((name.removesuffix(" discharge"), edge, edge + data[key]))
        edge = edge + data[key]
    edge = np.zeros(len(data.t_ms))
    for name, key, _ in _BELOW:
        areas.append((name, edge - data[key], edge))
        edge = edge - data[key]
    taken: list[tuple[int, float]] = []
    for name, lower, upper in areas:
        if (upper - lower).max() > 0.02 * (canvas.high - canvas.low):
            _name_area(canvas, data, name, lower, upper, taken)


def _name_area(
    canvas: Canvas, data: _Balance, name: str, lower: Array, upper: Array, taken: list[tuple[int, float]]
) -> None:
    bins = len(data.t_ms) * data.facts.horizon_ms / data.facts.end_ms
    wide, tall = max(int(bins * len(name) / 260.0), 1), 0.055 * (canvas.high - canvas.low)
    lowest, highest = _rolling(lower, wide, np.max), _rolling(upper, wide, np.min)
    fits = highest - lowest
    place = np.arange(len(fits))
    clear = (place > wide) & (place < len(fits) - wide - 1)
    for other, y in taken:
        clear &= (np.abs(place - other) > 1.6 * wide) | (np.abs((highest + lowest) / 2.0 - y) > tall)
    inside = np.where(clear, fits, -np.inf)
    at = int(np.argmax(inside))
    x = canvas.origin_ms + int(data.t_ms[at])
    if inside[at] >= tall:
        y = float(highest[at] + lowest[at]) / 2.0
        canvas.note(x, y, name)
    elif upper.max() <= 0.0:  # below everything there is room
        at = int(np.argmin(np.where(clear, lower, np.inf)))
        x, y = canvas.origin_ms + int(data.t_ms[at]), float(lower[at])
        canvas.note(x, y, name, xanchor="right", xshift=-6, yshift=4)
    else:
        at = int(np.argmax(np.where(clear, upper - lower, -np.inf)))
        x, y = canvas.origin_ms + int(data.t_ms[at]), float(upper[at] + lower[at]) / 2.0
        canvas.note(x, y, name, font={"color": "$ink", "size": 11}, bgcolor="$bg/.72", borderpad=1)
    taken.append((at, y))


def _rolling(values: Array, wide: int, pick: Any) -> Array:
    """The least or greatest value within ``wide`` places on either side."""
    padded = np.pad(values, wide, mode="edge")
    return np.asarray(pick(np.lib.stride_tricks.sliding_window_view(padded, 2 * wide + 1), axis=1), dtype=np.float64)


def _flags(canvas: Canvas, tree: list[Fold], events: list[Event]) -> None:
    """A mark for the events of priority 1 and 2, upright lines with words for the most important."""
    urgent = [event for event in events if event.priority in ATTENTION]
    for priority, symbol, colour in ((1, "square", "$p1"), (2, "triangle-up", "$p2")):
        shown = _spread([e for e in urgent if e.priority == priority], canvas.facts.horizon_ms)
        if shown:
            canvas.traces.append({
                "type": "scatter", "mode": "markers", "name": f"events of priority {priority}", "yaxis": "y2",
                "x": times(np.array([e.t_ms for e in shown], dtype=np.int64), canvas.origin_ms),
                "y": column(np.full(len(shown), 0.997)), "text": [safe(f"{e.asset} {e.text}") for e in shown],
                "marker": {"symbol": symbol, "size": 6, "color": colour}, "cliponaxis": False,
                "hovertemplate": "%{text}<extra></extra>",
            })  # fmt: skip
    roots = sorted(
        (fold for depth, fold in walk(tree)), key=lambda f: (f.worst_below, f.parent is not None, f.first.t_ms)
    )
    placed: list[tuple[float, float]] = []
    for fold in roots:
        at, half = fold.first.t_ms / max(canvas.facts.horizon_ms, 1), len(fold.short) * _LETTER / 2.0
        clear = all(abs(at - other) > half + room_ for other, room_ in placed)
        if len(placed) < _FLAGS and clear and fold.priority in ATTENTION:
            placed.append((at, half))
            _flag(canvas, fold, at)


def _spread(events: list[Event], horizon_ms: int) -> list[Event]:
    """The first event of each stretch of the time axis."""
    first: dict[int, Event] = {}
    for event in events:
        first.setdefault(event.t_ms * _MARKS // max(horizon_ms, 1), event)
    return list(first.values())


def _flag(canvas: Canvas, fold: Fold, at: float) -> None:
    colour = "$p1" if fold.worst_below == 1 else "$ink2"
    x = canvas.origin_ms + fold.first.t_ms
    line = {"color": colour, "width": 1}
    canvas.shapes.append({"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line})
    half = len(fold.short) * _LETTER / 2.0
    anchor = "left" if at < half else "right" if at > 1.0 - half else "center"
    canvas.note(x, 1, safe(fold.short), colour, yref="paper", yanchor="bottom", yshift=4, xanchor=anchor)


def _balance_title(facts: Facts, energy: Energy) -> str:
    shares, limit, said = energy.shares, facts.settings.export_limit_mw(), []
    if shares.get("green_load") is not None:
        said.append(f"solar power carried {percent(shares['green_load'])} of the load")
    if (shares.get("curtailed") or 0.0) >= 0.005:
        said.append(f"{percent(shares['curtailed'])} of what the sun offered was curtailed")
    hours = energy.export_at_limit_h()
    if limit and hours:
        said.append(f"export was at its {limit:.0f} MW limit for {hours_text(hours)}")
    return sentence("; ".join(said)) or "Power balance"
