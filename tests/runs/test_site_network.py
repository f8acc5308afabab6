"""The power flow inside a running plant, against power-grid-model on the same switches and injections."""

import numpy as np
import pytest

import twin
from tests.runs.worlds import entry, local, scenario

grid_model = pytest.importorskip("tests.reference.grid_model", reason="power-grid-model is not installed")

STORY = (
    entry("0d 03:00", "open", "T2", duration="1h")
    + entry("0d 12:00", "set", "grid-tie.export_limit_mw", 100.0, "1h")
    + entry("0d 18:30", "fail", "grid-tie", duration="30min")
    + entry("0d 19:30", "trip", "hall-04.a.xfmr")
)
MOMENTS = ("0d 02:00", "0d 03:30", "0d 08:00", "0d 12:30", "0d 18:45", "0d 19:31", "0d 22:00")


@pytest.fixture(scope="module")
def networks():
    """The site's network at several moments, with the voltages that the plant itself found."""
    found = {}
    with twin.Run(scenario(STORY, faults__random=False)) as run:
        for moment in MOMENTS:
            run.advance(local(moment))
            own = {bus.name: run.read(f"{bus.name}.vm_pu") for bus in run.site.plan.bus_list}
            found[moment] = (
                run.network(),
                own,
                run.read("losses.p_mw"),
                run.engine.arena.column("board", "loss_w").sum(),
            )
    return found


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_voltages_of_a_step_agree_with_power_grid_model(networks, moment):
    network, own, *_ = networks[moment]
    other = grid_model.voltages(network.to_networkx())
    assert max(abs(own[bus] - other[bus]) for bus in own) < 1e-8


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_network_as_a_library_gives_the_voltages_of_the_plant(networks, moment):
    network, own, losses_mw, ups_w = networks[moment]
    sol = network.solve(tol=1e-10)
    assert sol.converged
    assert np.abs(sol.vm_pu - np.array([own[bus] for bus in network.buses])).max() < 1e-8
    assert sol.losses_mw + ups_w * 1e-6 == pytest.approx(losses_mw, abs=1e-4)


def test_the_site_s_network_in_its_normal_state_has_one_island_and_no_dead_bus():
    network = twin.build(scenario()).network()
    assert len(network.islands()) == 1
    assert len(network.buses) > 280
    assert network.solve().energised.all()


def test_a_site_s_network_may_be_switched_without_touching_the_run():
    with twin.Run(scenario(faults__random=False)) as run:
        run.advance("1h")
        network = run.network()
        network.open("T2")
        assert not network.solve().energised[network.buses.index("35-2")]
        assert run.read("35-2.vm_pu") > 0.9
        assert run.network().solve().energised.all()
