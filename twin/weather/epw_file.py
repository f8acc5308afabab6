"""Reading EnergyPlus weather: one year by the hour, played over and over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.errors import Problem
from twin.weather.arrays import Array, Ints, day_of_date, f64
from twin.weather.config import Place
from twin.weather.files import Complaints, text_of
from twin.weather.horizon import Horizon
from twin.weather.intervals import Series
from twin.weather.psychro import dew_point_c

if TYPE_CHECKING:
    import pandas as pd

_MS_PER_HOUR = 3_600_000
_SAME_PLACE_DEG = 3.0
"""Within it the file's clock is taken at its word; further away its hours are read as the site's."""

_FIELDS = {
    "ghi_w_m2": ("ghi", 0.0, 1500.0),
    "dhi_w_m2": ("dhi", 0.0, 1500.0),
    "temp_c": ("temp_air", -70.0, 70.0),
    "humidity_pu": ("relative_humidity", 0.0, 110.0),
    "pressure_pa": ("atmospheric_pressure", 31_000.0, 120_000.0),
    "wind_m_s": ("wind_speed", 0.0, 40.0),
}
"""Our name → pvlib's, and the range of valid values in the EPW's own definition; 9999 and the like lie outside it."""

_RAIN = ("liquid_precipitation_depth", 0.0, 500.0)


def read_epw(raw: bytes, file: Path, horizon: Horizon) -> Series:
    """The hours of an EPW year laid over the horizon, with some hours of margin.

    Row hour h of a day is the mean over h−1 to h of the file's standard time, and its temperature, humidity, wind and
    pressure are read at the end of that hour. The year is played by date; 29 February, where the file has none, is a
    copy of 28 February. Raise ScenarioError with every fault of the file.
    """
    complaints = Complaints(file)
    data, meta = _parsed(raw, file, complaints)
    rows = _rows_by_date(data, complaints)
    values = _values(data, complaints)
    complaints.raise_any()
    offset_ms, warnings = _clock(meta, horizon.place, file)
    first_ms = horizon.start_ms // _MS_PER_HOUR * _MS_PER_HOUR - 36 * _MS_PER_HOUR - offset_ms % _MS_PER_HOUR
    n_hours = horizon.n_minutes // 60 + 76
    row = _tiled(rows, first_ms + offset_ms, n_hours)
    return Series(first_ms, 60, {name: v[row] for name, v in values.items()}, at_end=True, warnings=warnings)


def _parsed(raw: bytes, file: Path, complaints: Complaints) -> tuple[pd.DataFrame, dict[str, Any]]:
    import pandas as pd
    from pvlib.iotools import read_epw as parse

    text = text_of(raw, file)
    first = text.readline()
    text.seek(0)
    if not first.upper().startswith("LOCATION") or first.count(",") < 9:
        complaints.add("is no EPW: its first line must be LOCATION with nine fields", got=first.strip()[:60], line=1)
        complaints.raise_any()
    try:
        data, meta = parse(text)
    except (ValueError, KeyError, IndexError, TypeError, pd.errors.ParserError) as error:
        complaints.add(f"cannot be read as EPW: {error}")
        complaints.raise_any()
    return data, meta


def _rows_by_date(data: pd.DataFrame, complaints: Complaints) -> dict[tuple[int, int], int]:
    """First row of each (month, day); complaints about days that are not 24 hours in a row, or missing."""
    month, day, hour = (data[name].to_numpy(dtype=np.int64) for name in ("month", "day", "hour"))
    starts: dict[tuple[int, int], int] = {}
    for i in np.flatnonzero(hour == 1):
        date = (int(month[i]), int(day[i]))
        if date in starts:
            complaints.add("the day stands in the file twice", got="{:02d}-{:02d}".format(*date), line=int(i) + 9)
        elif not (hour[i : i + 24] == np.arange(1, 25)[: len(hour) - i]).all() or i + 24 > len(hour):
            complaints.add("the day is not 24 hours in a row", got="{:02d}-{:02d}".format(*date), line=int(i) + 9)
        starts.setdefault(date, int(i))
    wanted = np.arange(day_of_date(2001, 1, 1), day_of_date(2002, 1, 1)).astype("datetime64[D]").astype(str)
    missing = [d[5:] for d in wanted if (int(d[5:7]), int(d[8:10])) not in starts]
    if missing:
        complaints.add(f"lacks {len(missing)} days of the year", got=", ".join(missing[:5]))
    starts.setdefault((2, 29), starts.get((2, 28), 0))
    return starts


def _values(data: pd.DataFrame, complaints: Complaints) -> dict[str, Array]:
    """Our columns of the file's rows; a column that is missing throughout is left to the generator."""
    values = {}
    for name, (column, low, high) in _FIELDS.items():
        numbers = _numbers(data, column)
        bad = ~((numbers >= low) & (numbers <= high))
        if bad.all() and name not in ("ghi_w_m2", "temp_c"):
            continue
        for i in np.flatnonzero(bad)[:5]:
            complaints.add(f"{column}: missing or outside {low:g} to {high:g}", got=numbers[i], line=int(i) + 9)
        if bad.sum() > 5:
            complaints.add(f"{column}: {int(bad.sum())} rows are missing or out of range")
        values[name] = numbers
    rain = _numbers(data, _RAIN[0])
    if ((rain >= _RAIN[1]) & (rain <= _RAIN[2])).all() and rain.any():
        values["rain_mm_h"] = rain
    return _with_dew_point(values)


def _numbers(data: pd.DataFrame, column: str) -> Array:
    import pandas as pd

    return f64(pd.to_numeric(data[column], errors="coerce"))


def _with_dew_point(values: dict[str, Array]) -> dict[str, Array]:
    humidity = values.pop("humidity_pu", None)
    if humidity is None or "temp_c" not in values:
        return values
    with_floor = np.clip(humidity / 100.0, 0.01, 1.0)  # a record of 0 % is a rounded one; the dew point needs more
    return {**values, "dew_c": dew_point_c(values["temp_c"], with_floor)}


def _clock(meta: dict[str, Any], place: Place, file: Path) -> tuple[int, tuple[Problem, ...]]:
    """The file's clock minus UTC in ms: its own, or the site's where the file is of another place."""
    away = abs((meta["longitude"] - place.longitude_deg + 180.0) % 360.0 - 180.0)
    if max(away, abs(meta["latitude"] - place.latitude_deg)) <= _SAME_PLACE_DEG:
        return round(meta["TZ"] * 60) * 60_000, ()
    at = f"{meta['latitude']:g} N {meta['longitude']:g} E"
    message = f"is the weather of {at}, far from the site: its hours are read as hours of the site's clock"
    hint = "give the site the place of the file for a consistent sun"
    return place.utc_offset_ms, (Problem("weather.path", message, str(file), hint, warning=True),)


def _tiled(rows: dict[tuple[int, int], int], first_local_ms: int, n_hours: int) -> Ints:
    """The file's row for each hour from ``first_local_ms`` of its clock."""
    hours = first_local_ms // _MS_PER_HOUR + np.arange(n_hours)
    days = hours // 24
    dates = np.unique(days)
    text = dates.astype("datetime64[D]").astype(str)
    starts = np.array([rows[int(d[5:7]), int(d[8:10])] for d in text], dtype=np.int64)
    return np.asarray(starts[days - dates[0]] + hours % 24)
