"""Traces of Alibaba: openb 2023, PAI 2020, spot GPUs 2026, disaggregated DLRM 2025 (github.com/alibaba/clusterdata).

Which of the four a file is, its header tells; PAI 2020 is a folder of tables without header rows. All count seconds
from a moment that was taken away, so dates are not known; in PAI 2020 hour and weekday hold in UTC+8.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from twin.workload.formats.cells import between, coded, header_of, raw_jobs, read_cells
from twin.workload.formats.source import Source
from twin.workload.formats.trace import RawJobs, ReadOptions, Text, Trace, trace_of
from twin.workload.jobs import Float64, ImportReport

OPENB = {"num_gpu", "gpu_milli", "pod_phase", "creation_time", "deletion_time", "scheduled_time"}
SPOT = {"job_name", "gpu_request", "worker_num", "submit_time", "duration", "job_type"}
DLRM = {"instance_sn", "role", "app_name", "gpu_request", "creation_time", "scheduled_time", "deletion_time"}
HEADERS = (OPENB, SPOT, DLRM)

JOB_TABLE = ("job_name", "inst_id", "user", "status", "start_time", "end_time")
TASK_TABLE = (
    "job_name", "task_name", "inst_num", "status", "start_time", "end_time",
    "plan_cpu", "plan_mem", "plan_gpu", "gpu_type",
)  # fmt: skip
_PHASES = {"succeeded": 1, "failed": 0}
_PAI_STATUS = {"terminated": 1, "failed": 0}
_TIERS = {"hp": 1, "spot": 3}
"""High priority keeps its objective, spot may be stopped at any time: a reading of the README, not in the trace."""


def read(source: Source, options: ReadOptions) -> Trace:
    """The trace in ``source``; ``options`` are not needed. Raise ScenarioError with all that is bad."""
    if source.path.is_dir() or source.plain_name.startswith("pai_"):
        return _read_pai(source)
    header = set(header_of(source))
    for needed, reader in ((OPENB, _openb), (SPOT, _spot), (DLRM, _dlrm)):
        if needed <= header:
            return _trace(source, reader(source), notes={})
    raise source.problem(
        "is none of Alibaba's traces by its header",
        line=1,
        hint="openb 2023 (pod_phase …), spot 2026 (worker_num …), DLRM 2025 (instance_sn …) or the tables of PAI 2020",
    )


def _trace(source: Source, raw: RawJobs, *, notes: dict[str, str], unix_start_s: float | None = None) -> Trace:
    report = ImportReport(
        "alibaba",
        file=source.name,
        sha256=source.sha256(),
        rows=len(raw.size),
        unix_start_s=unix_start_s,
        time_zone="UTC" if unix_start_s is None else "+08:00",
        notes=notes,
    )
    return trace_of(raw, report)


def _openb(source: Source) -> RawJobs:
    """Pods; a share of one GPU (``gpu_milli``) counts as that fraction, a pod never scheduled has no run time."""
    numeric = ("num_gpu", "gpu_milli", "creation_time", "deletion_time", "scheduled_time")
    cells = read_cells(source, numeric=numeric, texts=("qos", "pod_phase"))
    number = cells.number
    return raw_jobs(
        submit_s=number["creation_time"],
        size=number["num_gpu"] * number["gpu_milli"] / 1000.0,
        run_s=between(number["scheduled_time"], number["deletion_time"]),
        wait_s=between(number["creation_time"], number["scheduled_time"]),
        status=coded(cells.text["pod_phase"], _PHASES),
        pool=cells.text["qos"],
    )


def _spot(source: Source) -> RawJobs:
    numeric = ("job_name", "gpu_request", "worker_num", "submit_time", "duration")
    cells = read_cells(source, numeric=numeric, texts=("organization", "gpu_model", "job_type"))
    number = cells.number
    known = (number["gpu_request"] > 0) & (number["worker_num"] > 0)
    return raw_jobs(
        job=number["job_name"],
        submit_s=number["submit_time"],
        size=np.where(known, number["gpu_request"] * number["worker_num"], 0.0),
        run_s=number["duration"],
        user=cells.text["organization"],
        pool=cells.text["gpu_model"],
        tier=coded(cells.text["job_type"], _TIERS),
    )


def _dlrm(source: Source) -> RawJobs:
    """Instances of services; those without creation or deletion began before or ended after the 31 days."""
    numeric = ("gpu_request", "creation_time", "scheduled_time", "deletion_time")
    cells = read_cells(source, numeric=numeric, texts=("app_name",))
    number = cells.number
    return raw_jobs(
        submit_s=number["creation_time"],
        size=number["gpu_request"],
        run_s=between(number["scheduled_time"], number["deletion_time"]),
        wait_s=between(number["creation_time"], number["scheduled_time"]),
        pool=cells.text["app_name"],
    )


def _read_pai(source: Source) -> Trace:
    """PAI 2020: a job's GPUs are Σ instances · plan_gpu / 100 of its tasks, its run begins with the first task."""
    folder = source.path if source.path.is_dir() else source.path.parent
    jobs, tasks = (_table(source, folder, name) for name in ("pai_job_table", "pai_task_table"))
    job = read_cells(
        jobs, numeric=("start_time", "end_time"), texts=("job_name", "user", "status"), header=_header(jobs, JOB_TABLE)
    )
    task = read_cells(
        tasks,
        numeric=("inst_num", "start_time", "plan_gpu"),
        texts=("job_name", "gpu_type"),
        header=_header(tasks, TASK_TABLE),
    )
    row_of = {str(name): i for i, name in enumerate(job.text["job_name"])}
    rows = np.array([row_of.get(str(name), -1) for name in task.text["job_name"]], dtype=np.int64)
    found = rows >= 0
    asked = np.maximum(task.number["inst_num"], 0) * np.maximum(task.number["plan_gpu"], 0) / 100.0
    begun = np.full(job.rows, np.inf)
    started = found & (task.number["start_time"] >= 0)
    np.minimum.at(begun, rows[started], task.number["start_time"][started])
    begun = np.where(np.isfinite(begun), begun, -1.0)
    raw = raw_jobs(
        submit_s=job.number["start_time"],
        size=np.bincount(rows[found], weights=asked[found], minlength=job.rows).astype(np.float64),
        run_s=between(begun, job.number["end_time"]),
        wait_s=between(job.number["start_time"], begun),
        status=coded(job.text["status"], _PAI_STATUS),
        user=job.text["user"],
        pool=_gpu_types(task.text["gpu_type"], rows, asked, job.rows),
    )
    lost = int(np.count_nonzero(~found))
    notes = {"dates": "made up by the publisher; hour and weekday hold in UTC+8"}
    return _trace(jobs, raw, notes=notes | ({"tasks of no job": str(lost)} if lost else {}), unix_start_s=0.0)


def _gpu_types(types: Text, rows: np.ndarray[tuple[int], np.dtype[np.int64]], asked: Float64, n_jobs: int) -> Text:
    """The GPU type of each job's first task that asks for GPUs."""
    pool = np.full(n_jobs, "", dtype=object)
    with_gpu = np.flatnonzero((rows >= 0) & (asked > 0))[::-1]
    pool[rows[with_gpu]] = types[with_gpu]  # backwards, so that the first stays
    return pool


def _table(source: Source, folder: Path, name: str) -> Source:
    """The file of a table in ``folder``, packed or not."""
    for suffix in (".csv", ".csv.gz", ".csv.xz", ".csv.bz2"):
        if (folder / f"{name}{suffix}").is_file():
            return Source(folder / f"{name}{suffix}")
    raise source.problem(f"PAI 2020 needs {name}.csv beside it", hint="unpack all tables into one folder")


def _header(table: Source, usual: tuple[str, ...]) -> tuple[str, ...] | None:
    """Names of the columns: the file's first row, its ``.header`` file, or those of the publisher."""
    if "job_name" in header_of(table):
        return None
    beside = table.path.parent / f"{table.plain_name.removesuffix('.csv')}.header"
    return tuple(header_of(Source(beside))) if beside.is_file() else usual
