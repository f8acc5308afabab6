"""Readers of trace formats. A new one is a file here with a ``read(source, options)`` and a line in ``READERS``."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from twin.errors import Problem, ScenarioError
from twin.workload.formats import alibaba, batsim, opendc, parquet, philly, slurm, swf
from twin.workload.formats import columns as csv_columns
from twin.workload.formats.cells import header_of
from twin.workload.formats.source import Source
from twin.workload.formats.trace import ReadOptions, Trace

if TYPE_CHECKING:
    import pandas as pd

READERS: dict[str, Callable[[Source, ReadOptions], Trace]] = {
    "swf": swf.read,
    "philly": philly.read,
    "acme": slurm.read_acme,
    "helios": slurm.read_helios,
    "alibaba": alibaba.read,
    "batsim": batsim.read,
    "opendc": opendc.read,
    "csv": csv_columns.read,
    "parquet": parquet.read,
}


FOLDERS = ("alibaba", "opendc")
"""Formats that may come as a folder of tables."""


def read_trace(path: Path, format: str | None, options: ReadOptions) -> Trace:
    """The trace at ``path``, by its name where ``format`` is None; raise ScenarioError with all that is wrong."""
    source = Source(path)
    if not path.is_file() and not (path.is_dir() and format in (None, *FOLDERS)):
        raise source.problem("there is no such file")
    return READERS[format or format_of(source)](source, options)


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
    options = checked_options(format, list(READERS), columns, time_unit, time_zone)
    return read_trace(Path(path), format, options).table()


def checked_options(
    format: str | None, known: list[str], columns: Mapping[str, str] | None, time_unit: str, time_zone: str
) -> ReadOptions:
    """The options as a record; raise ScenarioError with every one that is not known."""
    problems = []
    if format is not None and format not in known:
        problems.append(_unknown("workload.source", format, known))
    if time_unit not in csv_columns.UNIT_S:
        problems.append(_unknown("workload.time_unit", time_unit, list(csv_columns.UNIT_S)))
    if problems:
        raise ScenarioError(problems)
    return ReadOptions(columns=columns or {}, time_unit=time_unit, time_zone=time_zone)


def _unknown(path: str, got: str, known: list[str]) -> Problem:
    close = difflib.get_close_matches(got, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else ""
    return Problem(path, f"expected one of {', '.join(known)}", got=got, hint=hint)


def format_of(source: Source) -> str:
    """The format that a file's name tells, for CSV and Parquet also its columns; raise ScenarioError if none."""
    name = source.plain_name
    if source.path.is_dir():
        return "opendc" if (source.path / "tasks.parquet").is_file() else "alibaba"
    if name.endswith(".swf"):
        return "swf"
    if name.endswith(".csv"):
        return _csv_format(source)
    if name.endswith(".json"):
        return "philly" if _first_letter(source) == "[" else "batsim"
    if name.endswith(".parquet"):
        names = set(parquet.open_parquet(source).schema_arrow.names)
        return "opendc" if names >= opendc.TASKS or names >= opendc.FRAGMENTS else "parquet"
    if name.startswith("cluster_job_log"):
        return "philly"
    if name.endswith(".jsonl"):
        raise source.problem("holds requests, not jobs", hint="twin workload and twin.workload.read_requests read it")
    raise source.problem(f"the name does not tell the format; give format = one of {', '.join(READERS)}")


def _first_letter(source: Source) -> str:
    return next((line.strip()[0] for line in source.lines() if line.strip()), "")


def _csv_format(source: Source) -> str:
    if source.plain_name.startswith("pai_"):
        return "alibaba"
    header = set(header_of(source))
    if header >= slurm.NEEDED:
        return "helios" if "vc" in header else "acme"
    if any(header >= known for known in alibaba.HEADERS):
        return "alibaba"
    if header >= set(batsim.CSV_COLUMNS.values()):
        return "batsim"
    return "philly" if header >= set(philly.COLUMNS.values()) else "csv"
