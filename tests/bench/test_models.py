"""What each model costs in a step of the default site: recorded, never asserted; the models' state is."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

import twin
from tests.bench.test_speed import record

pytestmark = pytest.mark.bench
BASE = Path(__file__).parents[2] / "scenarios" / "base" / "zhongwei.toml"
PARTS = {
    "see": ("source", "PV block"), "allot": ("row", "row group"), "inject": ("bus", "bus"), "solve": ("bus", "bus"),
    "rows": ("row", "row group"), "loops": ("loop", "cooling plant"), "stores": ("store", "container"),
    "books": ("row", "row group"), "watch": ("row", "row group"), "record": ("row", "row group"),
}  # fmt: skip
TURNS = 2000


def test_cost_of_each_model_in_a_step():
    with twin.Run(twin.Scenario.read(BASE, overrides={"run.days": 2})) as run:
        run.advance("1d 12h")
        before = run.engine.arena.buffer.copy()
        costs = {}
        for part, (table, unit) in PARTS.items():
            run.engine.plant.repeat(part, 50)
            best_s = np.inf
            for _ in range(5):
                start = time.process_time()
                run.engine.plant.repeat(part, TURNS)
                best_s = min(best_s, (time.process_time() - start) / TURNS)
            costs[part] = best_s * 1e6
            each = best_s * 1e9 / run.engine.plan.count(table) if table != "bus" else best_s * 1e9 / 301
            record(f"model {part}", us_per_step=costs[part], ns_each=each, each=unit)
        assert np.array_equal(run.engine.arena.buffer, before)
    record("models together", us_per_step=sum(costs.values()))
