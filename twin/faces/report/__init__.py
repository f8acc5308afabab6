"""The report: one self-contained HTML page about a run, for people who were not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from twin.results import Results

__all__ = ["write_report"]


def write_report(results: Results, path: Path | None = None) -> Path:
    """Write the report of a run, whole or not, and return where it is: ``report.html`` in the run directory by default.

    The file is in place in full or not at all. It loads nothing from anywhere: plotly's script is inside.
    """
    from pathlib import Path

    from twin import parts
    from twin.faces.report.page import page

    target = Path(path) if path is not None else results.path / "report.html"
    parts.write_bytes(target, page(results).encode())
    return target
