"""Battery containers in a real run: equivalent circuit, converter, limits and heat against plain references."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

import twin
from tests.reference.physics import cell_ohm, linear, pcs_loss_w, record, store_system
from twin.engine import ocv_table

QUIET = {"run.days": 1, "workload.source": "none", "faults.random": False}
SPREAD = np.array([0.051, 0.08, 0.2, 0.333, 0.5, 0.61, 0.8, 0.93, 0.949])


@pytest.fixture(scope="module")
def run(root):
    with twin.Run(twin.Scenario.read(root / "scenarios/base/zhongwei.toml", overrides=QUIET)) as run:
        run.advance("1h")
        yield run


def minute(run: twin.Run, way: str) -> tuple[list[dict], list[dict]]:
    """Nine unlike containers before and after a minute of discharge or of charge from the grid, at night."""
    arena = run.engine.arena
    arena.column("rule", "discharge_share")[0] = 1.0 if way == "discharge" else 0.0
    arena.column("rule", "charge_from_grid_w")[0] = 3e8 if way == "charge" else 0.0
    arena.column("rule", "import_target_w")[0] = 0.0
    arena.column("rule", "soc_floor")[0] = 0.0
    start = {"soc": SPREAD, "v1_v": np.linspace(-0.01, 0.01, 9), "v2_v": np.linspace(0.02, -0.02, 9),
             "cell_c": np.linspace(8.0, 48.0, 9), "cool_c": np.linspace(10.0, 40.0, 9)}  # fmt: skip
    for name, values in start.items():
        arena.column("store", name)[:9] = values
    before = [record(arena, "store", i) for i in range(9)]
    run.advance("1min")
    ambient_c = arena.column("site", "temp_c")[0]
    return before, [{**record(arena, "store", i), "ambient_c": ambient_c} for i in range(9)]


def both_ways(run: twin.Run) -> list[tuple[dict, dict]]:
    return [pair for way in ("discharge", "charge") for pair in zip(*minute(run, way), strict=True)]


def test_containers_work_in_both_ways_of_this_test(run):
    assert sum(now["p_w"] > 1e5 for _, now in both_ways(run)) >= 5
    assert sum(now["p_w"] < -1e5 for _, now in both_ways(run)) >= 5


def test_the_electromotive_force_comes_from_the_table_less_polarisation(run):
    for then, now in both_ways(run):
        emf = np.interp(then["soc"], np.linspace(0.0, 1.0, 51), ocv_table()) - then["v1_v"] - then["v2_v"]
        assert now["emf_v"] == pytest.approx(emf, abs=1e-12)
        assert now["r_ohm"] == pytest.approx(cell_ohm(now["r0_ohm"], then["cell_c"], then["soc"]), rel=1e-4)


def test_the_converter_loses_what_its_curve_says(run):
    for _, now in both_ways(run):
        assert now["loss_w"] == pytest.approx(pcs_loss_w(now["p_w"], now["pcs_rated_w"]), rel=1e-12)


def test_current_times_cell_voltage_is_the_direct_power(run):
    for _, now in both_ways(run):
        dc_w = now["p_w"] + now["loss_w"]
        roots = np.roots([now["r_ohm"], -now["emf_v"], dc_w / now["cells"]])
        assert now["i_a"] == pytest.approx(roots[np.abs(roots).argmin()], abs=1e-8)
        assert now["cells"] * now["i_a"] * now["v_cell"] == pytest.approx(dc_w, abs=1e-3)


def test_polarisation_follows_two_resistor_capacitor_pairs(run):
    for then, now in both_ways(run):
        a = np.diag([-1.0 / 45.0, -1.0 / 1500.0])
        goal = now["i_a"] * np.array([now["r1_ohm"], now["r2_ohm"]])
        end = goal + expm(a * 60.0) @ (np.array([then["v1_v"], then["v2_v"]]) - goal)
        assert [now["v1_v"], now["v2_v"]] == pytest.approx(end, abs=1e-14)


def test_charge_falls_by_the_ampere_hours_taken(run):
    for then, now in both_ways(run):
        assert now["soc"] == pytest.approx(then["soc"] - now["i_a"] / 60.0 / 314.0, abs=1e-14)
        assert now["total_ah"] - then["total_ah"] == pytest.approx(abs(now["i_a"]) / 60.0, abs=1e-10)


def test_heat_is_that_of_the_three_resistances_and_warms_cells_exactly(run):
    for then, now in both_ways(run):
        heat = now["i_a"] ** 2 * now["r_ohm"] + then["v1_v"] ** 2 / now["r1_ohm"] + then["v2_v"] ** 2 / now["r2_ohm"]
        assert now["heat_w"] == pytest.approx(now["cells"] * heat, rel=1e-12)
        system = store_system(now, now["ambient_c"])
        end, _ = linear(*system, np.array([then["cell_c"], then["cool_c"]]), 60.0)
        assert [now["cell_c"], now["cool_c"]] == pytest.approx(end, abs=1e-10)


def test_limits_keep_charge_voltage_rating_and_temperature(run):
    for then, now in both_ways(run):
        assert now["soc_min"] - 1e-12 <= now["soc"] <= now["soc_max"] + 1e-12
        assert -now["charge_w"] - 1e-6 <= now["p_w"] <= now["discharge_w"] + 1e-6
        assert 2.5 - 1e-9 <= now["v_cell"] <= 3.65 + 1e-9
        hot = np.interp(then["cell_c"], [45.0, 55.0], [1.0, 0.0])
        cold = np.interp(then["cell_c"], [0.0, 10.0], [0.0, 1.0])
        assert now["discharge_w"] <= hot * now["pcs_rated_w"] + 1e-6
        assert now["charge_w"] <= min(hot, cold) * now["pcs_rated_w"] + 1e-6


@pytest.mark.parametrize(("way", "soc", "column"), [("discharge", 0.0505, "soc_min"), ("charge", 0.9495, "soc_max")])
def test_a_container_at_its_end_goes_there_and_not_beyond(run, way, soc, column):
    store = {name: run.engine.arena.column("store", name) for name in ("soc", "cell_c", column)}
    store["soc"][:], store["cell_c"][:] = soc, 25.0
    minute(run, way)
    run.advance("2min")
    gap = (store["soc"][9:] - store[column][9:]) * (1.0 if way == "discharge" else -1.0)
    assert gap.min() >= -1e-12
    assert gap.max() < 0.0005
