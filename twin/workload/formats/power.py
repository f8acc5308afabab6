"""Power traces: ``t,watts`` or ``t_s,watts``, or one column for each node."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.errors import Problem, ScenarioError
from twin.workload.formats.cells import header_of, read_cells
from twin.workload.formats.columns import UNIT_S, zone_or_problem
from twin.workload.formats.source import Problems, Source
from twin.workload.formats.times import epoch_ms
from twin.workload.jobs import ImportReport

if TYPE_CHECKING:
    import pandas as pd

_TIMES = ("t", "t_s", "time_s")


def is_power(source: Source) -> bool:
    """Whether the file is a power trace by its header."""
    if not source.plain_name.endswith(".csv"):
        return False
    header = header_of(source)
    return len(header) > 1 and header[0] in _TIMES and ("watts" in header or all(map(_is_node, header[1:])))


def _is_node(name: str) -> bool:
    return name.startswith("node")


def read_power(path: str | PathLike[str], *, time_unit: str = "s", time_zone: str = "UTC") -> pd.DataFrame:
    """Power over time: ``t_s`` from the first row on and ``watts``, the sum where the file has one column a node.

    ``t`` is a number in ``time_unit`` (``t_s``: always seconds) or a date in ``time_zone``. Rows with a blank or
    negative value are dropped and counted; rows are sorted by time. The report is in ``attrs["report"]``, the
    columns summed in ``attrs["columns"]``. Raise ScenarioError.
    """
    source = Source(Path(path))
    if not source.path.is_file():
        raise source.problem("there is no such file")
    if time_unit not in UNIT_S:
        raise ScenarioError([Problem("time_unit", f"expected one of {', '.join(UNIT_S)}", got=time_unit)])
    if not is_power(source):
        raise source.problem("is no power trace", line=1, hint="expected the columns t and watts, or t and node_1 …")
    header = header_of(source)
    names = ["watts"] if "watts" in header else header[1:]
    cells = read_cells(source, numeric=names, texts=(header[0],))
    times_s, dated = _times(source, cells.text[header[0]], UNIT_S[time_unit] if header[0] == "t" else 1.0, time_zone)
    values = np.column_stack([cells.number[name] for name in names])
    return _table(source, times_s, values, names=names, dated=dated, time_zone=time_zone)


def _times(source: Source, texts: Any, unit_s: float, time_zone: str) -> tuple[Any, bool]:
    """Seconds of each row, -1 where blank, and whether they are dates."""
    problems = Problems(source.name)
    zone = zone_or_problem(time_zone, problems)
    problems.raise_any()
    if not len(texts):
        return np.empty(0), False
    try:
        seconds = np.array([float(text) if text else -1.0 for text in texts])
        dated = False
    except ValueError:
        times_ms, bad, _ = epoch_ms(texts.tolist(), zone)
        seconds, dated, unit_s = np.where(bad, np.nan, times_ms / 1000.0), True, 1.0
    for i in np.flatnonzero(~np.isfinite(seconds) & (texts != "")):
        problems.add("expected a time: a number or a date", got=texts[i][:60], line=int(i) + 2)
    problems.raise_any()
    return np.where(np.isfinite(seconds) & (seconds >= 0), seconds * unit_s, -1.0), dated


def _table(source: Source, times_s: Any, values: Any, *, names: list[str], dated: bool, time_zone: str) -> pd.DataFrame:
    import pandas as pd

    good = (times_s >= 0) & (values >= 0).all(axis=1)
    rows = np.flatnonzero(good)
    late = int(np.count_nonzero(np.diff(times_s[rows]) < 0))
    rows = rows[np.argsort(times_s[rows], kind="stable")]
    first = float(times_s[rows[0]]) if len(rows) else 0.0
    frame = pd.DataFrame({"t_s": times_s[rows] - first, "watts": values[rows].sum(axis=1)})
    lost = len(times_s) - len(rows)
    frame.attrs["columns"] = names
    frame.attrs["report"] = ImportReport(
        "power",
        file=source.name,
        sha256=source.sha256(),
        rows=len(times_s),
        kept=len(rows),
        dropped={"time or power blank or negative": lost} if lost else {},
        repaired={"earlier than the row above: sorted": late} if late else {},
        unix_start_s=first if dated else None,
        time_zone=time_zone,
    )
    return frame


def describe_power(power: pd.DataFrame) -> dict[str, Any]:
    """Span, energy (each value holds to the next row), levels and the largest move from row to row, W."""
    if not len(power):
        return {"rows": 0}
    times, watts = power["t_s"].to_numpy(), power["watts"].to_numpy()
    levels = {f"p{p}_w": float(value) for p, value in zip((5, 50, 95), np.percentile(watts, (5, 50, 95)), strict=True)}
    return {
        "rows": len(power),
        "span_s": float(times[-1]),
        "energy_kwh": float(np.dot(watts[:-1], np.diff(times)) / 3.6e6),
        "mean_w": float(watts.mean()),
        **levels,
        "max_w": float(watts.max()),
        "largest_move_w": float(np.abs(np.diff(watts)).max()) if len(watts) > 1 else 0.0,
    }
