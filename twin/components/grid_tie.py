"""Grid tie: the public network behind the site, a source that holds the voltage and takes up the balance."""

from __future__ import annotations

from twin.component import Component, quantity
from twin.plan import Asset, Place, Plan


class GridTie(Component, kind="grid_tie"):
    """The connection to the 330 kV network. Limits are contractual; the dispatch keeps them."""

    title = "Grid connection"
    channels = {"p_mw": ("MW", "import, negative for export"), "q_mvar": ("Mvar", "reactive import")}
    verbs = ("fail", "repair", "set")

    bus: str = quantity(description="bus at which the public network is seen")
    vm_pu: float = quantity(1.02, "voltage the public network holds there", ge=0.9, le=1.1, source="from memory")
    import_limit_mw: float = quantity(
        1200.0, "most that may be drawn", ge=0, source="rating of the line, choice of this model"
    )
    export_limit_mw: float = quantity(
        400.0, "most that may be fed in", ge=0, source="20 % of generation is the rule, from memory"
    )

    def lower(self, plan: Plan) -> None:
        """Add the tie, its limits as inputs and the first right to hold an island."""
        bus = plan.bus_index(self.bus, f"{self.kind}.{self.name}.bus")
        index = plan.add(
            "grid", bus=bus, vm_pu=self.vm_pu, import_limit_w=self.import_limit_mw * 1e6,
            export_limit_w=self.export_limit_mw * 1e6,
        )  # fmt: skip
        plan.forming[bus] = (1, self.vm_pu)
        for limit in ("import", "export"):
            plan.input(
                f"{self.name}.{limit}_limit_mw", Place("grid", f"{limit}_limit_w", index), unit="MW", scale=1e6,
                description=f"{limit} limit at the tie", minimum=0.0, maximum=1e5,
            )  # fmt: skip
        plan.channel(
            f"{self.name}.q_mvar", Place("grid", "q_var", index), "Mvar", "reactive power from the grid", scale=1e-6
        )
        in_service = (Place("grid", "in_service", index),)
        plan.asset(Asset(self.name, self.kind, self.name, places={"in_service": in_service}, bus=self.bus))
