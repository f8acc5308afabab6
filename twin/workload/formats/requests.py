"""Traces of requests to language models: Azure 2023 and 2024, BurstGPT, Mooncake."""

from __future__ import annotations

import json
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.errors import Problem, ScenarioError
from twin.workload.formats.cells import header_of, read_cells
from twin.workload.formats.source import Problems, Source, finite
from twin.workload.jobs import ImportReport

if TYPE_CHECKING:
    import pandas as pd

AZURE = {"TIMESTAMP", "ContextTokens", "GeneratedTokens"}
BURSTGPT = {"Timestamp", "Model", "Request tokens", "Response tokens"}

_Columns = dict[str, Any]


def read_requests(path: str | PathLike[str], format: str | None = None, *, time_zone: str = "UTC") -> pd.DataFrame:
    """The requests of a trace in order of (time, row); what was dropped and repaired is in ``attrs["report"]``.

    Columns: ``t_s`` from the first request on, ``input_tokens``, ``output_tokens``; ``model`` (BurstGPT),
    ``blocks`` and ``reused_blocks`` (Mooncake: prefix blocks of 512 tokens, and those that an earlier request had).
    ``format``: azure, burstgpt, mooncake; by name and header where None. ``report.unix_start_s`` is the Unix time of
    the first request where the trace tells. Raise ScenarioError.
    """
    source = Source(Path(path))
    if not source.path.is_file():
        raise source.problem("there is no such file")
    kind = format or request_format(source)
    if kind not in READERS:
        message = f"expected one of {', '.join(READERS)}"
        raise ScenarioError([Problem("format", message, got=kind, file=source.name)])
    columns, clock = READERS[kind](source, time_zone)
    return _table(source, kind, columns, clock=clock, time_zone=time_zone)


def request_format(source: Source) -> str | None:
    """Which kind of request trace a file is; None where it is none."""
    if source.plain_name.endswith(".jsonl"):
        return "mooncake"
    if not source.plain_name.endswith(".csv"):
        return None
    header = set(header_of(source))
    return "azure" if header >= AZURE else "burstgpt" if header >= BURSTGPT else None


def _azure(source: Source, time_zone: str) -> tuple[_Columns, bool]:
    cells = read_cells(source, numeric=("ContextTokens", "GeneratedTokens"), dates=("TIMESTAMP",), zone=time_zone)
    number = cells.number
    columns = {"t_s": number["TIMESTAMP"], "input_tokens": number["ContextTokens"]}
    return columns | {"output_tokens": number["GeneratedTokens"]}, True


def _burstgpt(source: Source, time_zone: str) -> tuple[_Columns, bool]:
    """Seconds from the start of the trace; a failed request has no response tokens."""
    del time_zone  # the trace has no dates
    cells = read_cells(source, numeric=("Timestamp", "Request tokens", "Response tokens"), texts=("Model",))
    columns = {
        "t_s": cells.number["Timestamp"],
        "input_tokens": cells.number["Request tokens"],
        "output_tokens": cells.number["Response tokens"],
        "model": cells.text["Model"],
    }
    return columns, False


def _mooncake(source: Source, time_zone: str) -> tuple[_Columns, bool]:
    """One JSON object a line: timestamp [ms], input_length, output_length, hash_ids."""
    del time_zone  # the trace has no dates
    problems = Problems(source.name)
    rows = [
        row
        for number, line in enumerate(source.lines(), 1)
        if line.strip() and (row := _json_row(line, number, problems)) is not None
    ]
    problems.raise_any()
    numbers = np.array([row[:3] for row in rows], dtype=np.float64).reshape(-1, 3)
    columns: _Columns = {"t_s": numbers[:, 0] / 1000.0, "input_tokens": numbers[:, 1], "output_tokens": numbers[:, 2]}
    columns["t_s"] = np.where(numbers[:, 0] < 0, -1.0, columns["t_s"])
    blocks = [row[3] for row in rows]
    return columns | {"blocks": np.array([len(ids) for ids in blocks], dtype=np.float64), "_ids": blocks}, False


def _json_row(line: str, number: int, problems: Problems) -> tuple[float, float, float, list[Any]] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        problems.add("expected a JSON object in each line", got=line.strip()[:60], line=number)
        return None
    if not isinstance(entry, dict):
        problems.add("expected a JSON object in each line", got=line.strip()[:60], line=number)
        return None
    numeric = [finite(entry.get(name)) for name in ("timestamp", "input_length", "output_length")]
    ids = entry.get("hash_ids", [])
    time, tokens_in, tokens_out = numeric
    if time is None or tokens_in is None or tokens_out is None or not isinstance(ids, list):
        problems.add("expected numbers timestamp, input_length, output_length", got=line.strip()[:60], line=number)
        return None
    return time, tokens_in, tokens_out, [str(value) for value in ids]


READERS: dict[str, Callable[[Source, str], tuple[_Columns, bool]]] = {
    "azure": _azure,
    "burstgpt": _burstgpt,
    "mooncake": _mooncake,
}


def _table(source: Source, kind: str, columns: _Columns, *, clock: bool, time_zone: str) -> pd.DataFrame:
    import pandas as pd

    ids = columns.pop("_ids", None)
    times, tokens_in, tokens_out = columns["t_s"], columns["input_tokens"], columns["output_tokens"]
    dropped: dict[str, int] = {}
    keep = np.ones(len(times), dtype=np.bool_)
    for reason, bad in (("time unknown", times < 0), ("tokens unknown", (tokens_in < 0) | (tokens_out < 0))):
        if np.any(keep & bad):
            dropped[reason] = int(np.count_nonzero(keep & bad))
        keep &= ~bad
    rows = np.flatnonzero(keep)
    late = int(np.count_nonzero(np.diff(times[rows]) < 0))
    rows = rows[np.argsort(times[rows], kind="stable")]
    first = float(times[rows[0]]) if len(rows) else 0.0
    frame = pd.DataFrame({name: value[rows] for name, value in columns.items()})
    frame["t_s"] -= first
    frame = frame.astype({name: np.int64 for name in columns if name.endswith(("tokens", "blocks"))})
    if ids is not None:
        frame["reused_blocks"] = _reused([ids[i] for i in rows])
    empty = int(np.count_nonzero(frame["output_tokens"] == 0))
    frame.attrs["report"] = ImportReport(
        kind,
        file=source.name,
        sha256=source.sha256(),
        rows=len(times),
        kept=len(frame),
        dropped=dropped,
        repaired={"sent before the row above: sorted": late} if late else {},
        last_submit_s=float(frame["t_s"].iloc[-1]) if len(frame) else 0.0,
        unix_start_s=first if clock else None,
        time_zone=time_zone,
        notes={"requests without an answer (0 output tokens), kept": str(empty)} if empty else {},
    )
    return frame


def _reused(blocks: list[list[str]]) -> list[int]:
    """Prefix blocks of each request that an earlier one had."""
    seen: set[str] = set()
    counts = []
    for ids in blocks:
        counts.append(sum(block in seen for block in ids))
        seen.update(ids)
    return counts


def describe_requests(requests: pd.DataFrame) -> dict[str, Any]:
    """Rate, tokens and burstiness of a table of ``read_requests``; ``{"requests": 0}`` where it is empty."""
    if not len(requests):
        return {"requests": 0}
    times = requests["t_s"].to_numpy(dtype=np.float64)
    gaps = np.diff(times)
    mean_gap = float(gaps.mean()) if len(gaps) else 0.0
    counts = np.bincount((times // 10.0).astype(np.int64)).astype(np.float64)
    found: dict[str, Any] = {
        "requests": len(requests),
        "span_s": float(times[-1]),
        "rate_per_s": len(requests) / float(times[-1]) if times[-1] > 0 else 0.0,
        "gap_cv": float(gaps.std()) / mean_gap if mean_gap > 0 else 0.0,
        "dispersion_10_s": float(counts.var() / counts.mean()),
    }
    for name in ("input_tokens", "output_tokens"):
        values = requests[name].to_numpy(dtype=np.float64)
        points = zip((50, 90, 95, 99), np.percentile(values, (50, 90, 95, 99)), strict=True)
        found[name] = {"mean": float(values.mean()), "total": float(values.sum())} | {
            f"p{p}": float(value) for p, value in points
        }
    if "blocks" in requests:
        found["reused_block_share"] = float(requests["reused_blocks"].sum() / max(requests["blocks"].sum(), 1))
    return found
