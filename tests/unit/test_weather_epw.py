"""EnergyPlus years by the minute: hours conserved, the file's clock respected, broken files refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twin.errors import ScenarioError
from twin.weather import Place, Weather, WeatherConfig, weather_for

ZHONGWEI = Place(37.533, 105.183, 1226.6, 8.0)
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "weather"
PHOENIX = "USA_AZ_Phoenix-Sky.Harbor.epw.xz"


def epw_lines(*, latitude: float = 37.5, longitude: float = 105.2, zone: float = 8.0) -> list[str]:
    """A made-up year: the sun up around 13 h, temperature the hour of the day, the date in the pressure."""
    lines = [f"LOCATION,Somewhere,NX,CHN,made up,000000,{latitude},{longitude},{zone},1227.0"]
    lines += ["DESIGN CONDITIONS,0", "TYPICAL/EXTREME PERIODS,0", "GROUND TEMPERATURES,0"]
    lines += [
        "HOLIDAYS/DAYLIGHT SAVINGS,No,0,0,0",
        "COMMENTS 1,",
        "COMMENTS 2,",
        "DATA PERIODS,1,1,Data,Sunday,1/1,12/31",
    ]
    for day in pd.date_range("2019-01-01", "2019-12-31"):
        for hour in range(1, 25):
            ghi = round(max(0.0, 600 * math.cos((hour - 13.5) / 24 * 2 * math.pi) - 100))
            lines.append(
                f"{day.year},{day.month},{day.day},{hour},0,made,{hour}.0,-5.0,40,{86000 + 10 * day.day_of_year},"
                f"0,0,0,{ghi},0,{round(0.4 * ghi)},0,0,0,0,270,3.0,0,0,9999,99999,9,0,0,0,0,88,0.2,0.0,0.0"
            )
    return lines


def weather(folder: Path, start: str, days: float, place: Place = ZHONGWEI, *, path: str = "year.epw") -> Weather:
    start_ms = int(pd.Timestamp(start).timestamp()) * 1000
    config = WeatherConfig(source="epw", path=path)
    return weather_for(config, place, start_ms, round(days * 1440), seed=1, base_dir=folder, cache_dir=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("epw")
    (folder / "year.epw").write_text("\n".join(epw_lines()) + "\n")
    return folder


def test_the_radiation_of_each_hour_is_conserved(folder):
    made = weather(folder, "2028-06-10T00:00+08:00", 2)
    hours = made.columns["ghi_w_m2"].reshape(-1, 60).mean(axis=1, dtype=float)
    expected = [round(max(0.0, 600 * math.cos((h - 13.5) / 24 * 2 * math.pi) - 100)) for h in range(1, 25)] * 2
    np.testing.assert_allclose(hours, expected, rtol=1e-5)
    diffuse = made.columns["dhi_w_m2"].reshape(-1, 60).mean(axis=1, dtype=float)[12]
    assert diffuse == pytest.approx(round(0.4 * expected[12]), rel=0.01)


def test_states_are_those_at_the_end_of_their_hour(folder):
    temp = weather(folder, "2028-06-10T00:00+08:00", 1).columns["temp_c"]
    assert temp[7 * 60 + 59] == pytest.approx(8.0, abs=0.01)
    assert temp[8 * 60 + 29] == pytest.approx(8.5, abs=0.01)


def test_the_clock_of_the_file_counts_not_that_of_the_site(folder):
    (folder / "utc7.epw").write_text("\n".join(epw_lines(zone=7.0)) + "\n")
    temp = weather(folder, "2028-06-10T00:00+08:00", 1, path="utc7.epw").columns["temp_c"]
    assert temp[8 * 60 + 59] == pytest.approx(8.0, abs=0.01)


def test_the_year_repeats_and_the_leap_day_copies_the_day_before(folder):
    pressure = weather(folder, "2028-02-28T12:00+08:00", 3).columns["pressure_pa"]
    assert pressure[0] == pytest.approx(86_590, abs=1)
    assert pressure[1440] == pytest.approx(86_590, abs=1)
    assert pressure[2 * 1440] == pytest.approx(86_600, abs=1)
    again = weather(folder, "2029-02-28T12:00+08:00", 0.1).columns["pressure_pa"]
    assert again[0] == pressure[0]


def test_a_file_of_another_place_is_read_by_the_clock_of_the_site_with_a_warning(folder):
    (folder / "far.epw").write_text("\n".join(epw_lines(longitude=-112.0, zone=-7.0)) + "\n")
    made = weather(folder, "2028-06-10T00:00+08:00", 1, path="far.epw")
    assert made.columns["temp_c"][7 * 60 + 59] == pytest.approx(8.0, abs=0.01)
    assert "far from the site" in made.warnings[0].message
    assert made.warnings[0].warning


def test_radiation_at_night_is_left_out_with_a_warning(folder):
    lines = epw_lines()
    night = [line.replace(",0,0,0,0,0,0,0,0,0,0,270", ",0,0,0,50,0,50,0,0,0,0,270") for line in lines]
    (folder / "night.epw").write_text("\n".join(night) + "\n")
    made = weather(folder, "2028-06-10T00:00+08:00", 1, path="night.epw")
    assert made.columns["ghi_w_m2"][:180].max() == 0.0
    assert "falls where the sun is down" in made.warnings[0].message


def test_broken_years_are_refused_with_all_their_faults(tmp_path):
    lines = epw_lines()
    lines[20] = lines[20].replace(",13.0,", ",99.9,")
    del lines[8 + 24 * 40 + 5]
    (tmp_path / "year.epw").write_text("\n".join(lines) + "\n")
    with pytest.raises(ScenarioError) as caught:
        weather(tmp_path, "2028-06-10T00:00+08:00", 1)
    found = {p.line: p.message for p in caught.value.problems}
    assert "temp_air: missing or outside -70 to 70" in found[21]
    assert found[8 + 24 * 40 + 1] == "the day is not 24 hours in a row"


def test_a_file_that_is_no_epw_is_refused(tmp_path):
    (tmp_path / "year.epw").write_text("time,ghi\n1,2\n")
    with pytest.raises(ScenarioError, match="is no EPW: its first line must be LOCATION"):
        weather(tmp_path, "2028-06-10T00:00+08:00", 1)


def test_a_year_that_ends_early_is_refused(tmp_path):
    (tmp_path / "year.epw").write_text("\n".join(epw_lines()[: 8 + 24 * 300]) + "\n")
    with pytest.raises(ScenarioError, match=r"10-28, 10-29, .*: lacks 65 days of the year"):
        weather(tmp_path, "2028-06-10T00:00+08:00", 1)


@pytest.mark.needs_data
@pytest.mark.skipif(not (DATA / PHOENIX).is_file(), reason="no EPW beside the project")
def test_a_real_year_keeps_its_sums():
    made = weather(DATA, "2027-01-01T00:00-07:00", 365, Place(33.428, -112.004, 337.4, -7.0), path=PHOENIX)
    assert made.columns["ghi_w_m2"].sum(dtype=float) / 60e3 == pytest.approx(2150.3, rel=0.003)
    assert made.columns["temp_c"].max() == pytest.approx(45.6, abs=0.1)
