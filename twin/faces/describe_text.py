"""The data sheet of a kind of component, or of a table of the scenario, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from twin.component import Component
from twin.quantities import unit_of

WIDTH = 80
_INDENT = " " * 6


def kinds_lines(kinds: Mapping[str, type[Component]], tables: Mapping[str, type[BaseModel]]) -> list[str]:
    """Every kind there is, and the other tables of a scenario."""
    lines = ["Kinds of component, [site.<kind>.<name>]:"]
    lines += [_cut(f"  {kind:<16} {component.title or first_line(component)}") for kind, component in kinds.items()]
    lines += ["", "Other tables:"]
    lines += [_cut(f"  {name:<16} {first_line(model)}") for name, model in tables.items()]
    return [*lines, "", f"next: twin describe {next(iter(kinds), 'run')}"]


def first_line(model: type[BaseModel]) -> str:
    """First line of the docstring, as plain text, without the name of the table."""
    line = (model.__doc__ or "").strip().split("\n", 1)[0].replace("``", "")
    return line.partition("]: ")[2] or line


def component_lines(component: type[Component]) -> list[str]:
    """Parameters, channels and verbs of one kind."""
    lines = [f"{component.kind}   {component.title}".rstrip(), *_wrapped(_about(component), "  "), "", "Parameters"]
    for record in component.datasheet():
        field = component.model_fields[record["name"]]
        default = None if record["required"] else field.get_default(call_default_factory=True)
        lines += _parameter(record | {"name": field.alias or record["name"], "default": default})
    lines += ["", "Bank: count, names, and name as a pattern ('T{}') make several of them."]
    if component.channels:
        lines += ["", "Channels, <asset>.<quantity>"]
        lines += [_cut(f"  {name:<24} {unit:<8} {text}") for name, (unit, text) in component.channels.items()]
    if component.verbs:
        lines += ["", f"Verbs of a timeline: {', '.join(component.verbs)}"]
    return [*lines, "", f"next: twin schema shows it for editors; write [site.{component.kind}.<name>]"]


def table_lines(name: str, model: type[BaseModel], *, array: bool) -> list[str]:
    """Parameters of a table that is no component."""
    lines = [f"[[{name}]]" if array else f"[{name}]", *_wrapped(_about(model), "  "), "", "Parameters"]
    for record in _records(model):
        lines += _parameter(record)
    return [*lines, "", "next: twin schema shows it for editors"]


def _records(model: type[BaseModel]) -> Iterator[dict[str, Any]]:
    """The same records as ``Component.datasheet``, under the keys a file writes."""
    for name, field in model.model_fields.items():
        required = field.is_required()
        yield {
            "name": field.alias or name,
            "unit": unit_of(name) or "",
            "default": None if required else field.get_default(call_default_factory=True),
            "required": required,
            "limits": " ".join(str(limit) for limit in field.metadata),
            "description": field.description or "",
        }


def _about(model: type[BaseModel]) -> str:
    text = " ".join((model.__doc__ or "").strip().split("\n\n", 1)[0].split())
    return text.replace("``", "")


def _parameter(record: Mapping[str, Any]) -> Iterator[str]:
    """Name, unit, default and limits in one line; description and source below."""
    unit = record.get("unit") or ""
    default = "required" if record["required"] else f"= {shown(record['default'])}"
    limits = readable(record["limits"])
    if len(default) > 40:
        yield f"  {record['name']:<26} {unit:<10} {limits}".rstrip()
        yield from _wrapped(default, _INDENT)
    else:
        yield _cut(f"  {record['name']:<26} {unit:<10} {default:<18} {limits}".rstrip())
    if record["description"]:
        yield from _wrapped(record["description"], _INDENT)
    if record.get("source"):
        yield from _wrapped(f"source: {record['source']}", _INDENT)


def shown(value: object) -> str:
    """A default as a scenario would write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, BaseModel):
        return "{ " + ", ".join(f"{name} = {shown(inner)}" for name, inner in value) + " }"
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)


def readable(limits: str) -> str:
    """``Gt(gt=0) Le(le=1)`` as ``> 0, ≤ 1``."""
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    words = []
    for limit in limits.split():
        name, _, value = limit.partition("(")[2].rstrip(")").partition("=")
        if name in signs:
            words.append(f"{signs[name]} {value}")
    return ", ".join(words)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"
