"""Reading a table of weather with time stamps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twin.weather.arrays import MS_PER_MINUTE, Array, Ints, f64
from twin.weather.config import WeatherConfig
from twin.weather.files import Complaints, text_of
from twin.weather.horizon import Horizon
from twin.weather.intervals import Series
from twin.weather.psychro import dew_point_c

if TYPE_CHECKING:
    import pandas as pd

_RANGES = {
    "ghi_w_m2": (0.0, 1700.0),
    "dhi_w_m2": (0.0, 1700.0),
    "temp_c": (-70.0, 70.0),
    "dew_c": (-90.0, 50.0),
    "humidity_percent": (0.0, 110.0),
    "wind_m_s": (0.0, 80.0),
    "gust_m_s": (0.0, 120.0),
    "rain_mm_h": (0.0, 500.0),
    "dust_mg_m3": (0.0, 100.0),
    "pressure_pa": (30_000.0, 120_000.0),
}
"""Columns a file may have, and what a reading of them can be."""

_OFFSET = re.compile(r"(?:Z|[+-]\d{2}:?\d{2})$")
_SHOWN = 10


def read_csv(raw: bytes, file: Path, horizon: Horizon) -> Series:
    """The table as a series of equal intervals that covers the horizon.

    Time stamps are ISO text with an offset, or without one where ``time_zone`` says which clock they show; values
    are means over their interval. Raise ScenarioError with every fault of the file, gaps and repetitions by row.
    """
    config, complaints = horizon.config, Complaints(file)
    table = _table(raw, file, config, complaints)
    time_ms = _stamps(table[_name(config, "time")], config, complaints)
    step_min = _step(time_ms, complaints)
    values = _values(table, config, complaints)
    complaints.raise_any()
    first_ms = int(time_ms[0]) - (step_min * MS_PER_MINUTE if config.stamp == "end" else 0)
    series = Series(first_ms, step_min, values)
    _complain_of_cover(series, horizon, complaints)
    complaints.raise_any()
    return series


def _name(config: WeatherConfig, ours: str) -> str:
    return config.columns.get(ours, ours)


def _table(raw: bytes, file: Path, config: WeatherConfig, complaints: Complaints) -> pd.DataFrame:
    import pandas as pd

    try:
        table = pd.read_csv(text_of(raw, file))
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        complaints.add(f"cannot be read as a table: {error}")
        complaints.raise_any()
    known = {"time", *_RANGES}
    for ours, theirs in config.columns.items():
        where = f"weather.columns.{ours}"
        if ours not in known:
            complaints.add("is no column of the weather", hint=", ".join(sorted(known)), path=where)
        elif theirs not in table.columns:
            complaints.add("is not in the file", got=theirs, hint=", ".join(map(str, table.columns)), path=where)
    for ours in ("time", "ghi_w_m2"):
        if _name(config, ours) not in table.columns and ours not in config.columns:
            complaints.add(f"lacks the column {ours!r}", hint=f"name it in weather.columns: {ours} = '…'")
    if len(table) < 2:
        complaints.add("needs at least two rows")
    complaints.raise_any()
    return table


def _stamps(column: pd.Series, config: WeatherConfig, complaints: Complaints) -> Ints:
    """Epoch ms of each row; raises where any cannot be read."""
    import pandas as pd

    text = column.astype(str).str.strip()
    aware = text.str.contains(_OFFSET.pattern, regex=True, na=False).to_numpy()
    parsed = pd.to_datetime(text.where(aware), errors="coerce", utc=True, format="ISO8601")
    if not aware.all() and config.time_zone is None:
        rows = np.flatnonzero(~aware)
        hint = "write +08:00 behind them, or time_zone = '+08:00' in [weather]"
        complaints.add(
            f"{rows.size} time stamps carry no zone", got=text.iloc[rows[0]], hint=hint, line=int(rows[0]) + 2
        )
        complaints.raise_any()
    elif not aware.all():
        parsed = parsed.where(aware, _localised(text.where(~aware), config, complaints))
    for i in np.flatnonzero(parsed.isna().to_numpy())[:_SHOWN]:
        complaints.add("is no time stamp", got=text.iloc[i], line=int(i) + 2)
    complaints.raise_any()
    return np.asarray(parsed.dt.tz_localize(None).to_numpy().astype("datetime64[ms]").astype(np.int64))


def _localised(text: pd.Series, config: WeatherConfig, complaints: Complaints) -> pd.Series:
    """Naive time stamps on the clock of ``time_zone``; an hour that does not exist or comes twice is no time stamp."""
    import pandas as pd

    naive = pd.to_datetime(text, errors="coerce", format="ISO8601")
    zone = str(config.time_zone)
    try:
        if _OFFSET.fullmatch(zone):
            zone = str(pd.Timestamp(f"2000-01-01T00:00:00{zone}").tz)
        return naive.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC")
    except (KeyError, ValueError) as error:
        hint = "'+08:00', 'UTC' or a name such as 'Asia/Shanghai'"
        complaints.add(f"is no time zone: {error}", got=config.time_zone, hint=hint, path="weather.time_zone")
        complaints.raise_any()
        raise


def _step(time_ms: Ints, complaints: Complaints) -> int:
    """Minutes between rows; complaints about rows that break it."""
    gaps = np.diff(time_ms)
    forward = gaps[gaps > 0]
    step_ms = int(np.median(forward)) if forward.size else 0
    step_min = step_ms // MS_PER_MINUTE
    if step_ms % MS_PER_MINUTE or step_min < 1 or 60 % step_min:
        complaints.add("expected rows 1 to 60 min apart, by a divisor of the hour", got=f"{step_ms / 1000:g} s")
        return 60
    for i in np.flatnonzero(gaps != step_ms)[:_SHOWN]:
        kind = (
            "repeats the time of"
            if gaps[i] == 0
            else "goes back in time after"
            if gaps[i] < 0
            else "leaves a gap after"
        )
        got = np.datetime64(int(time_ms[i + 1]), "ms").astype("datetime64[s]")
        complaints.add(
            f"row {i + 3} {kind} row {i + 2}", got=f"{got}Z", hint=f"the step is {step_min} min", line=int(i) + 3
        )
    wrong = int((gaps != step_ms).sum())
    if wrong > _SHOWN:
        complaints.add(f"{wrong} rows in all do not follow the step of {step_min} min")
    return step_min


def _values(table: pd.DataFrame, config: WeatherConfig, complaints: Complaints) -> dict[str, Array]:
    """Our columns, checked; humidity becomes a dew point."""
    import pandas as pd

    values = {}
    for name, (low, high) in _RANGES.items():
        column = _name(config, name)
        if column not in table.columns:
            continue
        numbers = f64(pd.to_numeric(table[column], errors="coerce"))
        bad = np.flatnonzero(~((numbers >= low) & (numbers <= high)))
        for i in bad[:_SHOWN]:
            complaints.add(f"{column}: expected {low:g} to {high:g}", got=table[column].iloc[i], line=int(i) + 2)
        if bad.size > _SHOWN:
            complaints.add(f"{column}: {bad.size} rows are missing or out of range")
        values[name] = numbers
    humidity = values.pop("humidity_percent", None)
    if humidity is not None and "temp_c" in values and "dew_c" not in values:
        values["dew_c"] = dew_point_c(values["temp_c"], np.clip(humidity / 100.0, 0.01, 1.0))
    return values


def _complain_of_cover(series: Series, horizon: Horizon, complaints: Complaints) -> None:
    start_ms, end_ms = horizon.start_ms, horizon.end_ms
    last_ms = series.first_ms + series.n * series.step_min * MS_PER_MINUTE
    if series.first_ms > start_ms or last_ms < end_ms:
        a, b, c, d = (
            f"{np.datetime64(t, 'ms').astype('datetime64[s]')}Z" for t in (series.first_ms, last_ms, start_ms, end_ms)
        )
        complaints.add("does not cover the run", got=f"{a} to {b}", hint=f"the run needs {c} to {d}")
