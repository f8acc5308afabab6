"""Events by cause: what led to what, with like events folded into one standing row, and how long each lasted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from twin.faces.report.words import THIN, asset_range, bank, number, percent
from twin.quantities import MS_PER_MIN

KIND_WORDS = {
    "throttle": "throttled", "overload": "overloaded", "stop": "rows stopped", "fault": "unit failed", "open": "opened",
    "close": "closed", "trip": "tripped", "fail": "failed", "derate": "derated", "cooling": "cooling disturbed",
    "blackout": "island lost", "stow": "stowed",
}  # fmt: skip
"""Kind → what happened, where several events share a row; a kind that is not here says it by itself."""
ENDS = {
    "open": ("close",), "trip": ("close", "reconnect", "repair"), "fail": ("repair",), "fault": ("repair",),
    "close": ("open",), "throttle": ("recover",), "stop": ("restart",), "de-energised": ("energised",),
    "blackout": ("black start", "energised"), "derate": ("derate",), "cooling": ("cooling",),
}  # fmt: skip
"""Kind → kinds of a later event of the same asset that end it."""
_OF_UNITS = ("fault",)
"""Kinds of which an asset can have several at a time: only the event that names them as cause ends them."""
_BY_HAND = ("open", "close", "trip", "fail", "set", "derate", "de-energised", "blackout", "commission")
"""Kinds that tell a story each: they share a row only within a minute."""
_UNITS = {"throttle": "°C", "overload": "%", "undervoltage": "pu", "overvoltage": "pu", "derate": "%"}
LOW_IS_WORSE = ("undervoltage", "derate")
"""Kinds whose value is the worse the lower it is."""
ATTENTION = (1, 2)
_LOWEST = 9


class Event(NamedTuple):
    """One row of the event log."""

    seq: int
    t_ms: int
    kind: str
    asset: str
    priority: int
    value: float | None
    cause: int | None
    text: str
    end_ms: int | None

    @property
    def rank(self) -> int:
        """For sorting by importance: 1, 2, 3, then information."""
        return self.priority or _LOWEST


@dataclass
class Fold:
    """One row of the cause tree: an event, or several like ones with the same cause."""

    events: list[Event]
    parent: Fold | None = None
    children: list[Fold] = field(default_factory=list)

    @property
    def first(self) -> Event:
        """The first of them."""
        return self.events[0]

    @property
    def priority(self) -> int:
        """The most urgent of them; 0 where all are information."""
        return min((event.priority for event in self.events if event.priority), default=0)

    @property
    def worst_below(self) -> int:
        """The most urgent priority in this row and below it."""
        own = self.priority or _LOWEST
        return min([own, *(child.worst_below for child in self.children)])

    @property
    def assets(self) -> str:
        """Whom it happened to."""
        return asset_range([event.asset for event in self.events])

    @property
    def words(self) -> str:
        """What happened, in a few words."""
        texts = {event.text for event in self.events}
        if len(texts) == 1:
            return self.first.text
        ends = {event.text.rpartition(": ")[2] for event in self.events if ": " in event.text}
        why = f": {ends.pop()}" if len(ends) == 1 else ""
        return KIND_WORDS.get(self.first.kind, self.first.kind) + why

    @property
    def repeated(self) -> bool:
        """Whether the same happened to one of them again and again."""
        span_ms = self.events[-1].t_ms - self.first.t_ms
        return span_ms > MS_PER_MIN and len(self.events) > len({event.asset for event in self.events})

    @property
    def worst(self) -> Event:
        """The event with the worst value; the first where they have none."""
        known = [event for event in self.events if event.value is not None]
        sign = -1.0 if self.first.kind in LOW_IS_WORSE else 1.0
        return max(known, key=lambda event: sign * (event.value or 0.0), default=self.first)

    @property
    def short(self) -> str:
        """Who and what, for a flag; only what and how often, where there are many."""
        what = KIND_WORDS.get(self.first.kind, self.first.kind)
        many = " and " in self.assets
        times = f" ×{len(self.events)}" if many or self.repeated else ""
        return what + times if many else f"{self.assets} {what}{times}"

    @property
    def lasted_ms(self) -> int | None:
        """From its beginning to its end, where it had one and stands for one time."""
        ends = [event.end_ms for event in self.events]
        if any(end is None for end in ends) or self.events[-1].t_ms - self.first.t_ms > MS_PER_MIN:
            return None
        return max(end for end in ends if end is not None) - self.first.t_ms


def events_of(frame: pd.DataFrame) -> list[Event]:
    """The event log in the order of ``seq``, each event with its end."""
    columns = {name: frame[name].tolist() for name in ("seq", "t_ms", "kind", "asset", "priority", "text")}
    values = frame["value"].to_numpy(dtype=np.float64)
    causes = frame["cause_seq"].fillna(-1).astype("int64").tolist()
    rows = zip(*columns.values(), values.tolist(), causes, strict=True)
    plain = [
        Event(
            int(seq), int(t_ms), str(kind), str(asset), int(priority), None if np.isnan(value) else float(value),
            None if cause < 0 else int(cause), str(text), None,
        )
        for seq, t_ms, kind, asset, priority, text, value, cause in rows
    ]  # fmt: skip
    ends = _ends(plain)
    return [event._replace(end_ms=ends.get(event.seq)) for event in plain]


def _ends(events: list[Event]) -> dict[int, int]:
    """seq → when it was over: at the first later event of the same asset that ends its kind."""
    open_: dict[str, list[Event]] = {}
    ends: dict[int, int] = {}
    for event in events:
        waiting = open_.setdefault(event.asset, [])
        over = [
            other for other in waiting
            if event.kind in ENDS[other.kind] and event.priority == 0
            and (other.seq == event.cause or other.kind not in _OF_UNITS)
        ]  # fmt: skip
        for other in over:
            ends[other.seq] = event.t_ms
            waiting.remove(other)
        if event.kind in ENDS and event.priority > 0:
            waiting.append(event)
    return ends


def cause_tree(events: list[Event]) -> list[Fold]:
    """Roots of the trees that hold the events of priority 1 and 2 and all that led to them."""
    by_seq = {event.seq: event for event in events}
    wanted: set[int] = set()
    for event in events:
        at: Event | None = event if event.priority in ATTENTION else None
        while at is not None and at.seq not in wanted:
            wanted.add(at.seq)
            at = by_seq.get(at.cause) if at.cause is not None else None
    roots: list[Fold] = []
    fold_of: dict[int, Fold] = {}
    latest: dict[tuple[int, str, str], Fold] = {}
    for event in events:
        if event.seq in wanted:
            parent = fold_of.get(event.cause) if event.cause is not None else None
            fold_of[event.seq] = _put(event, parent, roots, latest)
    return roots


def _put(event: Event, parent: Fold | None, roots: list[Fold], latest: dict[tuple[int, str, str], Fold]) -> Fold:
    """Add an event to the row it belongs to, or make one."""
    if parent is not None and (parent.first.kind, bank(parent.first.asset)) == (event.kind, bank(event.asset)):
        parent.events.append(event)  # more of the same, caused by the same
        return parent
    key = (id(parent), event.kind, bank(event.asset))
    like = latest.get(key)
    if like is not None and (event.kind not in _BY_HAND or event.t_ms - like.first.t_ms <= MS_PER_MIN):
        like.events.append(event)
        return like
    fold = latest[key] = Fold([event], parent)
    (roots if parent is None else parent.children).append(fold)
    return fold


def walk(folds: list[Fold], depth: int = 0) -> Iterator[tuple[int, Fold]]:
    """Rows of the trees with their depth, causes before what they led to."""
    for fold in folds:
        yield depth, fold
        yield from walk(fold.children, depth + 1)


def root_of(event: Event, events: dict[int, Event]) -> Event:
    """The event at the beginning of the chain of causes."""
    while event.cause is not None and event.cause in events:
        event = events[event.cause]
    return event


def value_text(event: Event) -> str:
    """The value of an event with its unit; empty where its text says it already or its unit is not known."""
    unit = _UNITS.get(event.kind)
    if event.value is None or unit is None:
        return ""
    if unit == "%":
        return percent(event.value)
    return f"{number(event.value, 1 if unit == '°C' else 2)}{THIN}{unit}"
