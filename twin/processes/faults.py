"""Faults and repair: a pool of like units that fail at random and come back, one actor a pool.

Hardware faults of racks are too many for this (some 87,000 a year): they are drawn a day at a time and handed to the
queue core, which places them at their exact millisecond.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np

from twin.plan import Place
from twin.quantities import MS_PER_DAY, MS_PER_HOUR
from twin.workload.laws import exponential

if TYPE_CHECKING:
    from twin.actors import Actor
    from twin.component import Behaviour
    from twin.world import World

HOURS_PER_YEAR = 8760.0
RACK_SPAN_MS = 10 * MS_PER_DAY
REPAIR_SIGMA = 0.9
"""Spread of the lognormal repair time: 0.8–1 (docs/physics.md)."""


def pool(world: World, me: Actor) -> Behaviour:
    """Fail and repair units of one pool, for ever."""
    if me.phase == "idle":
        me.phase = "running"
        _plan_failure(world, me)
        world.wake_for_tasks(me)
    while True:
        yield world.wait(me)
        world.take(me)
        for task in me.due_tasks(world.now):
            if task == "fail":
                _fail(world, me)
            else:
                _repair(world, me, task)
        world.wake_for_tasks(me)


def _plan_failure(world: World, me: Actor) -> None:
    up = me.data["units"] - len(me.data["down"])
    if up > 0:
        gap = float(exponential().draw(np.array([world.random(me.name, "failure").random()]))[0])
        hours = gap * HOURS_PER_YEAR / (me.data["per_year"] * up)
        me.task("fail", world.now + max(1, int(hours * MS_PER_HOUR)))


def _fail(world: World, me: Actor) -> None:
    if not world.built(me.data["owner"]):
        _plan_failure(world, me)  # what is not there yet cannot fail
        return
    stream = world.random(me.name, "unit")
    up = [unit for unit in range(me.data["units"]) if str(unit) not in me.data["down"]]
    unit = up[int(stream.random() * len(up))]
    # lognormal by inverse CDF with the given mean: median = mean·exp(−σ²/2)
    median_h = me.data["repair_h"] * math.exp(-(REPAIR_SIGMA**2) / 2.0)
    repair_h = median_h * math.exp(REPAIR_SIGMA * normal_quantile(stream.random()))
    me.data["down"][str(unit)] = world.emit(
        "fault", me.data["owner"], f"{me.data['unit']} {unit + 1} failed", priority=3, value=float(unit + 1)
    )
    _write(world, me, unit, failed=True)
    me.task(str(unit), world.now + max(1, int(repair_h * MS_PER_HOUR)))
    _plan_failure(world, me)


def _repair(world: World, me: Actor, task: str) -> None:
    cause = me.data["down"].pop(task)
    world.emit("repair", me.data["owner"], f"{me.data['unit']} {int(task) + 1} repaired", priority=0, cause=cause)
    _write(world, me, int(task), failed=False)
    if not me.has_task("fail"):
        _plan_failure(world, me)


def _write(world: World, me: Actor, unit: int, *, failed: bool) -> None:
    data = me.data
    if data["each"]:
        value = data["left"] if failed else 1.0
        world.put(Place(data["table"], data["column"], data["index"] + unit), value)
        if data["column"] == "pump_share":  # UA of the CDU follows the flow with the power 0.8 (docs/physics.md)
            world.put(Place(data["table"], "pump_ua_share", data["index"] + unit), value**0.8)
    else:
        place = Place(data["table"], data["column"], data["index"])
        world.put(place, world.arena.get(place) + (-data["share"] if failed else data["share"]))


def rack_faults(world: World, me: Actor) -> Behaviour:
    """Hand the queue core the rack faults of one hall for the coming ten days, with their repairs."""
    while True:
        yield world.wait(me)
        world.take(me)
        hall = world.component(me.data["owner"])
        if world.scenario.faults.random:
            first, last = (bisect_left(world.plan.racks, row) for row in world.plan.halls[hall.name])
            draw_rack_faults(world, me.name, range(first, last), hall.rack_failures_per_year, hall.rack_repair_h)
        world.wake(me, world.now + RACK_SPAN_MS)


def draw_rack_faults(world: World, stream: str, racks: range, per_year: float, repair_h: float) -> None:
    """A span of faults from a Poisson process over ``racks``, by inverse CDF, in order of time.

    The number of uniform draws depends on nothing but the rate, so that a stream stays in step.
    """
    if per_year <= 0.0:
        return
    mean_gap_ms = HOURS_PER_YEAR * MS_PER_HOUR / (per_year * len(racks))
    expected = RACK_SPAN_MS / mean_gap_ms
    draws = world.random(stream, "rack").random((int(expected + 8.0 * math.sqrt(expected)) + 16, 3))
    # exponential by table: the same bits whatever mathematical library the machine has
    at_ms = np.cumsum(exponential().draw(draws[:, 0])) * mean_gap_ms
    inside = at_ms < RACK_SPAN_MS
    down_ms = world.now + at_ms[inside].astype(np.int64)
    repair_ms = (exponential().draw(draws[inside, 1]) * repair_h * MS_PER_HOUR).astype(np.int64) + 1
    rack = (draws[inside, 2] * len(racks)).astype(np.int32) + racks.start
    if len(rack):
        world.queue.feed_faults(rack.astype(np.int32), down_ms, down_ms + repair_ms)


def normal_quantile(p: float) -> float:
    """The standard normal quantile at ``p`` in (0, 1); numpy has none, and a stream must not depend on scipy."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(min(max(p, 1e-12), 1.0 - 1e-12))
