"""Swings of synchronous training against a simulated lag, sines and the arithmetic of variances."""

import numpy as np
import pytest
from scipy.signal import lfilter

from twin.swings import peak_to_peak_mw, site_swing_mw, spectrum_mw, waveform_mw


@pytest.mark.parametrize(("period_s", "smoothing_s"), [(2.0, 0.5), (5.0, 5.0), (20.0, 30.0)])
def test_smoothing_leaves_what_a_simulated_lag_leaves(period_s, smoothing_s):
    step_s = period_s / 4000
    time_s = np.arange(0.0, 40 * max(period_s, smoothing_s), step_s)
    square = np.where(np.mod(time_s / period_s, 1.0) < 0.5, 125.0, 75.0)
    kept = np.exp(-step_s / smoothing_s)
    smooth = lfilter([1.0 - kept], [1.0, -kept], square, zi=[100.0 * kept])[0]
    last = time_s > time_s[-1] - 2 * period_s
    exact = waveform_mw(time_s + step_s, np.array([100.0]), 0.5, np.array([period_s]), np.array([0.0]), smoothing_s)
    assert np.ptp(smooth[last]) == pytest.approx(
        peak_to_peak_mw(np.array([100.0]), 0.5, period_s, smoothing_s)[0], rel=1e-3
    )
    assert np.abs(exact[last] - smooth[last]).max() < 0.1


def test_the_likely_swing_is_twice_the_deviation_of_many_jobs_at_random_phases():
    random = np.random.default_rng(3)
    power, period = random.uniform(1.0, 30.0, 40), random.uniform(3.0, 9.0, 40)
    time_s = np.arange(0.0, 3000.0, 0.05)
    site = waveform_mw(time_s, power, 0.5, period, random.random(40))
    told = site_swing_mw(peak_to_peak_mw(power, 0.5, 5.0))
    assert 2.0 * site.std() == pytest.approx(told["likely"], rel=0.05)
    assert np.ptp(site) < told["largest"]
    assert site.mean() == pytest.approx(power.sum(), rel=1e-3)


def test_a_square_wave_has_its_fundamental_and_a_third_of_it_at_three_times_the_frequency():
    time_s = np.arange(0.0, 100.0, 0.01)
    square = waveform_mw(time_s, np.array([200.0]), 0.4, np.array([2.0]), np.array([0.0]))
    frequency, amplitude = spectrum_mw(square, 0.01)
    at = {hz: amplitude[np.argmin(np.abs(frequency - hz))] for hz in (0.5, 1.0, 1.5)}
    assert at[0.5] == pytest.approx(4.0 / np.pi * 40.0, rel=1e-3)
    assert at[1.5] == pytest.approx(at[0.5] / 3.0, rel=5e-3)
    assert at[1.0] < 0.01 * at[0.5]
    assert 0.1 <= frequency.min() < frequency.max() <= 20.0


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="swing_share 3"):
        peak_to_peak_mw(np.ones(2), 3.0, 5.0)
    with pytest.raises(ValueError, match=r"these are 1 s over 100 s"):
        spectrum_mw(np.ones(100), 1.0)
