"""Random trouble in random seasons: whatever happens, books close, nothing hangs, nothing is NaN."""

import numpy as np
import pandas as pd
import pytest

import twin
from tests.runs.mischief import story
from tests.runs.worlds import fingerprint, scenario


@pytest.fixture(scope="module")
def plan():
    """The base site's names."""
    return twin.build(scenario()).plan


def not_finite(run: twin.Run) -> list[tuple[str, str]]:
    columns = run.engine.arena.columns
    return [place for place, column in columns.items() if column.dtype.kind == "f" and not np.isfinite(column).all()]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("seed", range(20))
def test_a_random_pair_of_troubles_leaves_sound_books(plan, seed):
    with twin.Run(scenario(story(seed, plan))) as run:
        run.advance(run.end)
        assert not_finite(run) == []
        results = run.finish()
    audit, jobs = results.summary["audit"], results.summary["jobs"]
    assert audit["largest_energy_residual_pu"] <= 1e-9
    assert audit["largest_heat_residual_pu"] <= 1e-9
    assert len(results.jobs) == jobs["submitted"]
    assert not results.table(["it.p_mw", "battery.soc", "site.frequency_hz"]).isna().any().any()
    assert results.table("battery.soc")["battery.soc"].between(0.0, 1.0).all()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("seed", range(100, 102))
def test_random_trouble_in_steps_and_restored_gives_the_bits_of_the_whole(plan, seed):
    given = scenario(story(seed, plan, 4))
    with twin.Run(given) as run:
        run.advance(run.end)
        whole, state = run.finish(), run.state_digest()
    with twin.Run(given) as run:
        run.advance("83min")
        data = run.snapshot()
    with twin.Run.restore(data) as run:
        since = run.now
        while run.now < run.end:
            run.advance(min(run.now + pd.Timedelta(minutes=11), run.end))
        assert fingerprint(run.finish(), since) == fingerprint(whole, since)
        assert run.state_digest() == state
