"""Transformer: two windings, its breakers, its loading alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.component import Behaviour, Component, quantity
from twin.components.branches import add_branch, transformer_branch, watch_loading
from twin.plan import Plan

if TYPE_CHECKING:
    from twin.actors import Actor
    from twin.world import World


class Transformer(Component, kind="transformer"):
    """A two-winding transformer with a breaker on either side; opening it opens both."""

    title = "Two-winding transformer"
    channels = {"loading_pu": ("pu", "loading, of its rating"), "p_mw": ("MW", "power in at the high side")}
    verbs = ("open", "close", "trip", "fail", "repair")

    from_bus: str = quantity(description="bus at the high-voltage side, where the tap is", alias="from")
    to_bus: str = quantity(description="bus at the low-voltage side", alias="to")
    sn_mva: float = quantity(description="rating", gt=0)
    vk_percent: float = quantity(14.0, "short-circuit voltage", gt=0, le=40, source="240 MVA class, from memory")
    vkr_percent: float = quantity(0.30, "its resistive part", ge=0, source="GB 20052-2024 class, from memory")
    pfe_kw: float = quantity(120.0, "no-load loss", ge=0, source="0.05 % of 240 MVA, GB 20052-2024 class, from memory")
    i0_percent: float = quantity(0.1, "no-load current", ge=0, source="from memory")
    tap_ratio: float = quantity(
        1.0, "off-nominal ratio at the from side", gt=0.8, lt=1.2, source="choice of this model"
    )
    trip_loading_pu: float = quantity(
        1.5, "loading at which it trips after trip_after_s", gt=1, source="choice of this model"
    )
    trip_after_s: float = quantity(
        60.0, "time above trip_loading_pu before it trips", ge=0, source="choice of this model"
    )

    def lower(self, plan: Plan) -> None:
        """Add the branch and its alarms at 100, 110 and the tripping percentage."""
        path = f"{self.kind}.{self.name}"
        start, end = plan.bus_index(self.from_bus, f"{path}.from"), plan.bus_index(self.to_bus, f"{path}.to")
        if plan.bus_list and plan.bus_list[start].vn_kv == plan.bus_list[end].vn_kv:
            plan.problem(
                f"{path}.to", f"a transformer between equal voltages ({plan.bus_list[end].vn_kv:g} kV)", self.to_bus,
                "use a breaker or a line",
            )  # fmt: skip
        if self.vkr_percent >= self.vk_percent:
            plan.problem(f"{path}.vkr_percent", "must be below vk_percent", self.vkr_percent)
            return
        least_percent = self.pfe_kw / (10.0 * self.sn_mva)
        if self.i0_percent < least_percent:
            plan.problem(
                f"{path}.i0_percent", f"the no-load loss of {self.pfe_kw:g} kW alone needs {least_percent:.3g} %",
                self.i0_percent, "give pfe_kw and i0_percent of this size",
            )  # fmt: skip
            return
        branch = transformer_branch(
            self.name, self.name, start, end, sn_mva=self.sn_mva, vk_percent=self.vk_percent,
            vkr_percent=self.vkr_percent, pfe_kw=self.pfe_kw, i0_percent=self.i0_percent, ratio=self.tap_ratio,
        )  # fmt: skip
        add_branch(plan, branch, power=True)
        for limit_pu in (1.0, 1.1, self.trip_loading_pu):
            watch_loading(plan, self.name, self.name, limit_pu)

    def behave(self, world: World, me: Actor) -> Behaviour:
        """Tell of overloads; trip when the highest one lasts."""
        while True:
            yield world.wait(me)
            for alarm in world.take(me):
                limit = world.guard_limit(alarm)
                priority = 1 if limit > 1.05 else 2
                loading = world.guard_value(alarm)
                seq = world.emit(
                    "overload", self.name, f"above {limit:.0%} of {self.sn_mva:g} MVA", priority=priority,
                    value=loading,
                    cause=world.cause_of(self.name),
                )  # fmt: skip
                if limit >= self.trip_loading_pu:
                    me.data["cause"] = seq
                    me.phase = "timing"
                    world.wake(me, world.now + int(self.trip_after_s * 1000), cuts=True)
                    world.open_fine()
            if me.phase == "timing" and me.due(world.now):
                me.phase = "idle"
                if world.guard_active(f"{self.name}.over_{self.trip_loading_pu * 100:.0f}"):
                    world.act("trip", self.name, cause=me.data["cause"])
