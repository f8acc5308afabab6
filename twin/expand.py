"""Banks: one table of a scenario becomes its members, each a component of its own.

``count = 10`` in ``[site.rack_hall.hall]`` makes hall-01 … hall-10; ``names`` names the members, ``name = "T{}"`` is a
pattern. ``{}`` in any text of the bank is the member's number from 1, ``{:02}`` the same padded to two digits. A list
of ``count`` values gives each member its own, unless the field is itself a list. A bank's total (``energy_mwh``) that
is given as one number is divided by ``count``.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from twin.complaints import keyed, validate
from twin.component import Component
from twin.errors import Problem
from twin.scenario_file import Document
from twin.toml_lines import Key

MOST_MEMBERS = 20_000
"""Members of all banks together; the default site has about a hundred."""

_NUMBER = re.compile(r"\{(?::0([1-9]))?\}")
_NAME = re.compile(r"\w[\w+/-]{0,63}")
_FIRST_FEW = 20
"""A bank of which this many members are wrong is not looked at further."""


def expand(
    kind: type[Component], bank: str, table: Mapping[str, Any], document: Document, room: int
) -> list[Component]:
    """The members of ``[site.<kind>.<bank>]``; what is wrong with them is noted in ``document``.

    ``room`` is how many members the site may still have.
    """
    key: Key = ("site", kind.kind, bank)
    count, names = _members(bank, table, key, document)
    if len(names) > room:
        document.complain((*key, "count"), f"more than {MOST_MEMBERS} assets on one site", got=count)
        return []
    fields = {name: value for name, value in table.items() if name not in ("count", "names", "name")}
    spread = frozenset() if count is None else _spread(kind, fields, count, key, document)
    shared = _Bank(kind, fields, spread, count)
    members: list[Component] = []
    wrong = 0
    for i_member, name in enumerate(names):
        member = validate(kind, shared.member(i_member, name), key, _BankDocument(document, shared, i_member))
        if member is not None:
            members.append(member)
        else:
            wrong += 1
        if wrong == _FIRST_FEW:
            break
    return members


@dataclass(frozen=True)
class _Bank:
    """What the members of a bank share; ``count`` is None for a single asset."""

    kind: type[Component]
    fields: Mapping[str, Any]
    spread: frozenset[str]
    """Fields whose list gives each member its own value."""
    count: int | None

    def member(self, i_member: int, name: str) -> dict[str, Any]:
        """The table of one member."""
        if self.count is None:
            return {**self.fields, "name": name}
        own = {field: self._value(field, value, i_member) for field, value in self.fields.items()}
        return {field: _numbered(value, i_member + 1) for field, value in own.items()} | {"name": name}

    def _value(self, field: str, value: Any, i_member: int) -> Any:
        if field in self.spread:
            return value[i_member]
        return value / self.count if self.divides(field, value) else value

    def divides(self, field: str, value: object) -> bool:
        """Whether ``value`` is the bank's total, to be divided by ``count``."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return self.count is not None and is_number and field in self.kind.totals() and field not in self.spread


class _BankDocument(Document):
    """The document as one member of a bank sees it: what is wrong with a member stands at the bank's key."""

    def __init__(self, document: Document, bank: _Bank, i_member: int) -> None:
        super().__init__(document.data, document.sources, document.problems, document.main)
        self._bank = bank
        self._i_member = i_member

    def problem(self, key: Key, message: str, **more: Any) -> Problem:
        """The problem at the bank's key, or at the member's place in a list of values; with what the file says."""
        field = str(key[3]) if len(key) > 3 else ""
        if field in self._bank.spread:
            key = (*key[:4], self._i_member, *key[4:])
        elif len(key) == 4 and self._bank.divides(field, self._bank.fields.get(field)):
            more["got"] = self._bank.fields[field]
            message += f" for each of {self._bank.count}" if message else ""
        return super().problem(key, message, **more)


def _members(bank: str, table: Mapping[str, Any], key: Key, document: Document) -> tuple[int | None, list[str]]:
    """How many members, None for a single asset, and their names."""
    count = _count(table, key, document)
    names = table.get("names")
    if names is not None:
        return _named(names, count, key, document)
    pattern = table.get("name")
    if pattern is not None and (not isinstance(pattern, str) or not _NAME.fullmatch(_NUMBER.sub("1", pattern))):
        document.complain((*key, "name"), "expected letters, digits, '-', '_', '+', '/'", got=pattern)
        pattern = None
    if pattern is None and not _NAME.fullmatch(bank):
        document.complain(key, "a name has only letters, digits, '-', '_', '+', '/'", got=bank, at_key=True)
    if count is None:
        return None, [pattern or bank]
    if pattern is not None and count > 1 and not _NUMBER.search(pattern):
        hint = f'write name = "{pattern}-{{}}"'
        document.complain((*key, "name"), "gives every member of the bank the same name", got=pattern, hint=hint)
        return count, [f"{pattern}-{number}" for number in range(1, count + 1)]
    if count > MOST_MEMBERS:
        return count, [bank] * (MOST_MEMBERS + 1)
    pattern = pattern or f"{bank}-{{:0{len(str(count))}}}"
    return count, [_numbered(pattern, number) for number in range(1, count + 1)]


def _count(table: Mapping[str, Any], key: Key, document: Document) -> int | None:
    count = table.get("count")
    if count is None:
        return None
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        document.complain((*key, "count"), "expected a whole number of at least 1", got=count)
        return None
    return count


def _named(names: object, count: int | None, key: Key, document: Document) -> tuple[int | None, list[str]]:
    if (
        not isinstance(names, list)
        or not names
        or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names)
    ):
        document.complain((*key, "names"), "expected a list of names of letters, digits, '-', '_', '+', '/'", got=names)
        return count, [str(key[-1])]
    if count is not None and count != len(names):
        document.complain((*key, "names"), f"expected {count} names, one a member, got {len(names)}")
    return len(names), names


def _spread(
    kind: type[Component], fields: Mapping[str, Any], count: int, key: Key, document: Document
) -> frozenset[str]:
    """Fields whose list gives each member its own value."""
    spread = set()
    for name, value in fields.items():
        field = keyed(kind).get(name)
        if field is None or not isinstance(value, list) or is_list(field.annotation):
            continue
        if len(value) == count:
            spread.add(name)
        else:
            message = f"expected one value, or a list of {count} with one a member, got {len(value)}"
            document.complain((*key, name), message)
    return frozenset(spread)


def is_list(annotation: Any) -> bool:
    """Whether a field of this annotation takes a list for itself."""
    origin = typing.get_origin(annotation) or annotation
    if origin in (typing.Union, types.UnionType):
        return any(is_list(argument) for argument in typing.get_args(annotation))
    if origin is typing.Annotated:
        return is_list(typing.get_args(annotation)[0])
    return isinstance(origin, type) and issubclass(origin, Sequence | Set) and not issubclass(origin, str | bytes)


def _numbered(value: Any, number: int) -> Any:
    """The value with ``{}`` and ``{:02}`` in its texts replaced by ``number``."""
    if isinstance(value, str):
        return _NUMBER.sub(lambda match: f"{number:0{match[1] or 1}}", value)
    if isinstance(value, list):
        return [_numbered(inner, number) for inner in value]
    if isinstance(value, dict):
        return {name: _numbered(inner, number) for name, inner in value.items()}
    return value


def filled(kind: type[Component], table: Mapping[str, Any]) -> dict[str, Any]:
    """The bank's table with every default written out, so that it says the same under another version's defaults."""
    bank = "names" in table or "count" in table
    count = len(table["names"]) if "names" in table else table.get("count", 1)
    full = dict(table)
    for name, field in keyed(kind).items():
        if name in table or name == "name" or field.is_required():
            continue
        default = plain(field.get_default(call_default_factory=True))
        if default is None or "{" in str(default):
            continue
        # A total would be divided; a list of the members' own values says it exactly.
        full[name] = [default] * count if bank and name in kind.totals() else default
    return full


def plain(value: Any) -> Any:
    """A default as plain data: models as tables without what is unset, tuples as lists."""
    if isinstance(value, BaseModel):
        dumped = value.model_dump(by_alias=True)
        return {name: plain(inner) for name, inner in dumped.items() if inner is not None}
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value
