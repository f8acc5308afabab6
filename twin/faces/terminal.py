"""What a run looks like on a terminal while it goes on: the live panel, a plain line, what Ctrl-C leaves.

Pure functions from data to lines of text, 80 columns, complete without colour; ``paint`` adds the colour. The mock-up
they follow has twelve live lines, redrawn in place.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

WIDTH = 80
RULE = "─" * WIDTH

_MARKS = {1: "✕", 2: "!", 3: "·"}


@dataclass(frozen=True)
class Event:
    """One event as the panel shows it; ``time`` on the site's clock."""

    time: datetime
    priority: int
    asset: str
    text: str


@dataclass(frozen=True)
class Frame:
    """What the panel shows of a run at one moment; powers in MW, times on the site's clock."""

    time: datetime
    share: float
    gone_s: float
    speed: float
    """Simulated over elapsed time."""
    step_s: float
    fine: bool
    rss_mb: float
    load_mw: float
    solar_mw: float
    solar_available_mw: float
    curtailed_mw: float
    battery_mw: float
    soc: float
    grid_mw: float
    pue: float
    running: float
    queued: float
    loading: tuple[str, float] | None = None
    """Most loaded transformer, and its loading in pu."""
    coolant: tuple[str, float] | None = None
    """Hall with the warmest supply, and its temperature in °C."""
    grid_note: str = ""
    events: Sequence[Event] = ()
    """Newest first."""
    n_events: int = 0


def grouped(value: float, decimals: int = 0) -> str:
    """``41 300``: thousands apart, a true minus sign, an en dash for what has no value."""
    if not math.isfinite(value):
        return "–"
    text = f"{abs(value):,.{decimals}f}".replace(",", " ")
    is_zero = not any(digit in "123456789" for digit in text)
    return f"−{text}" if value < 0 and not is_zero else text


def short_time(seconds: float) -> str:
    """``00:03``, or ``1:02:03`` from an hour on."""
    if not math.isfinite(seconds):
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def span(seconds: float) -> str:
    """``6.3 s``, ``4 min 12 s``, ``3 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3_600:
        return f"{int(seconds // 60)} min {int(seconds % 60):02} s"
    return f"{int(seconds // 3_600)} h {int(seconds % 3_600 // 60):02} min"


def header_lines(
    name: str, title: str, counts: Mapping[str, int], *, version: str, seed: int, digest: str
) -> list[str]:
    """What is run: printed once, above the panel."""
    things = "  ".join(f"{number} {what}" for what, number in counts.items() if number)
    first = cut(f"twin {version}   {name}   {title}".rstrip())
    return [first, cut(f"{things}  seed {seed}  digest {digest[:4]}…".strip())]


def panel_lines(frame: Frame, out: str) -> list[str]:
    """The live panel: twelve lines of at most 80 columns."""
    return [
        RULE,
        *map(cut, _panel(frame)),
        RULE,
        cut(f" Ctrl-C stops after this chunk and keeps everything: twin resume {out}"),
    ]


def _panel(frame: Frame) -> Iterator[str]:
    to_go_s = frame.gone_s / frame.share * (1.0 - frame.share) if frame.share > 0.0 else math.nan
    fine = " (fine window)" if frame.fine else ""
    yield f" {frame.time:%m-%d %H:%M}   {_bar(frame.share, 58)} {frame.share:4.0%}".replace("%", " %")
    pace = f"{short_time(frame.gone_s)} gone, {short_time(to_go_s)} to go   {grouped(frame.speed)} × real time"
    yield f" {pace}   step {frame.step_s:g} s{fine}   {frame.rss_mb:.0f} MB"
    yield ""
    yield (
        f" load  {grouped(frame.load_mw):>6} MW   "
        f"solar {grouped(frame.solar_mw):>6} of {grouped(frame.solar_available_mw)} MW   "
        f"curtailed {grouped(frame.curtailed_mw):>5} MW"
    )
    grid = f"grid {grouped(frame.grid_mw):>6} MW  {frame.grid_note}".rstrip()
    yield f" battery {grouped(frame.battery_mw):>4} MW   charge {_percent(frame.soc):>6} %            {grid}"
    yield _worst_line(frame)
    yield ""
    yield from _event_lines(frame.events, frame.n_events)


def _worst_line(frame: Frame) -> str:
    words = []
    if frame.loading is not None:
        words.append(f"T max {_percent(frame.loading[1]):>4} %  {frame.loading[0]}")
    if frame.coolant is not None:
        words.append(f"coolant {frame.coolant[1]:>5.1f} °C  {frame.coolant[0]}")
    words.append(f"PUE {frame.pue:.3f}" if math.isfinite(frame.pue) else "PUE –")
    words.append(f" jobs {grouped(frame.running)} run, {grouped(frame.queued)} wait")
    return " " + "  ".join(words)


def _percent(share: float) -> str:
    return grouped(share * 100.0)


def _bar(share: float, width: int) -> str:
    done = min(max(int(share * width), 0), width)
    return "━" * done + ("╺" + "─" * (width - done - 1) if done < width else "")


def _event_lines(events: Sequence[Event], n_events: int) -> list[str]:
    """Two lines, whatever there is to tell."""
    lines = []
    for event in events[:2]:
        stamp = f"{event.time:%H:%M:%S}.{event.time.microsecond // 1000:03}"
        lines.append(f" {_MARKS.get(event.priority, '·')} {stamp}  {event.asset:<10}  {event.text}")
    if not lines:
        lines = [" no events so far"]
    more = n_events - len(events[:2])
    if more > 0:
        tail = f"(+ {more} more events)"
        lines[-1] = f"{cut(lines[-1], WIDTH - len(tail) - 2):<{WIDTH - len(tail) - 1}}{tail}"
    return [*lines, ""][:2]


def cut(line: str, width: int = WIDTH) -> str:
    """The line, shortened to ``width`` columns."""
    return line if len(line) <= width else line[: width - 1] + "…"


def plain_line(frame: Frame) -> str:
    """One line of ``--progress plain``, printed every 5 %."""
    return (
        f"{frame.time:%m-%d %H:%M} {frame.share * 100:3.0f} %  load {grouped(frame.load_mw)} MW  "
        f"solar {grouped(frame.solar_mw):>4} MW  grid {grouped(frame.grid_mw):>4} MW  "
        f"soc {_percent(frame.soc):>3} %  events {frame.n_events}"
    )


def json_record(frame: Frame) -> dict[str, Any]:
    """One object of ``--progress json``; what has no value is null."""
    numbers = {
        name: getattr(frame, name)
        for name in ("share", "speed", "load_mw", "solar_mw", "curtailed_mw", "battery_mw", "soc", "grid_mw", "pue")
    }
    finite = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
    return {"time": frame.time.isoformat(), **finite, "events": frame.n_events, "rss_mb": round(frame.rss_mb, 1)}


def stopped_line(time: datetime, out: str) -> str:
    """What Ctrl-C leaves behind."""
    return f"stopped at {time:%m-%d %H:%M:%S}, every part is written.   twin resume {out}"


def failure_lines(message: str, out: str) -> list[str]:
    """An audit or the solver failed: what is broken, what is kept."""
    first, *more = message.splitlines() or ["the run failed"]
    lines = [f"✕ {first}", *(f"  {line.strip()}" for line in more)]
    if out:
        lines += [
            "  The run is kept, marked invalid, and report will say so on its first line.",
            f"  Please send {out}/manifest.json with a bug report.",
        ]
    return lines


def paint(lines: Sequence[str], paths: Sequence[str] = ()) -> Text:
    """The lines with the only colour there is: red ✕, yellow !, underlined paths."""
    from rich.text import Text

    text = Text("\n".join(lines), no_wrap=True, overflow="ignore")
    text.highlight_regex(r"(?m)^ ?✕", "red")
    text.highlight_regex(r"✕ broken$", "red")
    text.highlight_regex(r"(?m)^ ?!(?= )", "yellow")
    text.highlight_words(sorted(path for path in set(paths) if path), "underline")
    return text


def show(console: Console, lines: Sequence[str], paths: Sequence[str] = ()) -> None:
    """Print painted lines as they are, whatever the width of the console."""
    console.print(paint(lines, paths), soft_wrap=True)
