"""The answer first: verdict in a sentence, the line of numbers, and what each figure found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.faces.report.causes import ATTENTION, KIND_WORDS, Event, root_of
from twin.faces.report.energy import RULES, Energy
from twin.faces.report.gather import TRANSFORMERS, Facts
from twin.faces.report.words import (
    THIN,
    count_word,
    digits_to_tell,
    hours_text,
    listed,
    number,
    percent,
    plural,
    safe,
    sentence,
    with_unit,
)
from twin.indicators import NINGXIA_CO2_KG_KWH, Verdict
from twin.quantities import MS_PER_DAY, MS_PER_HOUR

RELATION_WORDS = {"below": "below", "above": "above", "at_most": "at most", "at_least": "at least"}
_TOLD = 3
"""Unmet expectations that the sentence tells of; the table has them all."""


@dataclass(frozen=True)
class Tile:
    """A number with its unit, and what it is to be read against."""

    label: str
    value: str
    unit: str
    note: str
    over: bool = False


def span_text(facts: Facts) -> str:
    """``3 days``; hours below two days."""
    days = facts.end_ms / MS_PER_DAY
    if days < 2:
        return plural(round(facts.end_ms / MS_PER_HOUR), "hour")
    return plural(int(days), "day") if days == int(days) else f"{number(days, 1)}{THIN}days"


# The sentence -------------------------------------------------------------------------------------------------------


def lead(facts: Facts, energy: Energy, events: list[Event]) -> str:
    """HTML of the first paragraph."""
    words = []
    if not facts.complete:
        until = f"{_time(facts, facts.end_ms)}, before {_time(facts, facts.horizon_ms)}"
        words.append(f"<b>Incomplete: the results end at {until}.</b>")
    if facts.verdicts:
        words.append(f"<b>{_count_met(facts)}</b>")
        missed = [each for each in facts.verdicts if each.met is False]
        words += [_missed(each, facts, events) for each in missed[:_TOLD]]
        if len(missed) > _TOLD:
            words.append(f"{sentence(count_word(len(missed) - _TOLD))} more in the table.")
    summed = _in_sum(energy)
    return " ".join([*words, summed if words else f"<b>{summed}</b>", _attention(facts, events)])


def _count_met(facts: Facts) -> str:
    judged = [each for each in facts.verdicts if each.met is not None]
    met, total = sum(bool(each.met) for each in judged), len(facts.verdicts)
    so_far = "" if facts.complete else " so far"
    if len(judged) < total:
        unjudged = f" {sentence(count_word(total - len(judged)))} could not be judged: there is no value."
        return f"{sentence(count_word(met))} of {count_word(total)} expectations met{so_far}.{unjudged}"
    if total == 1:
        return f"The one expectation is {'' if met else 'not '}met{so_far}."
    if met == total:
        return f"{'Both' if total == 2 else f'All {count_word(total)}'} expectations met{so_far}."
    return f"{sentence(count_word(met) if met else 'none')} of {count_word(total)} expectations met{so_far}."


def _missed(each: Verdict, facts: Facts, events: list[Event]) -> str:
    channel = each.channel or each.that
    unit = facts.units.get(channel, "")
    digits = digits_to_tell(unit, each.observed, each.limit)
    verb = "reached" if each.relation in ("below", "at_most") else "fell to"
    asked = f"{RELATION_WORDS[each.relation]} {with_unit(each.limit, unit, digits)}"
    at_ms = time_ms(each, facts)
    when = "" if at_ms is None else f" on {_time(facts, at_ms)}"
    name = f"{safe(each.title)}: " if each.title else ""
    why = _why(channel, at_ms, facts, events)
    observed = with_unit(each.observed, unit, digits)
    return f"{name}<code>{safe(channel)}</code> {verb} {observed}{when}{why}; asked for was {asked}."


def _time(facts: Facts, t_ms: int) -> str:
    return f'<span class="nb">{facts.clock.short(t_ms)}</span>'


def time_ms(each: Verdict, facts: Facts) -> int | None:
    """When the worst value was, ms since the start of the run."""
    return None if each.time is None else facts.results.ms(each.time)


def _why(channel: str, at_ms: int | None, facts: Facts, events: list[Event]) -> str:
    """What the run recorded as the beginning of the trouble the asset was in; empty where it recorded none."""
    asset = channel.rpartition(".")[0]
    if at_ms is None:
        return ""
    known = [
        event for event in events
        if event.asset == asset and event.priority in ATTENTION and event.t_ms <= at_ms + MS_PER_HOUR
        and (event.end_ms is None or event.end_ms >= at_ms)
    ]  # fmt: skip
    if not known:
        return ""
    root = root_of(known[-1], {event.seq: event for event in events})
    if root.asset == asset:
        return ""
    return f", because {safe(root.asset)} {safe(KIND_WORDS.get(root.kind, root.text))} on {_time(facts, root.t_ms)}"


def _in_sum(energy: Energy) -> str:
    """The run in a sentence, whatever was expected of it."""
    unserved = energy.total.get("unserved")
    served = ""
    if unserved is not None:
        missed = THIN.join(_not_served(unserved))
        served = "no load was left unserved" if unserved <= 0.0 else f"{missed} of load were not served"
    shares, said = energy.shares, [served] if served else []
    if shares.get("green_load") is not None:
        said.append(f"solar power carried {percent(shares['green_load'])} of the load")
    if (shares.get("curtailed") or 0.0) >= 0.005:
        said.append(f"{percent(shares['curtailed'])} of what the sun offered was curtailed")
    return sentence(listed(said)) + "." if said else ""


def _attention(facts: Facts, events: list[Event]) -> str:
    urgent = [event for event in events if event.priority in ATTENTION]
    if not urgent:
        return f"Nothing in {span_text(facts)} asked for attention."
    now = sum(event.priority == 1 for event in urgent)
    ask = "asks" if len(urgent) == 1 else "ask"
    at_once = f", {count_word(now)} of them of priority{THIN}1" if now else ""
    return f"{plural(len(urgent), 'event')} in {span_text(facts)} {ask} for attention{at_once}."


# Tiles --------------------------------------------------------------------------------------------------------------


def tiles(facts: Facts, energy: Energy) -> list[Tile]:
    """The line of numbers."""
    return [
        _rule_tile("Solar share of load", energy, "green_load"),
        _rule_tile("Solar used on site", energy, "self_use"),
        _curtailed(facts, energy),
        _pue(facts, energy),
        _gpu_hours(facts),
        _unserved(energy),
        _transformers(facts),
        Tile("CO₂ from the grid", number(energy.co2_t), "t", f"{NINGXIA_CO2_KG_KWH} kg/kWh, Ningxia 2023"),
    ]


def _rule_tile(label: str, energy: Energy, rule: str) -> Tile:
    share = energy.shares.get(rule)
    return Tile(label, number(None if share is None else 100 * share, 1), "%", f"rule: {rule_text(energy, rule)}")


def rule_text(energy: Energy, rule: str) -> str:
    """What the rule asks of a share, and whether that is kept: ``at least 30 %, kept``."""
    limit, relation = RULES[rule]
    kept = {True: ", kept", False: ", not kept", None: ""}[energy.kept(rule)]
    return f"{relation} {percent(limit)}{kept}"


def _curtailed(facts: Facts, energy: Energy) -> Tile:
    share, limit = energy.shares.get("curtailed"), facts.settings.export_limit_mw()
    hours = energy.export_at_limit_h()
    note = f"export at its {limit:.0f} MW limit for {hours_text(hours)}" if limit and hours else "of the available"
    return Tile("Curtailed", number(None if share is None else 100 * share, 1), "%", note)


def _pue(facts: Facts, energy: Energy) -> Tile:
    worst = energy.worst_pue
    note = f"worst hour {worst[0]:.3f}, {facts.clock.short(worst[1])}" if worst else ""
    return Tile("PUE", number(energy.pue, 3), "", note)


def gpu_hours(facts: Facts) -> tuple[float, float]:
    """GPU-hours given to jobs, and those of them that were lost; of an incomplete run as far as jobs have ended."""
    known = facts.summary.get("gpu_h")
    if known:
        return float(known["delivered"]), float(known["lost"])
    return facts.jobs.gpu_h, facts.jobs.lost_gpu_h


def _gpu_hours(facts: Facts) -> Tile:
    delivered, lost = gpu_hours(facts)
    sizes = ((1e9, "billion"), (1e6, "million"), (1e4, "thousand"))
    size, unit = next(((size, name) for size, name in sizes if delivered >= size), (1.0, ""))
    scale = 1e3 if unit == "thousand" else size
    share = percent(lost / delivered, 1) if delivered > 0 else "–"
    return Tile("GPU-h delivered", number(delivered / scale, 2 if scale > 1 else 0), unit, f"{share} lost to restarts")


def _not_served(energy_mwh: float) -> tuple[str, str]:
    """Value and unit; kilowatt-hours where megawatt-hours would show nothing."""
    return (number(energy_mwh, 1), "MWh") if energy_mwh >= 0.1 else (number(1e3 * energy_mwh, 2), "kWh")


def _unserved(energy: Energy) -> Tile:
    unserved = energy.total.get("unserved")
    note = "no value" if unserved is None else "nothing shed" if unserved <= 0.0 else "rack demand that nothing served"
    value, unit = _not_served(unserved) if unserved else (number(unserved, 1), "MWh")
    return Tile("Load not served", value, unit, note, over=bool(unserved and unserved > 0.0))


def _transformers(facts: Facts) -> Tile:
    peak = peak_of(facts, TRANSFORMERS)
    if peak is None:
        return Tile("Peak transformer loading", "–", "%", "no transformer recorded")
    name, value, at_ms = peak
    return Tile(
        "Peak transformer loading", number(100 * value), "%",
        f"{name.rpartition('.')[0]}, {facts.clock.short(at_ms)}", over=value > 1.0,
    )  # fmt: skip


def peak_of(facts: Facts, pattern: str) -> tuple[str, float, int] | None:
    """Channel, greatest value and hour of the highest of a group; None where there is none."""
    names = [name for name in facts.groups[pattern] if name in facts.high]
    if not names:
        return None
    block = np.stack([facts.high[name] for name in names])
    row, at = np.unravel_index(int(np.nanargmax(block)), block.shape)
    return names[int(row)], float(block[row, at]), int(facts.high.t_ms[at])


def hours_above(facts: Facts, name: str, limit: float, *, or_at: bool = False) -> str:
    """In how many hours a channel was above a limit (or at it) at some step: ``5 h``."""
    rows, single = facts.high, float(np.float32(limit))  # values are recorded in single precision
    beyond = rows[name] >= single if or_at else rows[name] > single
    return f"{number(float(rows.length_ms[beyond].sum()) / MS_PER_HOUR)}{THIN}h"
