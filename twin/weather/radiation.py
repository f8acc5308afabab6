"""From global radiation to its beam and its diffuse part, and what dims them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.weather import climate
from twin.weather.arrays import Array, f64
from twin.weather.sun import Block, Sun


@dataclass(frozen=True)
class Radiation:
    """Irradiances of one shape, W/m², with ghi = dhi + dni·cos(zenith)."""

    ghi_w_m2: Array
    dni_w_m2: Array
    dhi_w_m2: Array


def decomposed_dhi(ghi_w_m2: Array, sun: Sun) -> Array:
    """Diffuse part of global irradiance by the continuous Erbs model (Driesse et al. 2024), between 0 and ghi."""
    from pvlib import irradiance

    up = np.nonzero(sun.up)
    dhi = np.zeros_like(ghi_w_m2)
    parts = irradiance.erbs_driesse(ghi_w_m2[up], sun.zenith_deg[up], dni_extra=sun.extra_w_m2[up])
    dhi[up] = f64(parts["dhi"])
    return dhi


def closed(ghi_w_m2: Array, dhi_w_m2: Array, sun: Sun, dni_bound_w_m2: Array) -> Radiation:
    """The three components with the beam that ghi and dhi leave; beam above its bound counts as diffuse."""
    cos_zenith = sun.cos_zenith
    beam = np.divide(ghi_w_m2 - dhi_w_m2, cos_zenith, out=np.zeros_like(ghi_w_m2), where=cos_zenith > 0.0)
    dni = np.minimum(np.maximum(beam, 0.0), dni_bound_w_m2)
    return Radiation(ghi_w_m2, dni, np.maximum(ghi_w_m2 - dni * cos_zenith, 0.0))


def dhi_to_total(ghi_w_m2: Array, dhi_w_m2: Array, least_w_m2: Array, target: Array) -> Array:
    """``dhi_w_m2`` moved between ``least_w_m2`` and ghi so that each row sums to ``target``, as far as it can.

    Downwards the distance to the lower bound shrinks, upwards the distance to ghi. Rows have one target each, in the
    unit of a plain sum; NaN leaves the row as it is. A target below the sum of the bounds gives the bounds.
    """
    base = np.clip(dhi_w_m2, least_w_m2, ghi_w_m2)
    low, mid, high = least_w_m2.sum(axis=1), base.sum(axis=1), ghi_w_m2.sum(axis=1)
    down = np.divide(target - low, mid - low, out=np.zeros_like(mid), where=mid > low)
    up = np.divide(target - mid, high - mid, out=np.zeros_like(mid), where=high > mid)
    shrink = np.where(target < mid, np.clip(down, 0.0, 1.0), 1.0)[:, None]
    grow = np.where(target > mid, np.clip(up, 0.0, 1.0), 0.0)[:, None]
    moved = least_w_m2 + (base - least_w_m2) * shrink + (ghi_w_m2 - base) * grow
    return np.where(np.isnan(target)[:, None], base, moved)


def least_dhi(ghi_w_m2: Array, block: Block) -> Array:
    """What must be diffuse because the beam cannot carry it."""
    return np.asarray(np.maximum(ghi_w_m2 - block.dni_bound_w_m2 * block.sun.cos_zenith, 0.0))


def dimmed(radiation: Radiation, aod: Array, cos_zenith: Array) -> Radiation:
    """Radiation below dust of optical depth ``aod``: less of everything, beam most of all."""
    ghi = radiation.ghi_w_m2 * np.exp(-climate.DUST_GHI_PER_AOD * aod)
    dni = radiation.dni_w_m2 * np.exp(-climate.DUST_DNI_PER_AOD * aod)
    return Radiation(ghi, dni, np.maximum(ghi - dni * cos_zenith, 0.0))
