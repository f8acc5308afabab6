"""The power that weather offers to the solar plant, block by block, before anything that happens in the loop."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np

from twin.errors import Problem, ScenarioError
from twin.weather import cache, climate, sheds
from twin.weather.arrays import MINUTES_PER_DAY, MS_PER_DAY, MS_PER_MINUTE, Array, Array32, Ints
from twin.weather.config import Place
from twin.weather.frame import Weather
from twin.weather.streams import stream
from twin.weather.sun import GRID_MS, Block, Sun, sun_at_nodes

VERSION = 1
"""Counts up when the power under unchanged weather changes."""

DAYS_PER_CHUNK = 16
"""Days worked on at once; every day is computed by itself, so their grouping changes no bit."""

_LEAST_CLEAR_W_M2 = 20.0
"""Below it the ratio of actual to clear irradiance is noise; the nearest minute above stands in."""

_CLOUD_SPEED_M_S = (5.0, 12.0)
_CLOUD_FROM_DEG = (225.0, 360.0)
"""Clouds come from the south-west to north at 5 to 12 m/s; range of speeds from the wavelet variability model's use
(Lave, Kleissl and Stein 2013), directions from memory of the westerlies."""

_CROSSWIND_JITTER_MIN = 24.0
"""Blocks abreast see other clouds of the same sky: a delay of their own, uniform up to this. Fitted with the texture
of ``clouds`` to 15-min ramps of real plants."""


@dataclass(frozen=True)
class SolarDesign:
    """The solar plant as far as light and heat are concerned."""

    mounting: Literal["tracker", "fixed"] = "tracker"
    """One horizontal axis running north-south with backtracking, or tables facing south."""
    tilt_deg: float = 36.0
    """Of fixed tables; near the latitude."""
    gcr: float = 0.35
    """Width of the rows over their pitch: 0.35 for trackers, 0.45 for fixed tables (usual values, from memory)."""
    max_angle_deg: float = 60.0
    """Furthest rotation of a tracker; usual data sheet value."""
    bifaciality_share: float = 0.80
    """Rear over front efficiency of n-type TOPCon modules; data sheets, from memory."""
    rear_shading_share: float = 0.05
    """Rear light lost to structure and mismatch; usual design value, from memory."""
    albedo_share: float = 0.27
    """Of sand: 0.25 to 0.30."""
    hub_height_m: float = 1.5
    """Of the middle of the row; usual for one module in portrait."""
    pitch_m: float = 6.5
    """Between rows."""
    u_c_w_m2_k: float = 29.0
    """Heat loss of an open rack in PVsyst's cell model."""
    absorption_share: float = 0.90
    """Of the light that warms or feeds the cell, PVsyst's default."""
    efficiency_share: float = 0.10
    """Part of it that leaves as electricity in the cell model; PVsyst's and pvlib's default, which with ``u_c_w_m2_k``
    belongs to one calibration. It is not the module's efficiency."""
    gamma_per_k: float = -0.0029
    """Power per kelvin above 25 °C, TOPCon; data sheets, from memory."""
    low_light_share: float = 0.0155
    """Relative efficiency lost per e-fold of irradiance below 1000 W/m²; costs about 1 % of the year's energy."""
    dc_loss_share: float = 0.035
    """Mismatch 1 %, wiring 1.5 %, light-induced degradation 1 %; from memory."""
    n_blocks: int = 24
    """Blocks with a collector of their own, in six columns west to east and four rows, or the like."""
    block_spacing_m: float = 1350.0
    """Between the middles of neighbouring blocks: 100 MWp on 1.8 ha/MWp."""

    @classmethod
    def fixed(cls, n_blocks: int = 24) -> Self:
        """Tables at 36° to the south with the ground cover usual for them."""
        return cls(mounting="fixed", gcr=0.45, n_blocks=n_blocks)

    def rows(self) -> sheds.Rows:
        """The geometry of the rows."""
        return sheds.Rows(
            tracking=self.mounting == "tracker",
            tilt_deg=self.tilt_deg,
            gcr=self.gcr,
            max_angle_deg=self.max_angle_deg,
            height_m=self.hub_height_m,
            pitch_m=self.pitch_m,
            albedo_share=self.albedo_share,
            rear_weight=self.bifaciality_share * (1.0 - self.rear_shading_share),
        )


@dataclass(frozen=True)
class SolarField:
    """Power the weather offers, per watt-peak, clean modules, before the inverters; exactly 0 at night."""

    dc_pu: Array32
    """W/Wp of each block while it tracks (or stands fixed), shape (n, n_blocks)."""
    stow_pu: Array32
    """W/Wp of the plant's mean block with trackers lying flat, shape (n,); for fixed tables the mean of ``dc_pu``."""
    cell_temp_c: Array32
    """Cell temperature of the mean block while it produces, air temperature at night, shape (n,)."""


def solar_for(weather: Weather, place: Place, design: SolarDesign, *, seed: int, cache_dir: Path | None) -> SolarField:
    """What ``weather`` offers to a plant of that design at ``place``.

    Each site-local day is computed by itself, so a longer horizon changes no earlier value (but for minutes around
    sunrise where it ends in them); a horizon that starts by day holds its first light over the delay of the clouds.
    With ``cache_dir`` the arrays are kept there. Raise ScenarioError with all that is wrong with the design.
    """
    _check(design)
    facts = {"version": VERSION, "weather": weather.digest, "place": asdict(place), "seed": seed}
    digest = cache.digest_of({**facts, "design": asdict(design)})
    shapes = ((weather.n, design.n_blocks), (2, weather.n))
    files = [] if cache_dir is None else [cache.cache_file(cache_dir, kind, digest) for kind in ("solar", "cells")]
    kept = [cache.load(file, shape) for file, shape in zip(files, shapes, strict=False)]
    if len(kept) == 2 and kept[0] is not None and kept[1] is not None:
        return SolarField(kept[0], kept[1][0], kept[1][1])
    dc, plant = field_by_day(weather, place, design, seed=seed, days_per_chunk=DAYS_PER_CHUNK)
    for file, array in zip(files, (dc, plant), strict=False):
        cache.store(file, array)
    dc.setflags(write=False)
    plant.setflags(write=False)
    return SolarField(dc, plant[0], plant[1])


def _check(design: SolarDesign) -> None:
    problems = [
        Problem(f"site.solar.{name}", f"expected {low:g} to {high:g}", value)
        for name, value, low, high in (
            ("gcr", design.gcr, 0.01, 0.99),
            ("tilt_deg", design.tilt_deg, 0.0, 90.0),
            ("max_angle_deg", design.max_angle_deg, 0.0, 90.0),
            ("bifaciality_share", design.bifaciality_share, 0.0, 1.0),
            ("albedo_share", design.albedo_share, 0.0, 1.0),
            ("dc_loss_share", design.dc_loss_share, 0.0, 1.0),
            ("n_blocks", design.n_blocks, 1, 1000),
        )
        if not low <= value <= high
    ]
    if problems:
        raise ScenarioError(problems)


def field_by_day(
    weather: Weather, place: Place, design: SolarDesign, *, seed: int, days_per_chunk: int
) -> tuple[Array32, Array32]:
    """``dc_pu``, and ``stow_pu`` over ``cell_temp_c``, a few days at a time."""
    dc = np.zeros((weather.n, design.n_blocks), dtype=np.float32)
    plant = np.zeros((2, weather.n), dtype=np.float32)
    plant[1] = weather.columns["temp_c"]
    first_day, into_day = divmod(weather.start_ms + place.utc_offset_ms, MS_PER_DAY)
    n_days = -(-(into_day // MS_PER_MINUTE + weather.n) // MINUTES_PER_DAY)
    for first in range(0, n_days, days_per_chunk):
        count = min(days_per_chunk, n_days - first)
        block = Block(place, climate.LINKE_TURBIDITY, int(first_day) + first, count)
        _fill(dc, plant, _light(weather, block), design, seed)
    return dc, plant


@dataclass(frozen=True)
class _Light:
    """The weather of whole site-local days, arrays of shape (n_days, 1440); zeros outside the horizon."""

    block: Block
    minute: Ints
    """Minute of the horizon."""
    inside: np.ndarray
    """Whether it is one."""
    ghi_w_m2: Array
    dni_w_m2: Array
    dhi_w_m2: Array
    temp_c: Array


def _light(weather: Weather, block: Block) -> _Light:
    first = (block.start_ms - weather.start_ms) // MS_PER_MINUTE
    minute = first + np.arange(block.time_ms.size).reshape(block.shape)
    inside = (minute >= 0) & (minute < weather.n)

    def whole(name: str) -> Array:
        values = np.zeros(block.shape)
        values[inside] = weather.columns[name][minute[inside]]
        return values

    return _Light(block, minute, inside, *(whole(n) for n in ("ghi_w_m2", "dni_w_m2", "dhi_w_m2", "temp_c")))


def _fill(dc: Array32, plant: Array32, light: _Light, design: SolarDesign, seed: int) -> None:
    """Write a chunk's part of the results."""
    rows, block = design.rows(), light.block
    kp, clear = _index(gains_by_minute(rows, block), light)
    lying = _index(_lying(rows, block.sun), light) if rows.tracking else (kp, clear)
    for i_day, day in enumerate(block.days):
        lit = np.flatnonzero(light.inside[i_day] & (clear[i_day] > 0.0))
        if lit.size == 0:
            continue
        to, temp = light.minute[i_day, lit], light.temp_c[i_day, lit]
        passing = _passing(seed, int(day), design, first=int(np.argmax(light.inside[i_day])))
        poa = _passed(kp[i_day], lit, passing) * clear[i_day, lit, None]
        cells, dc[to] = _power(poa, temp[:, None], design)
        plant[1, to] = cells.mean(axis=1)
        flat = _passed(lying[0][i_day], lit, passing).mean(axis=1) * lying[1][i_day, lit]
        plant[0, to] = _power(flat, temp, design)[1] if rows.tracking else dc[to].mean(axis=1)


def gains_by_minute(rows: sheds.Rows, block: Block) -> sheds.Gains:
    """Gains of a block's minutes, interpolated within each day between ten-minute nodes with the sun up."""
    per_day = MS_PER_DAY // GRID_MS + 1
    first_ms = (block.days * MS_PER_DAY - block.place.utc_offset_ms) // GRID_MS * GRID_MS
    node_ms = (first_ms[:, None] + GRID_MS * np.arange(per_day)).ravel()
    nodes = sun_at_nodes(block.place, node_ms)
    up = np.flatnonzero(nodes.up)
    out = np.zeros((3, *block.shape))
    if up.size == 0:
        return sheds.Gains(*out)
    at_up = sheds.gains(rows, Sun(nodes.zenith_deg[up], nodes.azimuth_deg[up], nodes.extra_w_m2[up]))
    time_ms = block.time_ms.reshape(block.shape)
    for i_day in range(block.n_days):
        mine = slice(*np.searchsorted(up, (i_day * per_day, (i_day + 1) * per_day)))
        if mine.stop > mine.start:
            for row, values in zip(out, (at_up.beam, at_up.sky, at_up.sunlit), strict=True):
                row[i_day] = np.interp(time_ms[i_day], node_ms[up[mine]], values[mine])
    return sheds.Gains(*out)


def _lying(rows: sheds.Rows, sun: Sun) -> sheds.Gains:
    """Gains of trackers lying flat: no shadows between rows, so one sun position tells all but the projection."""
    flat = sheds.Rows(**{**asdict(rows), "tracking": False, "tilt_deg": 0.0})
    high = sheds.gains(flat, Sun(np.array([45.0]), np.array([180.0]), np.array([1361.0])))
    same = np.ones_like(sun.zenith_deg)
    return sheds.Gains(sun.cos_zenith, same * high.sky[0], same * high.sunlit[0])


def _index(gain: sheds.Gains, light: _Light) -> tuple[Array, Array]:
    """Effective irradiance over that of the clear sky, and the latter, W/m², 0 at night.

    Where the clear sky is too weak for a ratio, the nearest minute of the day with enough of it stands in.
    """
    sun, sky = light.block.sun, light.block.clear
    clear = sheds.effective(gain, sky.ghi_w_m2, sky.dhi_w_m2, sky.dni_w_m2, sun)
    clear = np.where(sun.up, np.maximum(clear, 0.0), 0.0)
    actual = sheds.effective(gain, light.ghi_w_m2, light.dhi_w_m2, light.dni_w_m2, sun)
    sound = (clear > _LEAST_CLEAR_W_M2) & light.inside
    ratio = np.divide(np.maximum(actual, 0.0), clear, out=np.zeros_like(clear), where=sound)
    return _held(ratio, sound), clear


def _held(values: Array, sound: np.ndarray) -> Array:
    """Values with unsound entries replaced by the last sound one of the row, or the first where there is none yet."""
    column = np.arange(values.shape[1])
    last = np.maximum.accumulate(np.where(sound, column, -1), axis=1)
    first = np.where(sound.any(axis=1), np.argmax(sound, axis=1), 0)
    return np.take_along_axis(values, np.where(last < 0, first[:, None], last), axis=1)


@dataclass(frozen=True)
class _Passing:
    """How a day's clouds cross the plant."""

    delay_min: Ints
    """Of each block behind the place where the weather is measured, (n_blocks,)."""
    crossing_min: int
    """Minutes a cloud edge needs for one block."""
    first: int
    """First minute of the day inside the horizon: what came before it is held."""


def _passing(seed: int, day: int, design: SolarDesign, *, first: int) -> _Passing:
    rng = stream(seed, "solar", "clouds", day)
    draws, jitter = rng.random(2), rng.random(design.n_blocks)
    speed = _CLOUD_SPEED_M_S[0] + draws[0] * (_CLOUD_SPEED_M_S[1] - _CLOUD_SPEED_M_S[0])
    toward = math.radians(_CLOUD_FROM_DEG[0] + draws[1] * (_CLOUD_FROM_DEG[1] - _CLOUD_FROM_DEG[0]) + 180.0)
    wide = max(1, math.ceil(math.sqrt(1.5 * design.n_blocks)))
    block = np.arange(design.n_blocks)
    along = design.block_spacing_m * ((block % wide) * math.sin(toward) - (block // wide) * math.cos(toward))
    minutes = (along - along.min()) / speed / 60.0 + _CROSSWIND_JITTER_MIN * jitter
    crossing = max(1, round(design.block_spacing_m / speed / 60.0))
    return _Passing(np.rint(minutes).astype(np.int64), crossing, first)


def _passed(kp: Array, minutes: Ints, passing: _Passing) -> Array:
    """A day's index as each block meets it: later, and averaged over the time of crossing; (minutes, n_blocks)."""
    steps = np.arange(kp.size)
    smooth = np.zeros_like(kp)
    for lag in range(passing.crossing_min):
        smooth += kp[np.maximum(steps - lag, passing.first)]
    smooth /= passing.crossing_min
    return np.asarray(smooth[np.maximum(minutes[:, None] - passing.delay_min[None, :], passing.first)])


def _power(poa_w_m2: Array, temp_c: Array, design: SolarDesign) -> tuple[Array, Array]:
    """Cell temperature by PVsyst's model and DC power per watt-peak by PVWatts', of one shape."""
    heating = design.absorption_share * (1.0 - design.efficiency_share) / design.u_c_w_m2_k
    cells = temp_c + heating * poa_w_m2
    power = poa_w_m2 / 1000.0 * (1.0 + design.gamma_per_k * (cells - 25.0)) * (1.0 - design.dc_loss_share)
    if design.low_light_share > 0.0:
        power = power * (1.0 + design.low_light_share * np.log(np.maximum(poa_w_m2, 1.0) / 1000.0))
    return cells, np.maximum(power, 0.0)
