"""Solar blocks in a real run against PVLib's inverter, from the profile's DC power to what is offered."""

from __future__ import annotations

import numpy as np
import pytest
from pvlib.inverter import pvwatts

import twin

QUIET = {"run.days": 1, "workload.source": "none", "faults.random": False}
EFFICIENCY = 0.985


@pytest.fixture(scope="module")
def run(root):
    with twin.Run(twin.Scenario.read(root / "scenarios/base/zhongwei.toml", overrides=QUIET)) as run:
        run.advance("7h")
        yield run


def offered(run: twin.Run, **columns: float) -> tuple[np.ndarray, np.ndarray]:
    """Power offered after a minute with set columns, and PVLib's for the same DC power, W; columns put back."""
    source = {name: run.engine.arena.column("source", name) for name in (*columns, "available_w", "soiling_share")}
    kept = {name: source[name].copy() for name in columns}
    at = int(run.now.timestamp() * 1000 - run.scenario.start_ms) // 60_000
    for name, value in columns.items():
        source[name][:] = value
    dc_w = run.engine.solar.dc_pu[at].astype(float) * run.engine.arena.column("source", "dc_peak_w")
    dc_w = dc_w * (1.0 - source["soiling_share"])
    run.advance("1min")
    for name, values in kept.items():
        source[name][:] = values
    return source["available_w"].copy(), pvwatts(dc_w, run.engine.arena.column("source", "pdc0_w"), EFFICIENCY)


@pytest.mark.parametrize("wait", ["1min", "30min", "2h", "3h"])
def test_a_block_offers_what_the_inverter_of_pvlib_makes_of_its_light(run, wait):
    run.advance(wait)
    offer, expected = offered(run)
    assert expected.max() > 1e5
    assert offer == pytest.approx(expected, rel=1e-9)


def test_dust_is_taken_from_the_light(run):
    offer, expected = offered(run, soiling_share=0.17)
    assert offer == pytest.approx(expected, rel=1e-9)


def test_a_block_of_too_many_modules_is_clipped_at_its_rating(run):
    offer, expected = offered(run, dc_peak_w=1e9)
    assert expected == pytest.approx(run.engine.arena.column("source", "ac_rated_w"))
    assert offer == pytest.approx(expected, rel=1e-12)


def test_a_hot_inverter_is_clipped_lower(run):
    offer, _ = offered(run, dc_peak_w=1e9, derate_from_c=0.0)
    share = 1.0 - 0.01 * run.engine.arena.column("site", "temp_c")[0]
    assert offer == pytest.approx(share * run.engine.arena.column("source", "ac_rated_w"), rel=1e-12)


def test_half_the_stations_in_service_halve_the_clipped_power(run):
    offer, _ = offered(run, dc_peak_w=1e9, in_service=0.5)
    assert offer == pytest.approx(0.5 * run.engine.arena.column("source", "ac_rated_w"), rel=1e-12)


def test_stowed_trackers_use_the_profile_of_lying_flat(run):
    source = {name: run.engine.arena.column("source", name) for name in ("stowed", "available_w", "dc_peak_w")}
    at = int(run.now.timestamp() * 1000 - run.scenario.start_ms) // 60_000
    source["stowed"][:] = 1.0
    run.advance("1min")
    source["stowed"][:] = 0.0
    dc_w = float(run.engine.solar.stow_pu[at]) * source["dc_peak_w"]
    assert source["available_w"] == pytest.approx(pvwatts(dc_w, source["dc_peak_w"] / 1.2 / EFFICIENCY, EFFICIENCY))


def test_what_is_used_and_what_is_curtailed_make_what_is_offered(run):
    run.advance("1min")
    columns = (run.engine.arena.column("site", name)[0] for name in ("solar_w", "curtailed_w", "solar_available_w"))
    used, curtailed, offer = columns
    assert used + curtailed == pytest.approx(offer, rel=1e-12)
    assert curtailed >= -1e-6
