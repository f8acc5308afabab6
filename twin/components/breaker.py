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
    auto_transfer: bool = quantity(False, "close by itself when exactly one side has lost its supply")
    transfer_s: float = quantity(1.1, "time from the loss of a side to the transfer", ge=0, source="from memory")

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
        """Watch both sides after every switching; transfer when one of them is dead and the other is not."""
        if self.auto_transfer:
            world.on_topology(me)
        while True:
            yield world.wait(me)
            world.take(me)
            lost = [bus for bus in (self.from_bus, self.to_bus) if not world.alive(bus)]
            if me.phase == "idle" and len(lost) == 1 and not world.closed(self.name):
                me.phase = "transfer"
                world.wake(me, world.now + int(self.transfer_s * 1000), cuts=True)
            elif me.phase == "transfer" and me.due(world.now):
                me.phase = "idle"
                if len(lost) == 1 and not world.closed(self.name):
                    cause = world.cause_of(lost[0])
                    world.act("close", self.name, cause=cause, text="closed by automatic transfer")
