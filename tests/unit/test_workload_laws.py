"""Tables of inverse distribution functions against SciPy, and streams that belong to names."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from twin.workload.laws import Lognormal, exponential, gamma, lognormal_mixture, normal, stream

U = (np.arange(1000) + 0.5) / 1000


@pytest.mark.parametrize(
    ("law", "oracle"),
    [
        (exponential(), stats.expon()),
        (gamma(1.3), stats.gamma(1.3, scale=1 / 1.3)),
        (gamma(4.0), stats.gamma(4, scale=0.25)),
    ],
)
def test_tables_agree_with_scipy(law, oracle):
    np.testing.assert_allclose(law.draw(U), oracle.ppf(U), rtol=5e-3, atol=5e-4)
    assert law.mean_above(0.0) == pytest.approx(1.0, rel=1e-3)


def test_the_normal_table_agrees_with_scipy_and_inverts_itself():
    np.testing.assert_allclose(normal().draw(U), stats.norm.ppf(U), atol=1e-4)
    np.testing.assert_allclose(normal().cdf(normal().draw(U)), U, atol=1e-12)


def test_a_lognormal_has_the_mean_that_the_formula_gives():
    law = lognormal_mixture((Lognormal(1.0, 3600.0, 0.5),), 60 * 86_400.0)
    assert law.mean_above(0.0) == pytest.approx(3600.0 * math.exp(0.125), rel=2e-3)
    assert law.draw(np.array([0.5]))[0] == pytest.approx(3600.0, rel=1e-3)


def test_the_mean_above_a_bound_is_the_mean_of_the_draws_above_it():
    law = lognormal_mixture((Lognormal(0.7, 1800.0, 1.2), Lognormal(0.3, 28_800.0, 1.6)), 60 * 86_400.0)
    low = float(law.cdf(np.array([3600.0]))[0])
    u = low + (1 - low) * (np.arange(1_000_000) + 0.5) / 1_000_000
    assert law.draw(u).min() >= 3600.0
    assert law.mean_above(3600.0) == pytest.approx(law.draw(u).mean(), rel=1e-4)


def test_streams_belong_to_names_and_not_to_the_order_in_which_they_are_made():
    first = stream(1, "evaluation", 5).random(3).tolist()
    stream(1, "evaluation", 4).random(3)
    assert stream(1, "evaluation", 5).random(3).tolist() == first
    assert stream(1, "finetuning", 5).random(3).tolist() != first
    assert stream(2, "evaluation", 5).random(3).tolist() != first
