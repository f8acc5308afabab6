"""Check a scenario without running it: everything that is wrong, and what is merely odd."""

from __future__ import annotations

from twin.components.battery import Battery
from twin.errors import Problem
from twin.scenario import Scenario
from twin.site import build


def check(scenario: Scenario) -> list[Problem]:
    """Build the site; raise ScenarioError or SiteError with every problem; return the warnings."""
    site = build(scenario)
    warnings = []
    storage = [component for component in scenario.components if isinstance(component, Battery)]
    if storage and not any(block.grid_forming for block in storage):
        warnings.append(
            scenario.problem_at(
                "site.battery",
                "no storage is grid-forming: the site goes dark when the grid is lost",
                hint="grid_forming = true",
            )
        )
    if not site.plan.racks:
        warnings.append(scenario.problem_at("site", "the site has no racks: no jobs will run"))
    return warnings
