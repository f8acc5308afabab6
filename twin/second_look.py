"""What is left of a scenario when all that is wrong with it is taken out, so that the site can be looked at too.

Otherwise a misspelt key would hide a misspelt asset until the next attempt. Where nothing sensible is left, such as
without the name or the count of a bank, there is no second look: a false alarm is worse than a late one.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from twin.complaints import keyed
from twin.component import load_components
from twin.errors import Problem
from twin.scenario_file import OVERRIDES, Document
from twin.scenario_tables import ARRAYS, BOUNDS, TABLES, TEXTS
from twin.toml_lines import Key, parsed

_NEEDED: dict[Key, Any] = {
    ("run", "start"): "2028-01-01T00:00:00+00:00",
    ("run", "days"): 1.0,
    ("site", "latitude_deg"): 0.0,
    ("site", "longitude_deg"): 0.0,
}
"""What stands in for a needed key that is wrong; no check of the site looks at these."""


def repaired(document: Document) -> Document | None:
    """The document without what is wrong, every entry and line where it was; None where too much would be missing."""
    data = deepcopy(document.data)
    for problem in document.problems:
        key = _key(problem.path)
        if problem.file == OVERRIDES or not key or not _take_out(data, key):
            return None
    return Document(data, document.sources, [], document.main)


def _take_out(data: dict[str, Any], key: Key) -> bool:
    """Take out what is wrong at ``key``; whether the rest still says what it meant."""
    name = key[0]
    if name == "extends":
        return False
    if key in _NEEDED:
        _table(data, str(name))[str(key[1])] = _NEEDED[key]
        return True
    if name == "site":
        return _take_out_of_site(data, key)
    if name in ARRAYS:
        return _take_out_of_entry(data, key)
    if name == "run" and len(key) > 1:
        _table(data, "run").pop(str(key[1]), None)
    else:
        # A table that says nothing about names on the site is left to its defaults.
        data.pop(str(name), None)
    return name in TABLES or name in TEXTS or len(key) == 1


def _table(data: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(data.get(name), dict):
        data[name] = {}
    table: dict[str, Any] = data[name]
    return table


def _take_out_of_site(data: dict[str, Any], key: Key) -> bool:
    """A scalar of the site, or one key of a bank; a whole bank or kind cannot be spared."""
    table: Any = data["site"]
    for part in key[1:-1][:2]:
        table = table.get(part) if isinstance(table, dict) else None
    if len(key) == 1 or len(key) == 3 or not isinstance(table, dict) or key[-1] in ("count", "names", "name"):
        return False
    if len(key) == 2:
        return not isinstance(table.pop(key[1], None), dict)
    field = keyed(load_components()[str(key[1])]).get(str(key[3]))
    table.pop(key[3], None)
    if field is not None and field.is_required():
        # Any number will do: what is said of this bank after that is not told (``fresh``).
        table[key[3]] = 1
        return field.annotation in (int, float)
    return True


def _take_out_of_entry(data: dict[str, Any], key: Key) -> bool:
    """One key of an entry; its place in the list stays, and so does what it speaks of."""
    if len(key) == 1:
        data.pop(str(key[0]))
        return True
    entry = data[str(key[0])][key[1]]
    field = str(key[2]) if len(key) > 2 else ""
    if not isinstance(entry, dict) or field in ("what", "that"):
        return False
    entry.pop(field, None)
    if key[0] == "expect" and field in ("", *BOUNDS):
        entry.update(dict.fromkeys(BOUNDS) | {"below": 0.0})
        for name in BOUNDS[1:]:
            del entry[name]
    if field == "at":
        entry["at"] = "0s"
    if field == "do":
        entry["do"] = "open"
        entry.pop("value", None)
    return True


def fresh(problems: Sequence[Problem], known: Sequence[Problem]) -> list[Problem]:
    """Those of ``problems`` that do not speak of a key, or of a bank, that something is known to be wrong with."""
    spoken = {_part(problem.path) for problem in known}
    return [problem for problem in problems if _part(problem.path) not in spoken]


def _part(path: str) -> Key:
    key = _key(path)
    return key[:3] if key[:1] == ("site",) else key


def _key(path: str) -> Key:
    """The key at ``path``, empty for what is not a key."""
    try:
        return parsed(path)
    except ValueError:
        return ()
