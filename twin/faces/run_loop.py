"""Drives a run for the command line: in chunks, so that a person sees it move and Ctrl-C is heard.

A run stops on grid lines only, and stopping there changes no bit of it, so the chunk follows the wall clock.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Protocol

from twin.faces.terminal import Event, Frame, json_record, paint, panel_lines, plain_line

if TYPE_CHECKING:
    from rich.console import Console

    from twin.run import Run

CHUNK_S = 0.2
"""Elapsed time a chunk should take: the panel is redrawn at 4 Hz at most."""
REDRAW_S = 0.25
MARKS = 20
"""Lines of plain progress in a whole run: one per 5 %."""

_SITE = (
    "site.load_mw", "solar.p_mw", "solar.available_mw", "solar.curtailed_mw", "battery.p_mw", "battery.soc",
    "grid.p_mw", "site.pue", "jobs.running", "jobs.queued",
)  # fmt: skip
"""Channels the panel reads, in the order of ``Frame``'s fields from ``load_mw`` on."""
_FIELDS = (
    "load_mw", "solar_mw", "solar_available_mw", "curtailed_mw", "battery_mw", "soc", "grid_mw", "pue", "running",
    "queued",
)  # fmt: skip
_AT_LIMIT = 0.999


class Reporter(Protocol):
    """Shows frames to somebody."""

    def show(self, frame: Frame) -> None:
        """Show the run as it stands now."""

    def close(self) -> None:
        """Nothing more will come."""


class Silent:
    """Shows nothing."""

    def show(self, frame: Frame) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Panel:
    """The live panel, redrawn in place."""

    def __init__(self, console: Console, out: str) -> None:
        from rich.live import Live

        self._out = out
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()
        self._drawn = -REDRAW_S

    def show(self, frame: Frame) -> None:
        """Redraw, unless the last time was a moment ago."""
        if time.monotonic() - self._drawn < REDRAW_S:
            return
        self._drawn = time.monotonic()
        self._live.update(paint(panel_lines(frame, self._out)), refresh=True)

    def close(self) -> None:
        """Give the screen back."""
        self._live.stop()


class Lines:
    """One line per 5 %: plain text, or JSON objects."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._told = 0

    def show(self, frame: Frame) -> None:
        """Print the line of each 5 % that is reached."""
        mark = int(frame.share * MARKS + 1e-9)
        if mark <= self._told:
            return
        self._told = mark
        line = json.dumps(json_record(frame), ensure_ascii=False) if self._as_json else plain_line(frame)
        print(line, flush=True)

    def close(self) -> None:
        """Nothing is left to print."""


class Watch:
    """Turns a run into frames."""

    def __init__(self, run: Run, until_ms: int) -> None:
        self._run = run
        self._scenario = run.scenario
        self._until_ms = until_ms
        self._from_ms = run.scenario.ms_of(run.now)
        self._began = time.monotonic()
        names = set(run.variables()["name"])
        self.n_buses = sum(name.endswith(".vm_pu") for name in names)
        self._site = [name for name in _SITE if name in names]
        members = [(component.kind, component.name) for component in run.scenario.components]
        self._loading = _present(names, [f"{name}.loading_pu" for kind, name in members if kind == "transformer"])
        self._coolant = _present(names, [f"{name}.supply_c" for kind, name in members if kind == "rack_hall"])

    @property
    def zone(self) -> timezone:
        """The site's clock."""
        return timezone(timedelta(milliseconds=self._scenario.utc_offset_ms))

    @property
    def gone_s(self) -> float:
        """Elapsed time since the run was taken up."""
        return time.monotonic() - self._began

    def frame(self) -> Frame:
        """The run as it stands now."""
        progress = self._run.progress()
        now_ms = self._scenario.ms_of(progress["sim_time"])
        simulated_s = (now_ms - self._from_ms) / 1000.0
        values = dict.fromkeys(_FIELDS, float("nan")) | self._values()
        events = list(progress["events"])
        return Frame(
            time=progress["sim_time"].tz_convert(self.zone).to_pydatetime(),
            share=(now_ms - self._from_ms) / max(self._until_ms - self._from_ms, 1),
            gone_s=self.gone_s,
            speed=simulated_s / max(self.gone_s, 1e-3),
            step_s=progress["step_s"],
            fine=progress["fine"],
            rss_mb=progress["rss_mb"],
            loading=self._worst(self._loading),
            coolant=self._worst(self._coolant),
            grid_note=self._grid_note(values["grid_mw"]),
            events=_events(events, self.zone),
            n_events=int(progress.get("n_events", len(events))),
            **values,
        )

    def _values(self) -> dict[str, float]:
        fields = [_FIELDS[_SITE.index(name)] for name in self._site]
        return dict(zip(fields, map(float, self._run.read(self._site)), strict=True)) if self._site else {}

    def _worst(self, channels: Sequence[str]) -> tuple[str, float] | None:
        """Asset with the highest value, and the value."""
        if not channels:
            return None
        values = self._run.read(list(channels))
        worst = max(range(len(channels)), key=lambda i_channel: float(values[i_channel]))
        return channels[worst].rpartition(".")[0], float(values[worst])

    def _grid_note(self, grid_mw: float) -> str:
        dispatch = self._scenario.dispatch
        if dispatch.export_limit_mw and grid_mw <= -_AT_LIMIT * dispatch.export_limit_mw:
            return "at export limit"
        if dispatch.import_limit_mw and grid_mw >= _AT_LIMIT * dispatch.import_limit_mw:
            return "at import limit"
        return ""


def _present(names: set[str], channels: Sequence[str]) -> list[str]:
    return [channel for channel in channels if channel in names]


def _events(recent: Sequence[tuple[Any, int, str, str]], zone: timezone) -> list[Event]:
    """Newest first."""
    events = [Event(local(stamp, zone), priority, asset, text) for stamp, priority, asset, text in recent]
    return sorted(events, key=lambda event: event.time, reverse=True)


def local(stamp: Any, zone: timezone) -> datetime:
    """A pandas timestamp on the site's clock."""
    moment: datetime = stamp.tz_convert(zone).to_pydatetime()
    return moment


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """The first Ctrl-C sets the flag, so that a chunk can end; a second one interrupts at once."""
    flag = threading.Event()

    def hear(*_: object) -> None:
        if flag.is_set():
            raise KeyboardInterrupt
        flag.set()

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, before)


def drive(run: Run, until_ms: int, reporter: Reporter, watch: Watch, flag: threading.Event) -> bool:
    """Advance to ``until_ms`` after the start, showing it; False where ``flag`` stopped it on the way."""
    step_ms = run.scenario.step_ms
    start_ms = now_ms = run.scenario.ms_of(run.now)
    chunk = 60
    while now_ms < until_ms:
        if flag.is_set():
            return False
        target_ms = min(until_ms, now_ms + chunk * step_ms, _next_mark_ms(now_ms, start_ms, until_ms, step_ms))
        before = time.monotonic()
        run.advance(run.scenario.timestamp(target_ms))
        elapsed_s = time.monotonic() - before
        steps = max(1, (target_ms - now_ms) // step_ms)
        now_ms = target_ms
        chunk = min(max(1, round(steps * CHUNK_S / max(elapsed_s, 1e-4))), 8 * max(chunk, 1))
        reporter.show(watch.frame())
    return True


def _next_mark_ms(now_ms: int, start_ms: int, until_ms: int, step_ms: int) -> int:
    """The grid line at or after the next 5 % of the run, or its end."""
    span_ms = until_ms - start_ms
    done = (now_ms - start_ms) * MARKS // span_ms
    for mark in (done, done + 1):
        line_ms = start_ms - (-span_ms * mark // (MARKS * step_ms)) * step_ms
        if line_ms > now_ms:
            return min(line_ms, until_ms)
    return now_ms + step_ms


def reporter_for(progress: str, console: Console, out: str) -> Reporter:
    """``auto`` is the panel on a terminal and plain lines elsewhere."""
    if progress == "auto":
        progress = "panel" if sys.stdout.isatty() else "plain"
    if progress == "panel":
        return Panel(console, out)
    return Silent() if progress == "none" else Lines(as_json=progress == "json")


def local_expect(entries: Sequence[Mapping[str, Any]], zone: timezone) -> list[dict[str, Any]]:
    """The verdicts with their times, texts or timestamps, on the site's clock."""
    import pandas as pd

    told = []
    for entry in entries:
        stamp = entry.get("time")
        moment = None if stamp is None else local(pd.Timestamp(stamp), zone)
        told.append({**entry, "time": moment})
    return told
