"""Standard Workload Format 2.2 of the Parallel Workloads Archive (Feitelson; 18 columns, -1 = unknown)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from twin.workload.formats.source import Problems, Source
from twin.workload.formats.trace import UNKNOWN, RawJobs, ReadOptions, Trace, trace_of
from twin.workload.jobs import Float64, ImportReport

N_FIELDS = 18
_BLOCK = 50_000
# Positions of the fields, from 0, in the order of the standard.
_JOB, _SUBMIT, _WAIT, _RUN, _ALLOCATED, _REQUESTED, _REQUEST, _STATUS, _USER, _QUEUE = 0, 1, 2, 3, 4, 7, 8, 10, 11, 14
_PARTIAL = (2, 3, 4)


def read(source: Source, options: ReadOptions) -> Trace:
    """The trace in ``source``: size = requested processors, else allocated; ``options`` are not needed.

    Partial records (status 2, 3, 4) are dropped; unknown outcomes and run times of zero stay.
    Raise ScenarioError with every line that is not 18 finite numbers.
    """
    problems = Problems(source.name)
    header: dict[str, str] = {}
    blocks = list(_blocks(source, header, problems))
    unix_start_s = _unix_start(header, problems)
    problems.raise_any()
    rows = np.concatenate(blocks) if blocks else np.empty((0, N_FIELDS))
    raw, repaired = _columns(rows)
    report = ImportReport(
        "swf",
        file=source.name,
        sha256=source.sha256(),
        rows=len(rows),
        repaired=repaired,
        unix_start_s=unix_start_s,
        time_zone=header.get("TimeZoneString", header.get("TimeZone", "UTC")),
        header=header,
    )
    return trace_of(raw, report, partial=np.isin(rows[:, _STATUS], _PARTIAL))


def _columns(rows: Float64) -> tuple[RawJobs, dict[str, int]]:
    by_request = rows[:, _REQUESTED] > 0
    unknown = np.full(len(rows), float(UNKNOWN))
    raw = RawJobs(
        job=rows[:, _JOB],
        submit_s=rows[:, _SUBMIT],
        size=np.where(by_request, rows[:, _REQUESTED], rows[:, _ALLOCATED]),
        run_s=rows[:, _RUN],
        request_s=np.where(rows[:, _REQUEST] > 0, rows[:, _REQUEST], UNKNOWN),
        wait_s=np.where(rows[:, _WAIT] >= 0, rows[:, _WAIT], UNKNOWN),
        status=rows[:, _STATUS],
        user=_labels(rows[:, _USER]),
        pool=_labels(rows[:, _QUEUE]),
        tier=unknown,
        watts_per_gpu=unknown,
        checkpoint_s=unknown,
    )
    repaired = {
        "requested size unknown: allocated size used": int(np.count_nonzero(~by_request)),
        "requested time unknown: run time stands for it": int(np.count_nonzero(raw.request_s < 0)),
    }
    return raw, {reason: count for reason, count in repaired.items() if count}


def _labels(numbers: Float64) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    values, position = np.unique(numbers, return_inverse=True)
    return np.array(["" if value < 0 else f"{value:.0f}" for value in values], dtype=object)[position]


def _blocks(source: Source, header: dict[str, str], problems: Problems) -> Iterator[Float64]:
    """The records as arrays (≤ 50,000, 18); header keys go to ``header`` on the way."""
    texts: list[str] = []
    numbers: list[int] = []
    for number, line in enumerate(source.lines(), 1):
        text = line.strip()
        if not text:
            continue
        if text.startswith(";"):
            key, colon, value = text.lstrip("; ").partition(":")
            if colon:
                header.setdefault(key.strip(), value.strip())
            continue
        texts.append(text)
        numbers.append(number)
        if len(texts) == _BLOCK:
            yield _parse(texts, numbers, problems)
            texts, numbers = [], []
    if texts:
        yield _parse(texts, numbers, problems)


def _parse(texts: list[str], numbers: list[int], problems: Problems) -> Float64:
    records = [text.split() for text in texts]
    try:
        rows = np.array(records, dtype=np.float64)
    except ValueError:
        rows = np.empty(0)
    if rows.shape == (len(texts), N_FIELDS) and bool(np.isfinite(rows).all()):
        return rows
    for number, text, record in zip(numbers, texts, records, strict=True):
        if len(record) != N_FIELDS or not all(_is_finite(word) for word in record):
            problems.add("expected 18 numbers in a line of SWF", got=text[:60], line=number)
    return np.empty((0, N_FIELDS))


def _is_finite(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def _unix_start(header: dict[str, str], problems: Problems) -> float | None:
    text = header.get("UnixStartTime", "").split(" ")[0]
    if not text:
        return None
    if not _is_finite(text):
        problems.add("expected seconds since 1970 in UnixStartTime", got=text)
        return None
    return float(text) if float(text) >= 0 else None
