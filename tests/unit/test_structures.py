"""Series, parallel and k-of-n structures against their closed forms."""

from math import comb

import pytest

from twin.studies.structures import k_of_n, parallel, part, series


def test_a_part_has_the_closed_form_of_two_states():
    one = part(4.0, 24.0)
    assert one.availability == pytest.approx(8760 / (8760 + 96), rel=1e-14)
    assert one.mean_up_h == pytest.approx(8760 / 4, rel=1e-14)
    assert one.mean_down_h == pytest.approx(24.0, rel=1e-10)
    assert one.mean_between_h == pytest.approx(2214.0, rel=1e-12)


def test_rates_of_a_series_add_up():
    parts = [part(0.5, 10.0), part(1.2, 4.0), part(0.01, 1000.0)]
    got = series(parts)
    assert got.availability == pytest.approx(
        parts[0].availability * parts[1].availability * parts[2].availability, rel=1e-14
    )
    assert 8760.0 / got.mean_up_h == pytest.approx(1.71, rel=1e-12)


def test_two_in_parallel_are_down_for_half_the_harmonic_sum():
    # r1·r2 / (r1 + r2), Billinton and Allan eq. 11.6
    got = parallel([part(0.5, 10.0), part(1.2, 40.0)])
    assert got.mean_down_h == pytest.approx(8.0, rel=1e-9)
    assert 1.0 - got.availability == pytest.approx(5 / 8765 * 48 / 8808, rel=1e-9)


def test_like_parts_of_which_some_are_needed_are_binomial():
    got = k_of_n(3, [part(2.0, 100.0)] * 5)
    a = 8760 / 8960
    assert got.availability == pytest.approx(sum(comb(5, k) * a**k * (1 - a) ** (5 - k) for k in (3, 4, 5)), rel=1e-13)
    # it fails where the third of three fails: 3 λ P(exactly 3 up)
    assert got.failures_per_year == pytest.approx(3 * 2.0 * comb(5, 3) * a**3 * (1 - a) ** 2, rel=1e-12)


@pytest.mark.parametrize("needed", [0, 4])
def test_more_than_there_are_cannot_be_needed(needed):
    with pytest.raises(ValueError, match="expected 1 to 3 parts"):
        k_of_n(needed, [part(1.0, 1.0)] * 3)
