"""CSV with a header row and any column names: a map says which is which."""

from __future__ import annotations

import csv
import difflib
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any

import numpy as np

from twin.workload.formats.source import Problems, Source
from twin.workload.formats.times import epoch_ms, zone_of
from twin.workload.formats.trace import UNKNOWN, RawJobs, ReadOptions, Text, Trace, trace_of
from twin.workload.jobs import Float64, ImportReport

NAMES: dict[str, tuple[str, ...]] = {
    "submit": ("submit", "submit_s", "submit_time"),
    "size": ("size", "gpus", "num_gpus"),
    "run": ("run", "run_s", "duration"),
    "request": ("request", "request_s"),
    "wait": ("wait", "wait_s"),
    "status": ("status",),
    "user": ("user",),
    "pool": ("pool",),
    "job": ("job",),
    "tier": ("tier",),
    "power": ("power", "watts_per_gpu"),
    "checkpoint": ("checkpoint", "checkpoint_s"),
}
"""Our name of a column → what it is called in a file that no map describes."""

NEEDED = ("submit", "size", "run")
STATUS = {
    **dict.fromkeys(("completed", "succeeded", "success", "finished", "done", "pass"), 1),
    **dict.fromkeys(("failed", "failure", "error", "timeout", "node_fail"), 0),
    **dict.fromkeys(("cancelled", "canceled", "killed", "aborted", "stopped"), 5),
}
UNIT_S = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_STATUS_CODE = re.compile(r"-?[0-9]{1,3}")
_BLOCK = 50_000


def read(source: Source, options: ReadOptions) -> Trace:
    """The jobs of a CSV by ``options.columns`` (ours → theirs), else by the usual names; blank cells are unknown.

    Numeric submit times are in ``time_unit`` (dates where they count from 1970 and reach 1980); texts are ISO dates in
    ``time_zone`` unless they carry an offset. Raise ScenarioError with every wrong column and cell.
    """
    return read_as("csv", source, options)


def read_as(format_name: str, source: Source, options: ReadOptions) -> Trace:
    """As ``read``, for a format that is a CSV with known names."""
    problems = Problems(source.name)
    rows = csv.reader(source.lines(), strict=True)
    try:
        place = places(next(rows, []), options.columns, problems)
        problems.raise_any()
        return trace_of_blocks(format_name, source, options, blocks(rows, place, problems), problems)
    except csv.Error as error:
        raise source.problem(f"is not CSV: {error}", line=rows.line_num) from error


def trace_of_blocks(
    format_name: str, source: Source, options: ReadOptions, found: Iterator[Block], problems: Problems
) -> Trace:
    """The jobs in ``found``; raise ScenarioError with every cell that is wrong."""
    zone = zone_or_problem(options.time_zone, problems)
    converted = [_convert(block, options, zone, problems) for block in found]
    problems.raise_any()
    raw = _joined([block for block, _ in converted])
    unsure = sum(count for _, count in converted)
    report = ImportReport(
        format_name,
        file=source.name,
        sha256=source.sha256(),
        rows=len(raw.size),
        repaired={"clock time that occurs twice or never": unsure} if unsure else {},
        unix_start_s=0.0 if _has_dates(raw.submit_s) else None,
        time_zone=options.time_zone,
    )
    return trace_of(raw, report)


_FIRST_DATE_S = 315_532_800.0
"""1980-01-01: numbers that stay below it count from the start of a trace, not from 1970."""


def _has_dates(submit_s: Float64) -> bool:
    return not len(submit_s) or float(submit_s.max()) >= _FIRST_DATE_S


def zone_or_problem(name: str, problems: Problems) -> tzinfo:
    """The zone called ``name``; UTC with a problem noted where there is none."""
    try:
        return zone_of(name)
    except ValueError as error:
        problems.add(str(error), path="workload.time_zone", got=name, hint="for example Asia/Shanghai or +08:00")
        return UTC


def places(header: Sequence[str], columns: Mapping[str, str], problems: Problems, *, line: int = 1) -> dict[str, int]:
    """Our name → position in the file's rows."""
    theirs = {name.strip(): i for i, name in reversed(list(enumerate(header)))}
    if not theirs:
        problems.add("expected a header row with the names of the columns", line=line)
        return {}
    place: dict[str, int] = {}
    for ours, name in columns.items():
        if ours not in NAMES:
            problems.add(f"expected one of {', '.join(NAMES)}", path=f"workload.columns.{ours}", hint=near(ours, NAMES))
        elif name not in theirs:
            message = f"the file has no such column; it has {', '.join(reversed(theirs))}"
            problems.add(message, path=f"workload.columns.{ours}", got=name, line=line, hint=near(name, theirs))
        else:
            place[ours] = theirs[name]
    for ours, usual in NAMES.items():
        found = [theirs[name] for name in usual if name in theirs]
        if ours not in columns and found:
            place[ours] = found[0]
        elif ours not in columns and ours in NEEDED:
            message = f"no column for it; name one of {', '.join(reversed(theirs))}"
            problems.add(message, path=f"workload.columns.{ours}", line=line)
    return place


def near(word: str, words: Mapping[str, object]) -> str:
    """``did you mean …?`` with the word that is nearest, or nothing."""
    close = difflib.get_close_matches(word, list(words), n=1)
    return f"did you mean {close[0]!r}?" if close else ""


class Block:
    """Up to 50,000 rows of the file with their line numbers."""

    def __init__(self, place: Mapping[str, int]) -> None:
        self.place = place
        self.lines: list[int] = []
        self.cells: list[list[str]] = []

    def texts(self, name: str) -> list[str]:
        """The cells of one of our columns; blanks where the file has no such column."""
        i = self.place.get(name)
        return [""] * len(self.cells) if i is None else [row[i].strip() for row in self.cells]

    def labels(self, name: str) -> Text:
        """The cells of a column whose texts repeat: one object for each text."""
        return np.array([sys.intern(text) for text in self.texts(name)], dtype=object)


def blocks(rows: Iterator[list[str]], place: Mapping[str, int], problems: Problems) -> Iterator[Block]:
    """The rows in blocks, at least one, which may be empty."""
    width = max(place.values()) + 1
    block = Block(place)
    for row in rows:
        if not row:
            continue
        line: int = rows.line_num  # type: ignore[attr-defined]
        if len(row) < width:
            problems.add(f"expected at least {width} cells", got=",".join(row)[:60], line=line)
            continue
        block.cells.append(row)
        block.lines.append(line)
        if len(block.cells) == _BLOCK:
            yield block
            block = Block(place)
    yield block


def _convert(block: Block, options: ReadOptions, zone: tzinfo, problems: Problems) -> tuple[RawJobs, int]:
    """The block as numbers, and the count of clock times that were not unique."""
    unit_s = UNIT_S[options.time_unit]
    submit_s, unsure = _submits(block, unit_s, zone, problems)
    seconds = {
        name: _scaled(numbers(block, name, problems), unit_s) for name in ("run", "request", "wait", "checkpoint")
    }
    plain = {name: numbers(block, name, problems) for name in ("size", "tier", "power")}
    for i in np.flatnonzero(~np.isin(plain["tier"], (UNKNOWN, 0, 1, 2, 3))):
        problems.add(
            "expected a tier from 0 to 3",
            path="workload.columns.tier",
            got=float(plain["tier"][i]),
            line=block.lines[i],
        )
    raw = RawJobs(
        job=np.array([_job_number(text) for text in block.texts("job")], dtype=np.float64),
        submit_s=submit_s,
        size=plain["size"],
        run_s=seconds["run"],
        request_s=np.where(seconds["request"] > 0, seconds["request"], UNKNOWN),
        wait_s=seconds["wait"],
        status=np.array([_status(text) for text in block.texts("status")], dtype=np.float64),
        user=block.labels("user"),
        pool=block.labels("pool"),
        tier=plain["tier"],
        watts_per_gpu=plain["power"],
        checkpoint_s=seconds["checkpoint"],
    )
    return raw, unsure


def _scaled(values: Float64, unit_s: float) -> Float64:
    return np.where(values < 0, float(UNKNOWN), values * unit_s)


def _number(text: str) -> float:
    """The number a cell holds, -1 where it is blank or negative; NaN where it is no finite number."""
    if not text:
        return float(UNKNOWN)
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return max(value, float(UNKNOWN)) if math.isfinite(value) else math.nan


def numbers(block: Block, name: str, problems: Problems, *, path: str = "") -> Float64:
    """A numeric column; -1 where a cell is blank or negative, or bad and noted as a problem."""
    texts = block.texts(name)
    values = np.array([_number(text) for text in texts], dtype=np.float64)
    for i in np.flatnonzero(np.isnan(values)):
        problems.add(
            f"expected a number{f' in {name}' if path else ''}",
            path=path or f"workload.columns.{name}",
            got=texts[i][:60],
            line=block.lines[i],
        )
    return np.where(np.isnan(values), float(UNKNOWN), values)


def _submits(block: Block, unit_s: float, zone: tzinfo, problems: Problems) -> tuple[Float64, int]:
    """Seconds of the submit column, numeric or dates, and the count of clock times that were not unique."""
    texts = block.texts("submit")
    if math.isfinite(_number(next((text for text in texts if text), ""))):
        return _scaled(numbers(block, "submit", problems), unit_s), 0
    times_ms, bad, unsure = epoch_ms(texts, zone)
    blank = np.array([not text for text in texts], dtype=np.bool_)
    for i in np.flatnonzero(bad & ~blank):
        message = "expected a date such as 2017-10-09 07:01:55"
        problems.add(message, path="workload.columns.submit", got=texts[i][:60], line=block.lines[i])
    return np.where(bad, float(UNKNOWN), times_ms / 1000.0), unsure


def _job_number(text: str) -> float:
    """The number a job is called by; -1 where its name is no number."""
    return float(text) if text.isascii() and text.isdigit() else float(UNKNOWN)


def _status(text: str) -> int:
    if _STATUS_CODE.fullmatch(text):
        return int(text)
    return STATUS.get(text.lower(), UNKNOWN)


def _joined(found: Sequence[RawJobs]) -> RawJobs:
    names = [name for name in vars(found[0]) if name != "extra"]
    joined: dict[str, Any] = {name: np.concatenate([vars(block)[name] for block in found]) for name in names}
    return RawJobs(**joined)
