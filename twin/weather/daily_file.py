"""Reading daily sums of radiation: the China Daily Solar Radiation Dataset, or a plain ``date,ghi_mj_m2,dhi_mj_m2``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twin.weather.arrays import Array, Ints, date_text, day_of_date, f64, years_of
from twin.weather.config import WeatherConfig
from twin.weather.files import Complaints, listed, text_of
from twin.weather.horizon import Horizon
from twin.weather.sources import Daily
from twin.weather.sun import clear_day_sums

if TYPE_CHECKING:
    import pandas as pd

_STATION_COLUMNS = {"year", "month", "day", "GHI(MJ/m2)", "DHI(MJ/m2)"}
_PLAIN_COLUMNS = {"date", "ghi_mj_m2"}
_MOST_MJ_M2 = 45.0
"""No day on earth receives more on the ground (the extraterrestrial maximum is 48 MJ/m²)."""
_DHI_SLACK = 1.02
"""Overcast days of the dataset have diffuse sums up to 2 % above the global ones; they count as equal."""


def read_daily(raw: bytes, file: Path, horizon: Horizon) -> Daily:
    """The sums of the horizon's site-local days; the day before and the day after may be missing.

    Raise ScenarioError with every fault of the file, or with the days it lacks where nothing stands in for them.
    """
    complaints = Complaints(file)
    config, days = horizon.config, horizon.days
    table = _table(raw, file, config, complaints)
    day, ghi, dhi = (f64(table[name]) for name in ("day", "ghi", "dhi"))
    wanted = _played(days, config, years_of(days[1:2])[0])
    ghi_days, dhi_days = _looked_up(day, ghi, wanted), _looked_up(day, dhi, wanted)
    missing = [date_text(int(d)) for d in wanted[1:-1][np.isnan(ghi_days[1:-1])]]
    if missing and config.fill == "none":
        span = f"{date_text(int(day.min()))} to {date_text(int(day.max()))}"
        hint = f"the file covers {span}; as_year plays another year, fill = 'synthetic' lets the generator stand in"
        complaints.add(f"has no GHI for {len(missing)} days of the run: {listed(missing)}", hint=hint)
    complaints.raise_any()
    clear = clear_day_sums(horizon.place, horizon.turbidity, days)
    return Daily(config, horizon.seed, int(days[0]), ghi_days, dhi_days, clear)


def _table(raw: bytes, file: Path, config: WeatherConfig, complaints: Complaints) -> pd.DataFrame:
    """Columns day (since 1970-01-01), ghi, dhi in MJ/m², one row a day; empty after a complaint about the header."""
    import pandas as pd

    try:
        table = pd.read_csv(text_of(raw, file))
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        complaints.add(f"cannot be read as a table: {error}")
        complaints.raise_any()
    names = set(table.columns)
    if names >= _STATION_COLUMNS:
        table = _of_station(table, config, complaints)
        dates = pd.to_datetime(table[["year", "month", "day"]], errors="coerce")
        columns = (table["GHI(MJ/m2)"], table["DHI(MJ/m2)"])
    elif names >= _PLAIN_COLUMNS:
        dates = pd.to_datetime(table["date"], format="%Y-%m-%d", errors="coerce")
        columns = (table["ghi_mj_m2"], table.get("dhi_mj_m2", pd.Series(np.nan, index=table.index)))
    else:
        hint = f"{', '.join(sorted(_STATION_COLUMNS))}, or date, ghi_mj_m2, dhi_mj_m2"
        complaints.add("lacks the columns of daily sums", got=", ".join(map(str, table.columns)), hint=hint)
        complaints.raise_any()
    row = table.index.to_numpy() + 2
    ghi, dhi = (f64(pd.to_numeric(c, errors="coerce")) for c in columns)
    _complain_of_rows(row, dates, ghi, dhi, complaints)
    complaints.raise_any()
    day = dates.to_numpy().astype("datetime64[D]").astype(np.int64)
    return pd.DataFrame({"day": day, "ghi": ghi, "dhi": np.fmin(dhi, np.where(np.isnan(dhi), np.nan, ghi))})


def _of_station(table: pd.DataFrame, config: WeatherConfig, complaints: Complaints) -> pd.DataFrame:
    if "station" not in table.columns:
        return table
    stations = sorted({int(s) for s in table["station"].dropna()})
    if config.station is None and len(stations) > 1:
        complaints.add("is needed: the file holds several", hint=listed(stations), path="weather.station")
    elif config.station is not None and config.station not in stations:
        complaints.add("is not in the file", got=config.station, hint=listed(stations), path="weather.station")
    complaints.raise_any()
    return table if config.station is None else table[table["station"] == config.station]


def _complain_of_rows(row: Ints, dates: pd.Series, ghi: Array, dhi: Array, complaints: Complaints) -> None:
    """Every row that is no date, comes twice, or cannot be a daily sum."""
    no_date = dates.isna().to_numpy()
    twice = dates.duplicated().to_numpy() & ~no_date
    absurd = (ghi < 0.0) | (ghi > _MOST_MJ_M2) | (dhi < 0.0)
    above = dhi > ghi * _DHI_SLACK + 0.01
    for bad, message, values in (
        (no_date, "no date in the row", None),
        (twice, "the day stands in the file twice", dates.astype(str).to_numpy()),
        (absurd, f"expected sums between 0 and {_MOST_MJ_M2:g} MJ/m²", ghi),
        (above, "diffuse radiation above global radiation, MJ/m²", dhi),
    ):
        for i in np.flatnonzero(bad)[:20]:
            complaints.add(message, got=None if values is None else values[i], line=int(row[i]))


def _played(days: Ints, config: WeatherConfig, first_year: int) -> Ints:
    """The days of the file that are played on ``days``: the same dates, or moved so that ``as_year`` comes first.

    29 February is played by 28 February where the file's year has none, and left out where the run's has none.
    """
    if config.as_year is None:
        return days
    shift = config.as_year - int(first_year)
    dates = [str(np.datetime64(int(d), "D")) for d in days]
    return np.array([_moved(date, shift) for date in dates], dtype=np.int64)


def _moved(date: str, shift: int) -> int:
    year, month, day = (int(part) for part in date.split("-"))
    leap = (year + shift) % 4 == 0 and ((year + shift) % 100 != 0 or (year + shift) % 400 == 0)
    return day_of_date(year + shift, month, 28 if (month, day) == (2, 29) and not leap else day)


def _looked_up(day: Array, values: Array, wanted: Ints) -> Array:
    """Values of the wanted days, NaN where the file has none."""
    order = np.argsort(day)
    at = np.minimum(np.searchsorted(day[order], wanted), len(day) - 1)
    found = day[order][at] == wanted
    return np.where(found, values[order][at], np.nan)
