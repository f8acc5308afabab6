"""The power flow beside its peers, in one run: CPU time on one thread, tolerance 1e-8, from P and Q in numpy arrays to
voltages in numpy arrays. What is asserted is that all solve the same thing."""

import time

import numpy as np
import pytest

import twin
from tests.bench.test_speed import record
from tests.reference import networks, peers, site_generator

pytestmark = pytest.mark.bench
SITES = {56: (3, 3, 6), 295: (10, 11, 12), 2894: (24, 55, 45)}
ROWS = {56: 8000, 295: 3000, 2894: 320}


def wandering(graph, rows: int) -> np.ndarray:
    """Injections (rows, n_bus), per unit: groups of racks step, every load flickers, minute by minute."""
    random = np.random.Generator(np.random.Philox(5))
    data = list(graph.nodes.values())
    own = np.array([row.get("p_mw", 0.0) + 1j * row.get("q_mvar", 0.0) for row in data]) / 100.0
    flicker = np.zeros((rows, len(own)))
    for k in range(1, rows):
        flicker[k] = 0.82 * flicker[k - 1] + 0.0115 * random.standard_normal(len(own))
    steps = np.where(random.random((rows, 8)) < 1 / 240, random.uniform(-0.3, 0.0, (rows, 8)), np.nan)
    steps[0] = -0.1
    held = np.maximum.accumulate(np.where(np.isnan(steps), 0, np.arange(rows)[:, None]), axis=0)
    level = np.take_along_axis(steps, held, axis=0)[:, np.arange(len(own)) % 8]
    return own * (1.0 + flicker + level)


@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("n", sorted(SITES))
def test_a_batch_beside_the_peers(n, loops):
    graph = networks.site(*SITES[n], loops=loops)
    assert len(graph) == n
    beside_the_peers(f"{n} buses{', loops' if loops else ''}", graph, wandering(graph, ROWS[n]))


@pytest.mark.needs_data
@pytest.mark.parametrize("name", ["site300", "site300L", "site3000", "site3000L"])
def test_a_batch_of_the_shared_generator_beside_the_peers(name, shared_data):
    """Its networks and its own minutes: sun with clouds, jobs that step, storage that balances."""
    nets = site_generator.load(shared_data)
    net = nets.get(name)
    s = nets.profiles(net, 3360 if net.n < 1000 else 800)[480:]  # from eight in the morning
    beside_the_peers(name, site_generator.graph_of(net, s[240]), np.ascontiguousarray(s))


def beside_the_peers(name: str, graph, s: np.ndarray) -> None:
    """Record what the rows ``s`` (n_step, n_bus), per unit, cost us and the peers; all must agree."""
    net = twin.Network(graph)
    p_mw, q_mvar = np.ascontiguousarray(s.real * 100.0), np.ascontiguousarray(s.imag * 100.0)
    ours, series = peers.best_of(lambda: net.solve_many(p_mw, q_mvar), tries=5)
    least, _ = peers.best_of(lambda: net.solve_extremes(p_mw, q_mvar), tries=5)
    pgm, pgm_v = peers.pgm_batch(graph, s)
    lightsim, lightsim_v, algorithm = peers.lightsim_batch(graph, s)
    assert series.converged.all()
    assert abs(series.v_pu - pgm_v).max() < 1e-6
    assert abs(series.v_pu - lightsim_v).max() < 1e-6
    record(
        f"batch, {name}", us_per_solve=ours / len(s) * 1e6,
        us_per_solve_extremes=least / len(s) * 1e6, steps=float(series.iterations.mean()),
        power_grid_model_us=pgm / len(s) * 1e6, lightsim2grid_us=lightsim / len(s) * 1e6, lightsim2grid=algorithm,
        power_grid_model_over_ours=pgm / ours, lightsim2grid_over_ours=lightsim / ours,
    )  # fmt: skip


@pytest.mark.needs_data
@pytest.mark.parametrize("name", ["case118", "case1354pegase", "case2869pegase"])
def test_a_batch_of_a_case_with_regulated_buses_beside_lightsim2grid(name, shared_data):
    net = twin.Network.from_matpower(shared_data / "matpower" / f"{name}.m")
    graph = net.to_networkx()
    rows = 800 if name == "case118" else 480
    own = np.array([row["p_mw"] + 1j * row["q_mvar"] for row in graph.nodes.values()]) / 100.0
    load = np.array([row["kind"] == "pq" for row in graph.nodes.values()])
    random = np.random.Generator(np.random.Philox(6))
    day = 0.95 + 0.05 * np.sin(2 * np.pi * np.arange(rows)[:, None] / 1440.0)
    s = own * np.where(load, day + 0.003 * random.standard_normal((rows, len(own))), day)
    s[:, [row["kind"] == "slack" for row in graph.nodes.values()]] = 0.0
    p_mw, q_mvar = np.ascontiguousarray(s.real * 100.0), np.ascontiguousarray(s.imag * 100.0)
    ours, series = peers.best_of(lambda: net.solve_many(p_mw, q_mvar))
    turn = np.exp(-1j * np.angle(series.v_pu[0, [row["kind"] == "slack" for row in graph.nodes.values()]][0]))
    lightsim, lightsim_v, algorithm = peers.lightsim_batch(graph, s, series.v_pu[0] * turn)
    assert series.converged.all()
    assert abs(series.v_pu * turn - lightsim_v).max() < 1e-6
    record(
        f"batch, {name}", us_per_solve=ours / rows * 1e6, steps=float(series.iterations.mean()),
        lightsim2grid_us=lightsim / rows * 1e6, lightsim2grid=algorithm, lightsim2grid_over_ours=lightsim / ours,
    )  # fmt: skip


@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("n", sorted(SITES))
def test_one_solve_at_a_time_beside_the_fastest_peer(n, loops):
    graph = networks.site(*SITES[n], loops=loops)
    one_at_a_time(f"{n} buses{', loops' if loops else ''}", graph, wandering(graph, min(ROWS[n], 1000)))


def one_at_a_time(name: str, graph, s: np.ndarray) -> None:
    """Record what row after row costs us and the fastest peer, each warm from the one before."""
    grid = twin.Network(graph)._grid
    grid.ensure()
    p, q = np.ascontiguousarray(s.real), np.ascontiguousarray(s.imag)
    ours, last = peers.best_of(lambda: grid.stepwise(p, q), tries=5)
    rust, rust_v = peers.rust_one_by_one(graph, s)
    assert abs(last - rust_v).max() < 1e-6
    record(
        f"one at a time, {name}", us_per_solve=ours / len(s) * 1e6,
        rustpower_us=rust / len(s) * 1e6, rustpower_over_ours=rust / ours,
    )  # fmt: skip


@pytest.mark.needs_data
@pytest.mark.parametrize("name", ["site300", "site300L"])
def test_one_solve_at_a_time_of_the_shared_generator(name, shared_data):
    nets = site_generator.load(shared_data)
    net = nets.get(name)
    s = np.ascontiguousarray(nets.profiles(net, 1480)[480:])
    one_at_a_time(name, site_generator.graph_of(net, s[240]), s)


def test_a_breaker_opens_and_closes():
    graph = networks.site(*SITES[295], loops=True)
    net = twin.Network(graph)
    rings = [name for name in net.branches if name.startswith("h") and "r10>" in name]

    def same() -> None:
        for _ in range(100):
            net._grid.power_flow()

    def toggled() -> None:
        for k in range(100):
            (net.open if k % 2 else net.close)(rings[0])
            net._grid.power_flow()

    def never_seen() -> None:
        """Every switch state is a new one: a binary counter over eight rings."""
        fresh, is_open = twin.Network(graph), [False] * len(rings)
        fresh._grid.power_flow()
        started = time.process_time()
        for k in range(1, 101):
            ring = (k & -k).bit_length() - 1  # the bit of a Gray code that changes
            (fresh.close if is_open[ring] else fresh.open)(rings[ring])
            is_open[ring] = not is_open[ring]
            fresh._grid.power_flow()
        spent.append(time.process_time() - started)

    spent: list[float] = []
    same()
    toggled()
    for _ in range(5):
        never_seen()
    record(
        "a breaker in a ring, 295 buses", us_per_solve=peers.best_of(same)[0] * 1e4,
        us_per_switching_and_solve=peers.best_of(toggled)[0] * 1e4, us_per_new_state_and_solve=min(spent) * 1e4,
    )  # fmt: skip
