"""The JSON Schema of a scenario file, for editors: what ``twin schema`` prints.

Nothing is required in it outside arrays of tables: with ``extends`` a file need hold only what it changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from twin.complaints import keyed
from twin.component import Component, load_components
from twin.expand import is_list
from twin.scenario_tables import ARRAYS, TABLES, TEXTS, PlaceConfig

BANK: dict[str, Any] = {
    "count": {"type": "integer", "minimum": 1, "description": "how many members this bank has"},
    "names": {"type": "array", "items": {"type": "string"}, "minItems": 1, "description": "names of the members"},
    "name": {"type": "string", "description": "name of the asset; in a bank a pattern, such as 'T{}' or 'pv-{:02}'"},
}


def schema() -> dict[str, Any]:
    """The schema, with every kind of component there is; TOML's dates are texts in it."""
    definitions: dict[str, Any] = {}
    properties: dict[str, Any] = {
        "extends": {"type": "string", "description": "relative path of the scenario that this one changes"},
    }
    properties |= {name: {"type": "string"} for name in TEXTS}
    properties |= {name: _table(model, definitions) for name, model in TABLES.items()}
    properties["site"] = _site(definitions)
    for name, model in ARRAYS.items():
        properties[name] = {"type": "array", "items": _hoisted(model.model_json_schema(), definitions)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "twin scenario",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "$defs": dict(sorted(definitions.items())),
    }


def _hoisted(model_schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of a model with the definitions it uses moved to the common ones."""
    definitions |= model_schema.pop("$defs", {})
    return model_schema


def _table(model: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    table = _hoisted(model.model_json_schema(), definitions)
    table.pop("required", None)
    return table


def _site(definitions: dict[str, Any]) -> dict[str, Any]:
    """``[site]``: its scalars, and for each kind a table of banks."""
    site = _table(PlaceConfig, definitions)
    for kind, component in load_components().items():
        site["properties"][kind] = {
            "type": "object",
            "title": component.title or kind,
            "additionalProperties": _bank(component, definitions),
        }
    return site


def _bank(component: type[Component], definitions: dict[str, Any]) -> dict[str, Any]:
    """One bank: the component's fields, each also as a list with one value a member."""
    bank = _table(component, definitions)
    for name, field in keyed(component).items():
        described = bank["properties"][name]
        if not is_list(field.annotation):
            bank["properties"][name] = _or_list(described)
    bank["properties"] |= BANK
    return bank


def _or_list(described: Mapping[str, Any]) -> dict[str, Any]:
    """The field's schema, or an array of it; what says something to a reader stays outside."""
    outside = {
        key: described[key] for key in ("title", "description", "default", "source", "total") if key in described
    }
    value = {key: inner for key, inner in described.items() if key not in outside}
    return outside | {"anyOf": [value, {"type": "array", "items": value}]}
