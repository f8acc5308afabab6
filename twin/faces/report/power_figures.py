"""Figures of storage, grid import and weather."""

from __future__ import annotations

from typing import Any

import numpy as np

from twin.faces.report.canvas import Canvas, Figure, Label, by_day, curve, dashed, missing, room
from twin.faces.report.gather import Facts, Rows
from twin.faces.report.lead import span_text
from twin.faces.report.words import THIN, number, percent, with_unit
from twin.quantities import MS_PER_HOUR

# Storage ------------------------------------------------------------------------------------------------------------


def storage(facts: Facts, *, half: bool = True) -> Figure:
    """State of charge with its floor; ``half`` is half of the page's width."""
    name = "battery.soc"
    if name not in facts.mean:
        return missing("storage", "State of charge of the storage", name)
    canvas = Canvas(facts, 0.0, 104.0, height=300 if half else 220, unit="%", half=half)
    low, high = 100 * float(np.nanmin(facts.low[name])), 100 * float(np.nanmax(facts.high[name]))
    last = _by_time(canvas, facts, name, 100.0, "charge", "$battery", "%{y:.0f} %")
    labels = [Label(last, "charge", "$battery")]
    floor = facts.settings.number("dispatch", "soc_floor_share")
    if floor:
        canvas.limit(100 * floor, "$ink3")
        labels.append(Label(100 * floor, f"floor {100 * floor:.0f}", "$ink3", limit=True))
    canvas.ends(labels)
    cycles = facts.summary.get("battery", {}).get("equivalent_full_cycles")
    told = f", {number(cycles, 1)} full cycles" if cycles is not None else ""
    return canvas.figure("storage", f"The storage moved between {low:.0f} and {high:.0f}{THIN}%{told}")


def _by_time(canvas: Canvas, facts: Facts, name: str, scale: float, label: str, colour: str, hover: str) -> float:
    """A line of the finest rows there are, of a long run a band of each day's extremes; return its last value."""
    if facts.long:
        t_ms, low = by_day(facts, facts.low.t_ms, facts.low[name] * scale, np.fmin)
        _, high = by_day(facts, facts.high.t_ms, facts.high[name] * scale, np.fmax)
        _, mean = by_day(facts, facts.mean.t_ms, facts.mean[name] * scale, np.add)
        _, count = by_day(facts, facts.mean.t_ms, np.ones(len(facts.mean.t_ms)), np.add)
        canvas.band(label, t_ms, low, high, hover, f"{colour}/.3")
        canvas.line(f"{label}, mean", t_ms, mean / count, colour, hover, width=1.3)
        return float(mean[-1] / count[-1])
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
    line = curve("grid import, MW", hours[pick], power[pick], "%{x:.1f} h at or above %{y:.0f} MW")
    shapes, notes = _export_limit(facts, float(power.min()))
    hours_axis = {"title": {"text": f"hours of {number(total)}", "standoff": 4}, "range": [0, total], "nticks": 7}
    layout = {
        "margin": {"l": 54, "r": 16, "t": 8, "b": 40}, "hovermode": "closest", "shapes": shapes, "annotations": notes,
        "xaxis": {**hours_axis, "tickformat": ",.3~f"},
        "yaxis": {"title": {"text": "MW, + import", "standoff": 2}, "range": [low, high], "nticks": 6},
    }  # fmt: skip
    return Figure("import", _import_title(rows, total), 250, [line], layout)


def _export_limit(facts: Facts, least_mw: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Line and label of the export limit, where the export comes near it."""
    limit = facts.settings.export_limit_mw()
    if not limit or least_mw > -0.5 * limit:
        return [], []
    shape = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": -limit, "y1": -limit, "line": dashed("$ink3")}
    note = {
        "x": 0, "y": -limit, "text": f"export limit {limit:.0f}", "showarrow": False, "xanchor": "left", "xshift": 5,
        "yshift": 9, "font": {"color": "$ink3", "size": 12},
    }  # fmt: skip
    return [shape], [note]


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
    brought = number(float(kwh.sum()), 1 if kwh.sum() < 1000 else 0)
    title = f"The sun brought {brought} kWh/m² in {span_text(facts)}, {peak:.0f} W/m² at most"
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
