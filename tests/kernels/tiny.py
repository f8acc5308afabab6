"""A very small site whose plant is driven by hand: weather, loads and states are set, then one step is taken."""

from functools import cache
from pathlib import Path

import numpy as np

import twin
from twin.engine import WEATHER_NAMES, Engine
from twin.run import cache_dir

SITE = """
title = "tiny"
[run]
start = 2028-07-14T00:00:00+08:00
days = 1
[weather]
source = "synthetic"
[workload]
source = "synthetic"
[faults]
random = false
[site]
latitude_deg = 37.53
longitude_deg = 105.18
[site.bus.b]
vn_kv = 35
[site.grid_tie.tie]
bus = "b"
[site.solar_plant.pv]
count = 24
bus = "b"
dc_mw = 2400
ac_mw = 2000
[site.battery.bess]
bus = "b"
energy_mwh = 321.024
power_mw = 160
containers_count = 64
[site.rack_hall.hall]
bus_a = "b"
bus_b = "b"
rooms_count = 4
[site.cooling_plant.cooling]
hall = "hall"
design_mw = 35
"""


@cache
def _built(text: str) -> tuple[twin.Scenario, twin.Site]:
    scenario = twin.Scenario.parse(text, base_dir=Path(__file__).parent)
    site = twin.build(scenario)
    site.plan.guards.clear()  # a step is one step, whatever it comes to
    return scenario, site


class Tiny:
    """A plant with its columns at hand; ``tiny["row", "die_c"]`` is the live column."""

    def __init__(self, text: str = SITE) -> None:
        self.engine = Engine(*_built(text), cache_dir())
        self.plant = self.engine.plant
        self["rule", "charge_share"][:] = self["rule", "discharge_share"][:] = 0.0  # stores rest
        self.weather(temp_c=25.0, wet_bulb_c=15.0)

    def __getitem__(self, place: tuple[str, str]) -> np.ndarray:
        return self.engine.arena.column(*place)

    def weather(self, dc_pu=0.0, **values: float) -> None:
        """Hold the weather at ``values`` and the solar blocks' profile at ``dc_pu``, for a day."""
        row = np.zeros(len(WEATHER_NAMES) + 48, dtype=np.float32)
        for name, value in values.items():
            row[WEATHER_NAMES.index(name)] = value
        row[len(WEATHER_NAMES) : len(WEATHER_NAMES) + 24] = dc_pu
        self.plant.set_weather(np.tile(row, (1440, 1)), 0)

    def step(self, h_s: float) -> None:
        """One step of ``h_s`` seconds, a whole number of milliseconds."""
        due = self.plant.now_ms + round(h_s * 1000)
        while self.plant.now_ms < due:
            _, why = self.plant.advance(min(due, (self.plant.now_ms // 60_000 + 1) * 60_000), True)
            assert why in (0, 3), why
            if why == 3:
                self.plant.drained()

    def copy_of(self, table: str, *names: str) -> dict[str, np.ndarray]:
        """Copies of columns as they are now."""
        return {name: self[table, name].copy() for name in names}
