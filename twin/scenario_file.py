"""From files to one plain document: limits, ``extends``, overrides, and where each value was written.

``extends`` names another file by a relative path. Tables merge key by key, the child's value winning; a list or an
array of tables (``[[timeline]]``) of the child replaces the parent's. The chain is at most 8 files long, has no
cycle, and stays in the scenario tree: the nearest folder above that is called ``scenarios``, or else the parent of
the scenario's folder.
"""

from __future__ import annotations

import math
import operator
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from twin.errors import Problem, ScenarioError
from twin.plan import nearest
from twin.toml_lines import DEEPEST, Key, Lines, Spot, TooBigError, parsed, written

LARGEST_BYTES = 1_000_000
LONGEST_LINE = 4_096
LONGEST_CHAIN = 8
MOST_PROBLEMS = 200
OVERRIDES = "override"
"""What stands for the file's name where a value was given beside the file."""

_POSITION = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
_NAMES = re.compile(r"\('[^()]*'\,?\)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Source:
    """One text: the name to show, the folder its paths start from, its lines."""

    file: str
    folder: Path
    lines: Lines


@dataclass
class Document:
    """The merged document, and for every key the text that it comes from."""

    data: dict[str, Any]
    sources: dict[Key, Source] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    main: Source | None = None

    @property
    def full(self) -> bool:
        """Whether so much is wrong that looking further helps nobody."""
        return len(self.problems) >= MOST_PROBLEMS

    def spot(self, key: Key, *, of_value: bool = True) -> tuple[Source | None, Spot | None]:
        """Where ``key`` stands, or the nearest table around it that stands somewhere."""
        for end in range(len(key), 0, -1):
            source = self.sources.get(key[:end])
            if source is not None:
                return source, source.lines.spot(key[:end], of_value=of_value and end == len(key))
        return self.main, None

    def problem(
        self, key: Key, message: str, *, got: object = None, hint: str = "", at_key: bool = False, warning: bool = False
    ) -> Problem:
        """A Problem at ``key``, with file, line and the marked text; ``at_key`` marks the key and not its value."""
        source, spot = self.spot(key, of_value=not at_key)
        file = source.file if source else ""
        # A line number says nothing about a value given beside the file.
        line = spot.line if spot and file != OVERRIDES else 0
        mark = (visible(spot.excerpt), spot.column, spot.width) if spot else ("", 0, 0)
        return Problem(written(key), message, got, hint, file, line, *mark, warning=warning)

    def has_problem(self, key: Key) -> bool:
        """Whether something is noted at this very key."""
        path = self.problem(key, "").path
        return any(problem.path == path for problem in self.problems)

    def doubt(self, key: Key, message: str, **more: Any) -> None:
        """Note a problem, unless something is wrong with this key already: one word about a value is enough."""
        if not self.has_problem(key):
            self.complain(key, message, **more)

    def complain(self, key: Key, message: str, **more: Any) -> None:
        """Note a problem once."""
        if self.full:
            return
        problem = self.problem(key, message, **more)
        if not any((other.path, other.message) == (problem.path, problem.message) for other in self.problems):
            self.problems.append(problem)


def visible(text: str) -> str:
    """The text with anything that could move a terminal's cursor replaced, the columns unchanged."""
    return "".join(letter if letter.isprintable() else " " if letter == "\t" else "�" for letter in text)


def load(path: Path, file: str, overrides: Mapping[str, Any]) -> Document:
    """The document of a file, with its parents and overrides. Raise ScenarioError if it cannot be read."""
    if "\0" in str(path):
        raise _refuse("not the name of a file", visible(file))
    return _finish(_Chain(tree_of(path.parent.resolve())).load(path, file), overrides)


def load_text(text: str, folder: Path, file: str, overrides: Mapping[str, Any]) -> Document:
    """The document of a text whose relative paths start from ``folder``."""
    folder = folder.resolve()
    return _finish(_Chain(tree_of(folder)).merge(text, folder, file), overrides)


def tree_of(folder: Path) -> Path:
    """The folder that ``extends`` may not leave, for a scenario in ``folder`` (resolved)."""
    for above in (folder, *folder.parents):
        if above.name == "scenarios":
            return above
    return folder.parent


def _finish(document: Document, overrides: Mapping[str, Any]) -> Document:
    for path, value in overrides.items():
        _override(document, path, value)
    _check_values(document, document.data, ())
    return document


class _Chain:
    """Follows ``extends`` from a file to its last parent."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.seen: list[Path] = []

    def load(self, path: Path, file: str) -> Document:
        self.seen.append(path.resolve())
        return self.merge(_read(path, file), path.parent.resolve(), file)

    def merge(self, text: str, folder: Path, file: str) -> Document:
        child = _parse(text, folder, file)
        if "extends" not in child.data:
            return child
        name = child.data.pop("extends")
        path = self._parent(child, folder, name)
        if path is None:
            return child
        parent = self.load(path, _shown(file, name))
        _merge(parent, parent.data, child, child.data, ())
        parent.main = child.main
        parent.problems += child.problems
        return parent

    def _parent(self, child: Document, folder: Path, name: object) -> Path | None:
        """The file that ``extends`` names, or None once what is wrong with it has been noted."""
        if not isinstance(name, str) or not name or _CONTROL.search(name):
            child.complain(("extends",), "expected the relative path of a scenario file", got=name)
            return None
        path = (folder / name).resolve()
        wrong, hint = "", "a path relative to this file, inside the scenario tree"
        if Path(name).is_absolute() or not path.is_relative_to(self.tree):
            wrong = "leaves the scenario tree"
        elif path in self.seen:
            wrong = "comes back to a file that extends this one"
        elif len(self.seen) >= LONGEST_CHAIN:
            wrong = f"is more than {LONGEST_CHAIN} files away"
        elif not path.is_file():
            wrong, hint = "no file of this name", nearest(path.name, _neighbours(path))
        if wrong:
            child.complain(("extends",), wrong, got=name, hint=hint)
        return None if wrong else path


def _neighbours(path: Path) -> list[str]:
    return [other.name for other in sorted(path.parent.glob("*.toml"))] if path.parent.is_dir() else []


def _shown(file: str, name: str) -> str:
    """The parent's name for a reader: the child's folder as it was given, with ``..`` taken back where it can be."""
    parts: list[str] = []
    for part in (*Path(file).parts[:-1], *Path(name).parts):
        if part == ".." and parts and parts[-1] not in ("..", "/"):
            parts.pop()
        else:
            parts.append(part)
    return Path(*parts).as_posix()


def _refuse(message: str, file: str, spot: Spot | None = None, *, path: str = "file", hint: str = "") -> ScenarioError:
    mark = (spot.line, visible(spot.excerpt)[:LONGEST_LINE], spot.column, spot.width) if spot else (0, "", 0, 0)
    return ScenarioError([Problem(path, message, None, hint, file, *mark)])


def _read(path: Path, file: str) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(LARGEST_BYTES + 1)
    except FileNotFoundError as error:
        raise _refuse("no such file", file, hint=nearest(path.name, _neighbours(path))) from error
    except OSError as error:
        raise _refuse(f"cannot be read: {error.strerror or error}", file) from error
    if len(raw) > LARGEST_BYTES:
        raise _refuse(f"larger than {LARGEST_BYTES // 1_000_000} MB, which no scenario needs", file)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _refuse("not a UTF-8 text", file, Spot(line, 0, 0, "")) from error


def _parse(text: str, folder: Path, file: str) -> Document:
    """One text as a document. Raise ScenarioError where it is not TOML or is beyond the limits."""
    text = text.replace("\r\n", "\n")
    if len(text) > LARGEST_BYTES:
        raise _refuse(f"larger than {LARGEST_BYTES // 1_000_000} MB, which no scenario needs", file)
    longest = max(text.split("\n"), key=len)
    if len(longest) > LONGEST_LINE:
        number = text.count("\n", 0, text.index(longest)) + 1
        raise _refuse(f"a line of more than {LONGEST_LINE} characters", file, Spot(number, 0, 0, longest[:72] + "…"))
    try:
        lines = Lines(text)
    except TooBigError as error:
        raise _refuse(error.message, file, Spot(error.line, 0, 0, "")) from error
    try:
        data = tomllib.loads(text)
    except ValueError as error:
        raise _syntax_error(str(error), file, lines, text) from error
    except RecursionError as error:
        raise _refuse(f"nested deeper than {DEEPEST} levels", file) from error
    source = Source(file, folder, lines)
    return Document(data, dict.fromkeys(lines.spans, source), main=source)


def _syntax_error(message: str, file: str, lines: Lines, text: str) -> ScenarioError:
    """The one problem ``tomllib`` reports, at its line."""
    where = _POSITION.search(message)
    line, column = (int(where[1]), int(where[2])) if where and where[1] else (text.count("\n") + 1, 1)
    said = _NAMES.sub(lambda names: written(tuple(re.findall(r"'([^']*)'", names[0]))), _POSITION.sub("", message))
    spot = lines.line(line)
    if not spot.excerpt.strip() and line > 1:
        # The end of the text: what is missing belongs to the last line that says something.
        line = next((n for n in range(line, 0, -1) if lines.line(n).excerpt.strip()), 1)
        column = len(lines.line(line).excerpt)
    elif column > len(spot.excerpt):
        column = max(1, len(spot.excerpt))
    hint = 'a line is key = value; texts stand in "quotes", and every key and table appears once'
    mark = lines.line(line, max(column - 1, 0), 1)
    return _refuse(f"not TOML: {said[:1].lower()}{said[1:]}", file, mark, path="syntax", hint=hint)


def _merge(parent: Document, into: dict[str, Any], child: Document, data: dict[str, Any], key: Key) -> None:
    """Lay the child's table over the parent's."""
    for name, value in data.items():
        inner = (*key, name)
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(parent, into[name], child, value, inner)
            parent.sources[inner] = child.sources[inner]
            continue
        if name in into:
            for old in _keys_of(into[name], inner):
                parent.sources.pop(old, None)
        into[name] = value
        parent.sources |= {new: child.sources[new] for new in _keys_of(value, inner) if new in child.sources}


def _keys_of(value: object, key: Key) -> Iterator[Key]:
    """``key`` and the keys of everything inside its value."""
    yield key
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _keys_of(inner, (*key, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _keys_of(inner, (*key, index))


def _override(document: Document, path: str, value: object) -> None:
    """Set the value at a dotted path. It may set a key that the file leaves out, but it adds no asset by a typo."""
    try:
        key = parsed(path)
        if len(key) > DEEPEST:
            raise ValueError(f"nested deeper than {DEEPEST} levels")
    except ValueError as error:
        document.problems.append(Problem(path, str(error), value, file=OVERRIDES))
        return
    place: Any = document.data
    for depth, part in enumerate(key[:-1], start=1):
        may_create = isinstance(key[depth], str) and not (key[0] == "site" and depth in (2, 3))
        inner = _inside(place, part, create=may_create)
        if inner is None:
            document.sources[key[:depth]] = _override_source(key, value)
            names = (
                [name for name, table in place.items() if isinstance(table, dict)] if isinstance(place, dict) else []
            )
            hint = nearest(str(part), names) or (f"there are {', '.join(names[:8])}" if names else "")
            document.complain(key[:depth], "nothing of this name to override", at_key=True, hint=hint)
            return
        place = inner
    last: Any = key[-1]
    document.sources[key] = _override_source(key, value)
    if not (isinstance(place, dict) if isinstance(last, str) else isinstance(place, list) and last < len(place)):
        document.complain(key, "nothing of this name to override", at_key=True)
        return
    before = place[last] if isinstance(last, int) else place.get(last)
    for inner in list(_keys_of(before, key))[1:]:
        document.sources.pop(inner, None)
    place[last] = value


def _inside(place: Any, part: str | int, *, create: bool) -> Any:
    """The table or list ``part`` of ``place``, made where it may be, or None."""
    if isinstance(place, list) and isinstance(part, int):
        return place[part] if part < len(place) and isinstance(place[part], dict | list) else None
    if not isinstance(place, dict) or not isinstance(part, str):
        return None
    inner = place.setdefault(part, {}) if create else place.get(part)
    return inner if isinstance(inner, dict | list) else None


def _override_source(key: Key, value: object) -> Source:
    text = f"{written(key)} = {_literal(value)}"
    return Source(OVERRIDES, Path.cwd(), _OneLine(text, len(written(key))))


def _literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


class _OneLine(Lines):
    """The line of an override: whatever key is asked for, it stands there."""

    def __init__(self, text: str, key_end: int) -> None:
        super().__init__("")
        self._text = text
        self._span = (0, key_end, key_end + 3, len(text))

    def spot(self, key: Key, *, of_value: bool = True) -> Spot:
        return self._marked(*(self._span[2:] if of_value else self._span[:2]))


def _check_values(document: Document, value: Any, key: Key) -> Any:
    """The value as plain data, lists for tuples; infinities, control characters and foreign objects are noted."""
    if len(key) > DEEPEST:
        document.complain(key[:DEEPEST], f"nested deeper than {DEEPEST} levels")
        return None
    if isinstance(value, Mapping):
        return _check_table(document, value, key)
    if isinstance(value, list | tuple):
        return [_check_values(document, inner, (*key, index)) for index, inner in enumerate(value)]
    if isinstance(value, str):
        if _CONTROL.search(value):
            document.complain(key, "a control character in a text", got=value)
        return value
    if isinstance(value, bool | datetime | date | time):
        return value
    return _number(document, value, key)


def _check_table(document: Document, value: Mapping[Any, Any], key: Key) -> dict[str, Any]:
    for name in list(value):
        checked = _check_values(document, value[name], (*key, str(name)))
        if isinstance(value, dict):
            value[name] = checked
    return value if isinstance(value, dict) else dict(value)


def _number(document: Document, value: Any, key: Key) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            document.complain(key, "expected a finite number", got=value)
            return None
        return float(value)
    try:
        whole = operator.index(value)
    except TypeError:
        text = f"expected a number, a text, true or false, a time, a list or a table, got a {type(value).__name__}"
        document.complain(key, text)
        return None
    if abs(whole) >= 2**63:
        document.complain(key, "expected a number of at most 63 bits")
        return None
    return whole
