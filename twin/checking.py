"""Check a scenario without running it: everything that is wrong, and what is merely odd."""

from __future__ import annotations

from twin.errors import Problem
from twin.scenario import Scenario
from twin.site import build


def check(scenario: Scenario) -> list[Problem]:
    """Build the site; raise ScenarioError or SiteError with every problem; return the warnings."""
    site = build(scenario)
    warnings = []
    storage_mw = sum(c.power_mw for c in scenario.components if c.kind == "battery")
    forming = any(c.grid_forming for c in scenario.components if c.kind == "battery")
    if storage_mw and not forming:
        warnings.append(
            scenario.problem_at(
                "site.battery", "no storage is grid-forming: the site goes dark when the grid is lost",
                hint="grid_forming = true",
            )  # fmt: skip
        )
    if not site.plan.racks:
        warnings.append(scenario.problem_at("site", "the site has no racks: no jobs will run"))
    return warnings
