"""What a simulated second costs. Times are recorded (to the file that ``TWIN_BENCH_OUT`` names, else printed) and never
asserted; what was computed is."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

import twin
from twin import _core

pytestmark = pytest.mark.bench
ROOT = Path(__file__).parents[2]


def record(name: str, **figures: float | str) -> None:
    line = json.dumps({"bench": name, "isa": _core.isa, **figures})
    out = os.environ.get("TWIN_BENCH_OUT")
    if out:
        with open(out, "a", encoding="utf-8") as file:
            file.write(line + "\n")
    print("\n" + line)


def test_twenty_days_of_the_base_site():
    scenario = twin.Scenario.read(ROOT / "scenarios" / "base" / "zhongwei.toml", overrides={"run.days": 21})
    with twin.Run(scenario) as run:
        run.advance("1d")
        start = time.process_time()
        run.advance("20d")
        cpu_s = time.process_time() - start
        ledger = {name: run.engine.arena.column("ledger", name)[0] for name in ("steps", "solves", "iterations")}
    assert ledger["steps"] >= 21 * 1440
    assert ledger["solves"] >= ledger["steps"]
    record(
        "base, 20 days", us_per_step=cpu_s / (20 * 1440) * 1e6, simulated_s_per_cpu_s=20 * 86400 / cpu_s,
        newton_iterations_per_solve=ledger["iterations"] / ledger["solves"],
    )  # fmt: skip


@pytest.mark.long
def test_three_years_with_everything_on(tmp_path):
    path = ROOT / "scenarios" / "multi-year" / "zhongwei-2026-2028.toml"
    twin.Run(twin.Scenario.read(path)).close()  # weather and sun into the cache: they are boundary data
    results = twin.simulate(twin.Scenario.read(path), out=tmp_path / "years")
    speed, jobs = results.summary["speed"], results.summary["jobs"]
    assert speed["simulated_s"] == 1_578_240 * 60
    assert jobs["submitted"] == jobs["finished"] + jobs["failed"] + jobs["running"] + jobs["queued"]
    assert jobs["submitted"] > 1_000_000
    assert speed["peak_rss_mb"] < 1500.0
    record("three years", **speed)


def test_power_flow_of_the_site_beside_power_grid_model():
    pgm = pytest.importorskip("power_grid_model")
    from tests.reference.grid_model import model_of

    graph = twin.build(twin.Scenario.read(ROOT / "scenarios" / "base" / "zhongwei.toml")).graph
    boards = [bus for bus in graph if graph.nodes[bus]["vn_kv"] == 0.4]
    for bus in boards:
        graph.nodes[bus].update(p_mw=-4.0, q_mvar=-0.4)
    network = twin.Network(graph)
    p_mw, q_mvar = spread(network, boards)
    start = time.process_time()
    ours = network.solve_many(p_mw, q_mvar)
    ours_s = time.process_time() - start
    model, _ = model_of(graph)
    update = pgm.initialize_array("update", "sym_load", (STEPS, len(boards)))
    update["id"] = 50_000 + np.arange(len(boards))
    columns = [network.buses.index(bus) for bus in boards]
    update["p_specified"], update["q_specified"] = -p_mw[:, columns] * 1e6, -q_mvar[:, columns] * 1e6
    start = time.process_time()
    theirs = model.calculate_power_flow(update_data={"sym_load": update}, error_tolerance=1e-8, threading=-1)
    theirs_s = time.process_time() - start
    assert np.asarray(ours.converged).all()
    assert theirs["node"].shape[0] == STEPS
    assert np.abs(np.sort(theirs["node"]["u_pu"].max(axis=1)) - np.sort(ours.vm_pu.max(axis=1))).max() < 1e-6
    record(
        "power flow, 301 buses", us_per_solve=ours_s / STEPS * 1e6, peer_us_per_solve=theirs_s / STEPS * 1e6,
        peer_over_ours=theirs_s / ours_s,
    )  # fmt: skip


STEPS = 500


def spread(network: twin.Network, boards: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Injections of every bus in every step: a slow random walk of the boards' load."""
    walk = 1.0 + 0.01 * np.cumsum(np.random.default_rng(1).standard_normal((STEPS, 1)) * 0.1, axis=0)
    p_mw = np.zeros((STEPS, len(network.buses)))
    p_mw[:, [network.buses.index(bus) for bus in boards]] = -4.0 * walk
    return p_mw, 0.1 * p_mw
