"""Line: overhead line or cable between two buses of one voltage."""

from __future__ import annotations

from twin.component import Component, quantity
from twin.components.branches import add_branch, cable_branch
from twin.plan import Plan


class Line(Component, kind="line"):
    """An overhead line or cable with a breaker."""

    title = "Line"
    channels = {"loading_pu": ("pu", "loading, of its rating"), "p_mw": ("MW", "power in at the from side")}
    verbs = ("open", "close", "trip", "fail", "repair")

    from_bus: str = quantity(description="bus at one end", alias="from")
    to_bus: str = quantity(description="bus at the other end", alias="to")
    length_km: float = quantity(description="length", gt=0)
    r_ohm_km: float = quantity(0.02, "resistance", ge=0, source="2×630 mm² bundle at 330 kV, from memory")
    x_ohm_km: float = quantity(0.30, "reactance", gt=0, source="twin bundle at 330 kV, from memory")
    c_nf_km: float = quantity(12.0, "capacitance", ge=0, source="twin bundle at 330 kV, from memory")
    rate_mva: float = quantity(1200.0, "rating", gt=0, source="twin bundle at 330 kV, from memory")

    def lower(self, plan: Plan) -> None:
        """Add the branch."""
        start, end = (plan.bus_index(bus, f"{self.kind}.{self.name}") for bus in (self.from_bus, self.to_bus))
        vn_kv = plan.bus_list[start].vn_kv if plan.bus_list else 1.0
        if plan.bus_list and plan.bus_list[end].vn_kv != vn_kv:
            plan.problem(f"{self.kind}.{self.name}.to", "a line joins buses of one voltage", plan.bus_list[end].vn_kv)
        branch = cable_branch(
            self.name, self.name, start, end, vn_kv=vn_kv, length_km=self.length_km, r_ohm_km=self.r_ohm_km,
            x_ohm_km=self.x_ohm_km, c_nf_km=self.c_nf_km, rate_mva=self.rate_mva,
        )  # fmt: skip
        add_branch(plan, branch, power=True)
