"""Opening weather files, compressed or not, and collecting what is wrong with them."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from twin.errors import Problem, ScenarioError

_SHOWN = 10


class Complaints:
    """Problems with one weather file, raised together."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def add(
        self, message: str, *, got: object = None, hint: str = "", line: int = 0, path: str = "weather.path"
    ) -> None:
        """Note one problem; ``line`` counts the rows of the file from 1."""
        plain = got.item() if isinstance(got, np.generic) else got
        self.problems.append(Problem(path, message, plain, hint, file=str(self.file), line=line))

    def raise_any(self) -> None:
        """Raise ScenarioError with everything noted so far, if there is anything."""
        if self.problems:
            raise ScenarioError(self.problems)


def listed(items: Sequence[object]) -> str:
    """The first ten items, and how many more there are."""
    text = ", ".join(str(item) for item in items[:_SHOWN])
    return text if len(items) <= _SHOWN else f"{text} and {len(items) - _SHOWN} more"


def resolved(path: str, base_dir: Path) -> Path:
    """The file a scenario names, relative to its folder; ScenarioError where there is none."""
    file = (base_dir / path).resolve()
    if not file.is_file():
        hint = f"paths are relative to {base_dir}"
        raise ScenarioError([Problem("weather.path", "there is no such file", path, hint)])
    return file


def content(file: Path) -> bytes:
    """The bytes of a file, unpacked where its name ends in .gz or .xz; ScenarioError where that fails."""
    raw = file.read_bytes()
    try:
        if file.suffix == ".gz":
            return gzip.decompress(raw)
        return lzma.decompress(raw) if file.suffix == ".xz" else raw
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise ScenarioError([Problem("weather.path", f"cannot be unpacked: {error}", str(file))]) from error


def text_of(raw: bytes, file: Path) -> io.StringIO:
    """The content as text; ScenarioError where it is not UTF-8."""
    try:
        return io.StringIO(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text: {error.reason} at byte {error.start}"
        raise ScenarioError([Problem("weather.path", message, str(file))]) from error


def sha256(raw: bytes) -> str:
    """SHA-256 of the content, in hex."""
    return hashlib.sha256(raw).hexdigest()
