"""A trace file as lines of text, packed or not, and the collector of what is wrong with it."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from twin.errors import Problem, ScenarioError

_OPENERS: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
_SHOWN = 20
"""Problems listed one by one; a file that is not a trace at all has one per line."""


_TRY_AFTER = 500
"""Lines after which an item is tried whatever its braces say."""
_LONGEST_ITEM = 1 << 22
"""Characters of one item of a list; Philly's longest are some tens of thousands."""


@dataclass
class Problems:
    """Everything wrong with one file, raised at once."""

    file: str
    found: list[Problem] = field(default_factory=list)
    count: int = 0

    def add(
        self, message: str, *, path: str = "workload.path", got: object = None, line: int = 0, hint: str = ""
    ) -> None:
        """Note one problem; beyond the first twenty they are only counted."""
        self.count += 1
        if len(self.found) < _SHOWN:
            self.found.append(Problem(path, message, got=got, hint=hint, file=self.file, line=line))

    def raise_any(self) -> None:
        """Raise ScenarioError with all problems, if there are any."""
        if self.count > len(self.found):
            self.found.append(Problem("workload.path", f"… and {self.count - _SHOWN} more", file=self.file))
        if self.found:
            raise ScenarioError(self.found)


@dataclass(frozen=True)
class Source:
    """One trace file."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.name

    @property
    def plain_name(self) -> str:
        """The lower-case name without the suffix of the packer: ``a.SWF.xz`` → ``a.swf``."""
        name = self.name.lower()
        return name.removesuffix(self.path.suffix.lower()) if self.path.suffix.lower() in _OPENERS else name

    def problem(self, message: str, *, line: int = 0, hint: str = "") -> ScenarioError:
        """An error about this file as a whole."""
        return ScenarioError(
            [Problem("workload.path", message, got=str(self.path), file=self.name, line=line, hint=hint)]
        )

    def _open(self) -> IO[str]:
        suffix = self.path.suffix.lower()
        if suffix in {".zst", ".zip", ".7z", ".tar"}:
            raise self.problem(f"files packed as {suffix} are not read", hint="unpack it, or pack it as .gz or .xz")
        # Headers of archive logs are not always UTF-8; a damaged digit still fails as a number.
        packed: IO[bytes] = _OPENERS[suffix](self.path) if suffix in _OPENERS else self.path.open("rb")
        return io.TextIOWrapper(packed, encoding="utf-8-sig", errors="replace", newline="")

    def lines(self) -> Iterator[str]:
        """The lines of the text; raise ScenarioError where the file cannot be read to its end."""
        line = 0
        try:
            with self._open() as text:
                for line, content in enumerate(text, 1):  # noqa: B007  the error names the last line that was read
                    yield content
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise self.problem(f"cannot be read: {reason}", line=line) from error

    def json(self) -> Any:
        """The whole document; raise ScenarioError with the line where it is not JSON."""
        text = "".join(self.lines())
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise self.problem(f"is not JSON: {error.msg}", line=error.lineno) from error
        except (RecursionError, ValueError) as error:  # nested too deep, or a number of thousands of digits
            raise self.problem(f"is not JSON that can be read: {error}") from error

    def json_items(self) -> Iterator[Any]:
        """The items of a document that is one array, one after the other, without holding the document."""
        items = _Items(self)
        for line in self.lines():
            yield from items.feed(line)
        items.close()

    def sha256(self) -> str:
        """Digest of the bytes on the disk."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


class _Items:
    """A JSON array that arrives in lines: what is whole of it so far."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.decoder = json.JSONDecoder()
        self.rest = ""
        self.at = 0
        self.line = 0
        self.depth = 0
        self.waited = 0
        self.state = "before"

    def feed(self, line: str) -> Iterator[Any]:
        """The items that end in this line."""
        self.line += 1
        self.rest = self.rest[self.at :] + line
        self.at = 0
        self.depth += line.count("{") - line.count("}")
        self.waited += 1
        # Most items end where their braces do; a brace in a text only makes the next try late.
        if self.state == "inside" and self.depth > 0 and self.waited < _TRY_AFTER:
            return
        self.waited = 0
        while self._to_item():
            try:
                item, self.at = self.decoder.raw_decode(self.rest, self.at)
            except json.JSONDecodeError as error:
                if len(self.rest) - self.at > _LONGEST_ITEM:
                    raise self.source.problem(f"is not JSON: {error.msg}", line=self.line) from None
                return  # the rest of the item is in the lines to come
            except (RecursionError, ValueError) as error:  # nested too deep, or a number of thousands of digits
                raise self.source.problem(f"cannot be read: {error}", line=self.line) from error
            yield item

    def _to_item(self) -> bool:
        """Whether something stands at ``at``, past blanks and commas, that may be an item."""
        blank = " \t\r\n," if self.state == "inside" else " \t\r\n"
        while self.at < len(self.rest) and self.rest[self.at] in blank:
            self.at += 1
        if self.at == len(self.rest):
            return False
        letter = self.rest[self.at]
        if self.state == "inside" and letter != "]":
            return True
        if self.state == "after" or (self.state == "before" and letter != "["):
            raise self.source.problem("expected one list of jobs: [ … ]", line=self.line)
        self.state = "after" if letter == "]" else "inside"
        self.at += 1
        return self._to_item()

    def close(self) -> None:
        """Raise ScenarioError where the list did not end."""
        if self.state != "after":
            raise self.source.problem("is not JSON: the list of jobs does not end", line=self.line)


def finite(value: object) -> float | None:
    """The number that JSON gave, as a float; None for what is none, or is beyond all floats."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
