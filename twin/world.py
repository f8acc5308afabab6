"""The world: the seam between SimPy's events and the compiled plant.

SimPy owns time. Before it processes an event at t, the compiled world has caught up: jobs to t, physics to the last
grid line at or before t, or to t itself where the event cuts a step. The plant may stop earlier, at a guard or a
watched job; then that becomes the next event, so nobody ever acts on a stale state.

Behaviours use the methods here and nothing else: they wait, read, write set-points, and say what happened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import simpy

from twin import processes
from twin._core import STATUS_TEXT
from twin.actors import Actor, Clock, Happening, Wake
from twin.errors import AuditError, RunError, SolveError
from twin.globs import matches
from twin.plan import Place, Plan
from twin.quantities import MS_PER_DAY, MS_PER_HOUR, MS_PER_MIN
from twin.record import Event
from twin.verbs import Verbs

if TYPE_CHECKING:
    from twin.engine import Engine
    from twin.scenario import Scenario

REACHED, GUARD, JOB, CHUNK, FAILED, WEATHER, AUDIT_FAILED, JOBS_FULL = range(8)
"""Why the plant came back: the numbers of ``Reason`` in ext/plant.pxd."""
LISTENED = "topology"
RECENT_MS = 10 * MS_PER_MIN
LOST_ROW = 1000
"""Cause number of a job lost with row group k: this plus k; below it are the queue's own causes."""


class World(Verbs):
    """Clock, actors, guards, random streams and causes of one run."""

    def __init__(self, scenario: Scenario, engine: Engine) -> None:
        self.scenario = scenario
        self.engine = engine
        self.plan: Plan = engine.plan
        self.arena = engine.arena
        self.plant = engine.plant
        self.queue = engine.queue
        self.network = engine.network
        self.jobs = engine.jobs
        self.step_ms = scenario.step_ms
        self.horizon_ms = scenario.horizon_ms
        self.env = Clock(self._catch_up, 0)
        self.actors: dict[str, Actor] = {}
        self.tickets = 0
        self.sequence = 0
        self.recent: list[Event] = []
        self.standing: dict[str, int] = {}
        self.open_alarms: dict[int, Event] = {}
        self.overridden: dict[str, int] = {}
        """Inputs that a caller or the timeline has taken over → number of the event, 0 once it was undone."""
        self.switched: list[int] = [0, 0]
        """When the network last changed, and the number of the event behind it."""
        self.failed_assets: dict[str, float] = {}
        self._waiting: dict[str, simpy.Event] = {}
        self._planned: dict[str, int] = {}
        self._streams: dict[str, np.random.Generator] = {}
        self._components = {component.name: component for component in scenario.components}
        self._guard_index = {guard.name: i for i, guard in enumerate(self.plan.guards)}
        self._listeners: list[str] = []
        self.pending: list[list[Any]] = []
        """Guards that the plant told and nobody has heard of yet: [at_ms, names, values]."""
        self._told_ms, self._told = -1, dict[str, float]()
        self.watch_rule: Callable[[Any], np.ndarray] | None = None
        self.watched: list[tuple[int, int, str]] = []

    # ------------------------------------------------------------------ time

    @property
    def now(self) -> int:
        """Milliseconds since the start of the run: the event being processed, or where the plant stands."""
        return max(int(self.env.now), int(self.plant.now_ms))

    def local_hour(self, now_ms: int) -> float:
        """Hour of the site's clock, 0 ≤ h < 24."""
        return ((self.scenario.start_ms + self.scenario.utc_offset_ms + now_ms) % MS_PER_DAY) / MS_PER_HOUR

    def next_local_day(self, now_ms: int) -> int:
        """The first local midnight after ``now_ms``."""
        offset = (self.scenario.start_ms + self.scenario.utc_offset_ms) % MS_PER_DAY
        return int(((now_ms + offset) // MS_PER_DAY + 1) * MS_PER_DAY - offset)

    def run_until(self, until_ms: int) -> int:
        """Process every event before ``until_ms`` and bring the plant there. Return the time reached.

        Stops earlier only where a watched job asks for it (``self.stop_on_watch``).
        """
        while True:
            while (due := self.env.next_ms()) is not None and due < until_ms:
                self.env.step()
                if self.watched and self.stop_on_watch:
                    return self.now
            if self._catch_up(until_ms, exact=True):
                return until_ms

    stop_on_watch = False
    watch_text = ""

    def _catch_up(self, due_ms: int, exact: bool) -> bool:
        """Advance the compiled world to ``due_ms``; False when something happened before that."""
        if due_ms <= self.plant.now_ms and due_ms <= self.queue.now_ms:
            return True
        while True:
            reached, why = self.plant.advance(due_ms, exact)
            if why == REACHED:
                if exact and reached != due_ms:
                    raise RunError(f"the plant stands at {reached} ms, the event is at {due_ms} ms")
                return True
            if why in (GUARD, JOB):
                self._happened(reached, why)
                return False
            if why == FAILED:
                self._failed(reached)
                return False
            self._supply(reached, why)

    def _supply(self, reached_ms: int, why: int) -> None:
        """Give the plant what it ran out of."""
        if why == CHUNK:
            self.engine.drain(self.sink)
        elif why == WEATHER:
            self.engine.feed_weather(reached_ms)
        elif why == JOBS_FULL:
            self.collect_jobs()
            self.watched += self.queue.take_watched()
        elif why == AUDIT_FAILED:
            raise AuditError(self.audit_text(reached_ms))

    def audit_text(self, at_ms: int) -> str:
        """What an audit found: the law, the size, the place to look."""
        energy = float(self.arena.column("site", "energy_residual_pu")[0])
        heat = float(self.arena.column("site", "heat_residual_pu")[0])
        water = float(self.arena.column("site", "water_residual_pu")[0])
        kept = "charge of a store or the count of GPUs" if water <= 1e-9 else "water"
        law = "energy" if not abs(energy) <= 1e-9 else kept if heat <= 1e-9 else "heat"  # NaN is off as well
        return (
            f"{law} is not conserved at {self.scenario.timestamp(at_ms)}: energy {energy:.2e} pu, heat {heat:.2e} pu, "
            f"water {water:.2e} pu, limit 1e-09; largest: {self.engine.worst_asset()}"
        )

    # ------------------------------------------------------------------ guards, jobs, failures

    def _happened(self, at_ms: int, why: int) -> None:
        if why == JOB:
            self.watched += self.queue.take_watched()
            Happening(self.env, max(self.queue.now_ms, int(self.env.now)), lambda: None)
            return
        count = self.plant.n_fired
        names = [self.plan.guards[int(i)].name for i in self.plant.fired_now[:count]]
        self._tell_later(at_ms, names, self.plant.fired_values[:count].tolist())

    def _tell_later(self, at_ms: int, names: list[str], values: list[float]) -> None:
        """Deliver guards at ``at_ms``; until then they are part of the state."""
        told = [at_ms, names, values]
        self.pending.append(told)
        Happening(self.env, at_ms, lambda: self._deliver(told))

    def _deliver(self, told: list[Any]) -> None:
        """Put each guard's name into its owner's inbox, and open a fine window where one of them asks for it."""
        self.pending.remove(told)
        self._told_ms, self._told = told[0], dict(zip(told[1], told[2], strict=True))
        guards = [self.plan.guards[self._guard_index[name]] for name in told[1]]
        if any(guard.fine for guard in guards):
            self.open_fine()
        for guard in guards:
            self.tell(guard.owner, guard.name)

    def _failed(self, at_ms: int) -> None:
        """An island that cannot be solved or balanced goes dark: an event with a cause, not an exception."""
        status, bus = self.plant.status, self.plant.failed_at
        if status not in (1, 2, 3) or bus < 0:
            element = self.plan.bus_list[bus].name if bus >= 0 else "the network"
            raise SolveError(
                f"solve failed at {self.scenario.timestamp(at_ms)}, {element}: {STATUS_TEXT[status]}; run `twin check`"
            )
        name = self.plan.bus_list[bus].name
        Happening(self.env, at_ms, lambda: self.black_out(status, name))

    def tell(self, name: str, message: str) -> None:
        """Put a message into an actor's inbox and wake it."""
        actor = self.actors.get(name)
        if actor is None:
            return
        actor.inbox.append(message)
        waiting = self._waiting.pop(name, None)
        if waiting is not None:
            waiting.succeed()

    def guard_value(self, name: str) -> float:
        """Value that the guard watches: as it was seen when the guard is told at this moment, else now."""
        if self._told_ms == self.now and name in self._told:
            return self._told[name]
        return float(self.arena.get(self.plan.guards[self._guard_index[name]].place))

    def guard_limit(self, name: str) -> float:
        """Limit of the guard."""
        return self.plan.guards[self._guard_index[name]].limit

    def guard_active(self, name: str) -> bool:
        """Whether the guard's limit is still broken."""
        return bool(self.plant.violations[self._guard_index[name]])

    def open_fine(self) -> None:
        """Step finely from now on until rates are small again."""
        run = self.scenario.run
        self.plant.open_fine(
            round(run.fine_step_s * 1000), round(run.fine_window_least_s * 1000), round(run.fine_window_most_s * 1000)
        )

    # ------------------------------------------------------------------ actors

    def start(self, kind: str, name: str, *, at_ms: int | None = None, **data: Any) -> Actor:
        """Start a behaviour of ``kind`` (a process, or ``component``) under ``name``, waking at ``at_ms`` or now."""
        self.tickets += 1
        actor = Actor(kind, name, wake_at=self.now if at_ms is None else at_ms, ticket=self.tickets, data=data)
        self._spawn(actor)
        return actor

    def _spawn(self, actor: Actor) -> None:
        if actor.name in self.actors:
            raise RunError(f"two behaviours named {actor.name!r}")
        if actor.kind == "component":
            generator = self._components[actor.name].behave(self, actor)
            if generator is None:
                return
        else:
            generator = processes.registry()[actor.kind](self, actor)
        self.actors[actor.name] = actor
        self.env.process(generator)

    def wait(self, me: Actor) -> simpy.Event:
        """The event a behaviour yields: its planned waking or the next message, whichever comes first."""
        event = simpy.Event(self.env)
        if me.inbox:
            event.succeed()
            return event
        self._waiting[me.name] = event
        if me.fired == me.ticket:
            me.wake_at = None
        elif me.wake_at is not None and self._planned.get(me.name) != me.ticket:
            self._plan_wake(me)
        return event

    def _plan_wake(self, me: Actor) -> None:
        if me.wake_at is None:
            return
        self._planned[me.name] = me.ticket
        wake = Wake(self.env, me, max(me.wake_at, int(self.env.now)))
        wake.callbacks = [lambda _: self._on_wake(wake)]

    def _on_wake(self, wake: Wake) -> None:
        actor = wake.actor
        if wake.stale:
            return
        actor.fired = actor.ticket
        waiting = self._waiting.pop(actor.name, None)
        if waiting is not None:
            waiting.succeed()

    def wake(self, me: Actor, at_ms: int, *, cuts: bool = False) -> None:
        """Ask to be woken at ``at_ms``. What does not cut a step is moved to the next grid line."""
        if not cuts:
            at_ms = -(-at_ms // self.step_ms) * self.step_ms
        self.tickets += 1
        me.wake_at, me.ticket, me.cuts = at_ms, self.tickets, cuts
        self._plan_wake(me)

    def wake_for_tasks(self, me: Actor) -> None:
        """Ask to be woken for the earliest of the actor's tasks, if it has any."""
        if me.tasks:
            earliest = -(-min(me.tasks.values()) // self.step_ms) * self.step_ms
            if me.fired == me.ticket or me.wake_at != earliest:
                self.wake(me, earliest)
        else:
            me.wake_at = None

    def take(self, me: Actor) -> list[str]:
        """Take the guard names that arrived; topology messages only wake."""
        messages, me.inbox = me.inbox, []
        return [message for message in messages if message != LISTENED]

    def on_topology(self, me: Actor) -> None:
        """Wake ``me`` after every switching."""
        if me.name not in self._listeners:
            self._listeners.append(me.name)

    def component(self, name: str) -> Any:
        """The component of this name."""
        return self._components[name]

    # ------------------------------------------------------------------ random numbers

    def random(self, entity: str, purpose: str) -> np.random.Generator:
        """The stream of ``entity`` for ``purpose``: Philox keyed by (seed, entity, purpose), independent of all others.

        Use ``.random()`` only; other laws by inverse CDF, so that draws do not depend on the numpy version.
        """
        name = f"{entity}/{purpose}"
        if name not in self._streams:
            digest = hashlib.sha256(f"{self.scenario.run.seed}/{name}".encode()).digest()
            key = np.frombuffer(digest[:16], dtype=np.uint64)
            self._streams[name] = np.random.Generator(np.random.Philox(key=key))
        return self._streams[name]

    # ------------------------------------------------------------------ events and causes

    def emit(
        self, kind: str, asset: str, text: str, *, priority: int = 0, value: float | None = None,
        cause: int | None = None,
    ) -> int:  # fmt: skip
        """Write an event down and return its number. Priority: 1 act now, 2 act soon, 3 know, 0 information."""
        self.sequence += 1
        event = Event(self.sequence, self.now, kind, asset, priority, value, cause, text)
        self.sink.event(event)
        if priority in (1, 2):
            self.recent = [*self.recent[-7:], event]
        return self.sequence

    def stand(self, asset: str, seq: int) -> None:
        """Say that event ``seq`` is the present trouble of ``asset``: what follows from it names it as cause."""
        self.standing[asset] = seq

    def clear(self, asset: str) -> None:
        """The trouble of ``asset`` is over."""
        self.standing.pop(asset, None)

    def cause_of(self, name: str, depth: int = 0, *, of_parts: bool = True) -> int | None:
        """The standing event that explains trouble at ``name``: its own, or of what it depends on, nearest first.

        A failed part explains trouble of the whole, and of what depends on it; not of another part.
        """
        found = self.standing.get(name) or self._set_by(name) or (self._part_failed(name) if of_parts else None)
        asset = self.plan.assets.get(name)
        if found is not None or asset is None or depth > 8:
            return found
        for other in (*asset.depends, asset.component, asset.bus):
            if other and other != name:
                found = self.cause_of(other, depth + 1, of_parts=other in asset.depends)
                if found is not None:
                    return found
        return None

    def _set_by(self, name: str) -> int | None:
        """The last event that set an input of ``name`` and has not been undone."""
        return next((seq for key, seq in self.overridden.items() if seq and key.rpartition(".")[0] == name), None)

    def _part_failed(self, name: str) -> int | None:
        """The last standing event of a part of ``name``."""
        parts = (other for other in reversed(self.standing) if other in self.plan.assets)
        return next((self.standing[other] for other in parts if self.plan.assets[other].component == name), None)

    def recent_switching(self) -> int | None:
        """The event behind the last change of the network, for a few minutes after it: voltages follow from it."""
        at_ms, seq = self.switched
        return seq if seq and self.now - at_ms <= RECENT_MS else None

    # ------------------------------------------------------------------ reading and writing

    def put(self, place: Place, value: float) -> None:
        """Write a number of the plant's tables, from now on."""
        self.arena.set(place, value)

    def alive(self, bus: str) -> bool:
        """Whether the bus is energised."""
        return bool(self.arena.column("bus", "alive")[self.plan.buses[bus]] > 0.0)

    def supply_level(self, bus: str) -> int:
        """How the bus is supplied: 0 dead, 1 alive in an island of local sources, 2 tied to a grid that is there."""
        index = self.plan.buses[bus]
        return sum(bool(self.arena.column("bus", name)[index] > 0.0) for name in ("alive", "tied"))

    def failed(self, name: str) -> bool:
        """Whether the asset has failed and is not repaired."""
        return name in self.failed_assets

    def row_supply(self, row: int) -> bool:
        """Whether a board of the row group is energised."""
        boards = [int(self.arena.column("row", side)[row]) for side in ("board_a", "board_b")]
        bus = self.arena.column("board", "bus")
        alive = self.arena.column("bus", "alive")
        return any(alive[bus[board]] > 0.0 for board in boards if board >= 0)

    def weather_day(self, within_ms: int) -> Any:
        """Rain, dust and wind of the local day that holds ``within_ms``."""
        return self.engine.weather_day(within_ms, self.next_local_day(within_ms))

    def next_weather(self, column: str, limit: float, *, above: bool, after: int) -> int | None:
        """When ``column`` of the weather is next above (or below) ``limit``, as ms since the start; None if never."""
        return self.engine.next_weather(column, limit, above=above, after_ms=after)

    # ------------------------------------------------------------------ commissioning, jobs

    def commission_plan(self) -> list[tuple[int, list[str]]]:
        """What enters service when: (ms since the start, names), in order of time."""
        groups = []
        for entry in self.scenario.commissioning:
            names = [
                name for name, asset in self.plan.assets.items()
                if matches(name, entry.what) and asset.places.get("commission")
            ]  # fmt: skip
            groups.append((self.scenario.local_text_to_ms(entry.at), names))
        return sorted(groups, key=lambda group: group[0])

    def watch_flags(self, batch: Any) -> np.ndarray:
        """1 for the jobs of ``batch`` that somebody watches."""
        if self.watch_rule is None:
            return np.zeros(len(batch.ids), dtype=np.uint8)
        return np.asarray(self.watch_rule(batch), dtype=np.uint8)

    def collect_jobs(self) -> None:
        """Hand the records of ended jobs to the recorder."""
        records = self.queue.drain()
        if len(records["id"]):
            self.sink.jobs(records)

    def lose_row(self, row: int) -> list[int]:
        """Stop every job on a row group and take it out of service; the jobs that were hit."""
        hit = [int(job) for job in self.queue.lose_group(row, LOST_ROW + row)]
        self.queue.set_group_online(row, False)
        return hit

    def restore_row(self, row: int) -> None:
        """Let a row group take jobs again, if it is commissioned."""
        if self.arena.column("row", "commissioned")[row] > 0.0:
            self.queue.set_group_online(row, True)

    # ------------------------------------------------------------------ snapshot

    def state(self) -> dict[str, Any]:
        """Everything the world knows besides the compiled buffers, as plain data."""
        return {
            "actors": [asdict(self.actors[name]) for name in sorted(self.actors)],
            "tickets": self.tickets, "sequence": self.sequence, "event_counts": self.sink.event_counts,
            "standing": self.standing, "overridden": self.overridden, "failed_assets": self.failed_assets,
            "job_totals": self.sink.job_totals, "listeners": self._listeners, "pending": self.pending,
            "switched": self.switched,
            "streams": {name: _plain(stream.bit_generator.state) for name, stream in self._streams.items()},
            "now_ms": self.plant.now_ms,
        }  # fmt: skip

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from ``state``; the compiled buffers have been restored before."""
        self.env = Clock(self._catch_up, state["now_ms"])
        self._waiting, self.actors = {}, {}
        self._planned.clear()
        self.tickets, self.sequence = state["tickets"], state["sequence"]
        self.standing = dict(state["standing"])
        self.overridden, self.failed_assets = dict(state["overridden"]), dict(state["failed_assets"])
        self._listeners, self.switched = list(state["listeners"]), list(state["switched"])
        for name, saved in state["streams"].items():
            entity, _, purpose = name.rpartition("/")
            self.random(entity, purpose).bit_generator.state = _unplain(saved)
        self.pending = []
        for told in state["pending"]:
            self._tell_later(*told)
        order = sorted(state["actors"], key=lambda actor: (_late(actor["wake_at"]), actor["ticket"]))
        for saved in order:
            self._spawn(Actor(**saved))

    sink: Any = None
    """Where events and jobs go: the recorder."""


def _late(wake_at: int | None) -> int:
    return 2**62 if wake_at is None else wake_at


def _plain(value: Any) -> Any:
    """Nested data with numpy arrays turned into lists of ints."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return {"u8": [int(item) for item in value]}
    return value.item() if isinstance(value, np.generic) else value


def _unplain(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"u8"}:
            return np.array(value["u8"], dtype=np.uint64)
        return {key: _unplain(item) for key, item in value.items()}
    return value
