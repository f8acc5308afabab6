"""Where each key of a TOML text stands: the standard library's reader keeps no positions.

A key is a tuple of names and list positions, ``("timeline", 0, "at")``; written out it is ``timeline[0].at``.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate

Key = tuple[str | int, ...]
Span = tuple[int, int, int, int]
"""Offsets into the text: start and end of the key, start and end of the value."""

DEEPEST = 50
"""Levels of nesting a file may have."""
MOST_KEYS = 30_000
"""Names of keys and list elements a file may hold, so that reading takes a second at most; the project's own site
holds a hundredth of that."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_LONG_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL)
_SCALAR = re.compile(r"""[^,\]}\n#"'][^,\]}#\n]*""")
_BLANK = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_STEP = re.compile(r"""\.?(?:([^.\[\]"]+)|"((?:[^"\\]|\\.)*)")|\[(\d+)\]""")


@dataclass(frozen=True)
class Spot:
    """A marked stretch of one line; lines count from 1, columns from 0."""

    line: int
    column: int
    width: int
    excerpt: str


class TooBigError(Exception):
    """The text is nested too deeply, or holds too many keys."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class _UnreadableError(Exception):
    """Not TOML from here on; ``tomllib`` says what is wrong with it."""


class Lines:
    """The positions of all keys of one TOML text. Raise TooBigError beyond the limits above.

    A text that is not valid TOML is read up to its first mistake.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))][:-1]
        scanner = _Scanner(text, self._starts)
        with suppress(_UnreadableError):
            scanner.run()
        self.spans = scanner.spans

    def spot(self, key: Key, *, of_value: bool = True) -> Spot | None:
        """Where ``key`` stands, its value or its name; None where this text does not have it."""
        span = self.spans.get(key)
        if span is None:
            return None
        return self._marked(*(span[2:] if of_value else span[:2]))

    def line(self, number: int, column: int = 0, width: int = 0) -> Spot:
        """Line ``number`` (from 1) as a spot."""
        number = min(max(number, 1), len(self._starts))
        start = self._starts[number - 1]
        end = self._text.find("\n", start)
        return Spot(number, column, width, self._text[start : end if end >= 0 else len(self._text)])

    def _marked(self, start: int, end: int) -> Spot:
        number = bisect_right(self._starts, start)
        whole = self.line(number)
        column = start - self._starts[number - 1]
        return Spot(number, column, max(1, min(end - start, len(whole.excerpt) - column)), whole.excerpt)


class _Scanner:
    """One pass over the text; every value is skipped with the shape TOML gives it."""

    def __init__(self, text: str, starts: list[int]) -> None:
        self.text = text
        self.starts = starts
        self.pos = 0
        self.spans: dict[Key, Span] = {}
        self.noted = 0
        self.last: dict[Key, int] = {}
        """Array of tables → position of its last entry."""

    def run(self) -> None:
        table: Key = ()
        while self._skip_blank():
            if self._at("[["):
                table = self._header(array=True)
            elif self._at("["):
                table = self._header(array=False)
            else:
                self._pair(table)

    def _at(self, mark: str) -> bool:
        return self.text.startswith(mark, self.pos)

    def _skip_blank(self) -> bool:
        """Pass over white space, line ends and comments; whether anything follows."""
        self.pos = _BLANK.match(self.text, self.pos).end()  # type: ignore[union-attr]  # it matches the empty text
        return self.pos < len(self.text)

    def _skip_space(self) -> None:
        self.pos = _SPACE.match(self.text, self.pos).end()  # type: ignore[union-attr]  # it matches the empty text

    def _expect(self, mark: str) -> None:
        self._skip_space()
        if not self._at(mark):
            raise _UnreadableError
        self.pos += len(mark)

    def _note(self, key: Key, span: Span, *, first: bool = False) -> None:
        if len(key) > DEEPEST:
            raise TooBigError(f"nested deeper than {DEEPEST} levels", bisect_right(self.starts, span[0]))
        self.noted += 1
        if self.noted > MOST_KEYS:
            raise TooBigError(f"more than {MOST_KEYS} keys and values", bisect_right(self.starts, span[0]))
        if not (first and key in self.spans):
            self.spans[key] = span

    def _dotted(self) -> list[tuple[str, int, int]]:
        """A dotted key: each name with its start and end."""
        names = [self._name()]
        self._skip_space()
        while self._at("."):
            self.pos += 1
            names.append(self._name())
            self._skip_space()
        return names

    def _name(self) -> tuple[str, int, int]:
        self._skip_space()
        start = self.pos
        for pattern in (_BARE, _BASIC, _LITERAL):
            match = pattern.match(self.text, start)
            if match:
                self.pos = match.end()
                return _unquoted(match.group()), start, self.pos
        raise _UnreadableError

    def _header(self, *, array: bool) -> Key:
        marks = ("[[", "]]") if array else ("[", "]")
        self._expect(marks[0])
        names = self._dotted()
        self._expect(marks[1])
        key: Key = ()
        for depth, (name, start, end) in enumerate(names, start=1):
            key += (name,)
            span = (start, end, start, end)
            if depth == len(names) and array:
                self._note(key, span, first=True)
                self.last[key] = self.last.get(key, -1) + 1
            if depth < len(names):
                self._note(key, span, first=True)
            if key in self.last:
                key += (self.last[key],)
        self._note(key, span)
        return key

    def _pair(self, table: Key) -> None:
        names = self._dotted()
        self._expect("=")
        self._skip_space()
        start = self.pos
        key = table
        for name, first, last in names[:-1]:
            key += (name,)
            self._note(key, (first, last, first, last), first=True)
        name, first, last = names[-1]
        key += (name,)
        self._value(key)
        self._note(key, (first, last, start, self.pos))

    def _value(self, key: Key) -> None:
        if len(key) > DEEPEST:
            raise TooBigError(f"nested deeper than {DEEPEST} levels", bisect_right(self.starts, self.pos))
        if self._at("["):
            self._array(key)
        elif self._at("{"):
            self._inline_table(key)
        else:
            self._scalar()

    def _array(self, key: Key) -> None:
        self.pos += 1
        index = 0
        while self._skip_blank() and not self._at("]"):
            start = self.pos
            self._value((*key, index))
            self._note((*key, index), (start, self.pos, start, self.pos))
            index += 1
            self._skip_blank()
            if not self._at("]"):
                self._expect(",")
        self._expect("]")

    def _inline_table(self, key: Key) -> None:
        self.pos += 1
        while self._skip_blank() and not self._at("}"):
            self._pair(key)
            self._skip_blank()
            if not self._at("}"):
                self._expect(",")
        self._expect("}")

    def _scalar(self) -> None:
        for pattern in (_LONG_BASIC, _LONG_LITERAL, _BASIC, _LITERAL, _SCALAR):
            match = pattern.match(self.text, self.pos)
            if match:
                self.pos += len(match.group().rstrip())
                return
        raise _UnreadableError


def _unquoted(name: str) -> str:
    if name[0] == "'":
        return name[1:-1]
    if name[0] != '"':
        return name
    if "\\" not in name:
        return name[1:-1]
    try:
        return str(tomllib.loads(f"key = {name}")["key"])
    except tomllib.TOMLDecodeError as error:
        raise _UnreadableError from error


def written(key: Key) -> str:
    """The key as it is written: ``timeline[0].what``, ``site.bus."a b".vn_kv``."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if part and not re.search(r'[.\[\]"\s]', part) else '"' + part.replace('"', '\\"') + '"'
            text += f".{name}" if text else name
    return text


def parsed(path: str) -> Key:
    """The key that ``written`` wrote; raise ValueError for anything else."""
    parts: list[str | int] = []
    pos = 0
    while pos < len(path):
        match = _STEP.match(path, pos)
        if match is None:
            raise ValueError(f"{path!r} is not a key such as site.battery.bess.energy_mwh")
        bare, quoted, index = match.groups()
        parts.append(int(index) if index else bare if bare is not None else quoted.replace('\\"', '"'))
        pos = match.end()
    if not parts:
        raise ValueError("an empty text is not a key")
    return tuple(parts)
