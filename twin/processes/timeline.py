"""Timeline: the verbs of a scenario, and those a caller injects, at their times."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin.actors import Actor
    from twin.component import Behaviour
    from twin.world import World

REVERSE = {"open": "close", "trip": "close", "close": "open", "fail": "repair", "derate": "derate", "set": "set"}
"""What ends a verb given with a duration."""
CUTTING = {"open", "close", "trip", "fail", "repair"}


def timeline(world: World, me: Actor) -> Behaviour:
    """Do the entries in order of time; an entry is [at_ms, order, verb, what, value, duration_ms, cause]."""
    while True:
        yield world.wait(me)
        world.take(me)
        entries = me.data["entries"]
        while entries and entries[0][0] <= world.now:
            _, _, verb, what, value, duration, cause = entries.pop(0)
            before = world.input_value(what) if verb == "set" else None
            seq = world.act(verb, what, value=value, cause=cause)
            if duration:
                undo = 1.0 if verb == "derate" else before
                add_entry(world, me, world.now + duration, REVERSE[verb], what, undo, 0, seq)
        if entries:
            world.wake(me, entries[0][0], cuts=entries[0][2] in CUTTING)


def add_entry(
    world: World, me: Actor, at_ms: int, verb: str, what: str, value: float | None, duration_ms: int, cause: int | None
) -> None:
    """Put one more entry into the timeline, in order of (time, order of adding)."""
    if verb not in CUTTING:
        at_ms = -(-at_ms // world.step_ms) * world.step_ms
    order = me.data["added"] = me.data.get("added", 0) + 1
    me.data["entries"].append([at_ms, order, verb, what, value, duration_ms, cause])
    me.data["entries"].sort(key=lambda entry: (entry[0], entry[1]))
