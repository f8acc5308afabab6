"""Readers of trace formats. A new one is a file here with a ``read(source, options)`` and a line in ``READERS``."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from twin.errors import Problem, ScenarioError
from twin.workload.formats import columns as csv_columns
from twin.workload.formats import philly, swf
from twin.workload.formats.source import Source
from twin.workload.formats.trace import ReadOptions, Trace

if TYPE_CHECKING:
    import pandas as pd

READERS: dict[str, Callable[[Source, ReadOptions], Trace]] = {
    "swf": swf.read,
    "philly": philly.read,
    "csv": csv_columns.read,
}


def read_trace(path: Path, format: str | None, options: ReadOptions) -> Trace:
    """The trace at ``path``, by its name where ``format`` is None; raise ScenarioError with all that is wrong."""
    source = Source(path)
    if not path.is_file():
        raise source.problem("there is no such file")
    return READERS[format or _format_of(source)](source, options)


def read_jobs(
    path: str | PathLike[str],
    format: str | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    time_unit: str = "s",
    time_zone: str = "UTC",
) -> pd.DataFrame:
    """The jobs of a trace, in order of (submit, row); what was dropped and repaired is in ``attrs["report"]``.

    Columns: job, submit_s (the file's own clock), size, run_s, request_s (else the run time), wait_s, status (SWF's
    codes), user, pool, tier, watts_per_gpu, checkpoint_s; -1 or "" where the trace does not tell.
    ``columns`` (ours → theirs) and ``time_unit`` (ms, s, min, h) describe a CSV; ``time_zone`` holds for dates without
    an offset. Raise ScenarioError.
    """
    problems = []
    if format is not None and format not in READERS:
        problems.append(_unknown("workload.source", format, list(READERS)))
    if time_unit not in csv_columns.UNIT_S:
        problems.append(_unknown("workload.time_unit", time_unit, list(csv_columns.UNIT_S)))
    if problems:
        raise ScenarioError(problems)
    options = ReadOptions(columns=columns or {}, time_unit=time_unit, time_zone=time_zone)
    return read_trace(Path(path), format, options).table()


def _unknown(path: str, got: str, known: list[str]) -> Problem:
    close = difflib.get_close_matches(got, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else ""
    return Problem(path, f"expected one of {', '.join(known)}", got=got, hint=hint)


def _format_of(source: Source) -> str:
    """The format that a file's name tells, and for CSV its header row."""
    name = source.plain_name
    if name.endswith(".swf"):
        return "swf"
    if name.endswith(".csv"):
        header = {word.strip() for word in next(source.lines(), "").split(",")}
        return "philly" if set(philly.COLUMNS.values()) <= header else "csv"
    raise source.problem(f"the name does not tell the format; give format = one of {', '.join(READERS)}")
