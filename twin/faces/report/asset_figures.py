"""Figures of equipment and work: transformers, coolant, GPUs, waiting."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from twin.faces.report.canvas import Canvas, Figure, Label, by_day, curve, dashed, missing, room
from twin.faces.report.causes import Event
from twin.faces.report.gather import DIE, SUPPLY, TRANSFORMERS, Array, Facts, Times
from twin.faces.report.lead import hours_above, peak_of
from twin.faces.report.pack import column, times
from twin.faces.report.words import count_word, duration, number, percent, safe, sentence
from twin.quantities import MS_PER_HOUR, MS_PER_MIN

_MOST_COLUMNS = 400
_OUT_KINDS = ("open", "trip", "fail")
_SCALE = (
    (0.0, "$heat0"), (0.8333, "$heat1"), (0.8334, "$p2"), (0.9166, "$p2"), (0.9167, "$p1"), (1.0, "$p1"),
)  # fmt: skip
_BAR = {
    "thickness": 8, "len": 1, "tickvals": [0, 50, 100, 110], "outlinewidth": 0, "x": 1.02, "tickfont": {"size": 11},
}  # fmt: skip
"""Grey to the rating, then the colours of priority 2 above 100 % and 1 above 110 %, of a scale to 120 %."""


def transformers(facts: Facts, events: list[Event]) -> Figure:
    """Loading of the transformers over time, the greatest of each column."""
    names = [name for name in facts.groups[TRANSFORMERS] if name in facts.high]
    if not names:
        return missing("loading", "Transformer loading", TRANSFORMERS)
    names.sort(key=lambda name: int("0" + "".join(re.findall(r"\d", name))))
    assets = [name.rpartition(".")[0] for name in names]
    t_ms, block = _columns(facts.high.t_ms, np.stack([facts.high[name] for name in names]))
    canvas = Canvas(facts, 0, 1, height=70 + 22 * len(names), half=False, top=4)
    canvas.annotations = []
    for row, asset in enumerate(assets):
        for begin, end in _out_of_service(asset, events, facts.end_ms):
            block[row, (t_ms >= begin) & (t_ms + MS_PER_HOUR <= end)] = np.nan
            if end - begin > 0.12 * facts.horizon_ms:
                middle, text = canvas.origin_ms + (begin + end) // 2, f"out of service {duration(end - begin)}"
                canvas.note(middle, safe(asset), text, font={"color": "$ink3", "size": 11})
    canvas.traces.append({
        "type": "heatmap", "name": "loading, %", "x": times(np.append(t_ms, facts.end_ms), canvas.origin_ms),
        "y": [safe(asset) for asset in assets], "z": column(100 * block), "zmin": 0, "zmax": 120, "ygap": 2,
        "colorscale": [list(stop) for stop in _SCALE], "colorbar": _BAR,
        "hovertemplate": "%{y} %{z:.0f} %<br>%{x}<extra></extra>",
    })  # fmt: skip
    figure = canvas.figure("loading", _loading_title(facts, names), hovermode="closest")
    figure.layout["yaxis"] = {"autorange": "reversed", "tickfont": {"size": 12}, "type": "category"}
    return figure


def _columns(t_ms: Times, block: Array) -> tuple[Times, Array]:
    """The greatest value of stretches of equal length, few enough to draw."""
    width = -(-len(t_ms) // _MOST_COLUMNS)
    starts = np.arange(0, len(t_ms), width)
    return t_ms[starts], np.maximum.reduceat(block, starts, axis=1)


def _out_of_service(asset: str, events: list[Event], end_ms: int) -> list[tuple[int, int]]:
    own = [event for event in events if event.asset == asset and event.kind in _OUT_KINDS and event.priority > 0]
    return [(event.t_ms, end_ms if event.end_ms is None else event.end_ms) for event in own]


def _rating(facts: Facts, name: str) -> str:
    """``240 MVA`` out of the channel's description, where it says so."""
    found = re.search(r"of its ([\d.]+ M?VA)", facts.descriptions.get(name, ""))
    return found[1] if found else "the rating"


def _loading_title(facts: Facts, names: list[str]) -> str:
    peak = peak_of(facts, TRANSFORMERS)
    head = f"Transformer loading, % of {_rating(facts, names[0])}"
    if peak is None:
        return head
    name, value, at_ms = peak
    asset, when = safe(name.rpartition(".")[0]), facts.clock.short(at_ms)
    over = [each for each in names if float(np.nanmax(facts.high[each])) > 1.0]
    if not over:
        return f"{head}: none above it; {asset} came to {percent(value)} on {when}"
    others = f", {count_word(len(over) - 1)} more with it" if len(over) > 1 else ""
    return f"{head}: {asset} came to {percent(value)} on {when}, above it in {hours_above(facts, name, 1.0)}{others}"


# Bands of all, the worst by name ------------------------------------------------------------------------------------


def coolant(facts: Facts) -> Figure:
    """Coolant supply of all halls, the warmest by name, and the limit."""
    limit = facts.settings.least("rack_hall", "alarm_supply_c") or 47.0
    return _band_figure(facts, "supply", SUPPLY, "Coolant supply", limit, "limit")


def gpus(facts: Facts) -> Figure:
    """GPU temperature of the hottest row of each hall."""
    limit = facts.settings.least("rack_hall", "throttle_c")
    return _band_figure(facts, "gpus", DIE, "GPU temperature", limit, "throttle")


def _band_figure(facts: Facts, key: str, pattern: str, what: str, limit: float | None, limit_name: str) -> Figure:
    names = [name for name in facts.groups[pattern] if name in facts.high]
    peak = peak_of(facts, pattern)
    if not names or peak is None:
        return missing(key, what, pattern)
    worst = peak[0]
    low = np.min([facts.low[name] for name in names], axis=0)
    high = np.max([facts.high[name] for name in names], axis=0)
    t_ms, line = facts.high.t_ms, facts.high[worst]
    if facts.long:
        t_ms, line = by_day(facts, facts.high.t_ms, line, np.fmax)
        low, high = (
            by_day(facts, facts.high.t_ms, values, pick)[1] for values, pick in ((low, np.fmin), (high, np.fmax))
        )
    canvas = Canvas(facts, *room(float(low.min()), float(high.max()), limit, least=2.0), unit="°C", right=78)
    asset = worst.rpartition(".")[0]
    canvas.band("all halls", t_ms, low, high, "%{y:.1f} °C")
    canvas.line(asset, t_ms, line, "$ink", "%{y:.1f} °C", width=1.4)
    labels = [Label(float(line[-1]), asset)]
    if len(names) > 1:
        labels.append(Label(float(low[-1]), "all halls", "$ink3"))
    if limit is not None:
        canvas.limit(limit)
        labels.append(Label(limit, f"{limit_name} {limit:g}", "$p1", limit=True))
    canvas.ends(labels)
    return canvas.figure(key, _band_title(facts, what, worst, peak[1], limit, limit_name))


def _band_title(facts: Facts, what: str, worst: str, value: float, limit: float | None, limit_name: str) -> str:
    asset, many = safe(worst.rpartition(".")[0]), "all halls"
    if limit is None:
        return f"{what}, {many}: {asset} came to {number(value, 1)} °C"
    if value < limit:
        of = "throttling" if limit_name == "throttle" else "the limit"
        return f"{what}, {many}: {asset} came within {number(limit - value, 1)} K of {of}"
    hours = hours_above(facts, worst, limit, or_at=True)
    return f"{what}, {many}: {asset} came to {number(value, 1)} °C and was at or above {limit:g} °C in {hours}"


# Waiting ------------------------------------------------------------------------------------------------------------


def waiting(facts: Facts) -> Figure:
    """Share of the started jobs that had waited no longer than a given time."""
    wait = facts.jobs.wait_s / 60.0
    name, title = "waiting", "How long jobs waited"
    if len(wait) == 0:
        return Figure(name, title, missing="No job started in this run, so there is no wait to draw.")
    if wait[-1] < 1.0 / 60.0:
        none = f"None of the {number(len(wait))} jobs that started had to wait: there were free GPUs for each at once."
        return Figure(name, title, missing=none)
    low, high = 0.1, max(float(wait[-1]), 1.0)
    x = np.geomspace(low, high, 240)
    line = curve(
        "% of jobs", x, 100.0 * np.searchsorted(wait, x, side="right") / len(wait), "%{y:.1f} % within %{x:.1f} min"
    )
    ticks = [(minutes, text) for minutes, text in _WAIT_TICKS if minutes <= high]
    layout = {
        "margin": {"l": 50, "r": 20, "t": 8, "b": 40}, "hovermode": "closest", "shapes": _read_off(wait, low),
        "xaxis": {"type": "log", "range": [np.log10(low), np.log10(high)], "title": {"text": "wait", "standoff": 4},
                  "tickvals": [minutes for minutes, _ in ticks], "ticktext": [text for _, text in ticks]},
        "yaxis": {"title": {"text": "% of jobs", "standoff": 2}, "range": [0, 101], "nticks": 6},
    }  # fmt: skip
    return Figure(name, _waiting_title(wait), 250, [line], layout)


def _read_off(wait_min: Array, low: float) -> list[dict[str, Any]]:
    """Dotted lines at half of the jobs and at nine in ten."""
    shapes: list[dict[str, Any]] = []
    for share in (50, 90):
        at = float(np.quantile(wait_min, share / 100.0))
        if at > low:
            both = {"type": "line", "line": dashed("$ink3", "dot")}
            shapes += [
                {**both, "x0": low, "x1": at, "y0": share, "y1": share},
                {**both, "x0": at, "x1": at, "y0": 0, "y1": share},
            ]
    return shapes


_WAIT_TICKS = (
    (0.1, "6 s"), (1, "1 min"), (10, "10 min"), (60, "1 h"), (600, "10 h"), (1440 * 4, "4 d"), (1440 * 30, "30 d"),
)  # fmt: skip


def _waiting_title(wait_min: Array) -> str:
    half, most = (float(np.quantile(wait_min, share)) for share in (0.5, 0.9))
    at_once = float(np.searchsorted(wait_min, 0.1, side="right")) / len(wait_min)
    if most <= 0.1:
        last = duration(float(wait_min[-1]) * MS_PER_MIN)
        return f"{percent(at_once)} of the jobs started at once, the last after {last}"
    first = "at once" if half <= 0.1 else f"within {duration(half * MS_PER_MIN)}"
    return sentence(f"half of the jobs started {first}, nine in ten within {duration(most * MS_PER_MIN)}")
