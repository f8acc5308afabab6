"""Swings of synchronous training: what a grid connection sees of jobs that compute and communicate in step.

All GPUs of a training job share one phase: power alternates between computing and communicating with a period of 1 to
30 s, 30 to 60 % of the job's power apart (arXiv 2508.14318, qualitative). Jobs have phases of their own. Steps of the
plant are longer than that and see the mean; these functions add what happens inside them. Storage in the power
shelves smooths: a first-order lag here.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
BAND_HZ = (0.1, 20.0)
"""Where turbine shafts and oscillations between grid areas lie (from memory)."""


def peak_to_peak_mw(job_mw: Array, swing_share: float, period_s: float, smoothing_s: float = 0.0) -> Array:
    """Swing that is left of each job behind its smoothing, MW, in the steady state.

    ``job_mw``: mean power of the jobs (n,). ``swing_share``: high less low power, of the mean, 0 to 2. A square wave
    of half-period T/2 behind a first-order lag τ keeps tanh(T/4τ) of its height. ValueError outside of the ranges.
    """
    if not (0.0 <= swing_share <= 2.0 and period_s > 0.0 and smoothing_s >= 0.0):
        raise ValueError(
            f"swing_share {swing_share} must lie in 0 to 2, period_s {period_s} above 0, "
            f"smoothing_s {smoothing_s} at or above 0"
        )
    kept = float(np.tanh(period_s / (4.0 * smoothing_s))) if smoothing_s > 0.0 else 1.0
    return np.asarray(job_mw, dtype=np.float64) * swing_share * kept


def site_swing_mw(swings_mw: Array) -> Mapping[str, float]:
    """Peak-to-peak of the whole site, MW: ``largest`` with all jobs in phase, ``likely`` with random phases.

    Of independent square waves the variances add up: ``likely`` is twice the standard deviation of their sum, which is
    the peak-to-peak of one of them alone.
    """
    swings = np.asarray(swings_mw, dtype=np.float64)
    return {"largest": float(swings.sum()), "likely": float(np.sqrt(np.sum(swings**2)))}


def waveform_mw(
    time_s: Array, job_mw: Array, swing_share: float, period_s: Array, phase_pu: Array, smoothing_s: float = 0.0
) -> Array:
    """Power of all jobs together at ``time_s`` (n,), MW; ``period_s`` and ``phase_pu`` (0 to 1) of each job (m,).

    The steady state of a square wave behind a first-order lag, exact at every instant.
    """
    time = np.asarray(time_s, dtype=np.float64)
    total = np.zeros_like(time)
    for power, period, phase in zip(job_mw, period_s, phase_pu, strict=True):
        where = np.mod(time / period + phase, 1.0)
        rising = where < 0.5
        since_s = np.where(rising, where, where - 0.5) * period
        level = np.ones_like(time)
        if smoothing_s > 0.0:
            # from one end of the swing towards the level beyond the other: 1 - 2 e^(-t/τ) / (1 + e^(-T/2τ))
            level -= 2.0 * np.exp(-since_s / smoothing_s) / (1.0 + np.exp(-period / (2.0 * smoothing_s)))
        total += power * (1.0 + 0.5 * swing_share * np.where(rising, level, -level))
    return total


def spectrum_mw(power_mw: Array, step_s: float, band_hz: tuple[float, float] = BAND_HZ) -> tuple[Array, Array]:
    """Frequencies, Hz, and amplitudes, MW, of an evenly sampled power within ``band_hz``.

    A sine of amplitude A that fits the record a whole number of times shows as A. ValueError where the samples are too
    coarse or the record too short for the band.
    """
    power = np.asarray(power_mw, dtype=np.float64)
    span_s = len(power) * step_s
    if step_s > 0.5 / band_hz[1] or span_s < 1.0 / band_hz[0]:
        raise ValueError(
            f"{band_hz[0]} to {band_hz[1]} Hz need steps of at most {0.5 / band_hz[1]:g} s over at least "
            f"{1.0 / band_hz[0]:g} s; these are {step_s:g} s over {span_s:g} s"
        )
    amplitude = np.abs(np.fft.rfft(power)) * 2.0 / len(power)
    frequency = np.arange(len(amplitude), dtype=np.float64) / span_s
    inside = (frequency >= band_hz[0]) & (frequency <= band_hz[1])
    return frequency[inside], amplitude[inside]
