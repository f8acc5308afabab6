"""Columns of a CSV by the names its publisher gave them, for formats that compute ours from several of theirs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np

from twin.workload.formats.columns import Block, blocks, near, numbers, zone_or_problem
from twin.workload.formats.source import Problems, Source
from twin.workload.formats.times import epoch_ms
from twin.workload.formats.trace import UNKNOWN, RawJobs, Text
from twin.workload.jobs import Float64


@dataclass(frozen=True)
class Cells:
    """Some columns of a file; every array of shape (n_rows,)."""

    number: Mapping[str, Float64]
    """Numeric columns; -1 where a cell is blank or negative."""
    text: Mapping[str, Text]
    rows: int


def header_of(source: Source) -> list[str]:
    """The names in the first row; empty for an empty file."""
    try:
        return [word.strip() for word in next(csv.reader(source.lines()), [])]
    except csv.Error as error:
        raise source.problem(f"is not CSV: {error}", line=1) from error


def read_cells(
    source: Source,
    *,
    numeric: Sequence[str] = (),
    texts: Sequence[str] = (),
    dates: Sequence[str] = (),
    zone: str = "UTC",
    header: Sequence[str] | None = None,
) -> Cells:
    """The named columns of ``source``; ``header`` names those of a file that has no header row.

    ``dates`` become seconds since 1970; those without an offset are clock times in ``zone``.

    Raise ScenarioError with every column that is missing and every cell that is no number.
    """
    problems = Problems(source.name)
    clock = zone_or_problem(zone, problems)
    same: dict[str, str] = {}  # labels repeat: one object for each
    rows = csv.reader(source.lines(), strict=True)
    try:
        names = list(header) if header is not None else [name.strip() for name in next(rows, [])]
        place = _places(names, [*numeric, *texts, *dates], problems)
        problems.raise_any()
        parts = [
            _part(block, (numeric, texts, dates), clock, same, problems) for block in blocks(rows, place, problems)
        ]
    except csv.Error as error:
        raise source.problem(f"is not CSV: {error}", line=rows.line_num) from error
    problems.raise_any()
    number = {name: np.concatenate([part[0][name] for part in parts]) for name in (*numeric, *dates)}
    text = {name: np.concatenate([part[1][name] for part in parts]) for name in texts}
    return Cells(number, text, rows=sum(part[2] for part in parts))


def _places(names: Sequence[str], wanted: Iterable[str], problems: Problems) -> dict[str, int]:
    theirs = {name: i for i, name in reversed(list(enumerate(names)))}
    for name in wanted:
        if name not in theirs:
            message = f"the file has no column {name!r}; it has {', '.join(names) or 'none'}"
            problems.add(message, line=1, hint=near(name, theirs))
    return {name: theirs[name] for name in wanted if name in theirs}


def _part(
    block: Block,
    wanted: tuple[Sequence[str], Sequence[str], Sequence[str]],
    clock: tzinfo,
    same: dict[str, str],
    problems: Problems,
) -> tuple[dict[str, Float64], dict[str, Text], int]:
    numeric, texts, dates = wanted
    number = {name: numbers(block, name, problems, path="workload.path") for name in numeric}
    number |= {name: _dates(block, name, clock, problems) for name in dates}
    text = {name: np.array([same.setdefault(x, x) for x in block.texts(name)], dtype=object) for name in texts}
    return number, text, len(block.cells)


def _dates(block: Block, name: str, clock: tzinfo, problems: Problems) -> Float64:
    """Seconds since 1970 of a column of dates; -1 where a cell is blank, or bad and noted as a problem."""
    words = block.texts(name)
    if not words:
        return np.empty(0)
    times_ms, bad, _ = epoch_ms(words, clock)
    for i in np.flatnonzero(bad).tolist():
        if words[i]:
            problems.add(f"expected a date in {name}: 2023-11-16 18:17:03.97", got=words[i][:60], line=block.lines[i])
    return np.where(bad, float(UNKNOWN), times_ms / 1000.0)


def raw_jobs(
    *,
    submit_s: Float64,
    size: Float64,
    run_s: Float64,
    job: Float64 | None = None,
    request_s: Float64 | None = None,
    wait_s: Float64 | None = None,
    status: Float64 | None = None,
    user: Text | None = None,
    pool: Text | None = None,
    tier: Float64 | None = None,
    watts_per_gpu: Float64 | None = None,
    extra: Mapping[str, Float64] | None = None,
) -> RawJobs:
    """Records of which only some columns are known; the others are filled with -1 or an empty text."""
    n = len(submit_s)

    def known(values: Float64 | None) -> Float64:
        return np.full(n, float(UNKNOWN)) if values is None else np.where(values < 0, float(UNKNOWN), values)

    def named(values: Text | None) -> Text:
        return np.full(n, "", dtype=object) if values is None else values

    return RawJobs(
        job=known(job),
        submit_s=known(submit_s),
        size=known(size),
        run_s=known(run_s),
        request_s=known(request_s),
        wait_s=known(wait_s),
        status=known(status),
        user=named(user),
        pool=named(pool),
        tier=known(tier),
        watts_per_gpu=known(watts_per_gpu),
        checkpoint_s=known(None),
        extra=dict(extra or {}),
    )


def between(first: Float64, last: Float64) -> Float64:
    """``last - first`` where both are known and in that order, else -1."""
    good = (first >= 0) & (last >= first)
    return np.where(good, last - first, float(UNKNOWN))


def coded(texts: Text, codes: Mapping[str, int]) -> Float64:
    """The code of each text, whatever its case; -1 for one that is not in ``codes``."""
    return np.array([codes.get(str(text).lower(), UNKNOWN) for text in texts], dtype=np.float64)
