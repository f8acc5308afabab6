"""Three toy kinds of component, so that these tests do not move when a real one does."""

from collections.abc import Iterator
from typing import ClassVar, Literal

import pytest
from pydantic import model_validator

from twin.component import Component, quantity

HEAD = """\
[run]
start = 2028-07-14T00:00:00+08:00
days = 3
[site]
latitude_deg = 37.53
longitude_deg = 105.18
"""


def register() -> None:
    """Put the toys beside the real kinds."""

    class ToyBus(Component, kind="toy_bus"):
        """A bus of the toy site."""

        title = "Toy bus"
        vn_kv: float = quantity(..., "nominal voltage", gt=0, le=1200)

    class ToyStore(Component, kind="toy_store"):
        """A store of the toy site."""

        title = "Toy store"
        channels: ClassVar = {"soc": ("1", "state of charge"), "p_mw": ("MW", "power")}
        verbs = ("fail", "repair")
        bus: str = quantity(..., "bus it hangs on", alias="at")
        energy_mwh: float = quantity(100.0, "energy", total=True, gt=0, source="a made-up data sheet")
        power_mw: float = quantity(50.0, "power", total=True, gt=0)
        racks_count: int = quantity(12, "racks", ge=1)
        chemistry: Literal["lfp", "nmc"] = quantity("lfp", "cells")
        grid_forming: bool = quantity(default=False, description="may hold the voltage")
        curve_pu: tuple[float, ...] = quantity((0.0, 1.0), "points of a curve")

        @model_validator(mode="after")
        def _slow_enough(self) -> "ToyStore":
            if self.power_mw > 4 * self.energy_mwh:
                raise ValueError("power_mw is more than 4 times energy_mwh")
            return self


@pytest.fixture(autouse=True)
def toy_kinds() -> Iterator[None]:
    """Registers the toys for one test; other tests see only the real kinds."""
    register()
    yield
    # Real kinds that were loaded meanwhile stay: their modules are imported once.
    for kind in ("toy_bus", "toy_store"):
        del Component.registry[kind]
