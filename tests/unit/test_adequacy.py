"""Generation adequacy: the capacity-outage table, its frequencies, and the Monte Carlo beside it."""

import itertools

import numpy as np
import pandas as pd
import pytest

import twin

FIGURES = (("lole_h", "lole_se_h"), ("eens_mwh", "eens_se_mwh"), ("lolf_per_year", "lolf_se_per_year"))
UNITS = pd.DataFrame(
    {
        "capacity_mw": [40.0, 20.1, 12.35, 0.7],
        "failure_rate_per_year": [6.0, 5.0, 3.0, 40.0],
        "repair_h": [45, 60, 90, 9],
    }
)
LOAD = 33.15 + 30.0 * np.sin(np.arange(48) * 0.13) ** 2


def by_enumeration(units, load):
    """Every state by itself: (LOLE, EENS, LOLF), the events by their own definition."""
    lam, mu = units.failure_rate_per_year / 8760.0, 1.0 / units.repair_h
    lole = eens = lolf = 0.0
    for up in itertools.product([0, 1], repeat=len(units)):
        p = np.prod([m / (x + m) if u else x / (x + m) for u, x, m in zip(up, lam, mu, strict=True)])
        have = sum(c for u, c in zip(up, units.capacity_mw, strict=True) if u)
        for before, now in zip(np.roll(load, 1), load, strict=True):
            lole += p * (have < now)
            eens += p * max(now - have, 0.0)
            lolf += p * (before <= have < now)
            for u, c, x in zip(up, units.capacity_mw, lam, strict=True):
                lolf += p * x * bool(u and have >= now and have - c < now)
    return lole, eens, lolf


def test_the_outage_table_agrees_with_every_state_by_itself():
    got = twin.adequacy(UNITS, LOAD)
    np.testing.assert_allclose([got[name] for name, _ in FIGURES], by_enumeration(UNITS, LOAD), rtol=1e-11)


def test_a_load_of_exactly_what_is_there_is_served():
    units = pd.DataFrame({"capacity_mw": [0.1, 0.2], "failure_rate_per_year": [0.0, 0.0], "repair_h": [1.0, 1.0]})
    assert twin.adequacy(units, [0.3]).lole_h == 0.0
    assert twin.adequacy(units, [0.3 + 1e-6]).lole_h == 1.0


def test_the_drawn_years_agree_with_the_table():
    exact = twin.adequacy(UNITS, LOAD)
    drawn = twin.adequacy(UNITS, LOAD, years=40_000, seed=3)
    for name, error in FIGURES:
        assert 0.0 < drawn[error] < 0.05 * exact[name]
        assert abs(drawn[name] - exact[name]) < 3.3 * drawn[error]


def test_a_seed_gives_the_same_years_and_another_seed_others():
    one, same, other = (twin.adequacy(UNITS, LOAD, years=50, seed=seed) for seed in (1, 1, 2))
    assert dict(one) == dict(same)
    assert one.lole_h != other.lole_h


def test_every_problem_of_the_input_is_told_at_once():
    units = pd.DataFrame({"capacity": [1.0], "failure_rate_per_year": [-1.0], "repair_h": [np.nan]})
    with pytest.raises(twin.ScenarioError) as caught:
        twin.adequacy(units, [], years=1, seed=-1)
    assert [problem.path for problem in caught.value.problems] == [
        "units.capacity_mw", "units.failure_rate_per_year[0]", "units.repair_h[0]", "load_mw", "years", "seed",
    ]  # fmt: skip
    assert "capacity" in caught.value.problems[0].hint


@pytest.fixture
def rbts(shared_data):
    folder = shared_data / "reliability"
    return pd.read_csv(folder / "rbts_units.csv"), pd.read_csv(folder / "rbts_load.csv")["load_mw"]


@pytest.mark.needs_data
def test_the_roy_billinton_system_has_its_published_indices(rbts):
    got = twin.adequacy(*rbts)
    assert got.lole_h == pytest.approx(1.0915605, rel=1e-6)
    assert got.eens_mwh == pytest.approx(9.8613507, rel=1e-6)


@pytest.mark.needs_data
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_drawn_years_of_the_roy_billinton_system_hold_its_indices(rbts, seed):
    exact, drawn = twin.adequacy(*rbts), twin.adequacy(*rbts, years=5000, seed=seed)
    assert all(abs(drawn[name] - exact[name]) < 3.3 * drawn[error] for name, error in FIGURES)
