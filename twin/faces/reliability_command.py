"""What ``twin reliability`` prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console

    from twin.studies.reliability import Reliability

WORDS = {
    "lole_h": ("hours with load lost", "h/a"),
    "eens_mwh": ("energy not served", "MWh/a"),
    "lolf_per_year": ("losses of load", "1/a"),
    "gpu_hours_lost": ("GPU-hours lost", "GPU-h/a"),
    "sla_cost": ("SLA cost", "currency/a"),
}
MOST_ASSETS = 10


def teller(progress: str) -> Callable[[int, int], None] | None:
    """How the years that are done are told, on the error stream; None: not at all."""
    if progress == "none" or (progress == "auto" and not sys.stderr.isatty()):
        return None
    if progress == "json":
        return lambda done, most: print(json.dumps({"years": done, "of": most}), file=sys.stderr, flush=True)
    end = "\r" if progress == "auto" else "\n"
    return lambda done, most: print(f"{done:,} of {most:,} years", end=end, file=sys.stderr, flush=True)


def show_reliability(console: Console, found: Reliability) -> None:
    """Print the indices with their intervals, the halls, and the assets that cost most."""
    console.print(_indices(found))
    console.print(_halls(found))
    console.print(_assets(found))


def _indices(found: Reliability) -> Table:
    table = _table(f"Reliability, {found.years:,} site-years", "index", "mean", "95 % from", "to", "unit")
    for name, (words, unit) in WORDS.items():
        row = found.indices.T[name]
        table.add_row(words, *(_figure(float(row[column])) for column in ("mean", "low", "high")), unit)
    return table


def _halls(found: Reliability) -> Table:
    table = _table("Halls", "hall", "availability", "± se", "unserved MWh/a")
    for name, row in found.halls.iterrows():
        table.add_row(str(name), f"{row['availability']:.6f}", f"{row['se']:.6f}", _figure(float(row["unserved_mwh"])))
    return table


def _assets(found: Reliability) -> Table:
    table = _table("Assets by energy not served while out", "asset", "failures/a", "repair h", "MWh/a", "share")
    costly = found.assets[found.assets["unserved_mwh"] > 0.0].head(MOST_ASSETS)
    for name, row in costly.iterrows():
        figures = (f"{row[column]:.4g}" for column in ("failures_per_year", "repair_h"))
        table.add_row(str(name), *figures, _figure(float(row["unserved_mwh"])), f"{row['share']:.1%}")
    return table


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:.4g}"
