"""The three site networks of the generator beside the public data, radial and with loops, against three oracles."""

import numpy as np
import pytest

import twin
from tests.reference import peers, site_generator

pytestmark = pytest.mark.needs_data
SITES = [f"site{n}{loops}" for n in (60, 300, 3000) for loops in ("", "L")]


def noon_of(nets, name):
    """A network of the generator, and its injections at a noon."""
    net = nets.get(name)
    return net, nets.profiles(net, 721)[-1]


@pytest.mark.parametrize("name", SITES)
def test_voltages_are_those_of_scipy_and_of_power_grid_model(name, shared_data):
    nets = site_generator.load(shared_data)
    net, s = noon_of(nets, name)
    assert net.n == site_generator.BUSES[name.rstrip("L")]
    graph = site_generator.graph_of(net, s)
    sol = twin.Network(graph).solve(tol=1e-11)
    v = sol.vm_pu * np.exp(1j * np.deg2rad(sol.va_deg))
    scipy_v, _, miss = nets.reference_nr(net, s, tol=1e-12)
    assert sol.converged
    assert miss < 1e-11
    for other in (scipy_v, peers.pgm_voltages(graph)):
        assert abs(v - other).max() < 1e-8
        assert abs(np.rad2deg(np.angle(v / other))).max() < 1e-6


@pytest.mark.parametrize("name", SITES)
def test_many_rows_are_those_of_lightsim2grid(name, shared_data):
    nets = site_generator.load(shared_data)
    net = nets.get(name)
    rows = np.ascontiguousarray(nets.profiles(net, 721)[::8])
    graph = site_generator.graph_of(net, rows[-1])  # at noon every plant injects, and has an element there
    series = twin.Network(graph).solve_many(rows.real * net.base_mva, rows.imag * net.base_mva, tol=1e-11)
    _, other, _ = peers.lightsim_batch(graph, rows, tol=1e-10)  # it never gets below 1e-11
    assert series.converged.all()
    assert abs(series.v_pu - other).max() < 1e-8


def test_the_nose_of_the_radial_site_when_all_its_loads_grow(shared_data):
    """1.50609185 times the load: bisection with SciPy's Newton, in the generator's own study of collapse."""
    nets = site_generator.load(shared_data)
    net = nets.get("site300")
    graph = site_generator.graph_of(net, np.where(net.role == 1, net.S0, 0.0))
    assert twin.Network(graph).collapse_margin().load_factor == pytest.approx(1.50609185, abs=2e-8)
