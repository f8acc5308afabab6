"""Jobs back to files that other simulators read: SWF 2.2, Batsim's JSON workload and Batsim's CSV of jobs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from twin.errors import Problem, ScenarioError
from twin.workload.formats.trace import Text, Trace
from twin.workload.jobs import Float64

BATSIM_CSV = (
    "job_id", "workload_name", "submission_time", "requested_number_of_resources", "requested_time", "success",
    "starting_time", "execution_time", "finish_time", "waiting_time", "turnaround_time", "stretch",
)  # fmt: skip


def export(trace: Trace, path: str | PathLike[str]) -> Path:
    """Write the jobs of ``trace`` as the suffix says: .swf, .json (Batsim workload) or .csv (Batsim's jobs).

    Times keep their fractions to the microsecond, on the trace's own clock. Raise ScenarioError for another suffix or
    a file that exists.
    """
    path = Path(path)
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise ScenarioError([Problem("--export", f"expected a name that ends in {', '.join(WRITERS)}", got=str(path))])
    if path.exists():
        raise ScenarioError([Problem("--export", "exists; nothing is overwritten", got=str(path))])
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(line + "\n" for line in writer(trace))
    return path


def _plain(value: float) -> str:
    """A number without an exponent, whole where it is, else to the microsecond."""
    return f"{value:.0f}" if value == np.floor(value) else f"{value:.6f}".rstrip("0").rstrip(".")


def _swf(trace: Trace) -> list[str]:
    report = trace.report
    largest = int(trace.size.max()) if len(trace.size) else 0
    header = {
        "Version": "2.2",
        "Note": f"from {report.file} ({report.format}); one processor is one GPU or unit of the trace",
        "MaxJobs": str(len(trace.job)),
        "MaxRecords": str(len(trace.job)),
        "UnixStartTime": None if report.unix_start_s is None else _plain(report.unix_start_s),
        "TimeZoneString": report.time_zone,
        "MaxProcs": report.header.get("MaxProcs", str(largest)),
    }
    lines = [f"; {key}: {value}" for key, value in header.items() if value is not None]
    users, pools = _numbered(trace.user), _numbered(trace.pool)
    for i in range(len(trace.job)):
        size, status = int(trace.size[i]), int(trace.status[i])
        times = [_plain(float(column[i])) for column in (trace.submit_s, trace.wait_s, trace.run_s)]
        request = _plain(float(trace.request_s[i]))
        lines.append(
            f"{trace.job[i]} {' '.join(times)} {size} -1 -1 {size} {request} -1 {status} {users[i]} -1 -1 {pools[i]} "
            "-1 -1 -1"
        )
    return lines


def _numbered(names: Text) -> list[int]:
    """Numbers for names: themselves where all are numbers, else 1, 2, … as they come; -1 for none."""
    if all(not name or (str(name).isascii() and str(name).isdigit()) for name in names):
        return [int(name) if name else -1 for name in names]
    number: dict[str, int] = {"": -1}
    return [number.setdefault(str(name), len(number)) for name in names]


def _batsim(trace: Trace) -> list[str]:
    """A workload of delays; one profile for each run time and outcome."""
    jobs: list[dict[str, Any]] = []
    profiles: dict[str, dict[str, Any]] = {}
    for i in range(len(trace.job)):
        run, failed = _rounded(trace.run_s[i]), int(trace.status[i]) == 0
        profile = f"delay_{_plain(run)}{'_failed' if failed else ''}"
        outcome = {"ret": 1} if failed else {"ret": 0} if int(trace.status[i]) == 1 else {}
        profile += "_done" if outcome == {"ret": 0} else ""
        profiles[profile] = {"type": "delay", "delay": run, **outcome}
        job: dict[str, Any] = {
            "id": str(trace.job[i]),
            "profile": profile,
            "res": int(trace.size[i]),
            "subtime": _rounded(trace.submit_s[i]),
        }
        if trace.request_s[i] > 0:
            job["walltime"] = _rounded(trace.request_s[i])
        if trace.user[i]:
            job["user"] = str(trace.user[i])
        jobs.append(job)
    largest = int(trace.size.max()) if len(trace.size) else 0
    units = trace.report.header.get("nb_res", trace.report.header.get("MaxProcs", ""))
    nb_res = int(units) if units.isascii() and units.isdigit() else largest
    document = {"nb_res": max(nb_res, largest), "jobs": jobs, "profiles": profiles}
    return [json.dumps(document, indent=1, allow_nan=False)]


def _rounded(value: float) -> int | float:
    """The number to the microsecond, as an integer where it is whole."""
    rounded = round(float(value), 6)
    return int(rounded) if rounded.is_integer() else rounded


def _batsim_csv(trace: Trace) -> list[str]:
    """Batsim's table of jobs; without a known wait the cells that follow from it are blank."""
    start_s = np.where(trace.wait_s >= 0, trace.submit_s + trace.wait_s, -1.0)
    lines = [",".join(BATSIM_CSV)]
    for i in range(len(trace.job)):
        known, run = start_s[i] >= 0, float(trace.run_s[i])
        turnaround = float(trace.wait_s[i]) + run
        outcome = {0: "0", 1: "1"}.get(int(trace.status[i]), "")
        cells = [
            str(trace.job[i]),
            "w0",
            _plain(float(trace.submit_s[i])),
            str(trace.size[i]),
            _cell(trace.request_s, i),
            outcome,
            _plain(float(start_s[i])) if known else "",
            _plain(run),
            _plain(float(start_s[i]) + run) if known else "",
            _cell(trace.wait_s, i),
            _plain(turnaround) if known else "",
            _plain(turnaround / run) if known and run > 0 else "",
        ]
        lines.append(",".join(cells))
    return lines


def _cell(column: Float64, i: int) -> str:
    return _plain(float(column[i])) if column[i] >= 0 else ""


WRITERS: dict[str, Callable[[Trace], Sequence[str]]] = {".swf": _swf, ".json": _batsim, ".csv": _batsim_csv}
"""Suffix → the lines of the file."""
