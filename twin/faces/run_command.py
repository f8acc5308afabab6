"""``twin run`` and ``twin resume`` after the scenario has been read: drive, show, tell, exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from twin.faces.closing_text import Closing, audit_broken, closing_lines
from twin.faces.run_loop import Watch, drive, interruptible, local, local_expect, reporter_for
from twin.faces.terminal import header_lines, show, stopped_line
from twin.quantities import MS_PER_DAY

if TYPE_CHECKING:
    from rich.console import Console

    from twin.results import Results
    from twin.run import Run
    from twin.scenario import Scenario

DONE, UNMET, FAILED, INTERRUPTED = 0, 1, 3, 130


def carry_out(handle: Run, console: Console, folder: Path, until_ms: int, *, strict: bool, progress: str) -> int:
    """Drive the run to ``until_ms`` after its start, tell what became of it, return the exit code that says so."""
    watch = Watch(handle, until_ms)
    if progress in ("auto", "plain"):
        show(console, _header(handle.scenario, folder.name, watch.n_buses))
    reporter = reporter_for(progress, console, folder.as_posix())
    try:
        with interruptible() as flag:
            done = drive(handle, until_ms, reporter, watch, flag)
    finally:
        reporter.close()
    if not done:
        handle.snapshot_to_disk()
        show(console, [stopped_line(watch.frame().time, folder.as_posix())])
        return INTERRUPTED
    return _tell(handle.finish(), handle, console, watch, folder, strict=strict, progress=progress)


def _tell(
    results: Results, handle: Run, console: Console, watch: Watch, folder: Path, *, strict: bool, progress: str
) -> int:
    """The closing summary; the exit code."""
    closing = _closing(handle, results, watch, folder, strict=strict)
    if progress == "json":
        done = {"done": True, "out": folder.as_posix(), "summary": results.summary}
        print(json.dumps(done, default=str, ensure_ascii=False))
    else:
        show(console, closing_lines(closing), [folder.as_posix()])
    if audit_broken(results.summary):
        return FAILED
    return UNMET if strict and closing.unmet else DONE


def _header(scenario: Scenario, name: str, n_buses: int) -> list[str]:
    from twin import __version__

    counts = {"buses": n_buses, **_counts(scenario)}
    return header_lines(
        name, scenario.title, counts, version=__version__, seed=scenario.run.seed, digest=scenario.digest
    )


def _counts(scenario: Scenario) -> dict[str, int]:
    """How many of what, in the words of the panel's header."""
    words = {"transformer": "transformers", "solar_plant": "PV", "battery": "batteries", "rack_hall": "halls"}
    kinds = [component.kind for component in scenario.components]
    return {word: kinds.count(kind) for kind, word in words.items()}


def _closing(handle: Run, results: Results, watch: Watch, folder: Path, *, strict: bool) -> Closing:
    """What the closing summary tells of these results."""
    events = results.events
    counts = {level: int((events["priority"] == level).sum()) for level in (1, 2, 3)}
    alarms = events[events["priority"].between(1, 3)].sort_values(["time", "seq"])
    first = ""
    if len(alarms):
        row = alarms.iloc[0]
        moment = local(row["time"], watch.zone)
        first = f"{moment:%m-%d %H:%M:%S}.{moment.microsecond // 1000:03} {row['asset']} {row['text']}"
    expect = local_expect(results.summary.get("expect", ()), watch.zone)
    return Closing(
        name=folder.name,
        days=handle.scenario.ms_of(handle.now) / MS_PER_DAY,
        wall_s=watch.gone_s,
        out=folder.as_posix(),
        size_mb=sum(file.stat().st_size for file in sorted(folder.rglob("*")) if file.is_file()) / 1e6,
        summary={**results.summary, "expect": expect},
        events=counts,
        first=first,
        strict=strict,
    )
