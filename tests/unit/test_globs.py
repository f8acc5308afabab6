"""Patterns of dotted names."""

import pytest

from twin.globs import matches


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("hall-01.supply_c", "hall-*.supply_c"),
        ("hall-01.r01.supply_c", "hall-*.r*.supply_c"),
        ("hall-01.r01.supply_c", "*.*.*"),
        ("hall-01.r01.supply_c", "*"),
        ("hall-01.r01.supply_c", "**"),
        ("it_mw", "it_mw"),
        ("pv-07.p_mw", "pv-0[1-9].p_mw"),
        ("pv-07.p_mw", "pv-0?.p_*"),
        ("330-I", "330-I"),
    ],
)
def test_a_pattern_matches_part_by_part(name, pattern):
    assert matches(name, pattern)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("hall-01.r01.supply_c", "hall-*.supply_c"),
        ("hall-01.supply_c", "hall-*.r*.supply_c"),
        ("hall-01.supply_c", "hall-*"),
        ("hall-01.supply_c", "*supply_c"),
        ("hall-01.supply_c", "Hall-*.supply_c"),
        ("hall-01.supply_c", "hall-01.supply"),
        ("hall-04.die_max_c", "hall-0[1-35-9].die_max_c"),
        ("hall-01.supply_c", "**.supply"),
        ("hall-01xsupply_c", "hall-01.supply_c"),
        ("hall-01", ""),
    ],
)
def test_a_star_stays_inside_its_part(name, pattern):
    assert not matches(name, pattern)
