"""Scenario files: parents, overrides, paths, limits, hostile texts."""

import random
import time
from pathlib import Path

import pytest
from scenario_toys import HEAD, toy_kinds  # noqa: F401 - a fixture

from twin.errors import Problem, ScenarioError
from twin.scenario import Scenario

BASE = HEAD + '[site.toy_store.bess]\ncount = 2\nat = "b1"\nenergy_mwh = 100\n'


def write(folder: Path, **files: str) -> Path:
    """Write ``folder/scenarios/<name>.toml`` for each keyword, ``__`` for ``/``; the folder's path."""
    for name, text in files.items():
        path = folder / "scenarios" / f"{name.replace('__', '/')}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "scenarios"


def wrong(read: object, **overrides: object) -> tuple[Problem, ...]:
    with pytest.raises(ScenarioError) as caught:
        Scenario.read(read, overrides=overrides)  # type: ignore[arg-type]
    return caught.value.problems


def test_a_child_changes_single_keys_of_its_parent(tmp_path: Path) -> None:
    child = 'extends = "../base/site.toml"\ntitle = "mine"\n[site.toy_store.bess]\nenergy_mwh = 300\n[run]\nseed = 7\n'
    folder = write(tmp_path, base__site=BASE, mine__x=child)
    scenario = Scenario.read(folder / "mine" / "x.toml")
    assert (scenario.title, scenario.run.seed, scenario.run.days) == ("mine", 7, 3.0)
    assert [(store.name, store.energy_mwh) for store in scenario.components] == [  # type: ignore[attr-defined]
        ("bess-1", 150.0),
        ("bess-2", 150.0),
    ]


def test_lists_and_arrays_of_tables_of_a_child_replace_the_parents(tmp_path: Path) -> None:
    entry = '[[timeline]]\nat = "1h"\ndo = "open"\nwhat = "{}"\n'
    parent = BASE + "curve_pu = [0, 1, 2]\n" + entry.format("T1") + entry.format("T2")
    child = 'extends = "base.toml"\n[site.toy_store.bess]\ncurve_pu = [5]\n' + entry.format("T3")
    folder = write(tmp_path, base=parent, x=child)
    scenario = Scenario.read(folder / "x.toml")
    assert [event.what for event in scenario.timeline] == ["T3"]
    assert scenario.components[0].curve_pu == (5.0,)  # type: ignore[attr-defined]


def test_lines_are_those_of_the_file_that_says_it(tmp_path: Path) -> None:
    folder = write(tmp_path, base=BASE, x='extends = "base.toml"\n[site.toy_store.bess]\npower_mw = 4\n')
    scenario = Scenario.read(folder / "x.toml")
    said = [scenario.problem_at(f"bess-1.{key}", "?") for key in ("power_mw", "energy_mwh")]
    assert [(Path(problem.file).name, problem.line) for problem in said] == [("x.toml", 3), ("base.toml", 10)]


def test_an_inherited_scenario_equals_the_same_written_at_length(tmp_path: Path) -> None:
    folder = write(tmp_path, base=BASE, x='extends = "base.toml"\n[site.toy_store.bess]\nenergy_mwh = 50\n')
    at_length = Scenario.parse(BASE.replace("100", "50"), base_dir=tmp_path)
    assert Scenario.read(folder / "x.toml") == at_length


def test_a_cycle_of_parents_is_a_problem(tmp_path: Path) -> None:
    folder = write(tmp_path, a='extends = "b.toml"\n', b='extends = "a.toml"\n')
    problem = wrong(folder / "a.toml")[0]
    assert (Path(problem.file).name, problem.line, problem.path) == ("b.toml", 1, "extends")
    assert "comes back" in problem.message


def test_a_chain_has_eight_files_at_most(tmp_path: Path) -> None:
    files = {f"f{i}": f'extends = "f{i + 1}.toml"\n' for i in range(8)}
    folder = write(tmp_path, **files, f8=BASE)
    assert Scenario.read(folder / "f1.toml").run.days == 3.0
    assert any("more than 8 files" in problem.message for problem in wrong(folder / "f0.toml"))


@pytest.mark.parametrize("name", ["../../out.toml", "/etc/hostname", "", "a\\u0000b", "link.toml"])
def test_a_parent_stays_in_the_scenario_tree(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path, mine__x=f'extends = "{name}"\n')
    (tmp_path / "out.toml").write_text(BASE)
    (folder / "mine" / "link.toml").symlink_to(tmp_path / "out.toml")
    problem = next(problem for problem in wrong(folder / "mine" / "x.toml") if problem.path == "extends")
    assert problem.message in ("leaves the scenario tree", "expected the relative path of a scenario file")


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    folder = write(tmp_path, base=BASE, child='extends = "bse.toml"\n')
    assert wrong(folder / "child.toml")[0].hint == "did you mean base.toml ?"
    (problem,) = wrong(folder / "bases.toml")
    assert (problem.message, problem.hint) == ("no such file", "did you mean base.toml ?")


@pytest.mark.parametrize("name", ["../sample.swf", "/etc/hostname", "missing.swf", "link.swf"])
def test_boundary_files_stay_in_the_scenarios_folder(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path, mine__x=BASE + f'[workload]\nsource = "swf"\npath = "{name}"\n')
    (folder / "sample.swf").write_text("; nothing\n")
    (folder / "mine" / "link.swf").symlink_to(folder / "sample.swf")
    (problem,) = wrong(folder / "mine" / "x.toml")
    assert (problem.path, problem.line) == ("workload.path", 13)


def test_a_boundary_file_on_the_command_line_starts_from_the_present_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path, mine__x=BASE)
    (tmp_path / "real.swf").write_text("; nothing\n")
    monkeypatch.chdir(tmp_path)
    overrides = {"workload.source": "swf", "workload.path": "real.swf"}
    scenario = Scenario.read(folder / "mine" / "x.toml", overrides=overrides)
    assert scenario.boundary == {"workload.path": tmp_path / "real.swf"}
    again = Scenario.parse(scenario.to_toml(), base_dir=folder, overrides=scenario.boundary_overrides)
    assert again == scenario


def test_overrides_set_keys_that_the_file_leaves_out(tmp_path: Path) -> None:
    folder = write(tmp_path, x=BASE)
    overrides = {"site.toy_store.bess.power_mw": 30, "dispatch.export_limit_mw": 400, "run.days": 1}
    scenario = Scenario.read(folder / "x.toml", overrides=overrides)
    assert scenario.components[1].power_mw == 15.0  # type: ignore[attr-defined]
    assert (scenario.dispatch.export_limit_mw, scenario.run.days) == (400.0, 1.0)


def test_an_override_reaches_into_an_entry_of_a_list(tmp_path: Path) -> None:
    folder = write(tmp_path, x=BASE + '[[timeline]]\nat = "1h"\ndo = "open"\nwhat = "T1"\n')
    scenario = Scenario.read(folder / "x.toml", overrides={"timeline[0].what": "T2"})
    assert scenario.timeline[0].what == "T2"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("site.toy_store.bes.energy_mwh", 1, "nothing of this name to override"),
        ("site.toy_stor.bess.energy_mwh", 1, "nothing of this name to override"),
        ("timeline[3].what", "T1", "nothing of this name to override"),
        ("run.dayz", 1, "no such key"),
        ("site.toy_store.bess.energy_mwh", "much", "expected a number, the suffix is the unit"),
        ("run.seed", -1, "expected a number of at least 0"),
        ("run.days", float("nan"), "expected a finite number"),
        ("run.days", object(), "expected a number, a text, true or false, a time, a list or a table, got a object"),
        ("a..b", 1, "'a..b' is not a key such as site.battery.bess.energy_mwh"),
    ],
)
def test_a_wrong_override_is_a_problem_of_the_override(tmp_path: Path, key: str, value: object, message: str) -> None:
    folder = write(tmp_path, x=BASE)
    (problem,) = wrong(folder / "x.toml", **{key: value})
    assert (problem.file, problem.line, problem.message) == ("override", 0, message)


HOSTILE = {
    "open brackets": "a = " + "[" * 4000,
    "deep list over lines": "a = " + "[\n" * 30_000,
    "deep inline table": "a = " + "{a=" * 1000,
    "long dotted key": ".".join(["a"] * 1900) + " = 1",
    "long dotted header": "[" + ".".join(["a"] * 1900) + "]",
    "many dotted keys": "\n".join(".".join(["a"] * 40) + f".b{i} = 1" for i in range(9000)),
    "many tables": "\n".join(f"[t{i}]" for i in range(90_000)),
    "many entries": "[[timeline]]\n" * 70_000,
    "many values": "x = [" + "1,1,1,1,1,1,1,1,1,1,\n" * 9_000 + "]",
    "many unknown keys": HEAD + "\n".join(f"k{i} = 1" for i in range(25_000)),
    "many kinds": HEAD + "\n".join(f"[site.k{i}.x]" for i in range(12_000)),
    "many wrong entries": "[[timeline]]\nat = 'x'\ndo = 'y'\nwhat = 3\nz = 1\n" * 5_000,
    "comments": "#\n" * 400_000,
    "a line too long": "# " + "x" * 5_000,
    "a text too long": "#" * 1_100_000,
    "zero byte": "a = 1\x00",
    "zero byte escaped": 'title = "a\\u0000b"',
    "escape sequence": 'title = "\\u001b[31mred"',
    "big number": "[run]\nseed = " + "9" * 4_000,
    "big exponent": "[run]\ndays = 1e99999",
    "first year": "[run]\nstart = 0001-01-01T00:00:00+14:00\ndays = 1e300",
    "backslashes": 'a = """' + "\\" * 3_999 + "\n" + '"' * 3_000,
    "open quotes": 'a = """\n' * 60_000,
    "a million members": HEAD + '[site.toy_store.x]\ncount = 1000000\nat = "b"\n',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_refused_within_two_seconds(name: str) -> None:
    start = time.process_time()
    with pytest.raises(ScenarioError) as caught:
        Scenario.parse(HOSTILE[name], base_dir=".")
    assert time.process_time() - start < 2.0
    assert 1 <= len(caught.value.problems) <= 200
    assert all(problem.excerpt.isprintable() for problem in caught.value.problems)


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"title = '\xe9'", b"a = 1\r\nb = '\x80'\r\n"])
def test_what_is_not_utf_8_is_refused_with_its_line(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "x.toml").write_bytes(raw)
    (problem,) = wrong(tmp_path / "x.toml")
    assert (problem.message, problem.line) == ("not a UTF-8 text", raw[: raw.find(b"\x80")].count(b"\n") + 1)


def test_a_file_of_two_megabytes_and_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "big.toml").write_bytes(b"#" * 2_000_000)
    assert "larger than 1 MB" in wrong(tmp_path / "big.toml")[0].message
    assert "cannot be read" in wrong(tmp_path)[0].message
    assert "not the name" in wrong("a\0b.toml")[0].message


def test_line_ends_of_other_systems_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert Scenario.read(tmp_path / "x.toml").problem_at("run.days", "?").line == 3


PIECES = ["[", "]", "{", "}", "=", '"', "'", "#", "\n", ".", ",", "-1", "inf", "true", '"x"', "[1, 2]", "[[timeline]]"]


def read_again(text: str) -> bool:
    """Whether the text reads; it then reads back to the same, and else its problems say what is wrong."""
    try:
        scenario = Scenario.parse(text, base_dir=".")
    except ScenarioError as error:
        unsaid = [problem for problem in error.problems if not (problem.path and problem.message)]
        if unsaid:
            raise AssertionError(text) from error
        return False
    assert Scenario.parse(scenario.to_toml(), base_dir=".") == scenario, text
    return True


@pytest.mark.parametrize("seed", range(4))
def test_any_damaged_text_reads_or_says_what_is_wrong(seed: int) -> None:
    draw = random.Random(seed)
    outcomes = set()
    whole = BASE + '[[timeline]]\nat = "1h"\ndo = "set"\nwhat = "x"\nvalue = 1\n[[expect]]\nthat = "y"\nbelow = 3\n'
    for _ in range(100):
        at = draw.randrange(len(whole))
        text = whole[:at] + draw.choice(PIECES) + whole[at + draw.randrange(6) :]
        outcomes.add(read_again(text))
    assert outcomes == {True, False}
