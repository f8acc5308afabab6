"""Problems of a scenario as text for a terminal: line, path, excerpt with carets, expected, nearest name, what next."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from twin.errors import Problem
from twin.scenario_file import OVERRIDES

WIDTH = 80
_MARGIN = 14
"""Column of the bar between line number and excerpt."""
_ROOM = WIDTH - _MARGIN - 2


def problem_lines(problems: Sequence[Problem], file: str = "") -> list[str]:
    """The whole answer of ``twin check`` for a scenario that is wrong, or that is odd where all are warnings."""
    file = file or next((problem.file for problem in problems if problem.file), "scenario")
    errors = sorted(
        (problem for problem in problems if not problem.warning),
        key=lambda problem: (problem.file != file, problem.file, problem.line),
    )
    warnings = [problem for problem in problems if problem.warning]
    counts = [_count(len(errors), "problem")] * bool(errors) + [_count(len(warnings), "warning")] * bool(warnings)
    lines = [f"{file}: {', '.join(counts)}", ""]
    for problem in errors:
        lines += [*_error(problem, file), ""]
    for problem in warnings:
        lines += [*_warning(problem, file), ""]
    return [*lines, next_step(errors)] if errors else lines


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def next_step(errors: Sequence[Problem]) -> str:
    """The last line: what to run to learn which keys there are."""
    if all(problem.path.startswith("--") or problem.path.isupper() for problem in errors):
        return "Nothing was done.   twin --help shows the commands,   twin run --help the options of one"
    kinds = [problem.path.split(".")[1] for problem in errors if problem.path.count(".") >= 2]
    kind = next((kind for kind in kinds if kind.isidentifier()), "")
    more = f"twin describe {kind} one kind" if kind else "twin describe lists the kinds"
    return f"Nothing was run.   twin schema shows every key,   {more}"


def _place(problem: Problem, file: str) -> str:
    """``line 9``, with the file's name where it is another than the one asked for."""
    if problem.file == OVERRIDES:
        return "--set"
    other = "" if problem.file in ("", file) else f"{problem.file} "
    return f"{other}line {problem.line}" if problem.line else other.strip()


def _error(problem: Problem, file: str) -> Iterator[str]:
    place = _place(problem, file)
    yield f"✕ {place:<8} {problem.path}".rstrip() if place else f"✕ {problem.path}"
    if problem.excerpt.strip():
        yield from _excerpt(problem)
    else:
        got = "" if problem.got is None else f", got {problem.got!r}"
        yield from _folded(problem.message + got, " " * _MARGIN + "  ")
    if problem.hint:
        yield from _folded(problem.hint, " " * _MARGIN + "= ")


def _excerpt(problem: Problem) -> Iterator[str]:
    """The line with its number, and under it the carets with what was expected."""
    text, column = _window(problem.excerpt, problem.column, problem.width)
    width = max(1, min(problem.width, len(text) - column))
    number = f"{problem.line:>{_MARGIN - 1}}" if problem.line else " " * (_MARGIN - 1)
    yield f"{number} │ {text}"
    indent = " " * cell_len(text[:column])
    carets = "^" * max(1, cell_len(text[column : column + width]))
    bar = " " * _MARGIN + "│ "
    message = f"{indent}{carets} {problem.message}"
    if cell_len(message) <= _ROOM:
        yield bar + message
        return
    yield bar + indent + carets
    yield from _folded(problem.message, bar)


def _window(excerpt: str, column: int, width: int) -> tuple[str, int]:
    """The part of a long line around what is marked, and the column of the mark in it."""
    text = excerpt.strip()
    column = max(0, column - (len(excerpt) - len(excerpt.lstrip())))
    if cell_len(text) <= _ROOM:
        return text, column
    # A wide letter takes two cells, so half as many letters always fit.
    room = _ROOM if text.isascii() else _ROOM // 2
    start = max(0, min(column - 8, column + width + 8 - room))
    cut = text[start : start + room]
    head = "…" if start else ""
    tail = "…" if start + room < len(text) else ""
    return head + cut[len(head) : len(cut) - len(tail)] + tail, column - start


def _folded(text: str, lead: str) -> Iterator[str]:
    """The text in as many lines as it needs, each with the lead's bar, only the first with another mark."""
    rest = lead if lead.endswith("│ ") else " " * len(lead)
    for i_line, line in enumerate(textwrap.wrap(text, WIDTH - len(lead), break_on_hyphens=False) or [""]):
        yield (rest if i_line else lead) + line


def _warning(problem: Problem, file: str) -> Iterator[str]:
    said = problem.message if problem.message.startswith(problem.path) else f"{problem.path}: {problem.message}"
    lead = f"! {_place(problem, file):<8} " if problem.line or problem.file != file else "! "
    yield from _folded(said, lead)
    if problem.hint:
        yield from _folded(problem.hint, " " * len(lead) + "= ")


def well_lines(path: str, facts: Sequence[str], changes: Sequence[str], out: str) -> list[str]:
    """The answer of ``twin check`` for a scenario that is well."""
    lines = [f"✓ {path}   {'   '.join(facts)}".rstrip()]
    if changes:
        lines.append(f"  {', '.join(changes)}")
    return [*lines, f"next: twin run {path} --out {out}"]
