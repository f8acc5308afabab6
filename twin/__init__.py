"""twin: a discrete-event digital twin of a solar-powered AI data centre.

The public names. Everything is loaded when first used, so that ``import twin`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "Scenario": "twin.scenario", "Site": "twin.site", "build": "twin.site", "check": "twin.checking",
    "Run": "twin.run", "simulate": "twin.run", "Results": "twin.results", "open": "twin.results",
    "Network": "twin.network", "Solution": "twin.network", "read_jobs": "twin.workload", "schedule": "twin.scheduling",
    "adequacy": "twin.generation_adequacy",
    "reliability": "twin.studies.reliability",
    "stress": "twin.studies.stress",
    "TwinError": "twin.errors", "ScenarioError": "twin.errors", "SiteError": "twin.errors", "RunError": "twin.errors",
    "SolveError": "twin.errors", "AuditError": "twin.errors", "Problem": "twin.errors",
}  # fmt: skip
"""Public name → module that holds it."""

__all__ = ["__version__", *_PUBLIC]  # noqa: PLE0604 - names of the table above

if TYPE_CHECKING:
    from twin.checking import check
    from twin.errors import AuditError, Problem, RunError, ScenarioError, SiteError, SolveError, TwinError
    from twin.generation_adequacy import adequacy
    from twin.network import Network, Solution
    from twin.results import Results, open
    from twin.run import Run, simulate
    from twin.scenario import Scenario
    from twin.scheduling import schedule
    from twin.site import Site, build
    from twin.studies.reliability import reliability
    from twin.studies.stress import stress
    from twin.workload import read_jobs


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'twin' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value
