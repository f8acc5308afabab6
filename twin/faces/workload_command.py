"""``twin workload FILE``: what a trace of jobs, requests or power holds, as text, JSON or plots."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import numpy as np

from twin.errors import Problem, ScenarioError
from twin.faces.terminal import grouped
from twin.workload.describe import describe
from twin.workload.formats import READERS, checked_options, read_trace
from twin.workload.formats import requests as request_traces
from twin.workload.formats.change import scaled, warped, windowed
from twin.workload.formats.export import export as write_jobs
from twin.workload.formats.power import describe_power, is_power, read_power
from twin.workload.formats.source import Source
from twin.workload.formats.times import epoch_ms, zone_of
from twin.workload.formats.trace import ReadOptions, Trace
from twin.workload.jobs import Float64, ImportReport

_OPTIONS = {
    "workload.path": "FILE",
    "workload.source": "--format",
    "workload.time_unit": "--time-unit",
    "workload.time_zone": "--time-zone",
}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class Request:
    """What is asked about a file."""

    file: Path
    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    time_unit: str = "s"
    time_zone: str = "UTC"
    start: str | None = None
    end: str | None = None
    scale_gpus: float = 1.0
    time_warp: float = 1.0


def answer(asked: Request, *, plot: Path | None, export: Path | None, as_json: bool) -> str:
    """The text to print; files are written on the way. Raise ScenarioError for a bad file or option."""
    try:
        return _answer(asked, plot=plot, export=export, as_json=as_json)
    except ScenarioError as error:
        raise ScenarioError([_as_option(problem, asked.file) for problem in error.problems]) from error


def _as_option(problem: Problem, file: Path) -> Problem:
    """The problem in the words of the command line, in place of a scenario's keys."""
    path = _OPTIONS.get(problem.path, problem.path)
    if path.startswith("workload.columns."):
        path = f"--column {path.removeprefix('workload.columns.')}"
    name = file.as_posix() if problem.file == file.name else problem.file
    return replace(problem, path=path, file=name, got=None if problem.got == str(file) else problem.got)


def _answer(asked: Request, *, plot: Path | None, export: Path | None, as_json: bool) -> str:
    _check(asked, plot)
    source = Source(asked.file)
    if asked.file.is_file() and asked.format is None:
        kind = "power" if is_power(source) else request_traces.request_format(source)
    else:
        kind = asked.format if asked.format in ("power", *request_traces.READERS) else None
    if kind is None:
        return _jobs(asked, plot=plot, export=export, as_json=as_json)
    _refuse_for_series(asked, kind, export)
    if kind == "power":
        table = read_power(asked.file, time_unit=asked.time_unit, time_zone=asked.time_zone)
        found = describe_power(table)
    else:
        table = request_traces.read_requests(asked.file, kind, time_zone=asked.time_zone)
        found = request_traces.describe_requests(table)
    if plot is not None:
        from twin.faces.workload_plot import series_figure, write

        write(series_figure(table, kind, asked.file.name), plot)
    report: ImportReport = table.attrs["report"]
    if as_json:
        return _json(report, found)
    return "\n".join([*report_lines(report), "", *_flat_lines(found), *_written(plot)])


def _check(asked: Request, plot: Path | None) -> None:
    problems: list[Problem] = []
    try:
        known = [*READERS, *request_traces.READERS, "power"]
        checked_options(asked.format, known, asked.columns, asked.time_unit, asked.time_zone)
        zone_of(asked.time_zone)
    except ScenarioError as error:
        problems += error.problems
    except ValueError as error:
        problems.append(Problem("--time-zone", str(error), got=asked.time_zone))
    for name, value in (("--scale-gpus", asked.scale_gpus), ("--time-warp", asked.time_warp)):
        if not (math.isfinite(value) and 0 < value <= 1e6):
            problems.append(Problem(name, "expected a number above 0, at most 1e6", got=value))
    if plot is not None and plot.suffix != ".html":
        problems.append(Problem("--plot", "expected a name that ends in .html", got=str(plot)))
    if plot is not None and plot.exists():
        problems.append(Problem("--plot", "exists; nothing is overwritten", got=str(plot)))
    if problems:
        raise ScenarioError(problems)


def _refuse_for_series(asked: Request, kind: str, export: Path | None) -> None:
    """Options that only jobs have."""
    given = {
        "--export": export is not None,
        "--start": asked.start is not None,
        "--end": asked.end is not None,
        "--scale-gpus": asked.scale_gpus != 1.0,
        "--time-warp": asked.time_warp != 1.0,
        "--column": bool(asked.columns),
    }
    problems = [
        Problem(name, f"is for traces of jobs; this is one of {kind}") for name, there in given.items() if there
    ]
    if problems:
        raise ScenarioError(problems)


def _jobs(asked: Request, *, plot: Path | None, export: Path | None, as_json: bool) -> str:
    options = ReadOptions(columns=asked.columns, time_unit=asked.time_unit, time_zone=asked.time_zone)
    trace = read_trace(asked.file, asked.format, options)
    bounds = [_seconds(text, name, trace, asked) for name, text in (("--start", asked.start), ("--end", asked.end))]
    trace = warped(scaled(windowed(trace, *bounds), asked.scale_gpus), asked.time_warp)
    clock, clock_name = _clock(trace.report)
    local_s = _local_s(trace, clock)
    found = describe(trace.table(), local_s=local_s)
    if export is not None:
        write_jobs(trace, export)
    if plot is not None:
        from twin.faces.workload_plot import jobs_figure, write

        write(jobs_figure(trace, found, asked.file.name), plot)
    if as_json:
        return _json(trace.report, found)
    lines = [*report_lines(trace.report), "", *_job_lines(trace, found, clock, clock_name)]
    return "\n".join([*lines, *_written(plot, export)])


def _seconds(text: str | None, name: str, trace: Trace, asked: Request) -> float | None:
    """A bound on the trace's own clock: its seconds, or a date where the trace tells its date."""
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value):
        return value
    times_ms, bad, _ = epoch_ms([text], zone_of(asked.time_zone))
    if bad[0]:
        raise ScenarioError([Problem(name, "expected a date such as 2017-09-04, or seconds", got=text)])
    if trace.report.unix_start_s is None:
        message = "the trace does not tell its date: expected seconds on its own clock"
        raise ScenarioError([Problem(name, message, got=text)])
    return float(times_ms[0]) / 1000.0 - trace.report.unix_start_s


def _clock(report: ImportReport) -> tuple[tzinfo, str]:
    """The clock that hours and weekdays are told in, and its name; UTC where the file names none that is known."""
    name = report.time_zone
    if name.lstrip("-").isdigit():
        offset = int(name)
        sign = "-" if offset < 0 else "+"
        name = f"{sign}{abs(offset) // 3600:02}:{abs(offset) % 3600 // 60:02}"
    try:
        return zone_of(name), name
    except ValueError:
        return UTC, f"UTC ({name} is not known)"


def _local_s(trace: Trace, clock: tzinfo) -> Float64 | None:
    """Seconds since 1970 on the clock's own face; None where the trace has no date."""
    if trace.report.unix_start_s is None or not len(trace.submit_s):
        return None
    import pandas as pd

    stamps = pd.DatetimeIndex(np.rint((trace.submit_s + trace.report.unix_start_s) * 1e3).astype("datetime64[ms]"))
    face = stamps.tz_localize("UTC").tz_convert(clock).tz_localize(None).as_unit("ms")
    return np.asarray(face.asi8, dtype=np.float64) / 1000.0


def report_lines(report: ImportReport) -> list[str]:
    """What the import kept, dropped and repaired."""
    first, *rest = report.lines()
    return [first, *(f"  {line}" for line in rest)]


def _written(*files: Path | None) -> list[str]:
    written = [f"✓ {file.as_posix()}   {file.stat().st_size / 1e6:.1f} MB" for file in files if file is not None]
    return ["", *written] if written else []


def _json(report: ImportReport, found: Mapping[str, Any]) -> str:
    told = {name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(report).items()}
    return json.dumps({"report": told, "statistics": found}, indent=1, allow_nan=False)


def _job_lines(trace: Trace, found: Mapping[str, Any], clock: tzinfo, clock_name: str) -> Iterator[str]:
    if not found["jobs"]:
        yield "no jobs"
        return
    span_d = float(trace.submit_s[-1] - trace.submit_s[0]) / 86_400.0
    yield f"jobs         {grouped(found['jobs'])}, {grouped(found['gpu_h'], 2)} GPU-h, submitted within {span_d:.1f} d"
    yield f"submitted    {_when(trace, 0, clock)} … {_when(trace, -1, clock)}"
    yield f"size         mean {found['mean_size_gpus']:.3f} GPUs, largest {grouped(found['max_size_gpus'])}"
    yield f"run time s   {_points(found['run_s'])}   mean {grouped(found['mean_run_s'])}"
    yield f"gap s        {_points(found['gap_s'])}   mean {grouped(found['mean_gap_s'], 1)}, CV {found['gap_cv']:.1f}"
    lags = "  ".join(f"{lag} h {value:.2f}" for lag, value in found["hourly_autocorrelation"].items())
    yield f"hour counts  variance/mean {found['hourly_variance_over_mean']:.1f}   autocorrelation {lags or '–'}"
    yield (
        f"GPU time     Gini {found['gini']:.3f}, top 1 % of jobs hold {found['top_1_percent_share'] * 100:.1f} %, "
        f"{found['below_1_gpu_h_share'] * 100:.1f} % of jobs are below 1 GPU-h"
    )
    yield f"outcome      {_outcomes(trace)}"
    yield ""
    yield "size GPUs      jobs %   GPU time %"
    for label, jobs, work in size_classes(found["by_size"]):
        yield f"{label:<12} {jobs * 100:>8.2f} {work * 100:>12.2f}"
    yield ""
    dated = trace.report.unix_start_s is not None
    yield f"submissions by hour, × mean ({clock_name if dated else 'hours of the file'}, from 0 h)"
    hours = [f"{share * 24:5.2f}" for share in found["hour_share"]]
    yield "  " + " ".join(hours[:12])
    yield "  " + " ".join(hours[12:])
    yield "by weekday, × mean" if dated else "by day of the file's week, × mean"
    yield "  " + "  ".join(f"{day} {share * 7:.2f}" for day, share in days_of(trace, found))


def days_of(trace: Trace, found: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Day and share of the submissions: Monday first, or day 1 of the file first where it has no dates."""
    shares = found["weekday_share"]
    if trace.report.unix_start_s is not None:
        return list(zip(_DAYS, shares, strict=True))
    first = _DAYS.index("Thu")  # what second 0 of an undated file counts as
    return [(f"d{i + 1}", shares[(first + i) % 7]) for i in range(7)]


def _when(trace: Trace, i: int, clock: tzinfo) -> str:
    seconds = float(trace.submit_s[i])
    if trace.report.unix_start_s is None:
        return f"{grouped(seconds)} s of the file"
    return f"{datetime.fromtimestamp(seconds + trace.report.unix_start_s, clock):%Y-%m-%d %H:%M:%S %z}"


def _points(quantiles: Mapping[int, float]) -> str:
    return "  ".join(f"p{p} {grouped(quantiles[p], 0)}" for p in (10, 50, 90, 99) if p in quantiles) or "–"


def _outcomes(trace: Trace) -> str:
    names = {1: "completed", 0: "failed", 5: "cancelled"}
    parts = [(name, int(np.count_nonzero(trace.status == code))) for code, name in names.items()]
    rest = len(trace.status) - sum(count for _, count in parts)
    return ", ".join(
        f"{count / len(trace.status) * 100:.1f} % {name}" for name, count in [*parts, ("unknown", rest)] if count
    )


def size_classes(by_size: Mapping[int, tuple[float, float]]) -> list[tuple[str, float, float]]:
    """Sizes gathered by powers of two, ``5–8`` GPUs in one: label, share of jobs, share of GPU time."""
    classes: dict[int, tuple[float, float]] = {}
    for size, (jobs, work) in by_size.items():
        top = (max(size, 1) - 1).bit_length()
        before = classes.get(top, (0.0, 0.0))
        classes[top] = (before[0] + jobs, before[1] + work)
    return [(_class_label(top), *shares) for top, shares in sorted(classes.items())]


def _class_label(top: int) -> str:
    low, high = 2 ** (top - 1) + 1 if top else 1, 2**top
    return str(high) if low >= high else f"{low}–{high}"


def _flat_lines(found: Mapping[str, Any]) -> Iterator[str]:
    for name, value in found.items():
        if isinstance(value, Mapping):
            inner = "  ".join(
                f"{key} {grouped(number, 0 if abs(number) >= 100 else 1)}" for key, number in value.items()
            )
            yield f"{name:<22} {inner}"
        else:
            yield f"{name:<22} {grouped(value, 0 if isinstance(value, int) or abs(value) >= 1000 else 3)}"
