"""Generation adequacy against closed forms and two published test systems, exactly and by Monte Carlo."""

import numpy as np
import pandas as pd
import pytest

import twin


def fleet(*rows: tuple[float, float, float], times: int = 1) -> pd.DataFrame:
    return pd.DataFrame(list(rows) * times, columns=["capacity_mw", "failure_rate_per_year", "repair_h"])


@pytest.fixture(scope="module")
def rbts(shared_data):
    folder = shared_data / "reliability"
    return pd.read_csv(folder / "rbts_units.csv"), pd.read_csv(folder / "rbts_load.csv")["load_mw"].to_numpy()


# IEEE Reliability Test System, PAS-98 (6), 1979, table 9: number, MW, mean hours to failure and to repair
RTS = [
    (5, 12, 2940, 60), (4, 20, 450, 50), (6, 50, 1980, 20), (4, 76, 1960, 40), (3, 100, 1200, 50),
    (4, 155, 960, 40), (3, 197, 950, 50), (1, 350, 1150, 100), (2, 400, 1100, 150),
]  # fmt: skip


def test_one_unit_under_a_flat_load_is_out_for_its_forced_outage_rate():
    """FOR = λ r / (1 + λ r); a year of 8,760 h has λ · A failures."""
    found = twin.adequacy(fleet((100.0, 2.0, 438.0)), np.full(8760, 60.0))
    share = (2.0 * 438.0 / 8760.0) / (1.0 + 2.0 * 438.0 / 8760.0)
    assert found.lole_h == pytest.approx(share * 8760.0, rel=1e-12)
    assert found.eens_mwh == pytest.approx(share * 8760.0 * 60.0, rel=1e-12)
    assert found["lolf_per_year"] == pytest.approx(2.0 * (1.0 - share), rel=1e-12)


def test_two_of_three_units_follow_the_binomial():
    a = 1.0 / 1.1
    found = twin.adequacy(fleet((0.3, 8.76, 100.0 / 0.876 * 0.876), times=3), np.full(10, 0.6))
    assert found.lole_h == pytest.approx(10 * (1 - a**3 - 3 * a**2 * (1 - a)), rel=1e-12)
    assert found.lolf_per_year == pytest.approx(10 * 3 * a**2 * (1 - a) * 2 * 8.76 / 8760.0, rel=1e-12)


def test_a_load_equal_to_the_capacity_is_carried():
    """0.1 and 0.2 MW carry 0.3 MW though their floating-point sum is above it; 0.300000001 MW they do not."""
    units = fleet((0.1, 0.0, 10.0), (0.2, 0.0, 10.0))
    assert twin.adequacy(units, [0.3, 0.1]).lole_h == 0.0
    assert twin.adequacy(units, [0.300000001, 0.1]).lole_h == 1.0


def test_a_rising_load_begins_a_loss_at_the_turn_of_the_hour():
    found = twin.adequacy(fleet((10.0, 0.0, 1.0)), [5.0, 20.0, 20.0, 5.0, 20.0])
    assert found.to_dict() == {"lole_h": 3.0, "eens_mwh": 30.0, "lolf_per_year": 2.0}


@pytest.mark.needs_data
def test_the_roy_billinton_test_system(rbts):
    """R. Billinton et al., IEEE Trans. PWRS-4 (3), 1989."""
    found = twin.adequacy(*rbts)
    assert found.lole_h == pytest.approx(1.0915605, abs=1e-6)
    assert found.eens_mwh == pytest.approx(9.8613507, abs=1e-6)


@pytest.mark.needs_data
def test_the_ieee_reliability_test_system(rbts):
    """Hourly LOLE 9.39418 h, LOEE 1.176 GWh: Billinton and Li, Reliability Assessment of Electric Power Systems Using
    Monte Carlo Methods, 1994, from memory; its load shape is the one at hand."""
    rows = [(mw, 8760.0 / up, float(down)) for count, mw, up, down in RTS for _ in range(count)]
    found = twin.adequacy(fleet(*rows), rbts[1] * 2850.0 / 185.0)
    assert found.lole_h == pytest.approx(9.39418, abs=5e-5)
    assert found.eens_mwh == pytest.approx(1176.0, rel=1e-3)


@pytest.mark.needs_data
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_monte_carlo_stays_within_its_own_error(rbts, seed):
    exact, found = twin.adequacy(*rbts), twin.adequacy(*rbts, years=1500, seed=seed)
    for name in exact.index:
        assert abs(found[name] - exact[name]) < 3.3 * found[f"{name}_se"]
    assert found.lole_h_se < 0.12 * exact.lole_h


def test_monte_carlo_of_frequent_failures_meets_the_exact_indices_closely():
    units, load = fleet((10.0, 87.6, 20.0), times=4), 22.0 + 8.0 * np.sin(np.arange(240) * np.pi / 12.0)
    exact, found = twin.adequacy(units, load), twin.adequacy(units, load, years=4000, seed=3)
    for name in exact.index:
        assert found[name] == pytest.approx(exact[name], abs=3.3 * found[f"{name}_se"])
        assert found[f"{name}_se"] < 0.02 * exact[name]


def test_a_seed_gives_the_same_bits_however_the_years_are_cut(monkeypatch):
    units, load = fleet((10.0, 87.6, 20.0), times=3), np.linspace(5.0, 28.0, 100)
    whole = twin.adequacy(units, load, years=60, seed=9)
    monkeypatch.setattr("twin.generation_adequacy.HOURS_AT_A_TIME", 700)
    cut = twin.adequacy(units, load, years=60, seed=9)
    assert cut.lolf_per_year == whole.lolf_per_year
    assert cut.to_dict() == pytest.approx(whole.to_dict(), rel=1e-9)
    assert twin.adequacy(units, load, years=60, seed=8).lole_h != whole.lole_h


def test_every_mistake_is_named_at_once():
    units = pd.DataFrame({"capacity_mw": [10.0, -1.0], "failure_rate_per_year": [1.0, np.nan], "repair": [5.0, 5.0]})
    with pytest.raises(twin.ScenarioError) as caught:
        twin.adequacy(units, [1.0, float("nan")], years=0)
    text = str(caught.value)
    assert len(caught.value.problems) == 5
    for part in ("units.capacity_mw[1]", "units.failure_rate_per_year[1]", "units.repair_h: this column is missing",
                 "there are capacity_mw", "load_mw[1]", "years = 0"):  # fmt: skip
        assert part in text


def test_too_many_different_sums_are_refused(monkeypatch):
    monkeypatch.setattr("twin.generation_adequacy.MOST_STATES", 100)
    units = fleet(*[(1.0 + 2.0**-k, 1.0, 10.0) for k in range(10)])
    with pytest.raises(ValueError, match="round them"):
        twin.adequacy(units, [5.0])
