"""What must hold between the keys of a scenario. Each check reads the plain document and skips what is wrong by itself.

Checks that need the built site (names of assets, channels) are made where the site is built, with
``Scenario.problem_at``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from twin.local_time import as_text, ms_from_start
from twin.plan import nearest
from twin.quantities import MS_PER_DAY, MS_PER_S, duration_ms
from twin.scenario_file import OVERRIDES, Document
from twin.scenario_tables import BOUNDS, RunConfig
from twin.toml_lines import Key

FIRST_YEAR, LAST_YEAR = 1950, 2200
"""Nanosecond timestamps of the table libraries end in 2262."""
BOUNDARY: tuple[tuple[str, str], ...] = (("weather", "path"), ("workload", "path"))
"""Keys that name a file with boundary data."""

_NEEDS_VALUE = {"set": "the new value", "derate": "the share that is left, 0 to 1"}


def check(document: Document, run: RunConfig | None) -> None:
    """Note in ``document`` everything that is wrong between its keys; ``run`` is None where ``[run]`` is wrong."""
    _check_run(document)
    _check_dispatch(document)
    clock = _Clock(document, run.start if run else None, round(run.days * MS_PER_DAY) if run else None)
    for key, entry in _entries(document, "timeline"):
        _check_timeline(clock, key, entry)
    for key, entry in _entries(document, "commission"):
        clock.time((*key, "at"), entry, during_the_run=False)
    for key, entry in _entries(document, "expect"):
        _check_bounds(document, key, entry)
        _check_window(clock, key, entry)
    for key, entry in _entries(document, "record", "window"):
        _check_window(clock, key, entry)


def _entries(document: Document, *path: str) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    """Every well-formed entry of an array of tables, with its key."""
    value: Any = document.data
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    for index, entry in enumerate(value if isinstance(value, list) else ()):
        if isinstance(entry, Mapping) and not document.full:
            yield (*path, index), entry


def _numbers(document: Document, table: str, **defaults: float | None) -> dict[str, Any]:
    """Keys of a table that are numbers above 0, or their defaults; what is no number is left out."""
    given = document.data.get(table)
    values = {
        name: (given if isinstance(given, Mapping) else {}).get(name, default) for name, default in defaults.items()
    }
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    }


def _check_run(document: Document) -> None:
    defaults = {name: field.default for name, field in RunConfig.model_fields.items() if not field.is_required()}
    run = _numbers(document, "run", days=None, **{name: value for name, value in defaults.items() if name != "seed"})
    key: Key = ("run",)
    step_s = run.get("step_s")
    if step_s and 3_600 % step_s:
        near = max(step for step in range(1, 3_601) if 3_600 % step == 0 and step <= max(step_s, 1))
        document.doubt((*key, "step_s"), "expected a divisor of 3600", got=step_s, hint=f"write step_s = {near}")
        step_s = None
    for name in ("days", "checkpoint_days"):
        if step_s and name in run and (run[name] * 86_400) % step_s:
            document.doubt((*key, name), f"expected a multiple of the step of {step_s} s", got=run[name])
    fine_s = run.get("fine_step_s")
    if fine_s and (round(fine_s * MS_PER_S, 6) % 1 or round(fine_s * MS_PER_S) < 1):
        document.doubt((*key, "fine_step_s"), "expected whole milliseconds", got=fine_s)
    elif step_s and fine_s and step_s * MS_PER_S % round(fine_s * MS_PER_S):
        document.doubt((*key, "fine_step_s"), f"expected a divisor of the step of {step_s} s", got=fine_s)
    least, most = run.get("fine_window_least_s"), run.get("fine_window_most_s")
    if least and most and least > most:
        message = f"longer than fine_window_most_s = {most:g}"
        document.doubt((*key, "fine_window_least_s"), message, got=least)
    _check_start(document)


def _check_start(document: Document) -> None:
    run = document.data.get("run")
    start = run.get("start") if isinstance(run, Mapping) else None
    if isinstance(start, str):
        try:
            start = datetime.fromisoformat(start)
        except ValueError:
            return
    if not isinstance(start, datetime):
        return
    if not FIRST_YEAR <= start.year < LAST_YEAR:
        document.doubt(("run", "start"), f"expected a year from {FIRST_YEAR} to {LAST_YEAR - 1}", got=start.isoformat())
    elif start.microsecond:
        document.doubt(("run", "start"), "expected a whole second", got=start.isoformat())


def _check_dispatch(document: Document) -> None:
    dispatch = _numbers(document, "dispatch", soc_floor_share=None, soc_ceiling_share=1.0, peak_import_mw=None)
    floor, ceiling = dispatch.get("soc_floor_share"), dispatch.get("soc_ceiling_share")
    if floor and ceiling and floor >= ceiling:
        message = f"expected a share below soc_ceiling_share = {ceiling:g}"
        document.doubt(("dispatch", "soc_floor_share"), message, got=floor)
    given = document.data.get("dispatch")
    if isinstance(given, Mapping) and given.get("mode") == "peak" and "peak_import_mw" not in given:
        document.doubt(
            ("dispatch", "mode"), "this mode needs peak_import_mw", got="peak", hint="write peak_import_mw = …"
        )


@dataclass(frozen=True)
class _Clock:
    """Reads times of the scenario against the run, where that is known."""

    document: Document
    start: datetime | None
    horizon_ms: int | None

    def time(self, key: Key, entry: Mapping[str, Any], *, during_the_run: bool = True) -> int | None:
        """Milliseconds from the start to the time at ``key``; None where it is missing or wrong."""
        text = as_text(entry.get(str(key[-1])))
        if not isinstance(text, str) or not text:
            return None
        any_start = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
        try:
            ms = ms_from_start(text, self.start or any_start)
        except (ValueError, OverflowError) as error:
            self.document.doubt(key, str(error), got=text)
            return None
        if self.start is None or self.horizon_ms is None:
            return None
        if during_the_run and ms < 0:
            self.document.doubt(key, f"before the start of the run ({self.start.isoformat()})", got=text)
            return None
        if during_the_run and ms >= self.horizon_ms:
            where = "at" if ms == self.horizon_ms else "after"
            self.document.doubt(key, f"{where} the end of the run ({_days(self.horizon_ms)})", got=text)
            return None
        return ms


def _days(ms: int) -> str:
    days = ms / MS_PER_DAY
    return f"{days:g} day{'' if days == 1 else 's'}"


def _check_timeline(clock: _Clock, key: Key, entry: Mapping[str, Any]) -> None:
    clock.time((*key, "at"), entry)
    document, verb, value = clock.document, entry.get("do"), entry.get("value")
    if verb in _NEEDS_VALUE and "value" not in entry:
        document.doubt((*key, "do"), f"needs a value: {_NEEDS_VALUE[verb]}", got=verb, hint="write value = …")
    elif verb == "derate" and isinstance(value, int | float) and not 0 <= value <= 1:
        document.doubt((*key, "value"), "expected a share from 0 to 1", got=value)
    elif verb in ("open", "close", "trip", "fail", "repair") and "value" in entry:
        document.doubt((*key, "value"), f"the verb {verb} takes no value", got=value)
    duration = entry.get("duration")
    if isinstance(duration, str) and duration:
        _check_duration(document, (*key, "duration"), duration)


def _check_duration(document: Document, key: Key, text: str) -> None:
    try:
        ms = duration_ms(text)
    except (ValueError, OverflowError):
        document.doubt(key, "expected a duration such as '90s', '15min', '2h' or '1d 12h'", got=text)
        return
    if ms <= 0:
        document.doubt(key, "expected a duration above 0", got=text)


def _check_bounds(document: Document, key: Key, entry: Mapping[str, Any]) -> None:
    given = [name for name in BOUNDS if name in entry]
    # A misspelt bound has been told already, with the name that was meant.
    if not given and not any(nearest(name, list(BOUNDS)) for name in entry):
        document.doubt(key, f"expected one of {', '.join(BOUNDS)}")
    for name in given[1:]:
        document.doubt((*key, name), f"exactly one bound: {given[0]} is given too", got=entry[name])


def _check_window(clock: _Clock, key: Key, entry: Mapping[str, Any]) -> None:
    start = clock.time((*key, "from"), entry)
    end = clock.time((*key, "to"), entry, during_the_run=False)
    if end is not None and end <= (start or 0):
        from_text = as_text(entry["from"]) if "from" in entry else "the start"
        clock.document.doubt((*key, "to"), f"expected a time after {from_text}", got=as_text(entry["to"]))


def boundary_files(document: Document) -> dict[str, Path]:
    """The files that the weather and the workload name, resolved; what is wrong with a path is noted."""
    files = {}
    for key in BOUNDARY:
        table = document.data.get(key[0])
        path = table.get(key[1]) if isinstance(table, Mapping) else None
        if isinstance(path, str) and path:
            found = _boundary_file(document, key, path)
            if found is not None:
                files[".".join(key)] = found
    return files


def _boundary_file(document: Document, key: tuple[str, str], name: str) -> Path | None:
    source = document.sources.get(key) or document.sources.get(key[:1]) or document.main
    folder = source.folder if source else Path.cwd()
    try:
        path = (folder / Path(name).expanduser() if source and source.file == OVERRIDES else folder / name).resolve()
        exists = path.is_file()
    except (OSError, ValueError, RuntimeError):
        document.doubt(key, "not the name of a file", got=name)
        return None
    if source and source.file != OVERRIDES and not path.is_relative_to(folder):
        hint = f"elsewhere: give it beside the file, --set {'.'.join(key)}=…"
        document.doubt(key, "leaves the scenario's folder", got=name, hint=hint)
        return None
    if not exists:
        near = [other.name for other in sorted(path.parent.glob("*")) if other.is_file()]
        document.doubt(key, "no file of this name", got=name, hint=nearest(path.name, near))
        return None
    return path
