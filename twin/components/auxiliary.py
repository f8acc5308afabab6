"""Auxiliary load: offices, lighting, security, workshops."""

from __future__ import annotations

from twin.component import Component, quantity
from twin.plan import Asset, Place, Plan


class Auxiliary(Component, kind="auxiliary"):
    """A constant load that is neither IT nor cooling."""

    title = "Auxiliary load"
    channels = {"p_mw": ("MW", "power drawn")}
    verbs = ("fail", "repair", "set")

    bus: str = quantity(description="bus it hangs on")
    p_mw: float = quantity(description="power", ge=0)

    def lower(self, plan: Plan) -> None:
        """Add the load."""
        bus = plan.bus_index(self.bus, f"{self.kind}.{self.name}.bus")
        index = plan.add("aux", bus=bus, demand_w=self.p_mw * 1e6)
        plan.channel(f"{self.name}.p_mw", Place("aux", "p_w", index), "MW", "power drawn", scale=1e-6)
        plan.asset(
            Asset(
                self.name,
                self.kind,
                self.name,
                places={"in_service": (Place("aux", "in_service", index),)},
                bus=self.bus,
            )
        )
