"""What is asked for: which weather, where, from when, for how long, under which seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.weather import climate
from twin.weather.arrays import MS_PER_DAY, MS_PER_MINUTE, Ints
from twin.weather.config import Place, WeatherConfig


@dataclass(frozen=True)
class Horizon:
    """One request for weather."""

    config: WeatherConfig
    place: Place
    start_ms: int
    """Epoch ms, UTC, on a whole minute."""
    n_minutes: int
    seed: int

    @property
    def end_ms(self) -> int:
        """Epoch ms just after the last minute."""
        return self.start_ms + self.n_minutes * MS_PER_MINUTE

    @property
    def turbidity(self) -> tuple[float, ...]:
        """Monthly Linke turbidities of the clear sky."""
        return self.config.linke_turbidity or climate.LINKE_TURBIDITY

    @property
    def day_zero(self) -> int:
        """Site-local day of the start, since 1970-01-01."""
        return (self.start_ms + self.place.utc_offset_ms) // MS_PER_DAY

    @property
    def minutes_into_day(self) -> int:
        """Minutes between the site's midnight and the start."""
        return (self.start_ms + self.place.utc_offset_ms) % MS_PER_DAY // MS_PER_MINUTE

    @property
    def days(self) -> Ints:
        """The site-local days of the horizon and one more on each side."""
        last = (self.end_ms - 1 + self.place.utc_offset_ms) // MS_PER_DAY
        return np.arange(self.day_zero - 1, last + 2, dtype=np.int64)
