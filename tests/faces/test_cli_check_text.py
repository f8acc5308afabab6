"""Problems as text: line, path, excerpt with carets, expected, nearest name, what to run next."""

from rich.cells import cell_len

from twin.errors import Problem
from twin.faces.check_text import problem_lines, well_lines

FILE = "scenarios/outage/mine.toml"
PROBLEMS = [
    Problem("site.battery.bess.enrgy_mwh", "no such key", 800, "did you mean energy_mwh ?",
            FILE, 9, "enrgy_mwh = 800", 0, 9),
    Problem("site.battery.bess.power_mw", "expected a number, the suffix is the unit", "550 MW", "write power_mw = 550",
            FILE, 10, 'power_mw = "550 MW"', 11, 8),
    Problem("timeline[0].at", "after the end of the run (3 days)", "4d 12:00", "", FILE, 16, 'at = "4d 12:00"', 5, 10),
    Problem("run.days", "run.days = 3 with run.warmup_days = 2 leaves one day of results", 3, "",
            FILE, 4, "days = 3", 7, 1, warning=True),
]  # fmt: skip

TEXT = """\
scenarios/outage/mine.toml: 3 problems, 1 warning

✕ line 9   site.battery.bess.enrgy_mwh
            9 │ enrgy_mwh = 800
              │ ^^^^^^^^^ no such key
              = did you mean energy_mwh ?

✕ line 10  site.battery.bess.power_mw
           10 │ power_mw = "550 MW"
              │            ^^^^^^^^ expected a number, the suffix is the unit
              = write power_mw = 550

✕ line 16  timeline[0].at
           16 │ at = "4d 12:00"
              │      ^^^^^^^^^^ after the end of the run (3 days)

! line 4   run.days = 3 with run.warmup_days = 2 leaves one day of results

Nothing was run.   twin schema shows every key,   twin describe battery one kind"""


def test_the_answer_of_check_is_the_mock_up() -> None:
    assert "\n".join(problem_lines(PROBLEMS, FILE)) == TEXT


def test_problems_come_by_line_those_of_other_files_last_with_their_name() -> None:
    other = Problem("run.days", "expected a number above 0 d", 0, "", "scenarios/base/site.toml", 2, "days = 0", 7, 1)
    heads = [line for line in problem_lines([other, *reversed(PROBLEMS)], FILE) if line.startswith("✕")]
    assert heads == [
        "✕ line 9   site.battery.bess.enrgy_mwh",
        "✕ line 10  site.battery.bess.power_mw",
        "✕ line 16  timeline[0].at",
        "✕ scenarios/base/site.toml line 2 run.days",
    ]


def test_an_override_is_shown_as_one() -> None:
    problem = Problem("run.seed", "expected a number of at least 0", -1, "", "override", 0, "run.seed = -1", 11, 2)
    lines = problem_lines([problem], FILE)
    assert lines[2:5] == [
        "✕ --set    run.seed",
        "              │ run.seed = -1",
        "              │            ^^ expected a number of at least 0",
    ]


def test_carets_stand_under_wide_letters() -> None:
    excerpt = 'title = "变压器" # 5'
    problem = Problem("title", "too long", None, "", FILE, 1, excerpt, 8, 5)
    carets = problem_lines([problem], FILE)[4]
    assert carets == "              │         ^^^^^^^^ too long"
    assert cell_len('"变压器"') == 8


def test_a_long_line_is_cut_around_the_mark_and_long_words_are_folded() -> None:
    excerpt = "x = [" + "1, " * 300 + '"two", 3]'
    problem = Problem("x[300]", "expected a number " * 8, "two", "write " + "y" * 70, FILE, 3, excerpt, 905, 5)
    lines = problem_lines([problem], FILE)
    assert max(map(cell_len, lines[2:-1])) <= 100
    marked = next(i for i, line in enumerate(lines) if "^^^^^" in line)
    column = lines[marked].index("^")
    assert lines[marked - 1][column : column + 5] == '"two"'


def test_a_problem_without_a_line_says_what_it_got() -> None:
    lines = problem_lines([Problem("--out", "is not empty", "runs/a", "another --out", FILE)], FILE)
    assert lines[2] == "✕ --out"
    assert "is not empty, got 'runs/a'" in lines[3]
    assert lines[-1].startswith("Nothing was done.   twin --help")


def test_warnings_alone_have_no_last_word() -> None:
    assert problem_lines(PROBLEMS[3:], FILE)[0] == f"{FILE}: 1 warning"
    assert "Nothing was run." not in "\n".join(problem_lines(PROBLEMS[3:], FILE))


def test_a_scenario_that_is_well_ends_with_the_command_that_runs_it() -> None:
    assert well_lines(
        "scenarios/outage/t2-noon.toml", ["301 buses", "84 assets"], ["2 timeline entries"], "runs/t2-noon"
    ) == [
        "✓ scenarios/outage/t2-noon.toml   301 buses   84 assets",
        "  2 timeline entries",
        "next: twin run scenarios/outage/t2-noon.toml --out runs/t2-noon",
    ]
