"""Tables of weather with time stamps: sums conserved, gaps and zones complained about by row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twin.errors import ScenarioError
from twin.weather import Place, Weather, WeatherConfig, weather_for

ZHONGWEI = Place(37.533, 105.183, 1226.6, 8.0)


def table(*, zone: str = "+08:00", step_min: int = 15, days: int = 2) -> list[str]:
    stamps = pd.date_range("2028-06-10", periods=days * 1440 // step_min, freq=f"{step_min}min")
    ghi = np.maximum(0.0, 700.0 * np.cos((stamps.hour + stamps.minute / 60.0 - 13.0) / 24.0 * 2 * np.pi) - 120.0)
    rows = zip(stamps, ghi, strict=True)
    return ["time,ghi_w_m2,temp_c", *(f"{t:%Y-%m-%dT%H:%M}{zone},{g:.1f},{t.hour}" for t, g in rows)]


def weather(folder: Path, lines: list[str], start: str = "2028-06-10T00:00+08:00", **config: object) -> Weather:
    (folder / "w.csv").write_text("\n".join(lines) + "\n")
    start_ms = int(pd.Timestamp(start).timestamp()) * 1000
    made = WeatherConfig.model_validate({"source": "csv", "path": "w.csv", **config})
    return weather_for(made, ZHONGWEI, start_ms, 1440, seed=1, base_dir=folder, cache_dir=None)


def problems(folder: Path, lines: list[str], **config: object) -> str:
    with pytest.raises(ScenarioError) as caught:
        weather(folder, lines, **config)
    return str(caught.value)


def test_the_radiation_of_each_interval_is_conserved(tmp_path):
    lines = table()
    made = weather(tmp_path, lines)
    quarters = made.columns["ghi_w_m2"].reshape(-1, 15).mean(axis=1, dtype=float)
    np.testing.assert_allclose(quarters, [float(row.split(",")[1]) for row in lines[1:97]], rtol=1e-5)
    assert made.columns["temp_c"][30] == pytest.approx(0.0, abs=0.6)


def test_columns_may_have_other_names_and_stamps_may_end_their_interval(tmp_path):
    lines = ["t,G(h),T2m", *table(zone="")[1:]]
    names = {"time": "t", "ghi_w_m2": "G(h)", "temp_c": "T2m"}
    made = weather(tmp_path, lines, "2028-06-10T01:00+08:00", columns=names, time_zone="Asia/Shanghai", stamp="end")
    expected = float(lines[1 + 4 * 12 + 1].split(",")[1])
    assert made.columns["ghi_w_m2"][11 * 60 : 11 * 60 + 15].mean() == pytest.approx(expected, rel=1e-5)


def test_time_stamps_without_a_zone_are_refused(tmp_path):
    text = problems(tmp_path, table(zone=""))
    assert "w.csv:2: weather.path = '2028-06-10T00:00': 192 time stamps carry no zone" in text
    assert "time_zone = '+08:00'" in text


def test_a_zone_of_the_table_serves_for_stamps_without_one(tmp_path):
    with_zone, without = weather(tmp_path, table()), weather(tmp_path, table(zone=""), time_zone="+08:00")
    assert np.array_equal(with_zone.columns["ghi_w_m2"], without.columns["ghi_w_m2"])


def test_gaps_and_repetitions_are_told_by_row(tmp_path):
    lines = table()
    broken = [*lines[:11], *lines[13:50], lines[49], *lines[50:]]
    text = problems(tmp_path, broken)
    assert "w.csv:12: weather.path = '2028-06-10T03:00:00Z'" not in text
    assert "row 12 leaves a gap after row 11" in text
    assert "row 49 repeats the time of row 48" in text


def test_values_out_of_range_and_unknown_columns_are_told_together(tmp_path):
    lines = table()
    lines[5] = lines[5].rsplit(",", 1)[0] + ",451"
    lines[7] = lines[7].split(",")[0] + ",,20"
    text = problems(tmp_path, lines)
    assert "w.csv:6: weather.path = 451: temp_c: expected -70 to 70" in text
    assert "w.csv:8: weather.path = nan: ghi_w_m2: expected 0 to 1700" in text
    assert "weather.columns.sunshine" in problems(tmp_path, lines, columns={"sunshine": "s"})


def test_a_table_that_does_not_cover_the_run_is_refused(tmp_path):
    text = problems(tmp_path, table(), start="2028-06-11T12:00+08:00")
    assert "does not cover the run (the run needs 2028-06-11T04:00:00Z to 2028-06-12T04:00:00Z)" in text


def test_an_unknown_zone_is_refused(tmp_path):
    assert "weather.time_zone = 'Moon/Base': is no time zone" in problems(
        tmp_path, table(zone=""), time_zone="Moon/Base"
    )


def test_a_source_from_a_file_needs_a_path_and_the_generator_takes_none():
    with pytest.raises(ValueError, match="needs a path"):
        WeatherConfig(source="csv")
    with pytest.raises(ValueError, match="reads no path"):
        WeatherConfig(path="w.csv")
