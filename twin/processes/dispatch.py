"""Dispatch: sets, at the hours at which it changes, the rule by which the plant shares power inside a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.plan import Place
from twin.quantities import MS_PER_HOUR

if TYPE_CHECKING:
    from twin.actors import Actor
    from twin.component import Behaviour
    from twin.world import World


def dispatch(world: World, me: Actor) -> Behaviour:
    """Sun into load, then into storage, then into export; what storage gives back depends on the mode.

    ``self_consumption``: it covers load inside the discharge window; ``peak``: it keeps the import at or below
    ``peak_import_mw`` at any hour.
    """
    while True:
        yield world.wait(me)
        world.take(me)
        rule = world.scenario.dispatch
        hour = world.local_hour(world.now)
        evening = rule.discharge_from_h <= hour < rule.discharge_to_h
        if rule.discharge_from_h > rule.discharge_to_h:  # the window runs over midnight
            evening = hour >= rule.discharge_from_h or hour < rule.discharge_to_h
        peak = rule.mode == "peak"
        _limit(world, "import", rule.import_limit_mw)
        _limit(world, "export", rule.export_limit_mw)
        _put(world, "charge_share", rule.charge_share)
        _put(world, "discharge_share", rule.discharge_share if peak or evening else 0.0)
        _put(world, "import_target_w", (rule.peak_import_mw or 0.0) * 1e6 if peak else 0.0)
        _put(world, "soc_floor", rule.soc_floor_share)
        _put(world, "soc_ceiling", rule.soc_ceiling_share)
        _put(world, "cap_floor", rule.cap_floor_share)
        _put(world, "charge_from_grid_w", rule.charge_from_grid_mw * 1e6)
        edges = {rule.discharge_from_h, rule.discharge_to_h % 24.0}
        to_edge_h = min((edge - hour) % 24.0 or 24.0 for edge in sorted(edges))
        world.wake(me, world.now + round(to_edge_h * MS_PER_HOUR))


def _limit(world: World, way: str, limit_mw: float | None) -> None:
    """Hold every tie to the dispatch's own limit, where it sets one and nobody has written the tie's."""
    if limit_mw is None:
        return
    for name, found in world.plan.inputs.items():
        if name.endswith(f".{way}_limit_mw") and name not in world.overridden:
            for place in found.places:
                world.put(place, limit_mw * found.scale)


def _put(world: World, column: str, value: float) -> None:
    """Write a column of the rule unless a caller or the timeline has taken it over."""
    name = f"dispatch.{column}"
    if name not in world.overridden:
        world.put(Place("rule", column), value)
