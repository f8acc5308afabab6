"""Microsoft's Philly trace: ``cluster_job_log`` (JSON) as published, and the CSV that others derived from it.

The CSV, ``timestamp,duration,num_gpus,gpu_time,cluster``, has the run time only, no request and no outcome, and is not
in order of time. Dates have no zone: ``time_zone`` says how to read them (UTC by default; the original trace is in US
Pacific time, America/Los_Angeles; the derivative does not say whether it kept it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from twin.workload.formats.cells import between, coded, raw_jobs
from twin.workload.formats.columns import read_as, zone_or_problem
from twin.workload.formats.source import Problems, Source
from twin.workload.formats.times import epoch_ms
from twin.workload.formats.trace import ReadOptions, Trace, trace_of
from twin.workload.jobs import Float64, ImportReport

COLUMNS = {"submit": "timestamp", "run": "duration", "size": "num_gpus", "pool": "cluster"}
_STATUS = {"pass": 1, "failed": 0, "killed": 5}


def read(source: Source, options: ReadOptions) -> Trace:
    """The trace in ``source``; raise ScenarioError as ``columns.read`` does."""
    if source.plain_name.endswith(".csv"):
        return read_as("philly", source, replace(options, columns=COLUMNS | dict(options.columns), time_unit="s"))
    return _read_log(source, options)


def _read_log(source: Source, options: ReadOptions) -> Trace:
    """The JSON log: size of the first attempt, wait to its start, run from there to the end of the last attempt.

    A job without attempts, or whose last end is not recorded (still running, a logging error), has no run time.
    """
    problems = Problems(source.name)
    zone = zone_or_problem(options.time_zone, problems)
    rows: list[tuple[str, str, str, float, str, str, str, int]] = []
    for i, entry in enumerate(source.json_items()):
        row = _row(entry, i, problems)
        if row is not None:
            rows.append(row)
    problems.raise_any()
    columns = list(zip(*rows, strict=True)) if rows else [()] * 8
    submit_text, first_text, last_text, sizes, status, vc, user, attempts = columns
    unsure = 0
    times_s: list[Float64] = []
    for name, texts in (("submitted_time", submit_text), ("start_time", first_text), ("end_time", last_text)):
        seconds, doubtful = _seconds(texts, name, zone, problems)
        times_s.append(seconds)
        unsure += doubtful if name == "submitted_time" else 0
    problems.raise_any()
    submit_s, first_s, last_s = times_s
    raw = raw_jobs(
        submit_s=submit_s,
        size=np.array(sizes, dtype=np.float64),
        run_s=between(first_s, last_s),
        wait_s=between(submit_s, first_s),
        status=coded(np.array(status, dtype=object), _STATUS),
        user=np.array(user, dtype=object),
        pool=np.array(vc, dtype=object),
    )
    again = int(np.count_nonzero(np.array(attempts, dtype=np.int64) > 1))
    report = ImportReport(
        "philly",
        file=source.name,
        sha256=source.sha256(),
        rows=len(rows),
        repaired={"clock time that occurs twice or never": unsure} if unsure else {},
        unix_start_s=0.0,
        time_zone=options.time_zone,
        notes={"jobs of more than one attempt, read as one run": str(again)} if again else {},
    )
    return trace_of(raw, report)


def _row(entry: Any, i: int, problems: Problems) -> tuple[str, str, str, float, str, str, str, int] | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("attempts"), list) or "submitted_time" not in entry:
        problems.add(f"entry {i}: expected a job with submitted_time and attempts", got=str(entry)[:60])
        return None
    attempts = entry["attempts"]
    if not all(isinstance(attempt, dict) for attempt in attempts):
        problems.add(f"entry {i}: expected attempts to be tables", got=str(attempts)[:60])
        return None
    first, last = (attempts[0], attempts[-1]) if attempts else ({}, {})
    texts = (_text(entry["submitted_time"]), _text(first.get("start_time")), _text(last.get("end_time")))
    names = (_text(entry.get("status")), _text(entry.get("vc")), _text(entry.get("user")))
    return (*texts, float(_gpus(first)), *names, len(attempts))


def _gpus(attempt: dict[str, Any]) -> int:
    detail = attempt.get("detail")
    servers = [server for server in detail if isinstance(server, dict)] if isinstance(detail, list) else []
    gpus = [server.get("gpus") for server in servers]
    return sum(len(names) for names in gpus if isinstance(names, list))


def _text(value: object) -> str:
    """The text; empty for null and for Python's ``None`` written as a text."""
    return "" if value is None or value == "None" else str(value)


def _seconds(texts: Sequence[str], name: str, zone: Any, problems: Problems) -> tuple[Float64, int]:
    if not texts:
        return np.empty(0), 0
    times_ms, bad, unsure = epoch_ms(texts, zone)
    for i in np.flatnonzero(bad & np.array([bool(text) for text in texts])).tolist():
        problems.add(f"entry {i}: {name}: expected a date such as 2017-10-07 01:12:09", got=texts[i][:60])
    return np.where(bad, -1.0, times_ms / 1000.0), unsure
