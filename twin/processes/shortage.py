"""Shortage: tells when jobs are slowed because supply is short, and when that is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.plan import SHORTAGE, Place
from twin.quantities import MS_PER_MIN

if TYPE_CHECKING:
    from twin.actors import Actor
    from twin.component import Behaviour
    from twin.world import World

LOOK_AGAIN_MS = 5 * MS_PER_MIN


def shortage(world: World, me: Actor) -> Behaviour:
    """Wait for the guard on the jobs' power cap; while it lasts, look again every five minutes."""
    while True:
        yield world.wait(me)
        told = world.take(me)
        cap = world.arena.get(Place("site", "cap"))
        if told and me.phase == "idle":
            me.phase = "short"
            text = f"supply is short: the lowest tier of jobs slowed to {cap:.0%} of its power"
            world.stand(SHORTAGE, world.emit("shortage", "site", text, priority=2, value=cap, cause=_cause(world)))
        elif me.phase == "short" and cap >= 1.0:
            me.phase = "idle"
            text = "supply suffices again: jobs at full power"
            world.emit("supply", "site", text, priority=0, value=cap, cause=world.standing[SHORTAGE])
            world.clear(SHORTAGE)
        if me.phase == "short":
            world.wake(me, world.now + LOOK_AGAIN_MS)


def _cause(world: World) -> int | None:
    """What happened to a grid tie, or to the network just now; None where there simply is too little."""
    ties = (name for name, asset in world.plan.assets.items() if asset.kind == "grid_tie")
    causes = (world.cause_of(name) for name in ties)
    return next((cause for cause in causes if cause is not None), world.recent_switching())
