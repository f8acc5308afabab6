"""Component: one kind of thing that stands on the site, as a frozen record.

A new kind is one file in ``twin/components/`` with one subclass. The class is at once the schema of a scenario table,
the validation, the text of ``twin describe``, the way into the plan (``lower``) and the behaviour (``behave``). A
package of your own adds kinds through the entry point group ``twin.components``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Generator, Iterator, Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from twin.quantities import unit_of

if TYPE_CHECKING:
    from twin.actors import Actor
    from twin.plan import Plan
    from twin.world import World

Behaviour = Generator[Any, Any, None]


def quantity(
    default: Any = ...,
    description: str = "",
    *,
    source: str = "",
    total: bool = False,
    **limits: Any,
) -> Any:
    """A field of a component: default, what it is, where the number comes from, and pydantic's ``gt``, ``ge`` … limits.

    ``total=True`` marks a bank's total, such as ``energy_mwh``, which is spread over the ``count`` members. A default
    without a source is a choice of this model, not a measurement.
    """
    extra: dict[str, Any] = {"source": source, "total": total}
    return Field(default, description=description, json_schema_extra=extra, **limits)


class Component(BaseModel):
    """Base of everything on the site; ``name`` is the asset's name, unique on the site."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: ClassVar[str] = ""
    """The table's name in a scenario: ``[site.<kind>.<name>]``."""
    title: ClassVar[str] = ""
    registry: ClassVar[dict[str, type[Component]]] = {}
    channels: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Recorded quantities: suffix of the channel → (unit, description)."""
    verbs: ClassVar[tuple[str, ...]] = ()
    """What a timeline may do to it, besides the verbs of its switches."""

    name: str = Field(description="name of the asset")

    def __init_subclass__(cls, kind: str = "", **more: Any) -> None:
        super().__init_subclass__(**more)
        if kind:
            cls.kind = kind
            Component.registry[kind] = cls

    def declare(self, plan: Plan) -> None:
        """First pass: add buses, so that every component finds them in the second."""

    def lower(self, plan: Plan) -> None:
        """Second pass: add elements, branches, assets, channels, inputs and guards."""

    def behave(self, world: World, me: Actor) -> Behaviour | None:
        """The SimPy process of this component, or None.

        It keeps nothing in a local variable across a ``yield``: it waits first (``yield world.wait(me)``), then reads
        ``me.phase`` and ``me.data``, acts, and says when it wants to wake.
        """
        return None

    @classmethod
    def totals(cls) -> set[str]:
        """Fields that are a bank's total."""
        return {name for name, field in cls.model_fields.items() if _extra(field).get("total")}

    @classmethod
    def datasheet(cls) -> Iterator[dict[str, Any]]:
        """One record a parameter: name, unit, default, limits, description, source; in the order of the class."""
        for name, field in cls.model_fields.items():
            required = field.is_required()
            yield {
                "name": name,
                "unit": unit_of(name) or "",
                "default": None if required else field.default,
                "required": required,
                "limits": " ".join(str(limit) for limit in field.metadata),
                "description": field.description or "",
                "source": _extra(field).get("source", ""),
            }


def _extra(field: Any) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def load_components() -> dict[str, type[Component]]:
    """Every kind there is: the files of ``twin.components`` and the plug-ins, by name."""
    import twin.components as package

    for module in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
        importlib.import_module(f"twin.components.{module}")
    for point in sorted(entry_points(group="twin.components"), key=lambda point: point.name):
        point.load()
    return dict(sorted(Component.registry.items()))
