"""Every broken file lists all its mistakes, each at its line, in the words that stand beside it after ``# !``.

``# !!`` starts what stands in another file. In the command line they end in exit code 2, never in a traceback.
"""

import re
from pathlib import Path

import pytest
from scenario_toys import toy_kinds  # noqa: F401 - a fixture
from typer.testing import CliRunner

from twin.errors import ScenarioError
from twin.faces.cli import app
from twin.scenario import Scenario

FOLDER = Path(__file__).parents[1] / "data" / "broken"
FILES = sorted(FOLDER.glob("*.toml"))


def expected(path: Path) -> list[tuple[int, str]]:
    """Line and words of every mistake that the file announces."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("# !!"):
            found.append((0, line.removeprefix("# !! ")))
        else:
            found += [(number, words) for words in re.split(r"  # ! ", line)[1:]]
    return found


def said(path: Path) -> list[tuple[int, str]]:
    """Line and words of every problem; those of other files with the file's name."""
    with pytest.raises(ScenarioError) as caught:
        Scenario.read(path)
    found = []
    for problem in caught.value.problems:
        here = problem.file == path.as_posix()
        words = str(problem).replace(f"{FOLDER.as_posix()}/", "")
        found.append((problem.line, words.removeprefix(f"{path.name}:{problem.line}: ")) if here else (0, words))
    return found


def test_there_are_twenty_broken_files() -> None:
    assert len(FILES) == 20


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_broken_file_lists_every_mistake_at_its_line(path: Path) -> None:
    assert sorted(said(path)) == sorted(expected(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_marked_text_stands_in_the_excerpt(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    with pytest.raises(ScenarioError) as caught:
        Scenario.read(path)
    for problem in caught.value.problems:
        assert problem.width > 0
        assert problem.file != path.as_posix() or problem.excerpt == lines[problem.line - 1]
        assert problem.excerpt[problem.column : problem.column + problem.width].strip()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_broken_file_ends_the_command_line_with_code_two(path: Path) -> None:
    result = CliRunner().invoke(app, ["check", path.as_posix()])
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    for number, _ in expected(path):
        assert number == 0 or f"line {number}" in result.output
    assert result.output.rstrip().splitlines()[-1].startswith("Nothing was run.")


def test_problems_come_in_the_order_of_the_file() -> None:
    with pytest.raises(ScenarioError) as caught:
        Scenario.read(FOLDER / "09-times.toml")
    lines = [problem.line for problem in caught.value.problems]
    assert lines == sorted(lines)


def test_a_problem_carries_what_was_found_and_where_it_is_marked() -> None:
    with pytest.raises(ScenarioError) as caught:
        Scenario.read(FOLDER / "02-units-in-values.toml")
    problem = next(problem for problem in caught.value.problems if problem.path.endswith("power_mw"))
    assert problem.got == "550 MW"
    assert problem.excerpt[problem.column : problem.column + problem.width] == '"550 MW"'
    assert problem.hint == "write power_mw = 550"
