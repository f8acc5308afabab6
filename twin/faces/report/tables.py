"""Tables of the page, as HTML. Every text from a run goes through ``safe``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twin.faces.report.audits import Audit, audits, evidence
from twin.faces.report.causes import Event
from twin.faces.report.energy import RULES, Energy
from twin.faces.report.gather import Facts
from twin.faces.report.lead import RELATION_WORDS, Tile, gpu_hours, hours_above, rule_text, time_ms
from twin.faces.report.strips import strip, verdict_scale
from twin.faces.report.words import (
    NOTHING,
    digits_to_tell,
    duration,
    number,
    percent,
    plural,
    safe,
    with_unit,
)
from twin.indicators import Verdict

MOST_ENTRIES = 200
GWH_FROM_MWH = 200_000.0
_SHARES = (
    ("Solar in the load", "green_load"), ("Solar used on site", "self_use"), ("Fed to the grid", "feed_in"),
    ("Curtailed", "curtailed"),
)  # fmt: skip
_ENERGIES = (
    ("Solar available", "solar_available"), ("used", "solar_used"), ("Import", "grid_import"),
    ("Export", "grid_export"), ("Load", "load"),
)  # fmt: skip
_JOB_STATES = ("submitted", "finished", "failed", "killed", "preempted", "running", "queued")


def table(head: Sequence[str], rows: Iterable[str], *, numeric: Sequence[int] = ()) -> str:
    """A table out of head texts (HTML) and ready rows."""
    cells = "".join(f'<th class="n">{text}</th>' if i in numeric else f"<th>{text}</th>" for i, text in enumerate(head))
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def row(cells: Sequence[str], *, numeric: Sequence[int] = (), css: str = "") -> str:
    """A row of ready cells."""
    body = "".join(f'<td class="n">{cell}</td>' if i in numeric else f"<td>{cell}</td>" for i, cell in enumerate(cells))
    return f'<tr class="{css}">{body}</tr>' if css else f"<tr>{body}</tr>"


# Verdict ------------------------------------------------------------------------------------------------------------


def verdicts(facts: Facts) -> str:
    """One line for each expectation, with a strip to its limit; empty without any."""
    if not facts.verdicts:
        return ""
    head = ("Verdict", "Expected", "Limit", "Observed", "Margin", "Where and when", "limit at the bar")
    return table(head, (_verdict(each, facts) for each in facts.verdicts), numeric=(2, 3, 4))


def _verdict(each: Verdict, facts: Facts) -> str:
    unit = facts.units.get(each.channel or "", "")
    digits = digits_to_tell(unit, each.observed, each.limit)
    word = {
        True: '<span class="ok">✓ met</span>',
        False: '<span class="bad">✕ not met</span>',
        None: '<span class="dim">? no value</span>',
    }
    what = f"<code>{safe(each.that)}</code> {RELATION_WORDS[each.relation]}"
    if each.title:
        what += f'<div class="dim">{safe(each.title)}</div>'
    margin = NOTHING
    if each.observed is not None:
        room = each.limit - each.observed if each.relation in ("below", "at_most") else each.observed - each.limit
        margin = with_unit(room, "K" if unit == "°C" else unit, digits)
    bar = ""
    if each.observed is not None:
        bar = strip(each.observed, each.limit, *verdict_scale(each.observed, each.limit, unit), bad=each.met is False)
    cells = [
        word[each.met],
        what,
        with_unit(each.limit, unit, digits),
        with_unit(each.observed, unit, digits),
        margin,
        _where(each, facts),
        bar,
    ]
    return row(cells, numeric=(2, 3, 4))


def _where(each: Verdict, facts: Facts) -> str:
    at_ms = time_ms(each, facts)
    if each.channel is None or at_ms is None:
        return NOTHING
    if each.met and each.observed == 0.0 and each.relation in ("below", "at_most"):
        return "never above 0"
    text = f'{safe(each.channel.rpartition(".")[0])}, <span class="nb">{facts.clock.short(at_ms)}</span>'
    if each.met is False and each.relation in ("below", "at_most") and each.channel in facts.high:
        text += f", above in {hours_above(facts, each.channel, each.limit)}"
    return text


def kpis(tiles: Sequence[Tile]) -> str:
    """The line of numbers."""
    return "".join(
        f'<div class="kpi{" over" if tile.over else ""}"><div class="l">{safe(tile.label)}</div>'
        f'<div class="v">{safe(tile.value)}<small>{safe(tile.unit)}</small></div>'
        f'<div class="x">{safe(tile.note)}</div></div>'
        for tile in tiles
    )


# Energy -------------------------------------------------------------------------------------------------------------


def energy_scale(energy: Energy) -> tuple[str, float, int]:
    """Unit of all energies of the page, how many MWh it is, and digits."""
    return ("GWh", 1000.0, 1) if max(energy.total.values(), default=0.0) >= GWH_FROM_MWH else ("MWh", 1.0, 0)


def energies(facts: Facts, energy: Energy) -> str:
    """Energies by local day, of a long run by month, and their totals."""
    _, scale, digits = energy_scale(energy)
    columns = tuple(range(1, 1 + len(_ENERGIES)))
    year = len({period.label[:4] for period in energy.periods}) > 1 or facts.long

    def cells(label: str, known: dict[str, float]) -> list[str]:
        return [label, *(number(known[name] / scale if name in known else None, digits) for _, name in _ENERGIES)]

    rows = [row(cells(p.label if year else p.label[5:], p.energy_mwh), numeric=columns) for p in energy.periods]
    rows.append(row(cells("Total", energy.total), numeric=columns, css="sum"))
    head = ("Month" if facts.long else "Day", *(name for name, _ in _ENERGIES))
    note = ""
    if energy.earlier_share > 1e-3:
        before = f"{percent(energy.earlier_share, 1)} of the load lies before these tables begin"
        note = f'<p class="s dim">The totals are the books of the whole run; {before}.</p>'
    return table(head, rows, numeric=columns) + note


def energies_csv(energy: Energy) -> str:
    """All energies of every local day, MWh, for the data button."""
    names = list(energy.by_day[0].energy_mwh) if energy.by_day else []
    lines = [",".join(["day", *(f"{name}_mwh" for name in names)])]
    lines += [",".join([day.label, *(f"{day.energy_mwh[name]:.3f}" for name in names)]) for day in energy.by_day]
    return "\n".join(lines) + "\n"


def shares(energy: Energy) -> str:
    """Shares and what the rule for direct connection asks of them."""
    return f"<table><tbody>{''.join(_share(label, name, energy) for label, name in _SHARES)}</tbody></table>"


def _share(label: str, name: str, energy: Energy) -> str:
    share, bad = energy.shares.get(name), energy.kept(name) is False
    limit = RULES[name][0] if name in RULES else None
    rule = rule_text(energy, name) if name in RULES else "no rule"
    value = f'<b class="{"bad" if bad else ""}">{percent(share, 1)}</b>'
    bar = strip(share, limit, 0.0, 1.0, bad=bad)
    return row([label, value, f'<span class="dim">{rule}</span>', bar], numeric=(1,))


# Work, trust, inputs ------------------------------------------------------------------------------------------------


def gpu_table(facts: Facts) -> str:
    """GPU-hours: what jobs got, what of it was lost, what remains."""
    delivered, lost = gpu_hours(facts)
    share = delivered or 1.0
    rows = [
        ("Held by jobs", delivered, ""),
        ("Lost to faults and restarts", lost, ""),
        ("Useful", delivered - lost, "sum"),
    ]
    body = [row([name, number(value), percent(value / share, 2)], numeric=(1, 2), css=css) for name, value, css in rows]
    return table(("", "GPU-h", "share"), body, numeric=(1, 2)) + _utilisation(facts)


def _utilisation(facts: Facts) -> str:
    told = []
    if "it.utilisation" in facts.mean:
        mean = facts.mean
        used = float((mean["it.utilisation"] * mean.length_ms).sum() / mean.length_ms.sum())
        told.append(f"{percent(used)} of the GPUs in service held jobs on average")
    availability = facts.summary.get("availability")
    if availability is not None:
        told.append(f"row groups were in service {percent(availability, 2)} of the time")
    note = "" if facts.complete else " Only jobs that had ended count."
    return f'<p class="s dim">{"; ".join(told)}.{note}</p>' if told else ""


def job_table(facts: Facts) -> str:
    """Jobs by state."""
    known = facts.summary.get("jobs") or dict(sorted(facts.jobs.states.items()))
    body = [row([name, number(known[name])], numeric=(1,)) for name in _JOB_STATES if known.get(name) is not None]
    wait, slowdown = known.get("mean_wait_s"), known.get("mean_bounded_slowdown")
    if wait is not None:
        body.append(row(["mean wait", duration(1000 * wait)], numeric=(1,)))
    if slowdown is not None:
        body.append(row(["mean bounded slowdown", number(slowdown, 2)], numeric=(1,)))
    return table(("Jobs", "count"), body, numeric=(1,))


def audit_table(facts: Facts, events: list[Event]) -> str:
    """Audits with their limits, then what else there is to know."""
    rows = "".join(_audit(each) for each in (*audits(facts), *evidence(facts, events)))
    return f'<table class="audit"><tbody>{rows}</tbody></table>'


def _audit(each: Audit) -> str:
    mark = {True: '<span class="ok">✓</span>', False: '<span class="bad">✕</span>', None: ""}[each.ok]
    return row([safe(each.name), safe(each.value), f'<span class="dim">{safe(each.note)}</span>', mark], numeric=(1,))


def timeline_table(facts: Facts) -> str:
    """What the scenario orders to happen; empty where nothing."""
    keys = ("at", "do", "what", "value", "duration")
    entries = facts.settings.entries("timeline")
    rows = [row([safe(entry.get(key, "")) for key in keys]) for entry in entries[:MOST_ENTRIES]]
    return table(("At", "Do", "What", "Value", "Duration"), rows) if rows else ""


def _kind_words(kind: str) -> tuple[str, str]:
    """``rack_hall`` → rack hall, rack halls."""
    one = kind.replace("_", " ")
    return one, one[:-1] + "ies" if one.endswith("y") else one + ("es" if one.endswith("s") else "s")


def _degrees(value: float, letters: str) -> str:
    return f"{abs(value):.2f}°\u202f{letters[0] if value >= 0 else letters[1]}"


def site_text(facts: Facts) -> str:
    """One sentence about what stands where and what drives it."""
    place, kinds = facts.settings.table("site"), facts.settings.kinds()
    things = ", ".join(safe(plural(count, *_kind_words(kind))) for kind, count in kinds.items())
    weather, work = (facts.settings.table(name).get("source", NOTHING) for name in ("weather", "workload"))
    mode = facts.settings.table("dispatch").get("mode", NOTHING)
    where = safe(place.get("name", "Site"))
    if isinstance(place.get("latitude_deg"), int | float) and isinstance(place.get("longitude_deg"), int | float):
        where += f", {_degrees(place['latitude_deg'], 'NS')} {_degrees(place['longitude_deg'], 'EW')}"
    return (
        f"{where}: {things}. Weather: <code>{safe(weather)}</code>; workload: <code>{safe(work)}</code>; "
        f"dispatch: <code>{safe(mode)}</code>; time step {safe(facts.manifest.get('step_s', NOTHING))} s."
    )
