"""Published or closed-form cases: each folder has a ``case.toml`` with inputs, expected values, tolerances, origin."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pvlib import irradiance

import twin
from tests.kernels.tiny import SITE, Tiny
from tests.reference.physics import PG25_W_K_PER_L_MIN, record
from twin.ageing import CALENDAR_POWER, CYCLE_POWER, MODELS, calendar_rate, cycle_rate, grow
from twin.weather import Place, SolarDesign, sheds
from twin.weather.psychro import dew_point_c, wet_bulb_c
from twin.weather.sun import clear_sky, sun_at_minutes

HERE = Path(__file__).resolve().parent
BASE = HERE.parents[1] / "scenarios" / "base" / "zhongwei.toml"
CASES = sorted(path.parent.name for path in HERE.glob("*/case.toml"))
ZHONGWEI = Place(37.533, 105.183, 1226.6, 8.0)
Values = dict[str, Any]


def quiet_run() -> twin.Run:
    """A day of the base site without jobs and random faults."""
    return twin.Run(
        twin.Scenario.read(BASE, overrides={"run.days": 1, "workload.source": "none", "faults.random": False})
    )


def epoch_ms(text: str) -> int:
    return int(pd.Timestamp(text).timestamp()) * 1000


def sun(given: Values) -> Values:
    at = epoch_ms(given["time"])
    seen = sun_at_minutes(ZHONGWEI, at, 1, offset_ms=0)
    sky = clear_sky(seen, ZHONGWEI, np.array([at]), given["turbidity"])
    light = {name: getattr(sky, name)[0] for name in ("ghi_w_m2", "dni_w_m2", "dhi_w_m2")}
    return {"zenith_deg": seen.zenith_deg[0], "azimuth_deg": seen.azimuth_deg[0], **light}


def tracker(given: Values) -> Values:
    seen = sun_at_minutes(ZHONGWEI, epoch_ms(given["time"]), 1, offset_ms=0)
    tilt, azimuth = sheds.orientation(SolarDesign().rows(), seen)
    incidence = irradiance.aoi(tilt, azimuth, seen.zenith_deg, seen.azimuth_deg)
    return {"tilt_deg": tilt[0], "incidence_deg": incidence[0]}


def ageing(given: Values) -> Values:
    """Capacity left, in steps of a day; the rate is the mean over the day, as twin.components.battery has it."""
    temp, soc, depth = (np.array(given[name]) for name in ("temp_c", "soc_share", "depth_share"))
    full = given["cycles_per_day"] * depth
    calendar, cycle, left = np.array(0.0), np.array(0.0), []
    for day in range(1, 365 * max(given["years"]) + 1):
        calendar = grow(calendar, calendar_rate(temp, soc), CALENDAR_POWER, np.array(1.0))
        cycle = grow(cycle, cycle_rate(temp, depth, 2.0 * full / 24.0), CYCLE_POWER, full)
        if day % 365 == 0 and day // 365 in given["years"]:
            left.append(float(1.0 - calendar - cycle))
    return {"left_share": left}


def naumann(given: Values) -> Values:
    """Capacity lost on the shelf and by cycling alone, each in many pieces."""
    law, lost = MODELS["naumann"], np.array(0.0)
    rate = law.calendar_rate(np.array(given["temp_c"]), np.array(given["soc_share"]))
    for _ in range(given["pieces"]):
        lost = grow(lost, rate, law.calendar_power, np.array(365.25 * given["years"] / given["pieces"]))
    cycled = np.array(0.0)
    rate = law.cycle_rate(np.array(given["temp_c"]), np.array(given["depth_share"]), np.array(given["c_rate"]))
    for _ in range(given["pieces"]):
        cycled = grow(cycled, rate, law.cycle_power, np.array(given["full_cycles"] / given["pieces"]))
    return {"shelf_percent": float(100.0 * lost), "cycles_percent": float(100.0 * cycled)}


def coolant(given: Values) -> Values:
    """Rise over the racks of a row in balance, from the run's own temperatures."""
    with quiet_run() as run:
        row = {name: run.engine.arena.column("row", name) for name in ("racks", "tcs_w_k", "pump_share", "idle_w")}
        per_rack = row["tcs_w_k"][0] / row["racks"][0]
        row["pump_share"][0] = given["flow_l_min"] * PG25_W_K_PER_L_MIN / per_rack
        row["idle_w"][0] = given["rack_kw"] * 1e3 * row["racks"][0]
        run.advance("1h")
        now = record(run.engine.arena, "row", 0)
    rack_w = now["run_w"] * now["liquid_share"] / now["racks"]
    return {"rise_k": 2.0 * (now["tcs_c"] - now["supply_c"]) * given["rack_kw"] * 1e3 / rack_w}


def wet_bulb(given: Values) -> Values:
    temp = np.array(given["temp_c"])
    dew = dew_point_c(temp, np.array(given["humidity_pu"]))
    return {"wet_bulb_c": wet_bulb_c(temp, dew, np.full_like(temp, given["pressure_pa"])).tolist()}


def ride_through(given: Values) -> Values:
    """Seconds from the loss of both feeders to the stop of the hall's rows."""
    with quiet_run() as run:
        lost = run.advance("1h")
        for side in ("a", "b"):
            run.inject("open", f"{given['hall']}.{side}.xfmr")
        run.advance("15min")
        events = run.finish().events
    stopped = events[(events.kind == "stop") & (events.asset == given["hall"])].time.iloc[0]
    return {"ride_through_s": (stopped - lost).total_seconds()}


def chiller(given: Values) -> Values:
    """Capacity and power of one chiller that a hall's air asks more of than it has."""
    tiny = Tiny(SITE + "chillers_count = 1\n")
    tiny["loop", "chilled_c"][:], tiny["loop", "condenser_above_k"][:] = given["chilled_c"], 0.0
    tiny.weather(temp_c=given["condenser_c"], wet_bulb_c=given["condenser_c"] - 5.0)
    tiny.step(60.0)
    return {
        f"{what}_kw": tiny["loop", column][0] / 1e3 for what, column in (("capacity", "air_w"), ("power", "air_el_w"))
    }


def coolant_lost(given: Values) -> Values:
    """Seconds from the stop of a hall's coolant pumps to throttling and to the stop of its rows."""
    full, half = (_until_rows_stop(given["hall"], given[f"{load}_kw"]) for load in ("full", "half"))
    return {
        "full_trip_s": full["stop"], "full_throttle_s": full["throttle"],
        "half_trip_over_full": half["stop"] / full["stop"],
        "trip_after_throttle": all(times["stop"] > times["throttle"] for times in (full, half)),
    }  # fmt: skip


def _until_rows_stop(hall: str, rack_kw: float) -> dict[str, float]:
    with quiet_run() as run:
        column = run.engine.arena.column
        first, last = run.engine.plan.halls[hall]
        column("row", "idle_w")[first:last] = column("row", "racks")[first:last] * rack_kw * 1e3
        lost = run.advance("2h")
        column("row", "pump_share")[first:last] = column("row", "pump_ua_share")[first:last] = 0.0
        run.world.open_fine()
        run.advance("15min")
        events = run.finish().events
    events = events[(events.asset == hall) & (events.time >= lost)]
    return {kind: (events[events.kind == kind].time.iloc[0] - lost).total_seconds() for kind in ("throttle", "stop")}


KINDS: dict[str, Callable[[Values], Values]] = {
    each.__name__: each
    for each in (sun, tracker, ageing, naumann, coolant, wet_bulb, ride_through, chiller, coolant_lost)
}


@pytest.mark.parametrize("name", CASES)
def test_the_case_comes_out_as_published(name):
    case = tomllib.loads((HERE / name / "case.toml").read_text(encoding="utf-8"))
    got = KINDS[case["kind"]](case["inputs"])
    assert set(got) == set(case["expected"]) == set(case["tolerance"])
    for what, expected in case["expected"].items():
        assert got[what] == pytest.approx(expected, abs=case["tolerance"][what]), (what, case["origin"])


def test_every_case_tells_its_origin():
    assert len(CASES) >= 6
    for name in CASES:
        assert len(tomllib.loads((HERE / name / "case.toml").read_text(encoding="utf-8"))["origin"]) > 20
