"""Plain data as TOML text: what the standard library reads, written back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_WIDE = 100
"""A list longer than this stands one value a line."""


def toml_text(data: Mapping[str, Any]) -> str:
    """The document as TOML; ``tomllib.loads`` of it gives ``data`` back, values that are None left out."""
    return "\n".join(_table(data, "")).strip("\n") + "\n"


def _table(table: Mapping[str, Any], path: str) -> Iterator[str]:
    """Lines of a table's values, then of the tables inside it."""
    inner = []
    for name, value in table.items():
        if isinstance(value, Mapping) or _is_array_of_tables(value):
            inner.append((name, value))
        elif value is not None:
            yield f"{_name(name)} = {_value(value)}"
    for name, value in inner:
        inner_path = f"{path}.{_name(name)}" if path else _name(name)
        for entry in value if isinstance(value, list) else (value,):
            marks = ("[[", "]]") if isinstance(value, list) else ("[", "]")
            if isinstance(value, list) or not entry or any(not isinstance(v, Mapping) for v in entry.values()):
                yield ""
                yield f"{marks[0]}{inner_path}{marks[1]}"
            yield from _table(entry, inner_path)


def _is_array_of_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, Mapping) for entry in value)


def _name(name: str) -> str:
    return name if _BARE.fullmatch(name) else _string(name)


def _string(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped too.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list):
        return _list(value)
    if isinstance(value, Mapping):
        pairs = (f"{_name(name)} = {_value(inner)}" for name, inner in value.items() if inner is not None)
        return "{ " + ", ".join(pairs) + " }"
    return repr(value)


def _list(values: list[Any]) -> str:
    texts = [_value(value) for value in values]
    line = f"[{', '.join(texts)}]"
    return line if len(line) <= _WIDE else "[\n" + "".join(f"  {text},\n" for text in texts) + "]"
