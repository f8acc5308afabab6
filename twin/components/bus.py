"""Bus: a node of the electrical network that others connect to by name."""

from __future__ import annotations

from twin.component import Component, quantity
from twin.plan import Asset, Guard, Place, Plan


class Bus(Component, kind="bus"):
    """A busbar or busbar section."""

    title = "Busbar or busbar section"
    channels = {"vm_pu": ("pu", "voltage magnitude; 0 where dead")}

    vn_kv: float = quantity(description="nominal voltage, line to line", gt=0, le=1200)

    def declare(self, plan: Plan) -> None:
        """Add the bus."""
        add_bus(plan, self.name, self.vn_kv, self.name)


def add_bus(plan: Plan, name: str, vn_kv: float, owner: str, *, depends: tuple[str, ...] = ()) -> int:
    """Add a bus with its voltage channel and the asset that events speak of."""
    index = plan.bus(name, vn_kv, owner)
    plan.channel(f"{name}.vm_pu", Place("bus", "vm_pu", index), "pu", f"voltage of {name}; 0 where dead", kind="state")
    if name not in plan.assets:
        plan.asset(Asset(name, "bus", owner, bus=name, depends=depends))
    return index


def watch_voltage(plan: Plan, name: str, owner: str, low_pu: float, high_pu: float) -> None:
    """Wake ``owner`` when the bus leaves its band; a dead bus is told by the switching that killed it."""
    place = Place("bus", "vm_pu", plan.buses[name])
    plan.guard(
        Guard(f"{name}.under", owner, place, low_pu, below=True, reset=low_pu + 0.02, mode="algebraic", asset=name)
    )
    plan.guard(Guard(f"{name}.over", owner, place, high_pu, reset=high_pu - 0.02, mode="algebraic", asset=name))
