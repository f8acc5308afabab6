"""Units by suffix, durations as text, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.quantities import SUFFIXES, duration_ms, duration_text, unit_of


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("energy_mwh", "MWh"), ("power_mw", "MW"), ("tcs_l_min_kw", "l/(min·kW)"), ("cell_heat_j_kg_k", "J/(kg·K)"),
        ("supply_c", "°C"), ("design_rise_k", "K"), ("g_on_w_k", "W/K"), ("rain_mm_h", "mm/h"), ("wind_m_s", "m/s"),
        ("cdu_failures_per_year", "1/a"), ("share", "1"), ("s", "s"), ("restart_s", "s"), ("ghi_w_m2", "W/m²"),
        ("water_l_kw", "l/kW"),
    ],
)  # fmt: skip
def test_the_longest_suffix_gives_the_unit(name, unit):
    assert unit_of(name) == unit


@pytest.mark.parametrize("name", ["seed", "names", "kind", "mwh_total", "powermw"])
def test_a_name_without_a_suffix_has_no_unit(name):
    assert unit_of(name) is None


def test_no_suffix_hides_another_of_the_same_length():
    assert all(unit_of(f"x_{suffix}") == unit for suffix, unit in SUFFIXES.items())


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("90s", 90_000), ("15min", 900_000), ("2h", 7_200_000), ("1d 12h", 129_600_000), ("1h30min", 5_400_000),
        ("250ms", 250), ("0.5h", 1_800_000), ("0s", 0), ("1.5 s", 1_500), ("4184.132s", 4_184_132), ("0.001s", 1),
    ],
)  # fmt: skip
def test_durations_are_read_exactly(text, ms):
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "5", "h", "two hours", "-5s", "5 fortnights", "1h and more", "1e3s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="not a duration"):
        duration_ms(text)


def test_a_fraction_of_a_millisecond_is_refused():
    with pytest.raises(ValueError, match="finer than a millisecond"):
        duration_ms("0.0005s")


@given(st.integers(0, 10**13))
def test_a_duration_survives_its_text(ms):
    assert duration_ms(duration_text(ms)) == ms
