"""Workload: traces people have, or a seeded generator.

``job_stream`` gives a run its submissions for any window of time; ``read_jobs`` gives people a trace as a table,
``read_requests`` one of requests, ``read_power`` one of watts, ``export`` writes SWF and Batsim.
A new trace format is one file in ``formats/`` and one line in its registry.
"""

from twin.workload.config import WorkloadConfig
from twin.workload.describe import describe
from twin.workload.formats import read_jobs
from twin.workload.formats.export import export
from twin.workload.formats.power import read_power
from twin.workload.formats.requests import read_requests
from twin.workload.jobs import ImportReport, JobBatch, JobStream
from twin.workload.stream import job_stream

__all__ = [
    "ImportReport", "JobBatch", "JobStream", "WorkloadConfig", "describe", "export", "job_stream", "read_jobs",
    "read_power", "read_requests",
]  # fmt: skip
