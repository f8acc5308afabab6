"""One file per thing that happens: behaviours that belong to no single component."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any


@cache
def registry() -> dict[str, Callable[..., Any]]:
    """Kind of an actor → the generator function that is its behaviour."""
    from twin.components.battery import container
    from twin.processes.arrivals import arrivals, scheduler
    from twin.processes.commissioning import commissioning
    from twin.processes.dispatch import dispatch
    from twin.processes.faults import pool, rack_faults
    from twin.processes.islands import islands
    from twin.processes.shortage import shortage
    from twin.processes.timeline import timeline

    found = (arrivals, scheduler, commissioning, dispatch, pool, rack_faults, islands, shortage, timeline, container)
    return {behaviour.__name__: behaviour for behaviour in found}
