"""Commissioning: halls, solar blocks and storage enter service on their dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin.actors import Actor
    from twin.component import Behaviour
    from twin.world import World


def hold_back(world: World) -> None:
    """Before the start: take out of service what enters later."""
    for _, names in world.commission_plan():
        for name in names:
            world.commission(name, in_service=False)
    world.plant.retopology()


def commissioning(world: World, me: Actor) -> Behaviour:
    """Put each group into service at its time; ``me.data['next']`` counts the groups done."""
    plan = world.commission_plan()
    while True:
        yield world.wait(me)
        world.take(me)
        done = me.data.setdefault("next", 0)
        while done < len(plan) and plan[done][0] <= world.now:
            names = plan[done][1]
            for name in names:
                world.commission(name, in_service=True)
            text = f"{names[0]}…{names[-1]} enter service" if len(names) > 1 else f"{names[0]} enters service"
            world.topology_changed(world.emit("commission", names[0], text, priority=0, value=float(len(names))))
            done += 1
        me.data["next"] = done
        if done < len(plan):
            world.wake(me, plan[done][0])
