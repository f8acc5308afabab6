"""Figures of power and energy: the balance, the storage, the import, the weather."""

from __future__ import annotations

from typing import Any

import numpy as np

from twin.faces.report.canvas import Canvas, Figure, Label, by_day, missing, room
from twin.faces.report.causes import ATTENTION, Event, Fold, walk
from twin.faces.report.energy import Energy
from twin.faces.report.gather import Array, Facts, Rows, Times
from twin.faces.report.lead import span_text
from twin.faces.report.pack import column, exact_column, times
from twin.faces.report.words import duration, listed, number, percent, safe, sentence, with_unit
from twin.quantities import MS_PER_DAY, MS_PER_HOUR, MS_PER_MIN

_MOST_BINS = 1500
_WIDTHS_MIN = (1, 2, 5, 10, 15, 30, 60)
_FLAGS = 6
_MARKS = 200
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
        "grid_import": np.maximum(rows.energy_mwh("grid.p_mw"), 0.0), "grid_export": np.maximum(-rows.energy_mwh("grid.p_mw"), 0.0),
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
    wide, tall = max(len(data.t_ms) * len(name) // 130, 1), 0.055 * (canvas.high - canvas.low)
    lowest, highest = _rolling(lower, wide, np.max), _rolling(upper, wide, np.min)
    fits = highest - lowest
    clear = np.array([
        all(abs(i - at) > 1.6 * wide or abs((highest[i] + lowest[i]) / 2.0 - y) > tall for at, y in taken) for i in range(len(fits))
    ])  # fmt: skip
    inside = np.where(clear & (np.arange(len(fits)) > wide), fits, -np.inf)
    at = int(np.argmax(inside))
    x = canvas.origin_ms + int(data.t_ms[at])
    if inside[at] >= tall:
        y = float(highest[at] + lowest[at]) / 2.0
        canvas.note(x, y, name)
    elif upper.max() <= 0.0:  # below everything there is room
        at = int(np.argmin(lower))
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
    urgent = sorted(
        (event for event in events if event.priority in ATTENTION), key=lambda event: (event.rank, event.seq)
    )
    for priority, symbol, colour in ((1, "square", "$p1"), (2, "triangle-up", "$p2")):
        shown = sorted((e for e in urgent[:_MARKS] if e.priority == priority), key=lambda event: event.t_ms)
        if shown:
            canvas.traces.append({
                "type": "scatter", "mode": "markers", "name": f"events of priority {priority}", "yaxis": "y2", "cliponaxis": False,
                "x": times(np.array([e.t_ms for e in shown], dtype=np.int64), canvas.origin_ms), "y": column(np.full(len(shown), 0.997)),
                "marker": {"symbol": symbol, "size": 6, "color": colour}, "text": [safe(f"{e.asset} {e.text}") for e in shown],
                "hovertemplate": "%{text}<extra></extra>",
            })  # fmt: skip
    roots = sorted(
        (fold for depth, fold in walk(tree)), key=lambda f: (f.worst_below, f.parent is not None, f.first.t_ms)
    )
    placed: list[float] = []
    for fold in roots:
        at = fold.first.t_ms / max(canvas.facts.horizon_ms, 1)
        if len(placed) < _FLAGS and all(abs(at - other) > 0.13 for other in placed) and fold.priority in ATTENTION:
            placed.append(at)
            _flag(canvas, fold, at)


def _flag(canvas: Canvas, fold: Fold, at: float) -> None:
    colour = "$p1" if fold.worst_below == 1 else "$ink2"
    x = canvas.origin_ms + fold.first.t_ms
    line = {"color": colour, "width": 1}
    canvas.shapes.append({"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line})
    anchor = "left" if at < 0.07 else "right" if at > 0.93 else "center"
    text = safe(f"{fold.short} ×{len(fold.events)}" if len(fold.events) > 1 else fold.short)
    canvas.note(x, 1, text, colour, yref="paper", yanchor="bottom", yshift=4, xanchor=anchor)


def _balance_title(facts: Facts, energy: Energy) -> str:
    shares, limit = energy.shares, facts.settings.export_limit_mw()
    said = []
    if shares.get("green_load") is not None:
        said.append(f"solar power carried {percent(shares['green_load'])} of the load")
    if (shares.get("curtailed") or 0.0) >= 0.005:
        said.append(
            f"{percent(shares['curtailed'])} of it was curtailed"
            if not said
            else f"{percent(shares['curtailed'])} was curtailed"
        )
    at_limit = energy.export_at_limit_h()
    tail = (
        f", while export sat at its {limit:.0f} MW limit for {duration(at_limit * MS_PER_HOUR)}"
        if limit and at_limit >= 0.05
        else ""
    )
    return sentence(listed(said)) + tail if said else "Power balance"


# Storage ------------------------------------------------------------------------------------------------------------


def storage(facts: Facts) -> Figure:
    """State of charge with its floor."""
    name = "battery.soc"
    if name not in facts.mean:
        return missing("storage", "State of charge of the storage", name)
    canvas = Canvas(facts, 0.0, 104.0, height=300, unit="%")
    low, high = 100 * float(np.nanmin(facts.low[name])), 100 * float(np.nanmax(facts.high[name]))
    last = _by_time(canvas, facts, name, 100.0, "charge", "$battery", "%{y:.0f} %")
    labels = [Label(last, "charge", "$battery")]
    floor = facts.settings.number("dispatch", "soc_floor_share")
    if floor:
        canvas.limit(100 * floor, "$ink3")
        labels.append(Label(100 * floor, f"floor {100 * floor:.0f}", "$ink3"))
    canvas.ends(labels)
    cycles = facts.summary.get("battery", {}).get("equivalent_full_cycles")
    told = f", {number(cycles, 1)} full cycles" if cycles is not None else ""
    return canvas.figure("storage", f"The storage moved between {low:.0f} and {high:.0f} %{told}")


def _by_time(canvas: Canvas, facts: Facts, name: str, scale: float, label: str, colour: str, hover: str) -> float:
    """A line of the finest rows there are, of a long run a band of each day's extremes; return its last value."""
    if facts.long:
        t_ms, low = by_day(facts, facts.low.t_ms, facts.low[name] * scale, np.fmin)
        _, high = by_day(facts, facts.high.t_ms, facts.high[name] * scale, np.fmax)
        canvas.band(label, t_ms, low, high, hover, f"{colour}/.55")
        return float(high[-1] + low[-1]) / 2.0
    rows = facts.fine if name in facts.fine else facts.mean
    canvas.line(label, rows.t_ms, rows[name] * scale, colour, hover)
    return float(rows[name][-1]) * scale


# Grid and weather ---------------------------------------------------------------------------------------------------


def duration_curve(facts: Facts) -> Figure:
    """Hours above a given import from the grid."""
    rows, name = facts.fine, "grid.p_mw"
    if name not in rows:
        return missing("import", "Hours above a given grid import", name)
    order = np.argsort(-rows[name], kind="stable")
    hours, power = np.cumsum(rows.length_ms[order]) / MS_PER_HOUR, rows[name][order]
    pick = np.unique(np.linspace(0, len(power) - 1, 500).astype(np.int64))
    total = float(hours[-1])
    low, high = room(float(power.min()), float(power.max()), 0.0, least=10.0)
    line = {"type": "scatter", "mode": "lines", "name": "grid import, MW", "x": exact_column(hours[pick]), "y": column(power[pick]),
            "line": {"color": "$ink", "width": 1.8}, "hovertemplate": "%{x:.1f} h at or above %{y:.0f} MW<extra></extra>"}  # fmt: skip
    shapes, notes = [], []
    limit = facts.settings.export_limit_mw()
    if limit and power.min() < -0.5 * limit:
        shapes.append(
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": -limit,
                "y1": -limit,
                "line": {"color": "$ink3", "width": 1, "dash": "dash"},
            }
        )
        notes.append(
            {
                "x": 0,
                "y": -limit,
                "text": f"export limit {limit:.0f}",
                "showarrow": False,
                "xanchor": "left",
                "xshift": 5,
                "yshift": 9,
                "font": {"color": "$ink3", "size": 12},
            }
        )
    layout = {
        "margin": {"l": 50, "r": 16, "t": 8, "b": 40}, "hovermode": "closest", "shapes": shapes, "annotations": notes,
        "xaxis": {"title": {"text": f"hours of {number(total)}", "standoff": 4}, "range": [0, total], "nticks": 7},
        "yaxis": {"title": {"text": "MW, + import", "standoff": 2}, "range": [low, high], "nticks": 6},
    }  # fmt: skip
    return Figure("import", _import_title(rows, total), 250, [line], layout)


def _import_title(rows: Rows, total_h: float) -> str:
    grid = rows["grid.p_mw"]
    imports = float(rows.length_ms[grid > 0.5].sum()) / MS_PER_HOUR
    exports = float(rows.length_ms[grid < -0.5].sum()) / MS_PER_HOUR
    if imports == 0.0:
        return f"No import; export in {percent(exports / total_h)} of the time, up to {with_unit(-grid.min(), 'MW', 0)}"
    text = f"Import in {percent(imports / total_h)} of the time, up to {with_unit(grid.max(), 'MW', 0)}"
    return text + (
        f"; export in {percent(exports / total_h)}, up to {with_unit(-grid.min(), 'MW', 0)}"
        if exports
        else "; no export"
    )


def sun(facts: Facts) -> Figure:
    """Global horizontal irradiance; of a long run what each day brought."""
    name = "weather.ghi_w_m2"
    if name not in facts.mean:
        return missing("sun", "Global horizontal irradiance", name)
    mean = facts.mean
    kwh = mean.energy_mwh(name) / 1e3
    peak = float(np.nanmax(facts.high[name]))
    title = f"The sun brought {number(float(kwh.sum()), 1 if kwh.sum() < 1000 else 0)} kWh/m² in {span_text(facts)}, {peak:.0f} W/m² at most"
    if not facts.long:
        canvas = Canvas(facts, 0.0, max(1.08 * peak, 1.0), height=220, unit="W/m²", right=30)
        rows = facts.fine if name in facts.fine else mean
        canvas.line("GHI", rows.t_ms, rows[name], "$solar", "%{y:.0f} W/m²")
        return canvas.figure("sun", title)
    t_ms, daily = by_day(facts, mean.t_ms, kwh, np.add)
    canvas = Canvas(facts, 0.0, 1.08 * float(daily.max()), height=220, unit="kWh/m² per day", right=30)
    canvas.line("GHI", t_ms, daily, "$solar", "%{y:.1f} kWh/m²", width=1.2)
    return canvas.figure("sun", title)


def air(facts: Facts) -> Figure:
    """Air temperature."""
    name = "weather.temp_c"
    if name not in facts.mean:
        return missing("air", "Air temperature", name)
    low, high = float(np.nanmin(facts.low[name])), float(np.nanmax(facts.high[name]))
    canvas = Canvas(facts, *room(low, high, least=2.0), height=220, unit="°C", right=30)
    _by_time(canvas, facts, name, 1.0, "air", "$cool", "%{y:.1f} °C")
    return canvas.figure("air", f"The air was between {number(low, 1)} and {number(high, 1)} °C")
