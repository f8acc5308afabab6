"""Weather for a horizon: source, air, dust and the scenario's wishes put together, one calendar month at a time."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np

from twin.errors import Problem, ScenarioError
from twin.weather import air, cache, climate, psychro
from twin.weather.arrays import MINUTES_PER_DAY, MS_PER_MINUTE, Array, Array32
from twin.weather.config import Place, WeatherConfig
from twin.weather.csv_file import read_csv
from twin.weather.daily_file import read_daily
from twin.weather.dust import fields, ordered_events
from twin.weather.epw_file import read_epw
from twin.weather.files import content, resolved, sha256
from twin.weather.frame import COLUMNS, Weather
from twin.weather.horizon import Horizon
from twin.weather.intervals import Intervals
from twin.weather.radiation import dimmed
from twin.weather.sources import Source, Synthetic
from twin.weather.sun import Block, month_blocks, pressure_pa

VERSION = 1
"""Counts up when the numbers of an unchanged scenario change."""

HEAT_RAMP_MINUTES = 720
"""A heat wave comes and goes within half a day on each side of its window."""

_CHUNK = 50_000


def weather_for(
    config: WeatherConfig,
    place: Place,
    start_ms: int,
    n_minutes: int,
    *,
    seed: int,
    base_dir: Path,
    cache_dir: Path | None,
) -> Weather:
    """Weather of ``n_minutes`` from ``start_ms`` (epoch ms, on a whole minute).

    The same config, file content, place and seed give the same bits for any minute, wherever the horizon starts or
    ends (heat waves and ordered storms count from the start). With ``cache_dir`` the columns are kept there.
    Raise ScenarioError with all that is wrong with the horizon, the place or the file.
    """
    _check(place, start_ms, n_minutes)
    horizon = Horizon(config, place, start_ms, n_minutes, seed)
    file = None if config.path is None else resolved(config.path, base_dir)
    raw = b"" if file is None else content(file)
    digest = _digest(horizon, raw)
    kept = None if cache_dir is None else cache.cache_file(cache_dir, "weather", digest)
    values = None if kept is None else cache.load(kept, (len(COLUMNS), n_minutes))
    warnings = None if kept is None else _kept_warnings(kept)
    if values is None or warnings is None:
        source = _source(horizon, raw, file)
        values = _columns(source, horizon)
        warnings = source.warnings()
        if kept is not None:
            _keep_warnings(kept, warnings)
            cache.store(kept, values)
    values.setflags(write=False)
    return Weather(start_ms, n_minutes, dict(zip(COLUMNS, values, strict=True)), digest, warnings)


def _check(place: Place, start_ms: int, n_minutes: int) -> None:
    problems = []
    if start_ms % MS_PER_MINUTE:
        problems.append(Problem("run.start", "expected a whole minute", start_ms))
    if n_minutes < 1:
        problems.append(Problem("run.days", "expected at least one minute", n_minutes))
    for name, value, low, high in (
        ("latitude_deg", place.latitude_deg, -90.0, 90.0),
        ("longitude_deg", place.longitude_deg, -180.0, 180.0),
        ("altitude_m", place.altitude_m, -450.0, 6000.0),
        ("utc_offset_h", place.utc_offset_h, -12.0, 14.0),
    ):
        if not low <= value <= high:
            problems.append(Problem(f"site.{name}", f"expected {low:g} to {high:g}", value))
    if problems:
        raise ScenarioError(problems)


def _digest(horizon: Horizon, raw: bytes) -> str:
    facts = asdict(horizon) | {"config": horizon.config.model_dump(exclude={"path"})}
    return cache.digest_of({**facts, "version": VERSION, "file": sha256(raw)})


def _source(horizon: Horizon, raw: bytes, file: Path | None) -> Source:
    if file is None:
        return Synthetic(horizon.config, horizon.seed)
    if horizon.config.source == "daily":
        return read_daily(raw, file, horizon)
    read = read_epw if horizon.config.source == "epw" else read_csv
    return Intervals(horizon.config, horizon.seed, horizon.place, horizon.turbidity, read(raw, file, horizon))


def _columns(source: Source, horizon: Horizon) -> Array32:
    """Shape (columns, n_minutes), in the order of COLUMNS."""
    start_ms, n_minutes = horizon.start_ms, horizon.n_minutes
    out = np.zeros((len(COLUMNS), n_minutes), dtype=np.float32)
    dew = np.zeros(n_minutes, dtype=np.float32)
    rows = dict(zip(COLUMNS, out, strict=True)) | {"dew_c": dew}
    for block in month_blocks(horizon.place, horizon.turbidity, start_ms, n_minutes):
        a = (block.start_ms - start_ms) // MS_PER_MINUTE
        first, last = max(a, 0), min(a + block.time_ms.size, n_minutes)
        for name, values in _block_columns(source, horizon, block).items():
            rows[name][first:last] = values.ravel()[first - a : last - a]
    _heat(rows["temp_c"], horizon)
    _moisten(rows)
    return out


def _block_columns(source: Source, horizon: Horizon, block: Block) -> dict[str, Array]:
    """Columns of a block before heat waves, with ``dew_c`` in place of wet bulb and snow."""
    config, seed = horizon.config, horizon.seed
    last_day = block.first_day + block.n_days - 1
    ordered = ordered_events(config.dust_storms, horizon.day_zero)
    radiation = source.radiation(block)
    if ordered:
        radiation = dimmed(radiation, fields(ordered, block).aod, block.sun.cos_zenith)
    days = np.arange(block.first_day - 1, last_day + 2, dtype=np.int64)
    drawn = air.days_of(seed, days, source.kc_rank(days))
    seen = source.observed(block)
    made = air.air_of(block, drawn, config, seed, pressure_pa(block.place))
    columns = {name: seen.get(name, values) for name, values in vars(made).items()}
    if "wind_m_s" in seen and "gust_m_s" not in seen:
        columns["gust_m_s"] = seen["wind_m_s"] * config.gust_factor
    dust = fields([*source.events(block.first_day, last_day), *ordered], block)
    wind = np.maximum(columns["wind_m_s"], dust.wind_m_s)
    background = np.full(block.shape, climate.DUST_BACKGROUND_MG_M3)
    return {
        **columns,
        "ghi_w_m2": radiation.ghi_w_m2 * config.ghi_factor,
        "dni_w_m2": radiation.dni_w_m2 * config.ghi_factor,
        "dhi_w_m2": radiation.dhi_w_m2 * config.ghi_factor,
        "temp_c": columns["temp_c"] + config.temp_offset_k,
        "wind_m_s": wind,
        "gust_m_s": np.maximum(columns["gust_m_s"], dust.wind_m_s * config.gust_factor),
        "dust_mg_m3": seen.get("dust_mg_m3", background) + dust.pm10_mg_m3,
    }


def _heat(temp_c: Array32, horizon: Horizon) -> None:
    """Shift the temperatures of each window, in place, so that its hottest minute has the wanted value."""
    for i_wave, wave in enumerate(horizon.config.heat_waves):
        a = wave.from_day * MINUTES_PER_DAY - horizon.minutes_into_day
        b = a + wave.days * MINUTES_PER_DAY
        window = temp_c[max(a, 0) : max(b, 0)]
        if window.size == 0:
            where = f"weather.heat_waves[{i_wave}].from_day"
            raise ScenarioError([Problem(where, "lies outside the run", wave.from_day)])
        first, last = max(a - HEAT_RAMP_MINUTES, 0), min(b + HEAT_RAMP_MINUTES, temp_c.size)
        minute = np.arange(first, last)
        corners = [a - HEAT_RAMP_MINUTES, a, b, b + HEAT_RAMP_MINUTES]
        share = np.interp(minute, corners, [0.0, 1.0, 1.0, 0.0])
        temp_c[first:last] += (share * (wave.peak_c - float(window.max()))).astype(np.float32)


def _moisten(rows: dict[str, Array32]) -> None:
    """Fill wet bulb and snow from temperature, dew point and pressure; no air holds more than saturation."""
    for a in range(0, rows["temp_c"].size, _CHUNK):
        part = slice(a, a + _CHUNK)
        temp, dew, pressure = (rows[n][part].astype(np.float64) for n in ("temp_c", "dew_c", "pressure_pa"))
        wet = psychro.wet_bulb_c(temp, np.minimum(dew, temp), pressure)
        rows["wet_bulb_c"][part] = np.minimum(wet, temp)
        rows["snow_share"][part] = air.snow_share(wet)


def _keep_warnings(kept: Path, warnings: tuple[Problem, ...]) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([[p.path, p.message, p.hint] for p in warnings])
    part = kept.with_name(f"{kept.name}.{os.getpid()}.json.part")
    part.write_text(text, encoding="utf-8")
    part.replace(kept.with_suffix(".json"))


def _kept_warnings(kept: Path) -> tuple[Problem, ...] | None:
    """The warnings beside a kept array; None where they cannot be read."""
    try:
        rows = json.loads(kept.with_suffix(".json").read_text("utf-8"))
        return tuple(Problem(path, text, hint=hint, warning=True) for path, text, hint in rows)
    except (OSError, ValueError, TypeError):
        return None
