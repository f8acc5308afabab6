"""Stress tests: every case is the run that an engineer would make by hand, ranked; what is alike is lost once."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import twin
from twin.faces.cli import app
from twin.studies.stress import alike


@pytest.fixture(scope="module")
def base(root):
    return twin.Scenario.read(root / "scenarios" / "base" / "zhongwei.toml", overrides={"run.days": 1})


def test_a_case_is_the_run_made_by_hand(base):
    found = twin.stress(base, at="12:00", hours=1.0, assets=["cooling-01", "T2"])
    assert found.loc[0, "case"] == "cooling-01"
    with twin.Run(base) as run:
        run.advance("2028-07-14T12:00:00+08:00")
        run.inject("fail", "cooling-01")
        run.advance("1h")
        hand = run.finish()
    hottest = float(hand.table("hall-*.supply_c", every="1h", stat="max").max().max())
    assert found.loc[0, "hottest_c"] == pytest.approx(hottest, rel=1e-6)
    lost = hand.summary["gpu_h"]["lost"] - found.attrs["base"]["gpu_h_lost"]
    assert found.loc[0, "gpu_h_lost"] >= lost > 0.0
    assert found.loc[0, "jobs_stopped"] > 0


def test_a_loss_from_a_snapshot_is_the_loss_from_the_start_bit_for_bit(base):
    with twin.Run(base) as run:
        run.advance("6h")
        saved = run.snapshot()
        run.inject("fail", "T2")
        run.advance("30min")
        straight = run.state_digest()
    with twin.Run.restore(saved) as again:
        again.inject("fail", "T2")
        again.advance("30min")
        assert again.state_digest() == straight


def test_what_is_alike_is_lost_once_and_counted(base):
    names = [c.name for c in base.components if c.kind == "solar_plant"]
    groups = alike(base.components, names)
    assert sorted(name for group in groups for name in group) == sorted(names)
    assert len(groups) < len(names)


def test_a_changed_number_makes_an_asset_one_of_its_own(root):
    path = root / "scenarios" / "base" / "zhongwei.toml"
    same = twin.Scenario.read(path).components
    solar = [c.name for c in same if c.kind == "solar_plant"]
    whole = next(group for group in alike(same, solar) if len(group) > 1)
    changed = [c.model_copy(update={"feeder_km": 9.5}) if c.name == whole[0] else c for c in same]
    assert [whole[0]] in alike(changed, solar)


def test_workers_change_no_figure(base):
    alone = twin.stress(base, at="12:00", hours=0.5, assets=["T2", "hall-03"])
    beside = twin.stress(base, at="12:00", hours=0.5, assets=["T2", "hall-03"], workers=2)
    pd.testing.assert_frame_equal(alone, beside)


def test_pairs_are_those_that_the_static_flow_finds_bad(base):
    found = twin.stress(base, at="12:00", hours=0.5, assets=["L?", "K330"], pairs=True)
    assert "L1 + L2" in set(found["case"])
    worst = found.set_index("case").loc["L1 + L2"]
    assert "dead" in worst["static_status"] or worst["static_status"] != "OK"


def test_moments_are_found_and_leave_room(base):
    found = twin.stress(base, at="peak heat", hours=2.0, assets=["offices-1"])
    moment = pd.Timestamp(found.attrs["at"])
    assert 12 <= moment.tz_convert("Asia/Shanghai").hour <= 18
    assert np.isfinite(found["cost"]).all()


def test_what_does_not_fit_is_named_at_once(base):
    with pytest.raises(twin.ScenarioError) as caught:
        twin.stress(base, at="12:00", hours=0.01, assets=["T22", "T2"], workers=0)
    assert {problem.path for problem in caught.value.problems} == {"assets", "hours", "workers"}
    with pytest.raises(twin.ScenarioError, match="peak heat"):
        twin.stress(base, at="peak heap")
    with pytest.raises(twin.ScenarioError, match="not after"):
        twin.stress(base, at="23:00", hours=6.0)


def test_the_command_prints_a_table_and_writes_it(root, tmp_path):
    out = tmp_path / "stress"
    path = root / "scenarios" / "base" / "zhongwei.toml"
    told = CliRunner().invoke(
        app,
        ["stress", str(path), "--at", "12:00", "--hours", "0.5", "--asset", "T2", "--set", "run.days=1", "--workers",
         "1", "--out", str(out)],
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    assert "T2" in told.output
    assert pd.read_parquet(out / "stress.parquet")["case"].tolist() == ["T2"]
    assert CliRunner().invoke(app, ["stress", str(path), "--asset", "nothing"]).exit_code == 2


@pytest.mark.long
def test_every_asset_of_the_default_site_at_its_hottest_hour(root):
    found = twin.stress(twin.Scenario.read(root / "scenarios" / "base" / "zhongwei.toml"), workers=2)
    assert found["count"].sum() > 60
    assert np.isfinite(found[["cost", "unserved_mwh", "hottest_c", "loading_pu"]].to_numpy()).all()
    assert found["case"].iloc[0] == "grid-tie"
