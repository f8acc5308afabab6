"""Every error the library raises on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a scenario: where, what was found, what was expected, what to write instead."""

    path: str
    """Dotted path of the key, such as ``site.battery.bess.energy_mwh`` or ``timeline[0].what``."""
    message: str
    """What is wrong, in a sentence fragment: ``expected a number above 0``."""
    got: object = None
    hint: str = ""
    """The nearest valid name or the line to write, if one is known."""
    file: str = ""
    line: int = 0
    excerpt: str = ""
    """The source line, as it stands in the file."""
    column: int = 0
    """Where in ``excerpt`` the marked text starts, from 0."""
    width: int = 0
    warning: bool = False

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        got = "" if self.got is None else f" = {self.got!r}"
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.path}{got}: {self.message}{hint}"


class TwinError(Exception):
    """Base of all errors the library raises on purpose."""


class ScenarioError(TwinError):
    """The scenario cannot be run; ``problems`` holds everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SiteError(ScenarioError):
    """The scenario reads well but the site it describes cannot be built."""


class RunError(TwinError):
    """The run was asked for something it cannot do, such as stopping off the grid."""


class SolveError(TwinError):
    """A kernel failed; the message names time, element and what to do."""


class AuditError(TwinError):
    """A conservation law was broken; the message names the asset."""


class BuildError(TwinError, ImportError):
    """The compiled core is missing or does not load; the message names the build command."""
