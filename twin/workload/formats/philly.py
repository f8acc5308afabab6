"""The CSV derived from Microsoft's Philly trace: ``timestamp,duration,num_gpus,gpu_time,cluster``.

Run time only, no request, no outcome; not in order of time. Its dates have no zone: ``time_zone`` says how to read
them (UTC by default; the original trace is in US Pacific time, but the derivative does not say whether it kept it).
"""

from __future__ import annotations

from dataclasses import replace

from twin.workload.formats.columns import read_as
from twin.workload.formats.source import Source
from twin.workload.formats.trace import ReadOptions, Trace

COLUMNS = {"submit": "timestamp", "run": "duration", "size": "num_gpus", "pool": "cluster"}


def read(source: Source, options: ReadOptions) -> Trace:
    """The trace in ``source``; raise ScenarioError as ``columns.read`` does."""
    return read_as("philly", source, replace(options, columns=COLUMNS | dict(options.columns), time_unit="s"))
