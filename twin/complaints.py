"""Validation of one table against a pydantic model, with what is wrong said in a reader's words.

TOML has types, so nothing is converted: a text that looks like a number is not a number, ``true`` is not 1. The table
goes through pydantic's strict JSON mode, in which a list may still fill a tuple and a text an enumeration.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from twin.plan import nearest
from twin.quantities import SUFFIXES, unit_of
from twin.scenario_file import Document
from twin.toml_lines import Key

Model = TypeVar("Model", bound=BaseModel)

_MEASURED = re.compile(r"\s*([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,2})?)\s*(\S{0,12})\s*")
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("of at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("of at most", "le"),
}
_SIZES = {"too_short": ("at least", "min_length"), "too_long": ("at most", "max_length")}
_EXPECTED = {
    "string_type": 'a text in "quotes"',
    "bool_type": "true or false",
    "list_type": "a list in [brackets]",
    "tuple_type": "a list in [brackets]",
    "dict_type": "a table",
    "model_type": "a table",
    "finite_number": "a finite number",
    "timezone_aware": "a date and time with its offset, such as 2028-07-14T00:00:00+08:00",
    "string_too_short": "a text that is not empty",
}
_NUMBERS = {
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
}


def validate(model: type[Model], table: object, key: Key, document: Document) -> Model | None:
    """The table as a ``model``; None where it is wrong, which is then noted in ``document`` at ``key``."""
    found = _attempt(model, table)
    if not isinstance(found, ValidationError):
        return found
    errors = found.errors(include_url=False)
    hints = [_note(model, table, key, document, error) for error in errors]
    if isinstance(table, Mapping) and all(
        error["type"] == "extra_forbidden" and len(error["loc"]) == 1 for error in errors
    ):
        # Without the keys it does not know, the model can say what else is wrong; not what follows from a typo.
        again = _attempt(model, {name: value for name, value in table.items() if name in keyed(model)})
        if isinstance(again, ValidationError):
            for error in again.errors(include_url=False):
                meant = any(_says(str(error["msg"]), name) for hint in hints for name in re.findall(r"\w+", hint))
                if not meant:
                    _note(model, table, key, document, error)
    return None


def as_json(value: object) -> str:
    """The table as JSON, times as ISO text; keys sorted, no NaN, so that equal tables give equal texts."""
    return json.dumps(value, default=_iso, sort_keys=True, allow_nan=False, separators=(",", ":"))


def _attempt(model: type[Model], table: object) -> Model | ValidationError:
    try:
        return model.model_validate_json(as_json(table), strict=True)
    except ValidationError as error:
        return error


def _iso(value: object) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} is not plain data")


def _note(model: type[BaseModel], table: object, key: Key, document: Document, error: ErrorDetails) -> str:
    """Add the problem that pydantic found; return its hint."""
    kind = error["type"]
    # What is missing may stand in the parent that could not be read.
    if document.full or (kind == "missing" and document.has_problem(("extends",))):
        return ""
    place = _place(table, error["loc"], whole=kind in ("missing", "extra_forbidden"))
    if kind in ("value_error", "assertion_error"):
        _note_value_error(table, (*key, *place), document, error)
        return ""
    if kind != "extra_forbidden" and document.has_problem((*key, *place)):
        return ""
    name = str(place[-1]) if place else ""
    inner = _model_at(model, place[:-1])
    message, hint = _words(inner, name, error)
    got = None if kind == "missing" else _short(error["input"])
    document.complain((*key, *place), message, got=got, hint=hint, at_key=kind == "extra_forbidden")
    return hint


def _note_value_error(table: object, key: Key, document: Document, error: ErrorDetails) -> None:
    """A model's own check: it stands at the first key of the table that its message names."""
    reason = error.get("ctx", {}).get("error", error["msg"])
    message = str(reason)
    if not error["loc"] and isinstance(table, Mapping):
        named = next((name for name in table if _says(message, str(name))), None)
        if named is not None:
            document.complain((*key, named), message, got=_short(table[named]))
            return
    document.complain(key, message, got=_short(error["input"]) if error["loc"] else None)


def _says(message: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", message) is not None


def _short(value: object) -> object:
    """The value as a message shows it: a long one is cut, a table is not shown."""
    if isinstance(value, Mapping):
        return None
    if isinstance(value, str) and len(value) > 60:
        return value[:59] + "…"
    return value if not isinstance(value, list) or len(value) <= 6 else None


def _place(table: object, loc: tuple[int | str, ...], *, whole: bool) -> Key:
    """Where in the table: ``loc`` without the names pydantic adds for the branches of a union."""
    place: list[int | str] = []
    inner: Any = table
    for part in loc[:-1] if whole else loc:
        is_there = (
            part in inner if isinstance(inner, Mapping) else isinstance(inner, list) and part in range(len(inner))
        )
        if is_there:
            inner = inner[part]
            place.append(part)
    return (*place, *loc[-1:]) if whole else tuple(place)


def keyed(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Fields by the key that a file writes: the alias (``from``) where there is one."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_at(model: type[BaseModel], place: Key) -> type[BaseModel]:
    """The model of the table at ``place`` inside ``model``, as far as it can be seen from the annotations."""
    for part in place:
        field = keyed(model).get(str(part))
        if field is not None:
            model = next(_models_in(field.annotation), model)
    return model


def _models_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


def _words(model: type[BaseModel], name: str, error: ErrorDetails) -> tuple[str, str]:
    """Message and hint for one error at the key ``name`` of ``model``."""
    kind, ctx = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return "no such key", nearest(name, list(keyed(model)))
    if kind == "missing":
        return f"missing: {_description(model, name) or 'this key is needed'}", f"write {name} = …"
    if kind in _NUMBERS:
        return _number_words(name, _NUMBERS[kind], error["input"])
    if kind in ("literal_error", "enum"):
        return _choice_words(str(ctx["expected"]), error["input"])
    return _limit_words(name, kind, ctx) or error["msg"][:1].lower() + error["msg"][1:], ""


def _limit_words(name: str, kind: str, ctx: Mapping[str, Any]) -> str:
    """Message for a bound, a size or another type; empty for what pydantic says well enough itself."""
    if kind in _BOUNDS:
        word, limit = _BOUNDS[kind]
        unit = unit_of(name)
        return f"expected a number {word} {ctx[limit]:g}{f' {unit}' if unit and unit != '1' else ''}"
    if kind in _SIZES:
        word, limit = _SIZES[kind]
        return f"expected {word} {ctx[limit]} value{'' if ctx[limit] == 1 else 's'}"
    if kind.startswith(("datetime", "date")):
        kind = "timezone_aware"
    return f"expected {_EXPECTED[kind]}" if kind in _EXPECTED else ""


def _description(model: type[BaseModel], name: str) -> str:
    field = keyed(model).get(name)
    return (field.description or "") if field else ""


def _number_words(name: str, expected: str, value: object) -> tuple[str, str]:
    unit = unit_of(name)
    measured = _MEASURED.fullmatch(value) if isinstance(value, str) else None
    has_unit = unit is not None and unit != "1" and isinstance(value, str)
    message = f"expected {expected}" + (", the suffix is the unit" if has_unit else "")
    if measured is None:
        return message, f"a number of {unit}" if has_unit else ""
    number, written = measured.groups()
    if not has_unit:
        return message, f"write {name} = {number}"
    same = not written or written == unit or written.lower() == (unit or "").lower() or SUFFIXES.get(written) == unit
    return message, f"write {name} = {number}" if same else f"a number of {unit}"


def _choice_words(expected: str, value: object) -> tuple[str, str]:
    choices = re.findall(r"'([^']*)'", expected) or re.split(r", | or ", expected)
    message = f"expected {' or '.join([', '.join(choices[:-1]), choices[-1]]) if len(choices) > 1 else choices[0]}"
    return message, nearest(value, choices) if isinstance(value, str) else ""
