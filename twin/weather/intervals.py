"""Observations by the hour (or any whole number of minutes) as a source: EPW and CSV files end up here."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from twin.errors import Problem
from twin.weather import climate
from twin.weather.air import kc_ranks
from twin.weather.arrays import MINUTES_PER_DAY, MS_PER_MINUTE, Array, Ints, months_of
from twin.weather.config import Place, WeatherConfig
from twin.weather.dust import DustEvent, drawn_events
from twin.weather.radiation import Radiation, closed, decomposed_dhi
from twin.weather.sun import Block, clear_day_sums, clear_sky, sun_at_minutes

_HEADROOM = 2.5
_TWILIGHT_W_M2 = 100.0
"""No minute gets more than 2.5 times the extraterrestrial irradiance on the horizontal plus 100 W/m². Real files have
sunset hours with more than the sun sends, since their clocks and models differ; an hour's sum comes before its
plausibility, but not where a minute of low sun would have to carry it all."""


@dataclass(frozen=True)
class Series:
    """Values of consecutive intervals: ``values[i]`` belongs to ``[first_ms + i·step, + step)``."""

    first_ms: int
    """Epoch ms, UTC."""
    step_min: int
    values: dict[str, Array]
    """Our column names, ``dew_c`` and radiation as means, ``ghi_w_m2`` always, each of shape (n,)."""
    at_end: bool = False
    """Whether temperatures, humidity, wind and pressure are instants at the end of the interval, not means over it."""
    warnings: tuple[Problem, ...] = ()

    @property
    def n(self) -> int:
        """How many intervals there are."""
        return len(self.values["ghi_w_m2"])

    def at(self, name: str, time_ms: Ints) -> Array:
        """A state as a line through its sampling instants, held before the first and after the last."""
        middle = 1.0 if self.at_end else 0.5
        instants = self.first_ms + (np.arange(self.n) + middle) * (self.step_min * MS_PER_MINUTE)
        return np.interp(time_ms, instants, self.values[name])

    def index_of(self, time_ms: Ints) -> Ints:
        """The interval of each instant; below 0 or from ``n`` on outside the series."""
        return np.asarray((time_ms - self.first_ms) // (self.step_min * MS_PER_MINUTE))


@dataclass
class Spread:
    """What was lost while radiation was spread over the minutes, kWh/m²."""

    kept: float = 0.0
    lost: float = 0.0


@dataclass(frozen=True)
class Intervals:
    """A source of observations by intervals; the generator's air fills in what the file does not have.

    The dust drawn here moves PM10 and wind only: its shadow is in the observations already.
    """

    config: WeatherConfig
    seed: int
    place: Place
    turbidity: tuple[float, ...]
    series: Series
    spread: Spread = field(default_factory=Spread)

    def kc_rank(self, days: Ints) -> Array:
        """From the sums of whole days inside the series; the generator's elsewhere."""
        per_day = MINUTES_PER_DAY // self.series.step_min
        start_ms = days * (MINUTES_PER_DAY * MS_PER_MINUTE) - self.place.utc_offset_ms
        first = self.series.index_of(start_ms)
        whole = (first >= 0) & (first + per_day <= self.series.n)
        sums = np.concatenate([[0.0], np.cumsum(self.series.values["ghi_w_m2"])])
        total = sums[np.where(whole, first + per_day, 0)] - sums[np.where(whole, first, 0)]
        clear = clear_day_sums(self.place, self.turbidity, days)
        mj = total * self.series.step_min * 60e-6
        kc = np.divide(mj, clear, out=np.zeros_like(clear), where=clear > 0.0)
        rank = np.minimum(climate.rank_of(kc, months_of(days)), 1.0 - 2.0**-53)
        return np.where(whole, rank, kc_ranks(self.seed, days))

    def radiation(self, block: Block) -> Radiation:
        """Each interval's radiation in the shape of the clear sky within it, its sum conserved."""
        pad = self.series.step_min
        start_ms = block.start_ms - pad * MS_PER_MINUTE
        n = block.time_ms.size + 2 * pad
        time_ms = start_ms + MS_PER_MINUTE * np.arange(n, dtype=np.int64) + MS_PER_MINUTE // 2
        sun = sun_at_minutes(self.place, start_ms, n)
        clear = clear_sky(sun, self.place, time_ms, self.turbidity).ghi_w_m2
        which = self.series.index_of(time_ms)
        local = which - which[0]
        shape = np.bincount(local, weights=clear)
        minutes = np.bincount(local)
        mean = np.where(minutes == pad, shape / pad, 0.0)[local]
        inside = (which >= 0) & (which < self.series.n)
        observed = np.where(inside, self.series.values["ghi_w_m2"][np.clip(which, 0, self.series.n - 1)], 0.0)
        wanted = np.divide(clear * observed, mean, out=np.zeros(n), where=mean > 0.0)
        bound = np.where(clear > 0.0, _HEADROOM * sun.extra_w_m2 * sun.cos_zenith + _TWILIGHT_W_M2, 0.0)
        ghi = np.minimum(wanted, bound)[pad:-pad]
        self._account(ghi, observed[pad:-pad])
        return self._split(ghi.reshape(block.shape), which[pad:-pad].reshape(block.shape), block)

    def _account(self, ghi_w_m2: Array, observed_w_m2: Array) -> None:
        self.spread.kept += float(ghi_w_m2.sum()) / 60e3
        self.spread.lost += float((observed_w_m2 - ghi_w_m2).sum()) / 60e3

    def _split(self, ghi: Array, which: Ints, block: Block) -> Radiation:
        """Beam and diffuse: by the file's diffuse share of the interval, or by Erbs and Driesse."""
        if "dhi_w_m2" not in self.series.values:
            dhi = decomposed_dhi(ghi, block.sun)
        else:
            at = np.clip(which, 0, self.series.n - 1)
            total, diffuse = self.series.values["ghi_w_m2"], self.series.values["dhi_w_m2"]
            share = np.divide(diffuse, total, out=np.ones_like(total), where=total > 0.0)
            dhi = ghi * np.minimum(share, 1.0)[at]
        return closed(ghi, dhi, block.sun, block.dni_bound_w_m2)

    def observed(self, block: Block) -> dict[str, Array]:
        """States as lines between samples, precipitation as steps."""
        columns = {}
        for name in self.series.values:
            if name in ("rain_mm_h", "dust_mg_m3"):
                at = np.clip(self.series.index_of(block.time_ms), 0, self.series.n - 1)
                columns[name] = self.series.values[name][at].reshape(block.shape)
            elif not name.endswith("_w_m2"):
                columns[name] = self.series.at(name, block.time_ms).reshape(block.shape)
        return columns

    def events(self, first_day: int, last_day: int) -> list[DustEvent]:
        """Drawn for each calendar year, unless the file knows the dust."""
        drawn = self.config.dust and "dust_mg_m3" not in self.series.values
        return drawn_events(self.seed, first_day, last_day) if drawn else []

    def warnings(self) -> tuple[Problem, ...]:
        """What the reader said, and radiation that found no minute with the sun up."""
        lost, total = self.spread.lost, self.spread.lost + self.spread.kept
        if total <= 0.0 or lost < 0.001 * total:
            return self.series.warnings
        message = f"{100 * lost / total:.1f} % of the radiation falls where the sun is down at the site and is left out"
        hint = "check the site's place and clock, and the file's time zone"
        return (*self.series.warnings, Problem("weather.path", message, hint=hint, warning=True))
