"""Strips: a value and its limit on a scale, as small SVG pictures that follow the theme."""

from __future__ import annotations

_WIDTH = 220.0
_FLOATING = ("°C", "Hz")
"""Units whose scale does not begin at 0."""


def strip(value: float | None, limit: float | None, low: float, high: float, *, bad: bool = False) -> str:
    """A bar from the left end to the value, the limit as an upright line, what lies between them red where ``bad``."""
    place = _Scale(low, high)
    marks = [f'<rect y="6" width="{_WIDTH:g}" height="4" fill="var(--track)"/>']
    if value is not None:
        x = place(value)
        marks.append(f'<rect y="6" width="{x:.1f}" height="4" fill="var(--fill)"/>')
        if bad and limit is not None:
            first, last = sorted((x, place(limit)))
            marks.append(f'<rect x="{first:.1f}" y="6" width="{last - first:.1f}" height="4" fill="var(--p1)"/>')
    if limit is not None:
        marks.append(f'<rect x="{place(limit) - 1:.1f}" width="2" height="16" fill="var(--ink)"/>')
    if value is not None and limit is not None:
        colour = "var(--p1)" if bad else "var(--ink2)"
        marks.append(f'<rect x="{x - 2:.1f}" y="3" width="4" height="10" fill="{colour}"/>')
    return f'<svg class="strip" viewBox="0 0 {_WIDTH:g} 16" aria-hidden="true">{"".join(marks)}</svg>'


class _Scale:
    def __init__(self, low: float, high: float) -> None:
        self.low, self.span = low, (high - low) or 1.0

    def __call__(self, value: float) -> float:
        return 2.0 + (_WIDTH - 4.0) * min(max((value - self.low) / self.span, 0.0), 1.0)


def verdict_scale(value: float, limit: float, unit: str) -> tuple[float, float]:
    """Ends of the scale on which a value and its limit are both seen well."""
    low, high = min(value, limit), max(value, limit)
    gap = high - low
    if unit in _FLOATING or (unit == "1" and low > 2.0 * gap > 0.0):
        room = max(gap * 3.0, 0.15 * abs(high), 1e-9)
        return low - room, high + 0.4 * room
    if low < 0.0:
        return low - 0.15 * (gap or abs(low)), high + 0.15 * (gap or abs(low))
    return (0.0, 1.18 * high) if limit > 0.0 else (-0.15 * (high or 1.0), 1.18 * (high or 1.0))
