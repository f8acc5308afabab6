"""Dispatch: sets, hour by hour, the rule by which the plant shares power inside a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.plan import Place
from twin.quantities import MS_PER_HOUR

if TYPE_CHECKING:
    from twin.component import Behaviour
    from twin.world import Actor, World


def dispatch(world: World, me: Actor) -> Behaviour:
    """Self-consumption: sun into load, then storage, then export; storage covers load, all day or in a window.

    ``peak`` keeps the storage for the evening window; ``self_consumption`` uses it whenever load exceeds sun.
    """
    while True:
        yield world.wait(me)
        world.take(me)
        rule = world.scenario.dispatch
        hour = world.local_hour(world.now)
        evening = rule.discharge_from_h <= hour < rule.discharge_to_h
        may_discharge = rule.mode == "self_consumption" or evening
        _put(world, "discharge_share", 1.0 if may_discharge else 0.0)
        _put(world, "discharge_limit_w", 1e12 if rule.discharge_limit_mw is None else rule.discharge_limit_mw * 1e6)
        _put(world, "soc_floor", rule.soc_floor_share)
        _put(world, "soc_ceiling", rule.soc_ceiling_share)
        _put(world, "cap_floor", rule.cap_floor_share)
        valley = rule.mode == "peak" and rule.charge_from_h <= hour < rule.charge_to_h
        _put(world, "charge_from_grid_w", rule.charge_from_grid_mw * 1e6 if valley else 0.0)
        world.wake(me, (world.now // MS_PER_HOUR + 1) * MS_PER_HOUR)


def _put(world: World, column: str, value: float) -> None:
    """Write a column of the rule unless a caller or the timeline has taken it over."""
    name = f"dispatch.{column}"
    if name not in world.overridden:
        world.put(Place("rule", column), value)
