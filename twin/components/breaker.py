"""Breaker: a coupler without impedance; closed, it makes one bus of two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.component import Behaviour, Component, quantity
from twin.components.branches import add_branch
from twin.plan import Branch, Plan

if TYPE_CHECKING:
    from twin.actors import Actor
    from twin.world import World


class Breaker(Component, kind="breaker"):
    """A bus coupler or section breaker, with automatic transfer when asked for."""

    title = "Breaker or bus coupler"
    channels = {}
    verbs = ("open", "close", "trip", "fail", "repair")

    from_bus: str = quantity(description="bus at one side", alias="from")
    to_bus: str = quantity(description="bus at the other side", alias="to")
    closed: bool = quantity(True, "its normal position")
    auto_transfer: bool = quantity(False, "close by itself when one side has lost its supply or its tie to the grid")
    transfer_s: float = quantity(1.1, "time from the loss of a side to the transfer", ge=0, source="from memory")

    failures_per_year: float = quantity(
        0.0036, "failures that open it", ge=0, source="IEEE 493-2007 class, from memory"
    )
    repair_h: float = quantity(
        83.0, "mean time to return it to service", gt=0, source="IEEE 493-2007 class, from memory"
    )

    def lower(self, plan: Plan) -> None:
        """Add the coupler."""
        path = f"{self.kind}.{self.name}"
        start, end = plan.bus_index(self.from_bus, f"{path}.from"), plan.bus_index(self.to_bus, f"{path}.to")
        if plan.bus_list and plan.bus_list[start].vn_kv != plan.bus_list[end].vn_kv:
            plan.problem(f"{path}.to", "a breaker joins buses of one voltage", plan.bus_list[end].vn_kv)
        if start == end:
            plan.problem(f"{path}.to", "both sides are the same bus", self.to_bus)
        branch = Branch(self.name, self.name, "breaker", start, end, closed=self.closed, coupler=True)
        add_branch(plan, branch)

    def behave(self, world: World, me: Actor) -> Behaviour | None:
        """Compare the supply of both sides after every switching; close once one has been the worse for ``transfer_s``.

        A dead side is energised. A side that its own storage holds as an island is brought back to the grid: the
        transfer is assumed to be synchronised, by converters that follow the other side within ``transfer_s``, and to
        move nothing in the moment of closing. Two islands without a tie, each alive, are left apart: synchronising
        them with each other is not modelled. Nothing opens the coupler again.
        """
        if self.auto_transfer:
            world.on_topology(me)
        while True:
            yield world.wait(me)
            world.take(me)
            worse = self._worse_side(world)
            if worse is None:
                me.phase = "idle"
            elif me.phase == "idle":
                me.phase = "transfer"
                me.data["cause"] = world.cause_of(worse) or world.recent_switching()
                world.wake(me, world.now + int(self.transfer_s * 1000), cuts=True)
            elif me.due(world.now):
                me.phase = "idle"
                world.act("close", self.name, cause=me.data["cause"], text="closed by automatic transfer")

    def _worse_side(self, world: World) -> str | None:
        """The side with the lower level of supply; None where a transfer would not help, or would meet a fault."""
        sides = self.from_bus, self.to_bus
        if world.closed(self.name) or any(world.failed(bus) for bus in sides):
            return None
        levels = [world.supply_level(bus) for bus in sides]
        return None if levels[0] == levels[1] else sides[levels.index(min(levels))]
