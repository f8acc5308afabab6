"""Arrivals: hands the queue core the stream of jobs, a day at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.quantities import MS_PER_DAY

if TYPE_CHECKING:
    from twin.actors import Actor
    from twin.component import Behaviour
    from twin.world import World


def arrivals(world: World, me: Actor) -> Behaviour:
    """Feed the submissions of [now, now + 1 d), then sleep a day."""
    while True:
        yield world.wait(me)
        world.take(me)
        end = min(world.now + MS_PER_DAY, world.horizon_ms)
        batch = world.jobs.take(world.now, end)
        batch = batch.select(np.lexsort((batch.ids, batch.submit_ms)))
        if len(batch.ids):
            world.queue.feed(
                batch.ids, batch.submit_ms, batch.size, batch.run_ms, batch.request_ms, batch.tier,
                batch.watts_per_gpu, batch.checkpoint_ms, world.watch_flags(batch),
            )  # fmt: skip
        if end < world.horizon_ms:
            world.wake(me, end)


def scheduler(world: World, me: Actor) -> Behaviour:
    """Hold the policy; collect what has ended, so that the queue's memory stays bounded."""
    while True:
        yield world.wait(me)
        world.take(me)
        world.collect_jobs()
        world.wake(me, world.now + MS_PER_DAY // 4)
