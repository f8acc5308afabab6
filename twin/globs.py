"""Patterns of names: ``*`` stays inside one part of a dotted name, ``**`` alone stands for everything."""

from __future__ import annotations

from fnmatch import fnmatchcase


def matches(name: str, pattern: str) -> bool:
    """Whether the dotted ``name`` fits ``pattern``, part by part.

    ``hall-*.supply_c`` means the ten halls and not their row groups, which are ``hall-*.r*.supply_c``.
    """
    if pattern in ("*", "**"):
        return True
    parts, wanted = name.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(fnmatchcase(*pair) for pair in zip(parts, wanted, strict=True))
