"""Whether the run may be believed: its audits with their limits, and what else speaks for or against it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin import parts
from twin.faces.report.causes import ATTENTION, Event
from twin.faces.report.gather import Facts
from twin.faces.report.words import listed, number, plural, scientific
from twin.quantities import MS_PER_MIN

_AUDITS = {
    "largest_energy_residual_pu": ("Largest energy residual of a step", 1e-9),
    "largest_heat_residual_pu": ("Largest heat residual of a step", 1e-9),
    "largest_water_residual_pu": ("Largest water residual of a step", 1e-9),
    "cumulative_drift_pu": ("Energy drift over the run", 1e-9),
    "largest_mismatch_pu": ("Power flow, worst mismatch at a bus", 1e-8),
}
"""Audit → its name and limit, per unit of throughput (mismatch: of 100 MVA); docs/design.md, "Audits"."""
_OTHER_LIMIT = 1e-9
"""Limit of an audit that is newer than this page: that of all books."""


@dataclass(frozen=True)
class Audit:
    """One line of the audit table; ``ok`` is None where nothing was promised."""

    name: str
    value: str
    note: str
    ok: bool | None = None


def residuals(facts: Facts) -> dict[str, float]:
    """Audits of the run; of an incomplete one the energy residual of the hours there are."""
    known = facts.summary.get("audit", {})
    if known:
        return {name: float(value) for name, value in known.items() if isinstance(value, int | float)}
    if "audit.energy_pu" in facts.high:
        worst = max(float(np.nanmax(np.abs(rows["audit.energy_pu"]))) for rows in (facts.high, facts.low))
        return {"largest_energy_residual_pu": worst}
    return {}


def audits(facts: Facts) -> list[Audit]:
    """The conservation laws, in the order of the summary."""
    found = []
    for key, value in residuals(facts).items():
        name, limit = _AUDITS.get(key, (key.replace("_", " "), _OTHER_LIMIT))
        found.append(
            Audit(name, f"{scientific(value)}\u202fpu", f"below {limit:.0e}".replace("-0", "−"), value <= limit)
        )
    return found


def broken(facts: Facts) -> str:
    """What is wrong with the books, for the red line before the title; empty where they close."""
    names = [audit.name.lower() for audit in audits(facts) if audit.ok is False]
    if names:
        return f"Audit broken: {listed(names)} above its limit. Do not use the numbers on this page."
    reason = str(facts.manifest.get("reason", ""))
    if facts.results.status == "failed" and "audit" in reason.lower():
        return f"Audit broken: {reason}. Do not use the numbers on this page."
    return ""


def evidence(facts: Facts, events: list[Event]) -> list[Audit]:
    """What is no law but tells how complete the record is and what it cost."""
    urgent = [event for event in events if event.priority in ATTENTION]
    explained = sum(event.cause is not None for event in urgent)
    found = [_minutes(facts)]
    if urgent:
        note = "the others are beginnings: an order, a failure, a limit"
        found.append(
            Audit("Events of priority 1 and 2 with a cause", f"{number(explained)} of {number(len(urgent))}", note)
        )
    windows = facts.summary.get("fine_windows")
    if windows is not None:
        step = facts.settings.number("run", "fine_step_s")
        found.append(Audit("Fine windows", number(windows), f"steps of {step:g} s around switching" if step else ""))
    return found + _speed(facts)


def _minutes(facts: Facts) -> Audit:
    expected = facts.end_ms // MS_PER_MIN
    rows = facts.fine
    if len(rows.t_ms) == 0 or int(rows.length_ms.max()) > MS_PER_MIN:
        days = len(parts.part_paths(facts.results.path, parts.HOURS))
        return Audit("Record", plural(days, "day"), "by the hour")
    gap = expected - len(rows.t_ms)
    note = "no gap" if gap == 0 else f"{plural(gap, 'minute')} missing"
    return Audit("Minutes recorded", f"{number(len(rows.t_ms))} of {number(expected)}", note, gap == 0)


def _speed(facts: Facts) -> list[Audit]:
    speed = facts.summary.get("speed", {})
    rate, memory = speed.get("simulated_s_per_cpu_s"), speed.get("peak_rss_mb")
    if rate is None:
        return []
    note = f"; peak memory {number(memory)} MB" if memory else ""
    return [Audit("Speed", number(round(rate, -2)), f"simulated s per CPU s{note}")]
