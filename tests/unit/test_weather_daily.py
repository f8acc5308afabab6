"""Real daily sums spread over the minutes: conserved day by day, and complained about where they cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twin.errors import ScenarioError
from twin.weather import Place, Weather, WeatherConfig, weather_for

ZHONGWEI = Place(37.533, 105.183, 1226.6, 8.0)
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "weather"
SAMPLES = Path(__file__).resolve().parents[1] / "data" / "weather"


def weather(start: str, days: float, *, base: Path = SAMPLES, seed: int = 3, **config: object) -> Weather:
    start_ms = int(pd.Timestamp(start).timestamp()) * 1000
    table = WeatherConfig.model_validate({"source": "daily", "path": "daily.csv", **config})
    return weather_for(table, ZHONGWEI, start_ms, round(days * 1440), seed=seed, base_dir=base, cache_dir=None)


def sums_mj_m2(made: Weather, column: str) -> np.ndarray:
    return made.columns[column].reshape(-1, 1440).sum(axis=1, dtype=float) * 60e-6


@pytest.mark.parametrize("texture", ["clouds", "smooth"])
def test_the_sums_of_each_local_day_are_conserved(texture):
    made = weather("2016-06-01T00:00+08:00", 6, texture=texture)
    np.testing.assert_allclose(sums_mj_m2(made, "ghi_w_m2"), [27.3, 8.14, 15.0, 29.02, 3.3, 22.75], rtol=1e-4)
    np.testing.assert_allclose(sums_mj_m2(made, "dhi_w_m2"), [6.1, 7.9, 9.2, 4.9, 3.3, 10.4], rtol=1e-2)
    assert (made.columns["dhi_w_m2"] <= made.columns["ghi_w_m2"]).all()


def test_a_horizon_that_cuts_a_day_sees_the_same_minutes():
    whole, part = weather("2016-06-01T00:00+08:00", 6), weather("2016-06-02T09:00+08:00", 1)
    np.testing.assert_array_equal(part.columns["ghi_w_m2"], whole.columns["ghi_w_m2"][1980 : 1980 + 1440])
    np.testing.assert_array_equal(part.columns["temp_c"], whole.columns["temp_c"][1980 : 1980 + 1440])


def test_days_the_file_lacks_are_listed():
    with pytest.raises(ScenarioError, match=r"no GHI for 2 days of the run: 2016-06-08, 2016-06-09") as caught:
        weather("2016-06-07T00:00+08:00", 3)
    assert "the file covers 2016-02-28 to 2016-06-08" in str(caught.value)


def test_the_generator_may_stand_in_for_days_the_file_lacks():
    made = weather("2016-06-07T00:00+08:00", 3, fill="synthetic")
    assert sums_mj_m2(made, "ghi_w_m2")[0] == pytest.approx(18.2, rel=1e-4)
    assert (sums_mj_m2(made, "ghi_w_m2")[1:] > 1.0).all()


def test_a_year_of_the_file_can_be_played_in_another():
    made = weather("2029-06-01T00:00+08:00", 2, as_year=2016)
    np.testing.assert_allclose(sums_mj_m2(made, "ghi_w_m2"), [27.3, 8.14], rtol=1e-4)


def test_a_leap_day_the_played_year_lacks_is_a_copy_of_the_day_before(tmp_path):
    rows = [f"2015-{d:%m-%d},{10 + d.day / 10},3" for d in pd.date_range("2015-02-27", "2015-03-02")]
    (tmp_path / "daily.csv").write_text("\n".join(["date,ghi_mj_m2,dhi_mj_m2", *rows]))
    made = weather("2028-02-28T00:00+08:00", 3, base=tmp_path, as_year=2015)
    np.testing.assert_allclose(sums_mj_m2(made, "ghi_w_m2"), [12.8, 12.8, 10.1], rtol=1e-4)


def test_a_file_of_several_stations_needs_one_to_be_named():
    with pytest.raises(ScenarioError, match=r"weather.station: is needed: the file holds several \(1001, 1002\)"):
        weather("2016-06-01T00:00+08:00", 1, path="stations.csv")
    made = weather("2016-06-01T00:00+08:00", 1, path="stations.csv", station=1002)
    assert sums_mj_m2(made, "ghi_w_m2")[0] == pytest.approx(21.5, rel=1e-4)


def test_all_bad_rows_are_told_at_once(tmp_path):
    text = "date,ghi_mj_m2,dhi_mj_m2\n2016-06-01,-3,1\n2016-06-02,12,14\nsoon,10,2\n2016-06-01,9,2\n"
    (tmp_path / "daily.csv").write_text(text)
    with pytest.raises(ScenarioError) as caught:
        weather("2016-06-01T00:00+08:00", 1, base=tmp_path)
    found = {(p.line, p.message.split(",")[0]) for p in caught.value.problems}
    assert (4, "no date in the row") in found
    assert (5, "the day stands in the file twice") in found
    assert (2, "expected sums between 0 and 45 MJ/m²") in found
    assert (3, "diffuse radiation above global radiation") in found


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("other.csv", b"a,b\n1,2\n", "lacks the columns of daily sums"),
        ("empty.csv", b"", "cannot be read as a table"),
        ("bytes.csv", b"\xff\xfe\x00", "is not UTF-8 text"),
        ("packed.csv.gz", b"not gzip", "cannot be unpacked"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ScenarioError, match=message) as caught:
        weather("2016-06-01T00:00+08:00", 1, base=tmp_path, path=name)
    assert caught.value.problems[0].path == "weather.path"


def test_a_missing_file_is_refused():
    with pytest.raises(ScenarioError, match=r"weather.path = 'gone.csv': there is no such file"):
        weather("2016-06-01T00:00+08:00", 1, path="gone.csv")


@pytest.mark.needs_data
@pytest.mark.skipif(not (DATA / "cdsrd_53704.csv.gz").is_file(), reason="no station data beside the project")
def test_a_year_of_the_station_is_conserved_day_by_day():
    made = weather("2011-01-01T00:00+08:00", 365, base=DATA, path="cdsrd_53704.csv.gz")
    file = pd.read_csv(DATA / "cdsrd_53704.csv.gz").query("year == 2011")
    ghi, dhi = file["GHI(MJ/m2)"].to_numpy(), file["DHI(MJ/m2)"].to_numpy()
    np.testing.assert_allclose(sums_mj_m2(made, "ghi_w_m2"), ghi, rtol=1e-4)
    close = np.abs(sums_mj_m2(made, "dhi_w_m2") / np.minimum(dhi, ghi) - 1.0) < 0.01
    assert close.mean() > 0.99
