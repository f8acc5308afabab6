"""What weather offers to the solar plant: geometry against pvlib (V3), the station's yield (V5), and its laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pvlib import irradiance
from pvlib.bifacial import infinite_sheds

from twin.errors import ScenarioError
from twin.weather import Place, SolarDesign, Weather, WeatherConfig, sheds, solar, solar_for, weather_for
from twin.weather.sun import Block, Sun, sun_at_minutes

ZHONGWEI = Place(37.533, 105.183, 1226.6, 8.0)
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "weather"
has_station = pytest.mark.skipif(not (DATA / "cdsrd_53704.csv.gz").is_file(), reason="no station data here")


def epoch_ms(text: str) -> int:
    return int(pd.Timestamp(text).timestamp()) * 1000


def weather(start: str, days: float, *, base: Path = DATA, **config: object) -> Weather:
    table = WeatherConfig.model_validate(config)
    n = round(days * 1440)
    return weather_for(table, ZHONGWEI, epoch_ms(start), n, seed=1, base_dir=base, cache_dir=None)


def ac_kwh_per_kwp(dc_pu: np.ndarray) -> float:
    """3 % soiling, PVWatts inverter at DC/AC 1.2, 2 % of collection, 99 % available (docs/physics.md)."""
    limit = 1.0 / 1.2
    load = np.maximum(0.97 * dc_pu.astype(float) / (limit / 0.985), 1e-9)
    eta = 0.985 / 0.9637 * (-0.0162 * load - 0.0059 / load + 0.9858)
    return float(np.clip(eta * 0.97 * dc_pu, 0.0, limit).sum() / 60.0 * 0.98 * 0.99)


def test_a_backtracking_tracker_stands_where_it_is_known_to_stand():
    sun = sun_at_minutes(ZHONGWEI, epoch_ms("2028-03-20T08:00+08:00"), 1, offset_ms=0)
    tilt, azimuth = sheds.orientation(SolarDesign().rows(), sun)
    aoi = irradiance.aoi(tilt, azimuth, sun.zenith_deg, sun.azimuth_deg)
    assert tilt[0] == pytest.approx(21.30, abs=0.1)
    assert azimuth[0] == pytest.approx(90.0)
    assert aoi[0] == pytest.approx(58.37, abs=0.1)


@pytest.mark.parametrize("design", [SolarDesign(), SolarDesign.fixed()], ids=["tracker", "fixed"])
@pytest.mark.parametrize("month", ["2028-01-10", "2028-06-10"])
def test_ten_minute_gains_agree_with_the_direct_model_by_the_minute(design, month):
    block = Block(ZHONGWEI, (3.0,) * 12, epoch_ms(month) // 86_400_000, 3)
    sky, sun, rows = block.clear, block.sun, design.rows()
    ours = sheds.effective(solar.gains_by_minute(rows, block), sky.ghi_w_m2, sky.dhi_w_m2, sky.dni_w_m2, sun)
    up = sun.up
    flat = Sun(sun.zenith_deg[up], sun.azimuth_deg[up], sun.extra_w_m2[up])
    direct = infinite_sheds.get_irradiance(
        *sheds.orientation(rows, flat), flat.zenith_deg, flat.azimuth_deg, rows.gcr, 1.5, 6.5, sky.ghi_w_m2[up],
        sky.dhi_w_m2[up], sky.dni_w_m2[up], 0.27, "haydavies", flat.extra_w_m2, shade_factor=-0.05,
    )["poa_global"]  # fmt: skip
    assert ours[up].sum() == pytest.approx(direct.sum(), rel=5e-4)
    assert np.sqrt(np.mean((ours[up] - direct) ** 2)) < 1.0


def test_night_offers_exactly_nothing_and_day_something():
    made = weather("2028-05-01T00:00+08:00", 4)
    field = solar_for(made, ZHONGWEI, SolarDesign(), seed=1, cache_dir=None)
    up = sun_at_minutes(ZHONGWEI, made.start_ms, made.n).up
    assert field.dc_pu.shape == (4 * 1440, 24)
    assert field.dc_pu.dtype == np.float32
    assert (field.dc_pu[~up] == 0.0).all()
    assert (field.stow_pu[~up] == 0.0).all()
    assert (field.dc_pu[up & (made.columns["ghi_w_m2"] > 50.0)] > 0.0).all()
    np.testing.assert_array_equal(field.cell_temp_c[~up], made.columns["temp_c"][~up])


@pytest.mark.parametrize("chunk", [1, 5])
def test_grouping_of_days_changes_no_bit(chunk):
    made = weather("2028-05-03T17:25+08:00", 6)
    one = solar.field_by_day(made, ZHONGWEI, SolarDesign(), seed=1, days_per_chunk=chunk)
    all_at_once = solar.field_by_day(made, ZHONGWEI, SolarDesign(), seed=1, days_per_chunk=99)
    assert one[0].tobytes() == all_at_once[0].tobytes()
    assert one[1].tobytes() == all_at_once[1].tobytes()


def test_a_longer_horizon_changes_no_earlier_minute():
    short, long = weather("2028-05-03T00:00+08:00", 1.5), weather("2028-05-03T00:00+08:00", 4)
    a, b = (solar_for(w, ZHONGWEI, SolarDesign(), seed=1, cache_dir=None) for w in (short, long))
    assert a.dc_pu.tobytes() == b.dc_pu[:2160].tobytes()
    assert a.stow_pu.tobytes() == b.stow_pu[:2160].tobytes()


def test_the_same_seed_moves_the_clouds_the_same_way():
    made = weather("2028-08-03T00:00+08:00", 3)
    one, same, other = (solar_for(made, ZHONGWEI, SolarDesign(), seed=s, cache_dir=None) for s in (1, 1, 2))
    assert one.dc_pu.tobytes() == same.dc_pu.tobytes()
    assert one.dc_pu.tobytes() != other.dc_pu.tobytes()


def test_blocks_share_the_energy_but_not_the_minute():
    made = weather("2028-07-01T00:00+08:00", 31)
    dc = solar_for(made, ZHONGWEI, SolarDesign(), seed=1, cache_dir=None).dc_pu.astype(float)
    energy = dc.sum(axis=0)
    assert energy.max() / energy.min() < 1.01
    ramp_of = lambda x: np.abs(np.diff(x)).std()  # noqa: E731
    assert ramp_of(dc.mean(axis=1)) < 0.5 * ramp_of(dc[:, 0])


def test_ramps_of_the_plant_are_those_of_real_plants():
    made = weather("2028-01-01T00:00+08:00", 366)
    dc = solar_for(made, ZHONGWEI, SolarDesign(), seed=1, cache_dir=None).dc_pu.mean(axis=1)
    quarter = np.minimum(0.95 * 1.2 * dc, 1.0).reshape(-1, 15).mean(axis=1)
    ramp = np.abs(np.diff(quarter))[quarter[1:] > 0.0]
    assert 0.08 < np.quantile(ramp, 0.95) < 0.16
    assert 0.15 < np.quantile(ramp, 0.99) < 0.28


def test_lying_flat_costs_energy_in_the_morning_and_nothing_at_noon():
    made = weather("2028-06-20T00:00+08:00", 1, ghi_factor=1.0)
    field = solar_for(made, ZHONGWEI, SolarDesign(n_blocks=1), seed=1, cache_dir=None)
    morning, noon = slice(7 * 60, 8 * 60), slice(12 * 60 + 30, 13 * 60 + 30)
    assert field.stow_pu[noon].mean() == pytest.approx(field.dc_pu[noon].mean(), rel=0.03)
    assert field.stow_pu[morning].mean() < 0.9 * field.dc_pu[morning].mean()


def test_a_cached_field_is_mapped_and_a_broken_one_rebuilt(tmp_path):
    made = weather("2028-06-20T00:00+08:00", 2)
    first = solar_for(made, ZHONGWEI, SolarDesign(), seed=1, cache_dir=tmp_path)
    again = solar_for(made, ZHONGWEI, SolarDesign(), seed=1, cache_dir=tmp_path)
    assert isinstance(again.dc_pu, np.memmap)
    for file in tmp_path.glob("solar-*.npy"):
        file.unlink()  # or the mapping of `again` would be torn too
        file.write_bytes(b"\x93NUMPY torn")
    rebuilt = solar_for(made, ZHONGWEI, SolarDesign(), seed=1, cache_dir=tmp_path)
    assert first.dc_pu.tobytes() == again.dc_pu.tobytes() == rebuilt.dc_pu.tobytes()


def test_an_impossible_design_is_refused_with_all_its_faults():
    design = SolarDesign(gcr=1.5, n_blocks=0)
    with pytest.raises(ScenarioError) as caught:
        solar_for(weather("2028-06-20T00:00+08:00", 1), ZHONGWEI, design, seed=1, cache_dir=None)
    assert [p.path for p in caught.value.problems] == ["site.solar.gcr", "site.solar.n_blocks"]


@pytest.mark.needs_data
@has_station
def test_the_yield_of_one_year_of_the_station_is_near_the_mean_of_ten():
    made = weather("2010-01-01T00:00+08:00", 365, source="daily", path="cdsrd_53704.csv.gz", texture="smooth")
    field = solar_for(made, ZHONGWEI, SolarDesign(n_blocks=1), seed=1, cache_dir=None)
    assert made.columns["ghi_w_m2"].sum(dtype=float) / 60e3 == pytest.approx(1703.3, rel=1e-4)
    assert ac_kwh_per_kwp(field.dc_pu[:, 0]) == pytest.approx(2025, rel=0.03)


@pytest.mark.long
@pytest.mark.needs_data
@has_station
@pytest.mark.parametrize(
    ("design", "expected"),
    [(SolarDesign(n_blocks=1), 2025), (SolarDesign(mounting="fixed", gcr=0.45, n_blocks=1), 1816)],
)
def test_the_yield_of_ten_years_of_the_station(design, expected):
    made = weather(
        "2008-01-01T00:00+08:00", 3653, source="daily", path="cdsrd_53704.csv.gz", texture="smooth", fill="synthetic"
    )
    field = solar_for(made, ZHONGWEI, design, seed=1, cache_dir=None)
    assert ac_kwh_per_kwp(field.dc_pu[:, 0]) / 10 == pytest.approx(expected, rel=0.02)
