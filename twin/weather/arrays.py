"""Names for the arrays of this package, and the calendar in plain integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Array32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

MINUTES_PER_DAY = 1440
MS_PER_MINUTE = 60_000
MS_PER_DAY = 86_400_000


def f64(values: Any) -> Array:
    """Whatever pandas or pvlib hand back, as a float64 array."""
    return np.asarray(values, dtype=np.float64)


def day_of_date(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a date of the Gregorian calendar."""
    return int(np.datetime64(f"{year:04d}-{month:02d}-{day:02d}", "D").astype(np.int64))


def years_of(days: Ints) -> Ints:
    """Calendar year of days since 1970-01-01."""
    return days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970


def months_of(days: Ints) -> Ints:
    """Month, 0 to 11, of days since 1970-01-01."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12


def day_of_year(days: Ints) -> Ints:
    """1 on 1 January."""
    first = days.astype("datetime64[D]").astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
    return np.asarray(days - first + 1)


def date_text(day: int) -> str:
    """``2028-07-14`` for days since 1970-01-01."""
    return str(np.datetime64(day, "D"))
