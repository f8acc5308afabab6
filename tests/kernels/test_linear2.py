"""Exact steps of two nodes seen from outside: cutting a step, near-equal eigenvalues and short steps change nothing."""

from __future__ import annotations

import numpy as np
import pytest

import twin
from tests.reference.physics import linear, record, row_system, store_system

QUIET = {"run.days": 1, "workload.source": "none", "faults.random": False}


def after_a_minute(root, step_s: int, change: dict[str, float]) -> tuple[dict, dict]:
    """The first row before and after a step, with columns overwritten."""
    scenario = twin.Scenario.read(root / "scenarios/base/zhongwei.toml", overrides={**QUIET, "run.step_s": step_s})
    with twin.Run(scenario) as run:
        arena = run.engine.arena
        for name, value in change.items():
            arena.column("row", name)[0] = value
        before = record(arena, "row", 0)
        run.advance(f"{step_s}s")
        return before, record(arena, "row", 0)


def capacities(die: float, tcs: float) -> dict[str, float]:
    return {"c_die_j_k": die, "die_k_j": 1.0 / die, "c_tcs_j_k": tcs, "tcs_k_j": 1.0 / tcs}


@pytest.mark.parametrize("step_s", [1, 5, 60])
def test_steps_of_any_length_agree_with_the_matrix_exponential(root, step_s):
    before, after = after_a_minute(root, step_s, {"die_c": 70.0, "tcs_c": 35.0})
    end, _ = linear(*row_system(after), np.array([before["die_c"], before["tcs_c"]]), float(step_s))
    assert [after["die_c"], after["tcs_c"]] == pytest.approx(end, abs=1e-10)


@pytest.mark.parametrize(("die", "tcs"), [(1e3, 1e9), (1e9, 1e4), (1e6, 1e6), (1e10, 1e10)])
def test_stiff_and_slow_pairs_agree_with_the_matrix_exponential(root, die, tcs):
    before, after = after_a_minute(root, 60, {**capacities(die, tcs), "die_c": 70.0, "tcs_c": 35.0})
    end, _ = linear(*row_system(after), np.array([before["die_c"], before["tcs_c"]]), 60.0)
    assert [after["die_c"], after["tcs_c"]] == pytest.approx(end, abs=1e-8)


def test_nearly_equal_eigenvalues_lose_no_digits(root):
    # almost no coupling and g/c1 = (g + sink)/c2: what is left of the discriminant is the coupling alone
    change = {"g_die_w_k": 1.0, "die_c": 60.0, "tcs_c": 45.0, "idle_w": 0.0, "psu_loss_0": 0.0}
    change |= {"tcs_set_c": 10.0, "tcs_above_fws_k": -100.0}  # the valve stays open
    _, probe = after_a_minute(root, 60, change)
    change |= capacities(1e4, 1e4 * (1.0 + probe["sink_w_k"]))
    before, after = after_a_minute(root, 60, change)
    a, forcing = row_system(after)
    gap = np.ptp(np.linalg.eigvals(a).real) / np.abs(np.linalg.eigvals(a)).max()
    end, _ = linear(a, forcing, np.array([before["die_c"], before["tcs_c"]]), 60.0)
    assert gap < 0.2
    assert [after["die_c"], after["tcs_c"]] == pytest.approx(end, abs=1e-9)


def test_a_containers_two_nodes_agree_with_the_matrix_exponential(root):
    scenario = twin.Scenario.read(root / "scenarios/base/zhongwei.toml", overrides=QUIET)
    with twin.Run(scenario) as run:
        arena = run.engine.arena
        arena.column("store", "cell_c")[:], arena.column("store", "cool_c")[:] = 38.0, 14.0
        run.advance("1min")
        now = record(arena, "store", 7)
        system = store_system(now, arena.column("site", "temp_c")[0])
    end, _ = linear(*system, np.array([38.0, 14.0]), 60.0)
    assert [now["cell_c"], now["cool_c"]] == pytest.approx(end, abs=1e-10)
