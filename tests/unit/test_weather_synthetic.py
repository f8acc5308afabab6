"""The seeded generator: determinism, bounds, what a scenario may order, and its statistics (V4)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twin.errors import ScenarioError
from twin.weather import Place, Weather, WeatherConfig, climate, weather_for
from twin.weather.air import kc_ranks
from twin.weather.arrays import day_of_date, months_of, years_of
from twin.weather.sun import clear_day_sums, sun_at_minutes

ZHONGWEI = Place(37.533, 105.183, 1226.6, 8.0)
GHI_KWH_M2_D = np.array([2.71, 3.55, 4.62, 5.67, 6.45, 6.83, 6.41, 5.76, 4.50, 3.88, 3.02, 2.54])
KT_SD = np.array([0.142, 0.137, 0.145, 0.144, 0.148, 0.143, 0.160, 0.168, 0.189, 0.149, 0.139, 0.130])
KT_LAG1 = np.array([0.38, 0.21, 0.23, 0.13, 0.15, 0.37, 0.28, 0.32, 0.34, 0.33, 0.28, 0.18])
"""Station 53704, 2001-2017."""


def weather(start: str, days: float, *, seed: int = 7, cache_dir: Path | None = None, **config: object) -> Weather:
    start_ms = int(pd.Timestamp(start).timestamp()) * 1000
    table = WeatherConfig.model_validate(config)
    base = Path()
    return weather_for(table, ZHONGWEI, start_ms, round(days * 1440), seed=seed, base_dir=base, cache_dir=cache_dir)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    one, same, other = (weather("2028-04-10T00:00+08:00", 3, seed=s) for s in (1, 1, 2))
    assert all(np.array_equal(one.columns[c], same.columns[c]) for c in one.columns)
    assert one.digest == same.digest
    assert one.digest != other.digest
    assert not np.array_equal(one.columns["ghi_w_m2"], other.columns["ghi_w_m2"])


def test_a_longer_horizon_or_another_start_changes_no_minute():
    long = weather("2027-12-30T00:00+08:00", 36)
    short = weather("2028-01-31T07:30+08:00", 1)
    first = 32 * 1440 + 450
    for name, values in short.columns.items():
        np.testing.assert_array_equal(values, long.columns[name][first : first + 1440], err_msg=name)


def test_values_are_finite_and_within_nature():
    columns = weather("2028-03-01T00:00+08:00", 92).columns
    for name, values in columns.items():
        assert values.dtype == np.float32
        assert np.isfinite(values).all(), name
        assert name in ("temp_c", "wet_bulb_c") or values.min() >= 0.0, name
    assert (columns["wet_bulb_c"] <= columns["temp_c"]).all()
    assert (columns["gust_m_s"] >= columns["wind_m_s"]).all()
    assert columns["ghi_w_m2"].max() < 1300.0


def test_radiation_closes_and_night_is_exactly_dark():
    made = weather("2028-06-01T00:00+08:00", 20)
    ghi, dni, dhi = (made.columns[c].astype(float) for c in ("ghi_w_m2", "dni_w_m2", "dhi_w_m2"))
    sun = sun_at_minutes(ZHONGWEI, made.start_ms, made.n)
    np.testing.assert_allclose(ghi, dhi + dni * sun.cos_zenith, atol=1e-3)
    assert (ghi[~sun.up] == 0.0).all()
    assert (dni[~sun.up] == 0.0).all()
    assert (dhi[~sun.up] == 0.0).all()


def test_a_heat_wave_peaks_at_the_temperature_the_scenario_wants():
    wave = {"from_day": 1, "days": 2, "peak_c": 41.5}
    plain = weather("2028-07-13T12:00+08:00", 6).columns["temp_c"]
    hot = weather("2028-07-13T12:00+08:00", 6, heat_waves=[wave]).columns["temp_c"]
    assert hot[720 : 720 + 2 * 1440].max() == pytest.approx(41.5, abs=1e-4)
    assert hot.argmax() in range(720, 720 + 2 * 1440)
    np.testing.assert_array_equal(hot[720 + 2 * 1440 + 720 :], plain[720 + 2 * 1440 + 720 :])
    assert np.abs(np.diff(hot)).max() < 0.2


def test_a_heat_wave_outside_the_run_is_an_error():
    with pytest.raises(ScenarioError, match=r"weather.heat_waves\[0\].from_day = 9: lies outside the run"):
        weather("2028-07-13T00:00+08:00", 2, heat_waves=[{"from_day": 9, "peak_c": 40.0}])


def test_an_ordered_dust_storm_takes_most_of_the_beam_and_some_of_the_global_light():
    storm = {"from_day": 1, "start_h": 9.0, "duration_h": 8.0, "strength": "severe"}
    plain = weather("2028-06-10T00:00+08:00", 3, dust=False).columns
    dusty = weather("2028-06-10T00:00+08:00", 3, dust=False, dust_storms=[storm]).columns
    at = 1440 + 13 * 60
    assert dusty["dni_w_m2"][at] / plain["dni_w_m2"][at] == pytest.approx(np.exp(-0.6 * 2.5), rel=0.01)
    assert dusty["ghi_w_m2"][at] / plain["ghi_w_m2"][at] == pytest.approx(np.exp(-0.17 * 2.5), rel=0.01)
    assert dusty["gust_m_s"][at] > 20.0
    assert dusty["dust_mg_m3"][at] > 4.0
    assert dusty["ghi_w_m2"][2 * 1440 :].tobytes() == plain["ghi_w_m2"][2 * 1440 :].tobytes()


def test_factor_and_offset_act_on_what_they_name():
    plain = weather("2028-06-10T00:00+08:00", 2).columns
    moved = weather("2028-06-10T00:00+08:00", 2, ghi_factor=0.9, temp_offset_k=2.0).columns
    np.testing.assert_allclose(moved["ghi_w_m2"], 0.9 * plain["ghi_w_m2"], rtol=1e-6)
    np.testing.assert_allclose(moved["temp_c"], plain["temp_c"] + 2.0, atol=1e-5)
    assert (moved["wet_bulb_c"] >= plain["wet_bulb_c"]).all()


def test_a_cached_weather_is_the_same_weather(tmp_path):
    first = weather("2028-06-10T00:00+08:00", 2, cache_dir=tmp_path)
    again = weather("2028-06-10T00:00+08:00", 2, cache_dir=tmp_path)
    assert isinstance(again.columns["temp_c"].base, np.memmap)
    assert all(np.array_equal(first.columns[c], again.columns[c]) for c in first.columns)


def test_a_broken_cache_is_rebuilt(tmp_path):
    first = weather("2028-06-10T00:00+08:00", 2, cache_dir=tmp_path)
    (file,) = tmp_path.glob("*.npy")
    file.write_bytes(file.read_bytes()[:5000])
    again = weather("2028-06-10T00:00+08:00", 2, cache_dir=tmp_path)
    assert all(np.array_equal(first.columns[c], again.columns[c]) for c in first.columns)
    assert file.stat().st_size > 100_000


def test_everything_wrong_with_place_and_horizon_comes_at_once():
    with pytest.raises(ScenarioError) as caught:
        weather_for(WeatherConfig(), Place(137.5, 105.2, 1227.0, 8.0), 1, 0, seed=1, base_dir=Path(), cache_dir=None)
    assert [p.path for p in caught.value.problems] == ["run.start", "run.days", "site.latitude_deg"]


def test_the_table_is_indexed_by_utc_time():
    table = weather("2028-07-14T00:00+08:00", 1).table()
    assert str(table.index[0]) == "2028-07-13 16:00:00+00:00"
    assert table.index.name == "time"
    assert len(table) == 1440


def test_importing_the_package_loads_neither_pvlib_nor_pandas():
    code = "import sys, twin.weather; print([m for m in ('pvlib', 'pandas', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def assert_statistics(ghi_kwh_m2_d: np.ndarray, days: np.ndarray, years: int) -> None:
    month = months_of(days)
    kt = ghi_kwh_m2_d / extraterrestrial_kwh_m2_d(days)
    assert ghi_kwh_m2_d.sum() / years == pytest.approx(1704.0, rel=0.03)
    for m in range(12):
        here = month == m
        lag1 = np.corrcoef(kt[:-1][here[1:]], kt[1:][here[1:]])[0, 1]
        assert ghi_kwh_m2_d[here].mean() == pytest.approx(GHI_KWH_M2_D[m], rel=0.05), m
        assert kt[here].std() == pytest.approx(KT_SD[m], rel=0.15), m
        assert lag1 == pytest.approx(KT_LAG1[m], abs=0.1), m


def extraterrestrial_kwh_m2_d(days: np.ndarray) -> np.ndarray:
    """Duffie and Beckman, eq. 1.10.3, with Cooper's declination."""
    day = days - np.array([day_of_date(int(y), 1, 1) for y in years_of(days)]) + 1
    latitude, declination = np.radians(37.533), np.radians(23.45 * np.sin(2 * np.pi * (284 + day) / 365))
    sunset = np.arccos(-np.tan(latitude) * np.tan(declination))
    height = np.cos(latitude) * np.cos(declination) * np.sin(sunset) + sunset * np.sin(latitude) * np.sin(declination)
    return 24.0 / np.pi * 1.361 * (1 + 0.033 * np.cos(2 * np.pi * day / 365)) * height


def test_twenty_years_of_days_have_the_statistics_of_the_station():
    days = np.arange(day_of_date(2026, 1, 1), day_of_date(2046, 1, 1))
    year = clear_day_sums(ZHONGWEI, climate.LINKE_TURBIDITY, days[:366])
    clear = year[days - np.array([day_of_date(int(y), 1, 1) for y in years_of(days)])]
    kc = climate.kc_at(kc_ranks(1, days), months_of(days))
    assert_statistics(kc * clear / 3.6, days, 20)


@pytest.mark.long
def test_twenty_years_of_minutes_have_the_statistics_of_the_station():
    made = weather("2026-01-01T00:00+08:00", 7305, seed=1)
    ghi = made.columns["ghi_w_m2"].reshape(-1, 1440).sum(axis=1, dtype=float) / 60e3
    assert_statistics(ghi, np.arange(day_of_date(2026, 1, 1), day_of_date(2046, 1, 1)), 20)


def test_a_year_has_the_climate_of_zhongwei():
    made = weather("2028-01-01T00:00+08:00", 366).columns
    temp = made["temp_c"].reshape(-1, 1440)
    assert temp.mean() == pytest.approx(10.0 + 0.9, abs=1.0)
    assert temp[:31].mean() == pytest.approx(-6.6 + 0.9, abs=4.0)
    assert temp[182:213].mean() == pytest.approx(24.2 + 0.9, abs=2.5)
    assert temp[182:213].mean(axis=0).argmax() in range(15 * 60, 16 * 60 + 30)
    assert 100.0 < made["rain_mm_h"].sum(dtype=float) / 60.0 < 400.0
    assert 4 <= (made["gust_m_s"].reshape(-1, 1440).max(axis=1) >= 17.0).sum() <= 46
    assert 20 <= (made["dust_mg_m3"].reshape(-1, 1440).max(axis=1) > 0.3).sum() <= 70
    assert made["wet_bulb_c"].max() < 26.0
