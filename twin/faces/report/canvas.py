"""What all figures share: axes, labels at the ends of lines, limits. Colours are names of tokens, ``$ink``, which the
page looks up in its theme; ``$solar/.6`` is one with an opacity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twin.faces.report.gather import Array, Facts, Times
from twin.faces.report.pack import column, exact_column, thinned, times
from twin.faces.report.words import safe
from twin.quantities import MS_PER_DAY, MS_PER_HOUR

Trace = dict[str, Any]
_LINE_PX = 15.0
"""Least distance of two labels."""
_FRAME_PX = 48.0
"""Height that margins take from a figure."""
_TICKS = (
    (1.6, 3 * MS_PER_HOUR, "%H:%M\n%m-%d"), (4.5, 6 * MS_PER_HOUR, "%H:%M\n%m-%d"),
    (9, 12 * MS_PER_HOUR, "%H:%M\n%m-%d"), (16, MS_PER_DAY, "%m-%d\n%Y"), (45, 4 * MS_PER_DAY, "%m-%d\n%Y"),
    (130, 14 * MS_PER_DAY, "%m-%d\n%Y"), (240, "M1", "%b\n%Y"), (800, "M2", "%b\n%Y"), (1500, "M3", "%b\n%Y"),
    (4000, "M12", "%Y"),
)  # fmt: skip
"""Up to so many days: distance of the ticks and their text."""


@dataclass
class Figure:
    """One figure of the page: what plotly draws, and what stands around it."""

    name: str
    title: str
    """HTML: what the figure found."""
    height: int = 250
    traces: list[Trace] = field(default_factory=list)
    layout: dict[str, Any] = field(default_factory=dict)
    csv: str = ""
    """What the data button gives, where it is not what plotly draws."""
    missing: str = ""
    """HTML that stands in the figure's place where it has nothing to show."""

    def spec(self) -> dict[str, Any]:
        """What the page's script is given."""
        return {"height": self.height, "traces": self.traces, "layout": self.layout}


def missing(name: str, title: str, *channels: str) -> Figure:
    """A figure whose channels the run does not have."""
    names = " and ".join(f"<code>{safe(channel)}</code>" for channel in channels)
    text = (
        f"Not recorded: this run has no {names}. Every channel of the site is recorded by the hour, so there is no "
        f"such asset in the scenario; <code>twin describe</code> lists what there is."
    )
    return Figure(name, title, missing=text)


@dataclass(frozen=True)
class Label:
    """Text at the right end of a line."""

    y: float
    text: str
    colour: str = "$ink"
    limit: bool = False
    """A limit goes on where a run ended before its time."""


class Canvas:
    """A figure over the time of the run, with its y axis from ``low`` to ``high``."""

    def __init__(
        self, facts: Facts, low: float, high: float, *, height: int = 250, unit: str = "", half: bool = True,
        right: int = 70, top: int = 8,
    ) -> None:  # fmt: skip
        self.facts, self.low, self.high, self.height = facts, low, high, height
        self.origin_ms = facts.clock.origin_ms
        self.end_x = self.origin_ms + facts.horizon_ms
        self.traces: list[Trace] = []
        self.shapes: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self._margin = {"l": 50, "r": right, "t": top, "b": 40}
        self._unit, self._half, self._plot_px = unit, half, height - top - 40.0
        if facts.horizon_ms > facts.end_ms:
            self._unsimulated()

    def _unsimulated(self) -> None:
        """Shade what the run did not reach: the axis keeps its full length."""
        x0, x1 = self.origin_ms + self.facts.end_ms, self.end_x
        self.shapes.append({
            "type": "rect", "x0": x0, "x1": x1, "yref": "paper", "y0": 0, "y1": 1, "fillcolor": "$well",
            "line": {"width": 0}, "layer": "below",
        })  # fmt: skip
        if x1 - x0 > 0.12 * self.facts.horizon_ms:
            self.note(x0 + (x1 - x0) // 2, self.low + 0.5 * (self.high - self.low), "no results", "$ink3")

    # ------------------------------------------------------------------ marks

    def note(self, x: float, y: float | str, text: str, colour: str = "$ink", **more: Any) -> None:
        """Text at a place."""
        self.annotations.append(
            {"x": x, "y": y, "text": text, "showarrow": False, "font": {"color": colour, "size": 12}, **more}
        )

    def line(
        self, name: str, t_ms: Times, y: Array, colour: str, hover: str, *, width: float = 1.6, **more: Any
    ) -> None:
        """A line, thinned to what a screen can show."""
        at, values = thinned(t_ms, y)
        self.traces.append({
            "type": "scatter", "mode": "lines", "name": name, "x": times(at, self.origin_ms), "y": column(values),
            "line": {"color": colour, "width": width}, "hovertemplate": f"{safe(name)} {hover}<extra></extra>", **more,
        })  # fmt: skip

    def band(self, name: str, t_ms: Times, low: Array, high: Array, hover: str, colour: str = "$fill/.38") -> None:
        """The space between two lines; every stretch keeps its extremes."""
        at, least = _extreme(t_ms, low, np.fmin)
        _, most = _extreme(t_ms, high, np.fmax)
        edge = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "x": times(at, self.origin_ms)}
        below = f"{safe(name)}, lowest {hover}<extra></extra>"
        above = f"{safe(name)}, highest {hover}<extra></extra>"
        self.traces += [
            {**edge, "name": f"{name}, lowest", "y": column(least), "hovertemplate": below},
            {
                **edge,
                "name": f"{name}, highest",
                "y": column(most),
                "fill": "tonexty",
                "fillcolor": colour,
                "hovertemplate": above,
            },
        ]

    def limit(self, y: float, colour: str = "$p1") -> None:
        """A dashed line at a limit."""
        self.shapes.append({
            "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": y, "y1": y,
            "line": {"color": colour, "width": 1.2, "dash": "dash"},
        })  # fmt: skip

    def ends(self, labels: Sequence[Label]) -> None:
        """Labels at the right end of lines, moved apart where they would touch."""
        per_px = (self.high - self.low) / self._plot_px
        order = sorted(labels, key=lambda label: label.y)
        places: list[float] = []
        for label in order:
            own = label.y / per_px
            places.append(own if not places else max(own, places[-1] + _LINE_PX))
        top = self.high / per_px
        for i in range(len(order) - 1, -1, -1):
            places[i] = min(places[i], top)
            top = places[i] - _LINE_PX
        for label, place in zip(order, places, strict=True):
            end_ms = self.facts.horizon_ms if label.limit else self.facts.end_ms
            text = safe(label.text)
            self.note(self.origin_ms + end_ms, place * per_px, text, label.colour, xanchor="left", xshift=5)

    # ------------------------------------------------------------------ the figure

    def figure(self, name: str, title: str, **more: Any) -> Figure:
        """The figure so far."""
        layout = {
            "margin": self._margin, "xaxis": self._time_axis(),
            "yaxis": {"range": [self.low, self.high], "title": {"text": self._unit, "standoff": 4}, "nticks": 6},
            "shapes": self.shapes, "annotations": self.annotations, **more,
        }  # fmt: skip
        return Figure(name, title, self.height, self.traces, layout)

    def _time_axis(self) -> dict[str, Any]:
        days = self.facts.horizon_ms / MS_PER_DAY * (2.0 if self._half else 1.0)
        step, form = next(((step, form) for most, step, form in _TICKS if days <= most), ("M24", "%Y"))
        axis: dict[str, Any] = {
            "type": "date",
            "range": [self.origin_ms, self.end_x],
            "dtick": step,
            "tickformat": form,
        }
        if isinstance(step, int):
            axis["tick0"] = self.origin_ms // MS_PER_DAY * MS_PER_DAY
        else:
            axis["tick0"] = "2000-01-01"
        return axis


def _extreme(t_ms: Times, values: Array, pick: np.ufunc, most: int = 1000) -> tuple[Times, Array]:
    """At most ``most`` stretches with the least or the greatest of each."""
    if len(values) <= most:
        return t_ms, values
    edges = np.linspace(0, len(values), most + 1).astype(np.int64)[:-1]
    return t_ms[edges], np.asarray(pick.reduceat(values, edges), dtype=np.float64)


def curve(name: str, x: Array, y: Array, hover: str) -> Trace:
    """A line over anything but time."""
    return {
        "type": "scatter", "mode": "lines", "name": name, "x": exact_column(x), "y": column(y),
        "line": {"color": "$ink", "width": 1.8}, "hovertemplate": f"{hover}<extra></extra>",
    }  # fmt: skip


def dashed(colour: str, dash: str = "dash") -> dict[str, Any]:
    """The look of a thin line that is not data."""
    return {"color": colour, "width": 1, "dash": dash}


def room(*values: float | None, least: float = 1.0, share: float = 0.08) -> tuple[float, float]:
    """Ends of an axis that has all values inside, with some air."""
    known = [value for value in values if value is not None and np.isfinite(value)]
    if not known:
        return 0.0, least
    low, high = min(known), max(known)
    air = max((high - low) * share, least / 2.0)
    return low - air, high + air


def by_day(facts: Facts, t_ms: Times, values: Array, pick: np.ufunc) -> tuple[Times, Array]:
    """The least or the greatest value of each local day; the time is the middle of the day."""
    days = (t_ms + facts.clock.origin_ms) // MS_PER_DAY
    found, first = np.unique(days, return_index=True)
    middle = found * MS_PER_DAY - facts.clock.origin_ms + MS_PER_DAY // 2
    return np.asarray(middle, dtype=np.int64), np.asarray(pick.reduceat(values, first), dtype=np.float64)
