"""Monte Carlo over a site's parts: its picture of the network, the control variate, workers, and the answer."""

import json

import numpy as np
import pytest

import twin
from twin.studies.monte_carlo import Evaluator, Profile, draw_outages, simulate_years, weights
from twin.studies.site_capacity import Failable, Hall, SiteCapacity
from twin.studies.structures import k_of_n, part, series


def site(transformers: int = 2, rating_mw: float = 10.0, tie: float = 0.0) -> SiteCapacity:
    """A hall of 10 MW on one bus under like transformers, and a tie that may fail."""
    names = [f"T{k}" for k in range(transformers)]
    parts = [Failable(name, 20.0, 100.0) for name in names] + ([Failable("tie", tie, 50.0)] if tie else [])
    halls = [Hall("hall", 72, (("low", "low"),), 100.0, ("pump",), 1)]
    edges = dict.fromkeys(names, ("high", "low", rating_mw))
    return SiteCapacity(parts, halls, edges, {}, {"tie": ("high", 100.0)}, {}, {})


def flat(hours: int = 24) -> Profile:
    return Profile(np.full((hours, 1), 10.0), np.zeros(hours), np.zeros(hours))


def drawn(picture: SiteCapacity, years: int, seed: int = 5):
    evaluate = Evaluator(picture, flat())
    weight = weights(evaluate, picture.parts)
    return weight, simulate_years(evaluate, weight, years, np.random.Generator(np.random.Philox(seed)))


@pytest.mark.parametrize(("rating_mw", "needed"), [(10.0, 1), (5.0, 2), (4.0, 3)])
def test_the_years_agree_with_the_closed_form_of_the_structure(rating_mw, needed):
    """Three transformers of which some are needed, in series with the tie."""
    _, tally = drawn(site(3, rating_mw, tie=4.0), 150)
    exact = series([k_of_n(needed, [part(20.0, 100.0)] * 3), part(4.0, 50.0)])
    for values, mean in (
        (tally.lole_h, 8760.0 * (1.0 - exact.availability)),
        (tally.losses, exact.failures_per_year + (1.0 - exact.availability)),  # a year may begin in a loss
    ):
        assert abs(values.mean() - mean) < 3.3 * values.std(ddof=1) / np.sqrt(len(values))


def test_the_control_variate_has_the_mean_it_is_said_to_have_and_takes_out_spread():
    picture = site(2, 5.0, tie=4.0)
    weight, tally = drawn(picture, 200)
    expected = 8760.0 * sum(w * p.unavailable for w, p in zip(weight[:, 1], picture.parts, strict=True))
    off = tally.control_mwh - expected
    assert abs(off.mean()) < 3.3 * off.std(ddof=1) / np.sqrt(len(off))
    assert np.std(tally.eens_mwh - tally.control_mwh) < 0.5 * np.std(tally.eens_mwh)


def test_outages_last_and_come_as_their_data_say():
    parts = [Failable("a", 30.0, 48.0)]
    stream = np.random.Generator(np.random.Philox(2))
    down = [sum(end - start for start, end, _ in draw_outages(parts, stream)) for _ in range(500)]
    assert abs(np.mean(down) - 8760.0 * parts[0].unavailable) < 3.3 * np.std(down) / np.sqrt(500)


def test_an_island_lives_on_its_storage_until_it_is_empty():
    picture = site(1)
    picture.stores["bess"] = ("low", 20.0, 8.0, True)
    profile = Profile(np.full((24, 1), 10.0), np.zeros(24), np.ones(24))
    short = Evaluator(picture, profile).unserved(frozenset(["tie"]), 0, 4)
    assert short[:, 0].tolist() == [2.0, 2.0, 6.0, 10.0]


def test_a_pump_that_is_needed_takes_its_hall_with_it():
    assert Evaluator(site(), flat()).unserved(frozenset(["pump"]), 0, 1).tolist() == [[10.0]]


@pytest.fixture(scope="module")
def zhongwei(root):
    return twin.Scenario.read(
        root / "scenarios/base/zhongwei.toml", overrides={"run.days": 1, "site.rack_hall.hall.rooms_count": 2}
    )


def test_the_site_has_the_same_figures_with_any_number_of_workers(zhongwei, tmp_path):
    one = twin.reliability(zhongwei, years=12, seed=7)
    two = twin.reliability(zhongwei, years=12, seed=7, workers=2)
    assert one.indices.equals(two.indices)
    assert one.assets.equals(two.assets)
    assert one.assets.index[0] == "grid-tie"
    assert one.halls["availability"].between(0.99, 1.0).all()
    one.write(tmp_path)
    assert json.loads((tmp_path / "indices.json").read_text())["eens_mwh"]["mean"] == pytest.approx(
        one.indices.loc["eens_mwh", "mean"]
    )
    assert (tmp_path / "convergence.html").stat().st_size > 1e6


def test_wrong_arguments_are_told_at_once(zhongwei):
    with pytest.raises(twin.ScenarioError) as caught:
        twin.reliability(zhongwei, years=1, relative_error=2.0, workers=-1, sla_cost_per_gpu_h=-1.0)
    assert [problem.path for problem in caught.value.problems] == [
        "years", "relative_error", "workers", "sla_cost_per_gpu_h",
    ]  # fmt: skip
