"""Pools: like units that fail one by one and are repaired. What they do is in ``twin.processes.faults``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin.world import World


@dataclass(frozen=True)
class Pool:
    """``units`` like units under one name, failing ``per_year`` each, repaired in ``repair_h`` on average."""

    name: str
    unit: str
    """What fails: ``inverter station``, ``pump``."""
    units: int
    per_year: float
    repair_h: float


def start_pool(
    world: World, pool: Pool, table: str, column: str, index: int, *, each: bool = False, units: bool = False,
    left: float = 0.0,
) -> None:  # fmt: skip
    """Start the actor of ``pool``; a failed unit lowers ``column`` of ``table``.

    ``each``: unit k is element ``index + k`` and falls to ``left``; else all units share element ``index``, which falls
    by one unit (``units``: the column counts units) or by 1/units (the column is a share).
    """
    if pool.per_year <= 0.0 or not world.scenario.faults.random:
        return
    share = 1.0 if units else 1.0 / pool.units
    world.start(
        "pool", f"{pool.name}.{pool.unit}.faults", owner=pool.name, unit=pool.unit, units=pool.units,
        per_year=pool.per_year,
        repair_h=pool.repair_h, table=table, column=column, index=index, each=each, share=share, left=left, down={},
    )  # fmt: skip
