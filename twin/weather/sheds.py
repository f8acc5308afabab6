"""Rows of modules seen by sun, sky and ground: what reaches them per unit of irradiance.

pvlib's infinite-sheds model is linear in global, diffuse and beam irradiance once the sky is isotropic, so it runs on
a ten-minute grid with unit irradiances, and the minutes are weighted sums. Hay and Davies' circumsolar light becomes
isotropic input by moving its share from diffuse to beam first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.weather.arrays import Array, f64
from twin.weather.sun import Sun

_LEAST_COS_ZENITH = 0.01745
"""Hay and Davies' projection is cut at 89° of zenith, as in pvlib."""


@dataclass(frozen=True)
class Rows:
    """A field of module rows: what infinite sheds needs to know."""

    tracking: bool
    tilt_deg: float
    gcr: float
    max_angle_deg: float
    height_m: float
    pitch_m: float
    albedo_share: float
    rear_weight: float
    """Bifaciality × (1 − shading of the rear)."""


@dataclass(frozen=True)
class Gains:
    """Effective irradiance on the modules, front plus weighted rear, per W/m²; arrays of one shape."""

    beam: Array
    """Per direct normal irradiance, circumsolar included."""
    sky: Array
    """Per isotropic diffuse horizontal irradiance."""
    sunlit: Array
    """By way of the ground, per (global − isotropic diffuse)."""


def orientation(rows: Rows, sun: Sun) -> tuple[Array, Array]:
    """Tilt and azimuth of the modules for flat sun positions above the horizon, in degrees."""
    from pvlib import tracking

    if not rows.tracking:
        return np.full_like(sun.zenith_deg, rows.tilt_deg), np.full_like(sun.zenith_deg, 180.0)
    with np.errstate(invalid="ignore"):
        pose = tracking.singleaxis(sun.zenith_deg, sun.azimuth_deg, 0.0, 180.0, rows.max_angle_deg, True, rows.gcr)
    return np.nan_to_num(f64(pose["surface_tilt"]), nan=0.0), np.nan_to_num(f64(pose["surface_azimuth"]), nan=90.0)


def gains(rows: Rows, sun: Sun) -> Gains:
    """Gains at flat sun positions above the horizon."""
    tilt, azimuth = orientation(rows, sun)
    lit = _components(rows, sun, (tilt, azimuth), dhi_w_m2=0.0)
    dull = _components(rows, sun, (tilt, azimuth), dhi_w_m2=1.0)
    return Gains(lit["direct"], dull["sky_diffuse"] + dull["ground_diffuse"], lit["ground_diffuse"])


def _components(rows: Rows, sun: Sun, pose: tuple[Array, Array], *, dhi_w_m2: float) -> dict[str, Array]:
    """Front plus weighted rear under 1 W/m² of global light, of which ``dhi_w_m2`` (0 or 1) is diffuse.

    The beam is 1 W/m² facing the sun where there is any: the model takes it apart from global light.
    """
    from pvlib.bifacial import infinite_sheds

    one = np.ones_like(sun.zenith_deg)
    parts = infinite_sheds.get_irradiance(
        *pose, sun.zenith_deg, sun.azimuth_deg, rows.gcr, rows.height_m, rows.pitch_m,
        one, dhi_w_m2 * one, (1.0 - dhi_w_m2) * one, rows.albedo_share, model="isotropic",
    )  # fmt: skip
    return {
        name: f64(parts[f"poa_front_{name}"]) + rows.rear_weight * f64(parts[f"poa_back_{name}"])
        for name in ("direct", "sky_diffuse", "ground_diffuse")
    }


def effective(gain: Gains, ghi: Array, dhi: Array, dni: Array, sun: Sun) -> Array:
    """Effective irradiance on the modules, W/m², Hay and Davies' sky; all arrays of one shape."""
    circumsolar = dhi * (dni / sun.extra_w_m2)
    isotropic = dhi - circumsolar
    toward_sun = dni + circumsolar / np.maximum(sun.cos_zenith, _LEAST_COS_ZENITH)
    return np.asarray(gain.beam * toward_sun + gain.sky * isotropic + gain.sunlit * (ghi - isotropic))
