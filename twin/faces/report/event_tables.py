"""Causes and events of a run, as HTML."""

from __future__ import annotations

from collections import Counter

from twin.faces.report.causes import KIND_WORDS, LOW_IS_WORSE, Event, Fold, value_text, walk
from twin.faces.report.gather import Facts
from twin.faces.report.tables import row, table
from twin.faces.report.words import duration, number, plural, safe

MOST_EVENTS = 200
FIRST_EVENTS = 30
"""Rows of the event table that are open from the beginning."""
MOST_CAUSES = 40
_SHAPES = {
    1: '<rect x="1.5" y="1.5" width="12" height="12"/>',
    2: '<path d="M7.5 .8 15 14H0z"/>',
    3: '<path d="M7.5 0 15 7.5 7.5 15 0 7.5z"/>',
}
_DOT = '<circle cx="7.5" cy="7.5" r="1.6" class="dot"/>'


def shape(priority: int) -> str:
    """Square 1, triangle 2, diamond 3; a dot for information."""
    if priority not in _SHAPES:
        return f'<svg class="sh" viewBox="0 0 15 15" role="img" aria-label="information">{_DOT}</svg>'
    y = 12.6 if priority == 2 else 11.2
    return (
        f'<svg class="sh" viewBox="0 0 15 15" role="img" aria-label="priority {priority}">'
        f'<g class="badge{priority}">{_SHAPES[priority]}</g>'
        f'<text x="7.5" y="{y}" class="b{priority}">{priority}</text></svg>'
    )


def causes(facts: Facts, tree: list[Fold]) -> str:
    """What led to what, as an indented list; empty where no event had a priority of 1 or 2."""
    if not tree:
        return ""
    kept = sorted(tree, key=lambda fold: (fold.worst_below, fold.first.t_ms))
    rows = list(walk(kept))
    left_out = max(len(rows) - MOST_CAUSES, 0)
    shown = {id(fold) for _, fold in rows[:MOST_CAUSES]}
    items = [_cause(facts, depth, fold) for depth, fold in walk(tree) if id(fold) in shown]
    note = ""
    if left_out:
        rest = plural(left_out, "more row")
        note = f'<p class="s dim">and {rest}, less urgent; the event list has them.</p>'
    return f'<ul class="chain">{"".join(items)}</ul>{note}'


def _cause(facts: Facts, depth: int, fold: Fold) -> str:
    events = fold.events
    text = f"<b>{safe(fold.assets)}</b> {safe(fold.words)}"
    if fold.repeated:
        text += f', {plural(len(events), "time")} to <span class="nb">{facts.clock.short(events[-1].t_ms)}</span>'
    value = value_text(fold.worst)
    if value:
        text += f", {_worst_words(fold)}{value}"
    if fold.lasted_ms is not None:
        text += f' <span class="dim">for {duration(fold.lasted_ms)}</span>'
    when = f'<span class="t">{facts.clock.short(fold.first.t_ms)}</span>'
    return f'<li class="d{min(depth, 4)}">{shape(fold.priority)}{when}<span>{text}</span></li>'


def _worst_words(fold: Fold) -> str:
    """Whose value stands for the row, where the others have another one."""
    if len({event.value for event in fold.events}) == 1:
        return ""
    whose = f" in {safe(fold.worst.asset)}" if len({event.asset for event in fold.events}) > 1 else ""
    return f"{'lowest' if fold.first.kind in LOW_IS_WORSE else 'highest'}{whose} "


def event_list(facts: Facts, events: list[Event]) -> str:
    """The 200 most important events in the order of time, the first of them open, and how many there are besides."""
    if not events:
        return '<p class="dim">Nothing happened that the run had to record.</p>'
    ranked = sorted(events, key=lambda event: (event.rank, event.seq))
    open_ = {event.seq for event in ranked[:FIRST_EVENTS]}
    kept = sorted(ranked[:MOST_EVENTS], key=lambda event: event.seq)
    by_seq = {event.seq: event for event in events}
    rows = [_event(facts, event, by_seq, css="" if event.seq in open_ else "more") for event in kept]
    head = ("", "Time", "Source", "Event", "Value", "Lasted", "Cause")
    return table(head, rows, numeric=(5,)) + _event_note(events, ranked, len(kept))


def _event_note(events: list[Event], ranked: list[Event], kept: int) -> str:
    notes = []
    if kept > FIRST_EVENTS:
        notes.append(
            f'<p class="s"><span class="shut">The {FIRST_EVENTS} most important of {number(len(events))} events.'
            "</span> "
            f'<button class="link noprint" id="more" aria-expanded="false">Show {kept - FIRST_EVENTS} more</button></p>'
        )
    if len(events) > kept:
        counts = Counter(event.kind for event in ranked[kept:])
        told = ", ".join(f"{number(n)} {safe(kind)}" for kind, n in counts.most_common())
        notes.append(
            f'<p class="s dim">{number(len(events) - kept)} more are not listed here: {told}. '
            "All are in <code>events/</code> and in <code>results.events</code>.</p>"
        )
    return "".join(notes)


def _event(facts: Facts, event: Event, by_seq: dict[int, Event], *, css: str) -> str:
    cause = by_seq.get(event.cause) if event.cause is not None else None
    why = f"↳ {safe(cause.asset)} {safe(KIND_WORDS.get(cause.kind, cause.kind))}" if cause else ""
    lasted = duration(event.end_ms - event.t_ms) if event.end_ms is not None else ""
    cells = [
        shape(event.priority), _unbroken(facts.clock.exact(event.t_ms)), f"<b>{_unbroken(safe(event.asset))}</b>",
        safe(event.text), _unbroken(value_text(event)), _unbroken(lasted), f'<span class="dim">{why}</span>',
    ]  # fmt: skip
    return row(cells, numeric=(5,), css=css)


def _unbroken(html: str) -> str:
    return f'<span class="nb">{html}</span>'
