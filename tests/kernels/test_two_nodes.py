"""Two coupled nodes, exact in time: 64 pairs drawn at random, as battery containers, which are nothing else."""

import numpy as np
import pytest

from tests.kernels.tiny import Tiny
from tests.reference import thermal

STEPS_S = (0.001, 0.25, 60.0)
COLUMNS = ("c_cell_j_k", "c_cool_j_k", "g_off_w_k", "g_ambient_w_k", "cell_c", "cool_c")


def random_containers(tiny: Tiny, seed: int, spread: float) -> dict[str, np.ndarray]:
    """64 containers whose capacities and conductances lie up to ``spread`` decades apart, chillers off."""
    random = np.random.default_rng(seed)
    n = len(tiny["store", "cell_c"])
    for name, middle in (("c_cell_j_k", 1e6), ("c_cool_j_k", 1e5), ("g_off_w_k", 1e3), ("g_ambient_w_k", 1e2)):
        tiny["store", name][:] = middle * 10.0 ** random.uniform(-spread, spread, n)
    tiny["store", "cell_c"][:] = random.uniform(0.0, 50.0, n)
    tiny["store", "cool_c"][:] = random.uniform(0.0, 50.0, n)
    tiny["store", "chiller_w"][:] = 0.0
    tiny["store", "cool_on_c"][:], tiny["store", "cool_off_c"][:] = 1e3, -1e3
    tiny["store", "v1_v"][:] = random.uniform(0.0, 0.02, n)  # polarisation that relaxes is the only heat at rest
    return tiny.copy_of("store", *COLUMNS)


def system(before: dict[str, np.ndarray], heat_w: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    return thermal.container(
        before["c_cell_j_k"][k], before["c_cool_j_k"][k], before["g_off_w_k"][k], before["g_ambient_w_k"][k],
        heat_w[k], 0.0, 25.0,
    )  # fmt: skip


@pytest.mark.parametrize("h_s", STEPS_S)
@pytest.mark.parametrize("spread", [0.3, 2.5])
def test_a_step_is_the_matrix_exponential(h_s, spread):
    tiny = Tiny()
    before = random_containers(tiny, seed=int(h_s * 1000), spread=spread)
    tiny.step(h_s)
    for k in range(64):
        a, b = system(before, tiny["store", "heat_w"], k)
        exact = thermal.linear_step_in_many_digits(a, b, np.array([before["cell_c"][k], before["cool_c"][k]]), h_s)
        ours = tiny["store", "cell_c"][k], tiny["store", "cool_c"][k]
        # the state at rest may lie 1e5 K away, and that is what rounding is a share of
        assert ours == pytest.approx(tuple(exact), rel=0.0, abs=1e-11 if spread < 1.0 else 1e-10)


def test_a_stiff_pair_and_an_equal_pair_of_nodes_are_exact_too():
    tiny = Tiny()
    before = random_containers(tiny, seed=5, spread=0.0)
    tiny["store", "g_off_w_k"][:32] = 1e9  # a time constant of 0.1 ms beside one of hours
    tiny["store", "g_ambient_w_k"][32:] = 1.0  # an eigenvalue near zero
    tiny["store", "c_cool_j_k"][32:] = tiny["store", "c_cell_j_k"][32:]
    before = tiny.copy_of("store", *COLUMNS)
    tiny.step(60.0)
    for k in range(64):
        a, b = system(before, tiny["store", "heat_w"], k)
        exact = thermal.linear_step_in_many_digits(a, b, np.array([before["cell_c"][k], before["cool_c"][k]]), 60.0)
        assert tiny["store", "cell_c"][k] == pytest.approx(exact[0], abs=1e-10)


@pytest.mark.parametrize("h_s", [1.0, 60.0])
@pytest.mark.parametrize("faster", [1e3, 1e6, 1e9, 1e12])
def test_a_slow_node_keeps_its_digits_beside_one_that_is_faster_by_decades(h_s, faster):
    # the slow node's change alone tells: it is small, and d - s would leave nothing of it
    tiny = Tiny()
    random_containers(tiny, seed=11, spread=0.3)
    tiny["store", "v1_v"][:] = 0.0
    tiny["store", "c_cool_j_k"][:] = 1e6 / faster
    tiny["store", "g_ambient_w_k"][:] = 1e6 / 3600.0 / 24.0
    before = tiny.copy_of("store", *COLUMNS)
    tiny.step(h_s)
    for k in range(64):
        a, b = system(before, tiny["store", "heat_w"], k)
        exact = thermal.linear_step_in_many_digits(a, b, np.array([before["cell_c"][k], before["cool_c"][k]]), h_s)
        assert tiny["store", "cell_c"][k] == pytest.approx(exact[0], rel=0.0, abs=2e-13)
        assert tiny["store", "off_w"][k] == pytest.approx(0.0, abs=1e-6 / h_s)


@pytest.mark.parametrize("h_s", STEPS_S)
def test_the_heat_given_away_in_a_step_is_the_integral_of_the_temperature(h_s):
    # a row's heat to the facility water is its sink's conductance times ∫(coolant − sink) dt
    tiny = Tiny()
    tiny["row", "tcs_c"][:] = np.linspace(30.0, 44.0, 32)
    tiny["row", "die_c"][:] = np.linspace(80.0, 40.0, 32)
    before = tiny.copy_of("row", "die_c", "tcs_c", "c_die_j_k", "c_tcs_j_k", "g_die_w_k", "liquid_share")
    tiny.step(h_s)
    for k in range(0, 32, 5):
        sink_w_k, sink_c = tiny["row", "sink_w_k"][k], tiny["row", "sink_c"][k]
        heat_w = tiny["row", "run_w"][k] * before["liquid_share"][k]
        nodes = (before[name][k] for name in ("c_die_j_k", "c_tcs_j_k", "g_die_w_k"))
        a, b = thermal.row(*nodes, sink_w_k, heat_w, sink_c)
        mean = thermal.linear_integral(a, b, np.array([before["die_c"][k], before["tcs_c"][k]]), h_s)[1]
        assert tiny["row", "heat_j"][k] == pytest.approx(sink_w_k * (mean - sink_c * h_s), rel=1e-9)


@pytest.mark.parametrize("pieces", [2, 7, 60])
def test_a_step_may_be_cut_into_pieces(pieces):
    whole, cut = Tiny(), Tiny()
    for tiny in (whole, cut):
        random_containers(tiny, seed=9, spread=1.0)
        tiny["store", "v1_v"][:] = 0.0
    whole.step(42.0)
    for _ in range(pieces):
        cut.step(42.0 / pieces)
    np.testing.assert_allclose(cut["store", "cell_c"], whole["store", "cell_c"], rtol=0, atol=1e-11)
