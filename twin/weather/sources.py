"""Where the radiation comes from: one class per kind of source, all asked for one block at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from twin.errors import Problem
from twin.weather import climate, clouds
from twin.weather.air import kc_ranks
from twin.weather.arrays import Array, Ints, months_of
from twin.weather.config import WeatherConfig
from twin.weather.dust import DustEvent, drawn_events, fields
from twin.weather.radiation import Radiation, closed, decomposed_dhi, dhi_to_total, dimmed, least_dhi
from twin.weather.streams import stream
from twin.weather.sun import Block


class Source(Protocol):
    """What the assembly of a weather asks of its source."""

    def kc_rank(self, days: Ints) -> Array:
        """Rank within the month of the clear-sky index of consecutive site-local days, for the generator's air."""
        ...

    def radiation(self, block: Block) -> Radiation:
        """Irradiances of a block."""
        ...

    def observed(self, block: Block) -> dict[str, Array]:
        """Columns of a block that the source knows and the generator's air gives way to."""
        ...

    def events(self, first_day: int, last_day: int) -> list[DustEvent]:
        """Drawn dust events that touch these site-local days."""
        ...

    def warnings(self) -> tuple[Problem, ...]:
        """What had to be decided while reading and spreading."""
        ...


def texture_of(config: WeatherConfig, kc: Array, block: Block, seed: int) -> Array:
    """Clear-sky index of each minute of a block whose days have index ``kc``."""
    if config.texture == "smooth":
        return clouds.smooth_days(kc, block.clear.ghi_w_m2)
    return clouds.cloudy_days(kc, block.clear.ghi_w_m2, stream(seed, "weather", "clouds", block.first_day))


@dataclass(frozen=True)
class Synthetic:
    """The seeded generator: daily clear-sky index by Gaussian copula, clouds within the day, dust on top."""

    config: WeatherConfig
    seed: int

    def kc_rank(self, days: Ints) -> Array:
        """The generator's own."""
        return kc_ranks(self.seed, days)

    def radiation(self, block: Block) -> Radiation:
        """Clouds under the clear sky, split by Erbs and Driesse, dimmed by the dust the generator draws."""
        kc = climate.kc_at(self.kc_rank(block.days), months_of(block.days)) * climate.DUSTLESS_KC_FACTOR
        ghi = texture_of(self.config, kc, block, self.seed) * block.clear.ghi_w_m2
        plain = closed(ghi, decomposed_dhi(ghi, block.sun), block.sun, block.dni_bound_w_m2)
        events = self.events(block.first_day, block.first_day + block.n_days - 1)
        return dimmed(plain, fields(events, block).aod, block.sun.cos_zenith)

    def observed(self, block: Block) -> dict[str, Array]:
        """Nothing is observed."""
        return {}

    def events(self, first_day: int, last_day: int) -> list[DustEvent]:
        """Drawn for each calendar year."""
        return drawn_events(self.seed, first_day, last_day) if self.config.dust else []

    def warnings(self) -> tuple[Problem, ...]:
        """None."""
        return ()


@dataclass(frozen=True)
class Daily:
    """Real daily sums of radiation, spread over the minutes and conserved day by day.

    The dust drawn here moves PM10 and wind only: its shadow is in the sums already.
    """

    config: WeatherConfig
    seed: int
    first_day: int
    """Site-local day of the first entry of the sums."""
    ghi_mj_m2: Array
    """NaN where the file has no value and the generator stands in."""
    dhi_mj_m2: Array
    """NaN where it is split off by the Erbs-Driesse model instead."""
    clear_mj_m2: Array
    """Clear-sky sum of each day, for ranks only."""

    def _pick(self, values: Array, days: Ints) -> Array:
        at = days - self.first_day
        inside = (at >= 0) & (at < len(values))
        return np.where(inside, values[np.clip(at, 0, len(values) - 1)], np.nan)

    def kc_rank(self, days: Ints) -> Array:
        """From the sums; the generator's where there is none."""
        kc = self._pick(self.ghi_mj_m2 / self.clear_mj_m2, days)
        rank = climate.rank_of(np.nan_to_num(kc), months_of(days))
        return np.where(np.isnan(kc), kc_ranks(self.seed, days), np.minimum(rank, 1.0 - 2.0**-53))

    def radiation(self, block: Block) -> Radiation:
        """The day's texture scaled to its sums."""
        clear, days = block.clear.ghi_w_m2, block.days
        clear_mj = clear.sum(axis=1) * 60e-6
        kc = np.divide(self._pick(self.ghi_mj_m2, days), clear_mj, out=np.zeros_like(clear_mj), where=clear_mj > 0.0)
        drawn = climate.kc_at(kc_ranks(self.seed, days), months_of(days))
        ghi = texture_of(self.config, np.where(np.isnan(kc), drawn, kc), block, self.seed) * clear
        base = decomposed_dhi(ghi, block.sun)
        dhi = dhi_to_total(ghi, base, least_dhi(ghi, block), self._pick(self.dhi_mj_m2, days) / 60e-6)
        return closed(ghi, dhi, block.sun, block.dni_bound_w_m2)

    def observed(self, block: Block) -> dict[str, Array]:
        """Nothing beyond radiation."""
        return {}

    def events(self, first_day: int, last_day: int) -> list[DustEvent]:
        """Drawn for each calendar year."""
        return drawn_events(self.seed, first_day, last_day) if self.config.dust else []

    def warnings(self) -> tuple[Problem, ...]:
        """None: what is missing is an error, or asked for."""
        return ()
