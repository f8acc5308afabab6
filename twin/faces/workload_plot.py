"""Plots of a trace: one HTML page with plotly's own script inside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.workload.formats.trace import Trace
from twin.workload.jobs import Float64

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_POINTS = 1_000
"""Points of a curve: more is not seen."""


def write(figure: go.Figure, path: Path) -> None:
    """One page that loads nothing from anywhere."""
    figure.write_html(path, include_plotlyjs=True, full_html=True)


def jobs_figure(trace: Trace, found: Mapping[str, Any], title: str) -> go.Figure:
    """Sizes, run times, gaps, hours, weekdays, and the GPUs that the jobs would hold if none waited."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    titles = (
        "Size, share of jobs and of GPU time", "GPUs asked for if none waited",
        "Run time, share of jobs that run longer", "Gap between submissions, share longer",
        "Submissions by hour, × mean", "Submissions by weekday, × mean",
    )  # fmt: skip
    figure = make_subplots(rows=3, cols=2, subplot_titles=titles)
    if found["jobs"]:
        from twin.faces.workload_command import days_of, size_classes

        labels, jobs, work = zip(*size_classes(found["by_size"]), strict=True)
        figure.add_bar(x=labels, y=jobs, name="jobs", row=1, col=1)
        figure.add_bar(x=labels, y=work, name="GPU time", row=1, col=1)
        since, gpus = _concurrency(trace)
        figure.add_trace(go.Scatter(x=since, y=gpus, name="GPUs", line_shape="hv"), row=1, col=2)
        for col, values in ((1, trace.run_s), (2, np.diff(trace.submit_s))):
            x, y = _survival(values)
            figure.add_trace(go.Scatter(x=x, y=y, showlegend=False), row=2, col=col)
        figure.add_bar(x=list(range(24)), y=[24 * s for s in found["hour_share"]], showlegend=False, row=3, col=1)
        days, shares = zip(*days_of(trace, found), strict=True)
        figure.add_bar(x=days, y=[7 * share for share in shares], showlegend=False, row=3, col=2)
    for col in (1, 2):
        figure.update_xaxes(type="log", title="s", row=2, col=col)
    figure.update_xaxes(title="GPUs", type="category", row=1, col=1)
    figure.update_xaxes(title="days from the first submission", row=1, col=2)
    figure.update_layout(title=title, height=1100, template="simple_white")
    return figure


def _survival(values: Float64) -> tuple[Float64, Float64]:
    """Values above 0 and the share of all that is larger, at most 1,000 points."""
    ordered = np.sort(values)
    rows = np.unique(np.linspace(0, max(len(ordered) - 1, 0), _POINTS).astype(np.int64))
    x = ordered[rows] if len(ordered) else ordered
    share = 1.0 - np.searchsorted(ordered, x, side="right") / max(len(ordered), 1)
    return x[x > 0], share[x > 0]


def _concurrency(trace: Trace) -> tuple[Float64, Float64]:
    """Days from the first submission, and the mean GPUs held if every job started at once."""
    first = float(trace.submit_s[0])
    times = np.concatenate([trace.submit_s, trace.submit_s + trace.run_s]) - first
    change = np.concatenate([trace.size, -trace.size]).astype(np.float64)
    order = np.argsort(times, kind="stable")
    times, held = times[order], np.cumsum(change[order])
    area = np.concatenate([[0.0], np.cumsum(held[:-1] * np.diff(times))])
    edges = np.linspace(0.0, max(float(trace.submit_s[-1]) - first, 1.0), _POINTS + 1)
    mean = np.diff(np.interp(edges, times, area)) / np.diff(edges)
    return edges[:-1] / 86_400.0, mean


def series_figure(table: pd.DataFrame, kind: str, title: str) -> go.Figure:
    """Power over time, or requests and tokens per 10 s with the lengths of prompts and answers."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    if kind == "power":
        figure = go.Figure(go.Scatter(x=table["t_s"], y=table["watts"], line_shape="hv"))
        figure.update_layout(title=title, xaxis_title="s", yaxis_title="W", template="simple_white")
        return figure
    figure = make_subplots(rows=2, cols=2, subplot_titles=(
        "Requests per 10 s", "Tokens per 10 s", "Input tokens, share longer", "Output tokens, share longer",
    ))  # fmt: skip
    bins = (table["t_s"].to_numpy(dtype=np.float64) // 10.0).astype(np.int64)
    x = np.arange(bins.max() + 1 if len(bins) else 0) * 10.0
    figure.add_trace(go.Scatter(x=x, y=np.bincount(bins), showlegend=False), row=1, col=1)
    for col, name in ((1, "input_tokens"), (2, "output_tokens")):
        values = table[name].to_numpy(dtype=np.float64)
        figure.add_trace(go.Scatter(x=x, y=np.bincount(bins, weights=values), name=name), row=1, col=2)
        longer, share = _survival(values)
        figure.add_trace(go.Scatter(x=longer, y=share, showlegend=False), row=2, col=col)
        figure.update_xaxes(type="log", row=2, col=col)
    figure.update_layout(title=title, height=800, template="simple_white")
    return figure
