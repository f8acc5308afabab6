"""The closed grammar of ``Run.watch``: column, operator, literal, joined by ``and``. Nothing is evaluated."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from twin.errors import RunError
from twin.plan import nearest

COLUMNS = {"tier": "tier", "size": "size", "job": "ids", "run_s": "run_ms", "watts_per_gpu": "watts_per_gpu"}
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_TERM = re.compile(r"\s*(\w+)\s*(==|!=|>=|<=|>|<)\s*([-+]?\d+(?:\.\d+)?)\s*")


def rule(text: str) -> Callable[[Any], np.ndarray]:
    """A function from a batch of jobs to the flags of those that satisfy ``text``. Raise RunError for a bad text."""
    terms = [_term(part, text) for part in text.split(" and ")]

    def flags(batch: Any) -> np.ndarray:
        found = np.ones(len(batch.ids), dtype=bool)
        for column, compare, literal in terms:
            values = getattr(batch, COLUMNS[column])
            found &= compare(values / 1000.0 if column == "run_s" else values, literal)
        return found

    return flags


def _term(part: str, text: str) -> tuple[str, Callable[[Any, Any], Any], float]:
    match = _TERM.fullmatch(part)
    if match is None:
        raise RunError(f"cannot read {part.strip()!r} in {text!r}: write column, operator, number, joined by 'and'")
    column, sign, literal = match.groups()
    if column not in COLUMNS:
        raise RunError(f"no column {column!r}; there are {', '.join(COLUMNS)} {nearest(column, COLUMNS)}")
    return column, OPERATORS[sign], float(literal)
