"""A scenario: tables, banks, times, what it resolves to, its digest."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from scenario_toys import HEAD, toy_kinds  # noqa: F401 - a fixture

from twin.errors import ScenarioError
from twin.scenario import Scenario

BANK = '[site.toy_store.bess]\ncount = 11\nenergy_mwh = 1100\nat = "b{}"\n'


def parse(text: str, **more: object) -> Scenario:
    return Scenario.parse(HEAD + text, base_dir=".", **more)  # type: ignore[arg-type]


def problems(text: str, **more: object) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        Scenario.parse(text, base_dir=".", **more)  # type: ignore[arg-type]
    return [str(problem) for problem in caught.value.problems]


def test_a_small_scenario_reads_into_its_tables() -> None:
    scenario = parse('[site.toy_bus.b1]\nvn_kv = 330\n[[timeline]]\nat = "2h"\ndo = "open"\nwhat = "T2"\n')
    assert scenario.run.days == 3.0
    assert scenario.place.longitude_deg == 105.18
    assert [bus.name for bus in scenario.components] == ["b1"]
    assert scenario.timeline[0].do == "open"
    assert scenario.dispatch.mode == "self_consumption"


def test_members_of_a_bank_are_padded_and_share_its_total() -> None:
    stores = parse(BANK).components
    assert [store.name for store in stores][:2] == ["bess-01", "bess-02"]
    assert stores[-1].name == "bess-11"
    assert [store.energy_mwh for store in stores] == [100.0] * 11  # type: ignore[attr-defined]


def test_an_override_of_a_total_is_spread_over_the_members() -> None:
    stores = parse(BANK, overrides={"site.toy_store.bess.energy_mwh": 1500}).components
    assert stores[0].energy_mwh == 1500 / 11  # type: ignore[attr-defined]


def test_one_asset_keeps_its_plain_name_and_its_total() -> None:
    (store,) = parse('[site.toy_store.bess]\nat = "b1"\nenergy_mwh = 80\n').components
    assert (store.name, store.energy_mwh) == ("bess", 80.0)  # type: ignore[attr-defined]


def test_a_bank_of_one_is_numbered() -> None:
    (store,) = parse('[site.toy_store.bess]\ncount = 1\nat = "b{}"\n').components
    assert (store.name, store.bus) == ("bess-1", "b1")  # type: ignore[attr-defined]


def test_a_name_is_a_pattern_and_text_fields_take_the_number() -> None:
    stores = parse('[site.toy_store.t]\ncount = 3\nname = "T{}"\nat = "bus-{:02}"\n').components
    assert [(store.name, store.bus) for store in stores] == [  # type: ignore[attr-defined]
        ("T1", "bus-01"),
        ("T2", "bus-02"),
        ("T3", "bus-03"),
    ]


def test_names_name_the_members() -> None:
    stores = parse('[site.toy_store.t]\nnames = ["east", "west"]\nat = "b{}"\nenergy_mwh = 200\n').components
    assert [store.name for store in stores] == ["east", "west"]
    assert stores[1].energy_mwh == 100.0  # type: ignore[attr-defined]


def test_a_list_gives_each_member_its_value() -> None:
    text = '[site.toy_store.t]\ncount = 2\nat = ["b7", "b9"]\npower_mw = [10, 20]\ncurve_pu = [0, 0.5, 1]\n'
    stores = parse(text).components
    assert [store.bus for store in stores] == ["b7", "b9"]  # type: ignore[attr-defined]
    assert [store.power_mw for store in stores] == [10.0, 20.0]  # type: ignore[attr-defined]
    assert stores[0].curve_pu == (0.0, 0.5, 1.0)  # type: ignore[attr-defined]


def test_a_list_field_of_count_values_is_not_spread() -> None:
    stores = parse('[site.toy_store.t]\ncount = 2\nat = "b1"\ncurve_pu = [0.0, 0.9]\n').components
    assert stores[1].curve_pu == (0.0, 0.9)  # type: ignore[attr-defined]


def test_a_mistake_of_a_bank_is_said_once() -> None:
    text = HEAD + BANK + "racks_count = 0\n"
    assert problems(text) == ["<text>:11: site.toy_store.bess.racks_count = 0: expected a number of at least 1"]


def test_a_site_has_no_more_than_twenty_thousand_assets() -> None:
    (said,) = problems(HEAD + '[site.toy_store.bess]\ncount = 1000000000\nat = "b1"\n')
    assert "more than 20000 assets" in said


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1d 12:00", 36 * 3_600_000),
        ("12:00", 12 * 3_600_000),
        ("0d 00:00:00.250", 250),
        ("36h", 36 * 3_600_000),
        ("1d 12h", 36 * 3_600_000),
        ("90min", 5_400_000),
        ("2028-07-15", 86_400_000),
        ("2028-07-15T12:00", 36 * 3_600_000),
        ("2028-07-15T04:00:00Z", 36 * 3_600_000),
        ("2028-07-13T23:00:00+08:00", -3_600_000),
    ],
)
def test_a_time_is_read_on_the_clock_of_the_site(text: str, ms: int) -> None:
    assert parse("").local_text_to_ms(text) == ms


def test_the_clock_counts_from_midnight_of_the_starts_day() -> None:
    scenario = parse("", overrides={"run.start": "2028-07-14T18:00:00+08:00"})
    assert scenario.local_text_to_ms("1d 12:00") == 18 * 3_600_000
    assert scenario.local_text_to_ms("12:00") == -6 * 3_600_000
    assert scenario.ms_to_local_text(18 * 3_600_000) == "2028-07-15T12:00:00+08:00"


@pytest.mark.parametrize("text", ["noon", "", "24:00", "2028-13-01", "1d 12:00 extra", "20280715", "5 parsecs"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|no such"):
        parse("").local_text_to_ms(text)


def test_start_step_and_length_are_whole_milliseconds() -> None:
    scenario = parse("")
    assert scenario.start_ms == 1_847_116_800_000
    assert (scenario.horizon_ms, scenario.step_ms, scenario.utc_offset_ms) == (259_200_000, 60_000, 28_800_000)


def test_a_toml_date_is_a_time_too() -> None:
    scenario = parse('[[timeline]]\nat = 2028-07-15\ndo = "trip"\nwhat = "T1"\n')
    assert scenario.local_text_to_ms(scenario.timeline[0].at) == 86_400_000


def test_an_expectation_has_one_bound_and_its_window() -> None:
    entry = parse('[[expect]]\nthat = "hall-*.supply_c"\nbelow = 47\nfrom = "1d 00:00"\nto = "2d 00:00"\n').expect[0]
    assert entry.bound == ("below", 47.0)
    assert (entry.from_, entry.to) == ("1d 00:00", "2d 00:00")


def test_commissioning_may_lie_before_and_after_the_run() -> None:
    scenario = parse('[[commission]]\nwhat = "hall-*"\nat = 2026-10-01\n[[commission]]\nwhat = "pv-*"\nat = "400d"\n')
    assert scenario.local_text_to_ms(scenario.commissioning[0].at) < 0


FULL = (
    BANK
    + """
[site.toy_store.pair]
names = ["u", "v"]
at = "b1"
chemistry = "nmc"
curve_pu = [0.0, 0.25, 1e-7]
[site.toy_bus.b1]
vn_kv = 330
[[timeline]]
at = 2028-07-15T12:00:00+08:00
do = "derate"
what = "u"
value = 0.1
[[expect]]
that = "u.soc"
at_least = 0.2
from = "1d 00:00"
title = 'quotes " and \\ and 电'
[[record.window]]
from = "1d 00:00"
to = "2d 00:00"
channels = ["u.*"]
"""
)


def test_the_resolved_file_reads_back_to_an_equal_scenario() -> None:
    scenario = parse(FULL, seed=9, overrides={"site.toy_store.bess.energy_mwh": 1500})
    again = Scenario.parse(scenario.to_toml(), base_dir=".")
    assert again == scenario
    assert again.components == scenario.components
    assert again.to_toml() == scenario.to_toml()


def test_the_resolved_file_says_every_default() -> None:
    site = parse(FULL).document["site"]
    assert site["toy_store"]["bess"]["power_mw"] == [50.0] * 11
    assert site["toy_store"]["pair"]["racks_count"] == 12
    assert site["altitude_m"] == 0.0


def test_the_digest_follows_what_is_said_and_nothing_else() -> None:
    scenario = parse(BANK)
    spaced = parse(BANK.replace("count = 11", "count   =  11  # eleven").replace("1100", "1100.0"))
    assert spaced.digest == scenario.digest
    assert parse(BANK, seed=1).digest != scenario.digest
    assert parse(BANK.replace("1100", "1101")).digest != scenario.digest


def test_the_digest_knows_no_folder(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "sample.swf").write_text("; nothing\n")
        (tmp_path / name / "x.toml").write_text(HEAD + '[workload]\nsource = "swf"\npath = "sample.swf"\n')
    one, two = (Scenario.read(tmp_path / name / "x.toml") for name in ("one", "two"))
    assert one == two
    assert one.workload.path == str(tmp_path / "one" / "sample.swf")
    assert str(tmp_path) not in one.to_toml()


def test_the_digest_is_the_same_under_any_hash_seed() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests/unit'); import scenario_toys; scenario_toys.register(); "
        f"from twin.scenario import Scenario; print(Scenario.parse({HEAD + BANK!r}, base_dir='.').digest)"
    )
    root = Path(__file__).parents[2]
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            cwd=root, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }  # fmt: skip
    assert digests == {parse(BANK).digest + "\n"}


def test_a_problem_is_placed_by_the_key_or_by_the_name_of_a_member() -> None:
    scenario = parse(BANK, file="x.toml")
    by_key = scenario.problem_at("site.toy_store.bess.at", "no bus of this name", "b3", "did you mean b1 ?")
    by_name = scenario.problem_at("bess-03.at", "no bus of this name")
    assert (by_key.line, by_key.excerpt, by_key.column) == (10, 'at = "b{}"', 5)
    assert str(by_key) == "x.toml:10: site.toy_store.bess.at = 'b3': no bus of this name (did you mean b1 ?)"
    assert (by_name.path, by_name.line) == ("site.toy_store.bess.at", 10)


def test_a_problem_of_a_key_that_is_not_written_stands_at_its_table() -> None:
    problem = parse(BANK).problem_at("site.toy_store.bess.power_mw", "too little")
    assert (problem.line, problem.excerpt) == (7, "[site.toy_store.bess]")


def test_what_is_left_of_a_wrong_scenario_can_be_looked_at_further() -> None:
    text = HEAD + BANK + 'enrgy = 1\npower_mw = "550 MW"\n[[timeline]]\nat = "9d"\ndo = "opn"\nwhat = "T12"\n'
    with pytest.raises(ScenarioError) as caught:
        Scenario.parse(text, base_dir=".")
    rest = caught.value.rest()  # type: ignore[attr-defined]
    assert len(rest.components) == 11
    assert rest.timeline[0].what == "T12"
    assert rest.problem_at("timeline[0].what", "no asset of this name").line == 16


def test_nothing_is_left_where_names_would_be_missing() -> None:
    with pytest.raises(ScenarioError) as caught:
        Scenario.parse(HEAD + BANK.replace("count = 11", "count = 0"), base_dir=".")
    assert caught.value.rest() is None  # type: ignore[attr-defined]
