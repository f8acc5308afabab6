"""Acme (Seren, Kalos) and Helios: the logs of Slurm-like schedulers with one row a job.

``job_id,user,…,gpu_num,…,state,submit_time,start_time,end_time,…,duration,queue``. Size is ``gpu_num`` (jobs of CPUs
alone are dropped and counted), the run is ``duration`` and the wait ``queue`` as published, both in seconds. Acme's
dates carry their offset; those of Helios do not, and ``time_zone`` says how to read them.
"""

from __future__ import annotations

from dataclasses import replace

from twin.workload.formats.cells import header_of
from twin.workload.formats.columns import read_as
from twin.workload.formats.source import Source
from twin.workload.formats.trace import ReadOptions, Trace

NEEDED = {"job_id", "user", "gpu_num", "state", "submit_time", "duration", "queue"}
_COLUMNS = {
    "job": "job_id",
    "submit": "submit_time", "size": "gpu_num", "run": "duration", "wait": "queue", "status": "state", "user": "user",
}  # fmt: skip


def read_acme(source: Source, options: ReadOptions) -> Trace:
    """Acme's job trace; the pool is the kind of work (``type``). Raise ScenarioError as ``columns.read`` does."""
    return _read("acme", "type", source, options)


def read_helios(source: Source, options: ReadOptions) -> Trace:
    """Helios' ``cluster_log.csv``; the pool is the virtual cluster. Raise ScenarioError as ``columns.read`` does."""
    return _read("helios", "vc", source, options)


def _read(name: str, pool: str, source: Source, options: ReadOptions) -> Trace:
    columns = _COLUMNS | ({"pool": pool} if pool in header_of(source) else {}) | dict(options.columns)
    return read_as(name, source, replace(options, columns=columns, time_unit="s"))
