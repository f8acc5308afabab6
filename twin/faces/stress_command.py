"""What ``twin stress`` prints and writes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from twin.faces.terminal import grouped

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

MOST_ROWS = 25
COLUMNS = (
    ("case", "case", ""), ("count", "×", "0"), ("cost", "cost", "0"), ("unserved_mwh", "unserved MWh", "1"),
    ("gpu_h_lost", "GPU-h lost", "0"), ("jobs_stopped", "jobs stopped", "0"), ("hottest_c", "hottest °C", "1"),
    ("loading_pu", "loading %", "%"), ("static_status", "static flow", ""), ("recovered_h", "back after h", "1"),
    ("unmet", "expectations unmet", ""),
)  # fmt: skip
"""Column of the study, its heading, how it is written."""


def show_stress(console: Console, table: pd.DataFrame) -> None:
    """Print the cases, the worst first."""
    shown = Table(title=f"Lost at {table.attrs['at']}, followed for {table.attrs['hours']:g} h", title_justify="left")
    for _, heading, form in COLUMNS:
        shown.add_column(heading, justify="right" if form else "left")
    for row in table.head(MOST_ROWS).to_dict("records"):
        shown.add_row(*(_text(row[name], form) for name, _, form in COLUMNS))
    console.print(shown)
    if len(table) > MOST_ROWS:
        console.print(f"… {len(table) - MOST_ROWS} cases more, none worse; --out writes all")


def _text(value: object, form: str) -> str:
    if not form or not isinstance(value, int | float):
        return str(value)
    if math.isnan(value):
        return "–"
    return grouped(100.0 * value) if form == "%" else grouped(value, int(form))


def write_stress(table: pd.DataFrame, out: Path) -> None:
    """Write all cases as Parquet, CSV and JSON into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    plain = table.copy()
    plain.attrs = {}
    plain.to_parquet(out / "stress.parquet")
    plain.to_csv(out / "stress.csv", index=False)
    rows = json.loads(plain.to_json(orient="records"))
    (out / "stress.json").write_text(json.dumps(table.attrs | {"cases": rows}, indent=1), encoding="utf-8")
