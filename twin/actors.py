"""Actors: what a behaviour remembers, as plain data, and the clock that moves the plant before SimPy moves time.

SimPy's generators cannot be copied. A behaviour therefore keeps nothing in a local variable across a ``yield``: all
it knows stands in its Actor, and on restart it waits for what it was waiting for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop
from typing import Any

import simpy
from simpy.events import NORMAL, URGENT


@dataclass
class Actor:
    """One running behaviour: kind, name, phase, when it wakes, its tasks, messages and data (all JSON)."""

    kind: str
    name: str
    phase: str = "idle"
    wake_at: int | None = 0
    ticket: int = 0
    """Order among actors that wake in the same millisecond."""
    fired: int = -1
    """Ticket of the waking that has happened already."""
    cuts: bool = False
    """Whether its waking ends a step of the plant at that very millisecond."""
    tasks: dict[str, int] = field(default_factory=dict)
    inbox: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    def task(self, name: str, at_ms: int) -> None:
        """Remember to do ``name`` at ``at_ms``."""
        self.tasks[name] = at_ms

    def has_task(self, name: str) -> bool:
        """Whether ``name`` is planned."""
        return name in self.tasks

    def drop_task(self, name: str) -> None:
        """Forget ``name``."""
        self.tasks.pop(name, None)

    def due_tasks(self, now_ms: int) -> list[str]:
        """Take the tasks that are due, in order of (time, name)."""
        due = sorted((at, name) for name, at in self.tasks.items() if at <= now_ms)
        for _, name in due:
            del self.tasks[name]
        return [name for _, name in due]

    def due(self, now_ms: int) -> bool:
        """Whether the time it asked to wake at has come."""
        return self.wake_at is not None and self.wake_at <= now_ms


class Wake(simpy.Event):
    """A planned waking: stale when the actor has asked for another time since."""

    def __init__(self, env: simpy.Environment, actor: Actor, at_ms: int) -> None:
        super().__init__(env)
        self._ok = True
        self._value = actor
        self.actor = actor
        self.ticket = actor.ticket
        env.schedule(self, NORMAL, at_ms - env.now)

    @property
    def stale(self) -> bool:
        """True when it must neither wake anybody nor cut a step."""
        return self.actor.ticket != self.ticket


class Happening(simpy.Event):
    """Something the compiled world reports: a guard (the plant stands there) or a watched job (nothing is cut)."""

    def __init__(self, env: simpy.Environment, at_ms: int, act: Callable[[], None]) -> None:
        super().__init__(env)
        self._ok = True
        self._value = None
        self.callbacks = [lambda _: act()]
        env.schedule(self, URGENT, at_ms - env.now)


class Clock(simpy.Environment):
    """A SimPy environment with one rule added: before an event is processed, the plant has caught up with it.

    ``catch_up(due, exact)`` may schedule earlier events (guards, watched jobs); it returns True once the compiled
    world stands at ``due``.
    """

    def __init__(self, catch_up: Callable[[int, bool], bool], now_ms: int) -> None:
        super().__init__(now_ms)
        self._catch_up = catch_up

    def head(self) -> simpy.Event | None:
        """The next event that counts; stale wakes before it are dropped."""
        while self._queue:
            event = self._queue[0][3]
            if not (isinstance(event, Wake) and event.stale):
                return event
            heappop(self._queue)
        return None

    def next_ms(self) -> int | None:
        """Time of the next event that counts, or None."""
        return None if self.head() is None else int(self._queue[0][0])

    def step(self) -> None:
        """Process the next event, after the plant has caught up with it."""
        while (event := self.head()) is not None:
            due = int(self._queue[0][0])
            exact = isinstance(event, Wake) and event.actor.cuts
            if self._catch_up(due, exact):
                break
        super().step()
