"""The command line, as a user calls it; commands that need a run are tested with the runs."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from twin.component import Component, quantity
from twin.faces.cli import app

ROOT = Path(__file__).parents[2]
BASE = ROOT / "scenarios" / "base" / "zhongwei.toml"
HEAD = "[run]\nstart = 2028-07-14T00:00:00+08:00\ndays = 3\n[site]\nlatitude_deg = 37.53\nlongitude_deg = 105.18\n"


@pytest.fixture(autouse=True)
def toy_kind() -> Iterator[None]:
    class ToyPump(Component, kind="toy_pump"):
        """A pump of the toy site, which moves water from one end of a sentence to the other end of it, slowly."""

        title = "Toy pump"
        channels = {"flow_kg_s": ("kg/s", "flow")}  # noqa: RUF012
        verbs = ("fail",)
        bus: str = quantity(description="bus it hangs on", alias="at")
        power_mw: float = quantity(1.5, "power at full speed", source="a made-up data sheet", gt=0, le=10)
        curve_pu: tuple[float, ...] = quantity((0.0, 1.0), "points of its curve")

    yield
    del Component.registry["toy_pump"]


def call(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    return result.exit_code, result.output


def test_help_answers_at_once_and_lists_only_what_there_is() -> None:
    command = [sys.executable, "-m", "twin.faces.cli", "--help"]
    spent = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        spent.append(time.perf_counter() - start)
    assert min(spent) < 0.4
    listed = [line.split()[0] for line in done.stdout.split("Commands:")[1].splitlines() if line.strip()]
    assert listed == [
        "run",
        "resume",
        "check",
        "describe",
        "schema",
        "new",
        "report",
        "why",
        "workload",
        "stress",
        "reliability",
        "doctor",
    ]


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys, twin.faces.cli; print([m for m in ('numpy', 'pandas', 'pydantic', 'simpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_no_command_shows_the_help() -> None:
    assert "Commands:" in call()[1]


def test_an_unknown_command_is_bad_input() -> None:
    assert call("stress")[0] == 2


def test_describe_lists_the_kinds_and_the_tables() -> None:
    code, text = call("describe")
    assert code == 0
    assert "  toy_pump         Toy pump" in text
    assert "  dispatch " in text


def test_describe_shows_units_defaults_limits_sources_channels_and_verbs() -> None:
    code, text = call("describe", "toy_pump")
    assert code == 0
    assert "  power_mw                   MW         = 1.5              > 0, ≤ 10\n" in text
    assert "  at                                    required\n      bus it hangs on\n" in text
    assert "      source: a made-up data sheet\n" in text
    assert "  curve_pu                   pu         = [0, 1]" in text
    assert "  flow_kg_s                kg/s     flow\n" in text
    assert "Verbs of a timeline: fail\n" in text
    assert max(map(len, text.splitlines())) <= 80


def test_describe_knows_the_other_tables_and_the_nearest_name() -> None:
    assert "soc_floor_share" in call("describe", "dispatch")[1]
    assert call("describe", "expect")[1].startswith("[[expect]]")
    code, text = call("describe", "toy_pmp")
    assert code == 2
    assert "did you mean toy_pump" in text


def test_schema_is_json_with_every_kind() -> None:
    code, text = call("schema")
    assert code == 0
    assert "toy_pump" in json.loads(text)["properties"]["site"]["properties"]


def test_new_writes_a_scenario_that_extends_the_base(tmp_path: Path) -> None:
    (tmp_path / "scenarios" / "base").mkdir(parents=True)
    base = tmp_path / "scenarios" / "base" / "site.toml"
    base.write_text(HEAD)
    path = tmp_path / "scenarios" / "mine" / "hot_day.toml"
    code, text = call("new", path.as_posix(), "--from", base.as_posix())
    assert code == 0
    assert path.read_text().startswith('extends = "../base/site.toml"\ntitle = "Hot day"\n')
    assert text.splitlines()[-1] == f"next: twin check {path.as_posix()}"


def test_new_outside_the_scenario_tree_copies_the_base_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "base").mkdir(parents=True)
    (tmp_path / "a" / "base" / "site.toml").write_text(HEAD)
    path = tmp_path / "b" / "mine" / "x.toml"
    code, _ = call("new", path.as_posix(), "--from", str(tmp_path / "a" / "base" / "site.toml"))
    assert code == 0
    assert (path.parent / "site.toml").read_text() == HEAD
    assert path.read_text().startswith('extends = "site.toml"\n')


def test_new_overwrites_nothing_and_names_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("here")
    assert call("new", str(tmp_path / "x.toml"))[0] == 2
    assert (tmp_path / "x.toml").read_text() == "here"
    assert call("new", str(tmp_path / "y.txt"))[0] == 2
    code, text = call("new", str(tmp_path / "y.toml"), "--from", "nowhere")
    assert code == 2
    assert "no folder scenarios/nowhere" in text


def test_a_new_scenario_reads_well(tmp_path: Path) -> None:
    from twin.scenario import Scenario

    (tmp_path / "site.toml").write_text(HEAD)
    call("new", str(tmp_path / "x.toml"), "--from", str(tmp_path / "site.toml"))
    assert Scenario.read(tmp_path / "x.toml").expect[0].bound == ("at_most", 0.0)


def test_doctor_names_versions_and_the_core() -> None:
    code, text = call("doctor")
    assert code in (0, 2)
    for word in ("Python", "compiled core", "memory", "disk", "numpy", "[sql]", "next:"):
        assert word in text


def test_a_file_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    code, text = call("check", str(tmp_path / "none.toml"))
    assert code == 2
    assert "no such file" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "run.days"), "expected key=value"),
        (("--set", "=3"), "expected key=value"),
        (("--set", "run.days=three"), "expected a number"),
        (("--set", "run.dayz=3"), "did you mean days"),
        (("--set", "run.days=[[[["), "expected a number"),
        (("--set", "run.days=1\nrun.seed=2"), "expected a number"),
        (("--seed", "-1"), "expected a number of at least 0"),
    ],
)
def test_wrong_overrides_are_bad_input(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(HEAD)
    code, text = call("run", path.as_posix(), "--out", str(tmp_path / "out"), *arguments)
    assert code == 2
    assert words in text
    assert not (tmp_path / "out").exists()


def test_a_run_directory_that_is_not_empty_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(HEAD)
    code, text = call("run", str(tmp_path / "x.toml"), "--out", tmp_path.as_posix())
    assert code == 2
    assert "is not empty" in text


def test_resume_and_report_want_a_run_directory(tmp_path: Path) -> None:
    for command in ("resume", "report"):
        code, text = call(command, tmp_path.as_posix())
        assert code == 2
        assert "manifest.json" in text


def test_output_without_a_terminal_has_no_escape_sequences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    for arguments in (("describe",), ("check", str(tmp_path / "none.toml"), "--no-color")):
        assert "\x1b" not in call(*arguments)[1]


@pytest.mark.skipif(not BASE.is_file(), reason="the base scenario is not in this checkout")
def test_the_base_scenario_is_well() -> None:
    code, text = call("check", BASE.as_posix())
    assert code == 0
    assert text.startswith("✓ ")
    assert text.splitlines()[-1].startswith("next: twin run ")


@pytest.mark.skipif(not BASE.is_file(), reason="the base scenario is not in this checkout")
def test_a_misspelt_key_hides_no_misspelt_asset(tmp_path: Path) -> None:
    folder = tmp_path / "scenarios"
    folder.mkdir()
    (folder / "base.toml").write_text(BASE.read_text(encoding="utf-8"), encoding="utf-8")
    mine = folder / "mine.toml"
    mine.write_text(
        'extends = "base.toml"\n[site.battery.bess]\nenrgy_mwh = 800\npower_mw = "550 MW"\n'
        '[[timeline]]\nat = "4d 12:00"\ndo = "open"\nwhat = "T12"\n'
        '[[expect]]\nthat = "hall-*.supply_k"\nbelow = 47\n'
    )
    code, text = call("check", mine.as_posix())
    assert code == 2
    for words in ("5 problems", "did you mean energy_mwh", "power_mw = 550", "T12", "after the end", "supply_k"):
        assert words in text


def test_reliability_refuses_years_that_are_none_and_a_folder_that_is_full(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("x")
    assert call("reliability", "scenarios/base/zhongwei.toml", "--years", "1")[0] == 2
    code, text = call("reliability", "scenarios/base/zhongwei.toml", "--out", str(tmp_path))
    assert code == 2
    assert "is not empty" in text
