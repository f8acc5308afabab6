"""Rows, loops and the coolant's rise in a real run against matrix exponentials and textbook exchangers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import twin
from tests.reference.physics import PG25_W_K_PER_L_MIN, exchanger, linear, record, row_system

QUIET = {"run.days": 1, "workload.source": "none", "faults.random": False}
ROWS = range(0, 80, 9)


@pytest.fixture(scope="module")
def run(root):
    with twin.Run(twin.Scenario.read(root / "scenarios/base/zhongwei.toml", overrides=QUIET)) as run:
        run.advance("1h")
        yield run


def stirred(run: twin.Run, watts_per_rack: float = 90e3) -> tuple[list[dict], list[dict], float]:
    """Rows before and after a minute that starts far from balance; the facility flow it began with."""
    arena = run.engine.arena
    row, loop = (lambda name: arena.column("row", name)), (lambda name: arena.column("loop", name)[0])
    for k, i in enumerate(ROWS):
        row("idle_w")[i] = row("racks")[i] * watts_per_rack
        row("die_c")[i], row("tcs_c")[i] = 45.0 + k, 48.0 - k
    flow = loop("flow")
    before = [record(arena, "row", i) for i in ROWS]
    run.advance("1min")
    return before, [record(arena, "row", i) for i in ROWS], flow


@pytest.mark.parametrize("pump_share", [1.0, 0.7])
def test_a_rows_two_nodes_follow_the_matrix_exponential_for_a_minute(run, pump_share):
    run.engine.arena.column("row", "pump_share")[:] = pump_share
    before, after, _ = stirred(run)
    for then, now in zip(before, after, strict=True):
        system = row_system(now)
        end, total = linear(*system, np.array([then["die_c"], then["tcs_c"]]), 60.0)
        assert [now["die_c"], now["tcs_c"]] == pytest.approx(end, abs=1e-9)
        assert now["heat_j"] == pytest.approx(now["sink_w_k"] * (total[1] - now["sink_c"] * 60.0), rel=1e-9)
    run.engine.arena.column("row", "pump_share")[:] = 1.0


def test_a_row_agrees_with_a_general_integrator(run):
    before, after, _ = stirred(run)
    a, forcing = row_system(after[3])
    start = [before[3]["die_c"], before[3]["tcs_c"]]
    end = solve_ivp(lambda _t, x: a @ x + forcing, (0.0, 60.0), start, method="DOP853", rtol=1e-11, atol=1e-11)
    assert [after[3]["die_c"], after[3]["tcs_c"]] == pytest.approx(end.y[:, -1], abs=1e-7)


def test_without_a_pump_the_dies_still_follow_the_exponential_and_hardly_reach_the_water(run):
    run.engine.arena.column("row", "pump_share")[:] = 0.0
    before, after, _ = stirred(run, 34e3)
    run.engine.arena.column("row", "pump_share")[:] = 1.0
    end, _ = linear(*row_system(after[0]), np.array([before[0]["die_c"], before[0]["tcs_c"]]), 60.0)
    assert after[0]["pump_on"] == 0.0
    assert after[0]["sink_w_k"] == pytest.approx(0.002 * after[0]["ua_w_k"])
    assert [after[0]["die_c"], after[0]["tcs_c"]] == pytest.approx(end, abs=1e-9)


def test_the_exchanger_has_the_effectiveness_of_counter_flow(run):
    _, after, flow = stirred(run)
    for row in after:
        assert row["ge_w_k"] == pytest.approx(exchanger(row, 1.2 * flow), rel=1e-9)


def test_the_heat_of_a_row_goes_into_its_nodes_its_water_and_the_room(run):
    before, after, _ = stirred(run)
    for then, now in zip(before, after, strict=True):
        stored = sum(now[f"c_{k}_j_k"] * (now[f"{k}_c"] - then[f"{k}_c"]) for k in ("die", "tcs"))
        given = now["heat_j"] + 60.0 * now["air_w"]
        assert stored + given == pytest.approx(60.0 * now["run_w"], rel=1e-9)


def test_a_loop_stores_what_it_takes_and_does_not_give_over_an_hour(run):
    loops = ("c_supply_j_k", "c_return_j_k", "supply_c", "return_c", "heat_in_w", "heat_out_w")
    cs, cr, supply, back, into, out = (run.engine.arena.column("loop", name) for name in loops)
    before = cs * supply + cr * back
    taken = np.zeros_like(supply)
    given = np.zeros_like(supply)
    for _ in range(60):
        run.advance("1min")
        taken += 60.0 * into
        given += 60.0 * out
    assert cs * supply + cr * back - before == pytest.approx(taken - given, abs=1e-8 * taken.max())


def test_a_loop_receives_the_heat_of_its_rows(run):
    run.advance("1min")
    rows = [run.engine.arena.column("row", name) for name in ("loop", "heat_j")]
    sums = np.bincount(rows[0], weights=rows[1])
    assert run.engine.arena.column("loop", "heat_in_w") * 60.0 == pytest.approx(sums, rel=1e-12)


def test_glycol_at_180_litres_a_minute_rises_9_98_k_under_a_rack_of_120_kw(run):
    arena = run.engine.arena
    row = {name: arena.column("row", name) for name in ("racks", "tcs_w_k", "pump_share", "idle_w")}
    share = 180.0 * PG25_W_K_PER_L_MIN / (row["tcs_w_k"][0] / row["racks"][0])
    row["pump_share"][0], row["idle_w"][0] = share, 120e3 * row["racks"][0]
    run.advance("30min")
    now = record(arena, "row", 0)
    liquid_w = now["run_w"] * now["liquid_share"] / now["racks"]
    rise_k = 2.0 * (now["tcs_c"] - now["supply_c"]) * 120e3 / liquid_w
    row["pump_share"][0], row["idle_w"][0] = 1.0, 34e3 * row["racks"][0]
    assert rise_k == pytest.approx(9.98, rel=0.01)


def test_the_flow_of_a_rack_is_that_of_one_and_a_half_litres_a_minute_per_kilowatt(run):
    row = {name: run.engine.arena.column("row", name) for name in ("racks", "tcs_w_k")}
    liquid_kw = 132.0 * 0.87
    assert 115e3 * row["racks"] / row["tcs_w_k"] == pytest.approx(9.98 * 115 / 120 * 180 / (1.5 * liquid_kw), rel=0.01)
