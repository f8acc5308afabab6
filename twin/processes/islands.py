"""Islands: what follows when an island cannot be balanced or its voltage collapses, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.quantities import MS_PER_MIN

if TYPE_CHECKING:
    from twin.actors import Actor
    from twin.component import Behaviour
    from twin.world import World

RETRY_MS = 30 * MS_PER_MIN
START_SOC = 0.10


def islands(world: World, me: Actor) -> Behaviour:
    """Half an hour after a blackout, let storage with charge form its island again (or the grid, if it is back)."""
    while True:
        yield world.wait(me)
        world.take(me)
        held = me.data.setdefault("held", {})
        for bus in [name for name in held if held[name] <= world.now]:
            if world.forming_energy(bus) > START_SOC:
                del held[bus]
                world.set_forming(bus, True)
                world.emit("black start", bus, "storage forms the island again", priority=3, cause=world.cause_of(bus))
                world.topology_changed(world.cause_of(bus))
            else:
                held[bus] = world.now + RETRY_MS
        if held:
            world.wake(me, min(held.values()), cuts=True)
