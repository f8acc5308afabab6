"""``twin new``: a small commented scenario that extends another."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from twin.scenario_file import tree_of

BASE = Path("scenarios") / "base" / "zhongwei.toml"

_TEXT = """\
extends = "{extends}"
title = "{title}"

[run]
start = 2028-07-14T00:00:00+08:00   # the offset is the site's clock
days = 3
seed = 42

# What stands on the site is in the file above; write here only what differs.
# [site.<kind>.<name>]            twin describe lists the kinds and their keys

# What will happen, at the site's clock on day 1 after the start's day:
# [[timeline]]
# at = "1d 12:00"
# do = "open"                     # open, close, trip, set, fail, repair, derate
# what = "T2"
# duration = "2h"                 # then it is undone

# What should hold; a run that breaks it says so:
[[expect]]
that = "site.unserved_mw"
at_most = 0.0
"""


class NoBaseError(Exception):
    """There is no scenario to extend, or it cannot be reached from the new file."""


def find_base(name: str) -> Path:
    """The scenario to extend: a path, or the name of a folder of ``scenarios``, here, above or beside the package."""
    given = Path(name)
    if given.suffix == ".toml":
        if given.is_file():
            return given
        raise NoBaseError(f"{name}: no such file")
    checkout = Path(__file__).resolve().parents[2]
    for folder in (Path.cwd(), *Path.cwd().parents, checkout):
        found = sorted((folder / "scenarios" / name).glob("*.toml")) if given.name == name else []
        if found:
            return found[0]
    raise NoBaseError(f"no folder scenarios/{name} here or above: name a file, --from path/to/scenario.toml")


def write_new(path: Path, base: Path) -> list[Path]:
    """Write the scenario at ``path``; return the files written, which hold the base too where it is out of reach.

    A file may extend only what lies in its scenario tree, so elsewhere the base is copied beside it.
    """
    folder = path.parent.resolve()
    written = [path]
    if not base.resolve().is_relative_to(tree_of(folder)):
        copy = path.with_name(base.name)
        text = base.read_text(encoding="utf-8")
        if "extends" in tomllib.loads(text):
            raise NoBaseError(f"{base} extends another file: put the new one into the same scenarios folder")
        if copy.exists():
            raise NoBaseError(f"{copy} exists: the base would be copied there")
        path.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text, encoding="utf-8")
        base, written = copy, [path, copy]
    path.parent.mkdir(parents=True, exist_ok=True)
    extends = Path(os.path.relpath(base.resolve(), folder)).as_posix()
    path.write_text(_TEXT.format(extends=extends, title=_title(path)), encoding="utf-8")
    return written


def _title(path: Path) -> str:
    words = "".join(letter if letter.isalnum() else " " for letter in path.stem).split()
    return " ".join(words).capitalize() or "New scenario"
