"""Batsim: its JSON workloads (``nb_res``, ``jobs``, ``profiles``), and the CSV of jobs that it writes after a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from twin.workload.formats.cells import raw_jobs
from twin.workload.formats.columns import near, read_as
from twin.workload.formats.source import Problems, Source, finite
from twin.workload.formats.trace import ReadOptions, Trace, trace_of
from twin.workload.jobs import ImportReport

CSV_COLUMNS = {
    "job": "job_id", "submit": "submission_time", "size": "requested_number_of_resources", "run": "execution_time",
    "request": "requested_time", "wait": "waiting_time", "status": "success",
}  # fmt: skip
_SEQUENCES = ("sequence", "composed", "sequentialcomposition")
"""One kind under three names, as old and new versions of Batsim write it."""
_DEEPEST = 20
"""Sequences inside sequences that are followed; Batsim's own examples nest once."""


def read(source: Source, options: ReadOptions) -> Trace:
    """The workload in ``source``: subtime, res, walltime (-1 or absent: unknown) and the time its profile takes.

    Profiles of delays (``delay``, ``DelayProfile``) and sequences of them have a run time; those that need a platform
    (flops, bytes) have none, and their jobs are dropped and counted. Raise ScenarioError with every bad job.
    """
    if source.plain_name.endswith(".csv"):
        return read_as("batsim", source, replace(options, columns=CSV_COLUMNS | dict(options.columns), time_unit="s"))
    problems = Problems(source.name)
    document = source.json()
    jobs, profiles = _parts(source, document)
    runs_s = {name: _run_s(profiles, name, 0) for name in profiles}
    rows = [row for i, job in enumerate(jobs) if (row := _row(job, i, profiles, runs_s, problems)) is not None]
    problems.raise_any()
    job_id, submit_s, size, run_s, request_s, status = np.array(rows, dtype=np.float64).reshape(-1, 6).T
    users = np.array([str(job.get("user", "")) for job in jobs], dtype=object)
    raw = raw_jobs(
        job=job_id, submit_s=submit_s, size=size, run_s=run_s, request_s=request_s, status=status, user=users
    )
    unknown = int(np.count_nonzero(request_s < 0))
    nb_res = document.get("nb_res")
    report = ImportReport(
        "batsim",
        file=source.name,
        sha256=source.sha256(),
        rows=len(jobs),
        repaired={"requested time unknown: run time stands for it": unknown} if unknown else {},
        header={} if nb_res is None else {"nb_res": str(nb_res)},
        notes=_platform_notes(profiles, runs_s),
    )
    return trace_of(raw, report)


def _platform_notes(profiles: Mapping[str, Any], runs_s: Mapping[str, float]) -> dict[str, str]:
    kinds = sorted({str(profiles[name].get("type")) for name, run in runs_s.items() if run < 0})
    return {"profiles that need a platform, without a run time": ", ".join(kinds)} if kinds else {}


def _parts(source: Source, document: Any) -> tuple[list[Any], dict[str, Any]]:
    jobs = document.get("jobs") if isinstance(document, dict) else None
    profiles = document.get("profiles") if isinstance(document, dict) else None
    if not isinstance(jobs, list) or not isinstance(profiles, dict):
        raise source.problem("expected an object with jobs, a list, and profiles, a table", hint="as Batsim writes it")
    bad = [name for name, profile in profiles.items() if not isinstance(profile, dict)]
    if bad:
        raise source.problem(f"profiles.{bad[0]}: expected a table with type")
    return jobs, profiles


def _run_s(profiles: Mapping[str, Any], name: str, depth: int) -> float:
    """Seconds that a profile takes; -1 where only a platform can tell."""
    profile = profiles.get(name, {})
    kind = str(profile.get("type", "")).lower().removesuffix("profile")
    if kind == "delay":
        return _number(profile.get("delay"))
    if kind in _SEQUENCES and depth < _DEEPEST and isinstance(profile.get("seq"), list):
        parts = [_run_s(profiles, str(part), depth + 1) for part in profile["seq"]]
        repeat = _number(profile.get("repeat", profile.get("nb", 1)))
        return repeat * sum(parts) if parts and min(*parts, repeat, 0.0) >= 0 else -1.0
    return -1.0


def _number(value: object) -> float:
    """A finite number, else -1."""
    number = finite(value)
    return -1.0 if number is None else number


def _row(
    job: Any, i: int, profiles: Mapping[str, Any], runs_s: Mapping[str, float], problems: Problems
) -> tuple[float, ...] | None:
    """Number, submit, size, run, request and outcome (the profile's ``ret``); None for a bad job, which is noted."""
    where = f"jobs[{i}]"
    if not isinstance(job, dict):
        problems.add(f"{where}: expected a table", got=str(job)[:60])
        return None
    before = problems.count
    for key in ("subtime", "res"):
        if finite(job.get(key)) is None:
            problems.add(f"{where}.{key}: expected a number", got=str(job.get(key))[:60])
    profile = str(job.get("profile"))
    if profile not in runs_s:
        problems.add(f"{where}.profile: there is no such profile", got=profile, hint=near(profile, runs_s))
    if problems.count > before:
        return None
    walltime = _number(job.get("walltime", -1))
    ends = (_job_number(job.get("id")), float(job["subtime"]), float(job["res"]), runs_s[profile])
    code = profiles[profile].get("ret")
    status = -1.0 if code is None else float(code == 0)
    return (*ends, walltime if walltime > 0 else -1.0, status)


def _job_number(value: object) -> float:
    """``12``, ``"12"`` and ``"w0!12"`` → 12; -1 where the name holds no number."""
    text = str(value).rpartition("!")[2]
    return float(text) if text.isascii() and text.isdigit() else -1.0
