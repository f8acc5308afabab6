"""Weather by the minute: the columns that everything else reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twin.errors import Problem
from twin.weather.arrays import MS_PER_MINUTE, Array32

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "ghi_w_m2": "global horizontal irradiance",
    "dni_w_m2": "direct normal irradiance",
    "dhi_w_m2": "diffuse horizontal irradiance",
    "temp_c": "air temperature at 2 m",
    "wet_bulb_c": "wet-bulb temperature",
    "wind_m_s": "wind at 10 m",
    "gust_m_s": "strongest gust within the minute",
    "rain_mm_h": "precipitation as water, rain and snow",
    "snow_share": "share of the precipitation that falls as snow",
    "dust_mg_m3": "PM10 in the air",
    "pressure_pa": "air pressure at the site",
}
"""Every column of a ``Weather`` and what it holds."""


@dataclass(frozen=True)
class Weather:
    """One value a minute of everything outdoors, the mean over ``[start_ms + 60 000 i, + 60 000)``.

    Nothing is NaN or below 0 except temperatures; radiation is exactly 0 while the sun is down;
    ghi = dhi + dni · cos(zenith) to float32.
    """

    start_ms: int
    """Epoch ms, UTC, of the first minute."""
    n: int
    columns: dict[str, Array32]
    """The names of ``COLUMNS`` → float32, shape (n,); may be mapped read-only from a cache."""
    digest: str
    """SHA-256 of all that determines the values: table, file content, place, horizon, seed."""
    warnings: tuple[Problem, ...] = field(default=())
    """What the reader of a file had to decide and the user may want to know."""

    def table(self) -> pd.DataFrame:
        """The columns by ``time`` (UTC)."""
        import numpy as np
        import pandas as pd

        stamps = self.start_ms + MS_PER_MINUTE * np.arange(self.n, dtype=np.int64)
        index = pd.DatetimeIndex(stamps.astype("datetime64[ms]"), tz="UTC", name="time")
        return pd.DataFrame(self.columns, index=index)
