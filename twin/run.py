"""Run: the handle that people and other simulators hold."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from twin import snapshot
from twin.engine import Engine
from twin.errors import RunError
from twin.globs import matches
from twin.plan import nearest
from twin.processes.commissioning import hold_back
from twin.processes.timeline import REVERSE, add_entry
from twin.quantities import MS_PER_DAY, duration_ms
from twin.record import Recorder
from twin.scenario import Scenario
from twin.site import Site, build
from twin.verbs import VERBS
from twin.world import World

if TYPE_CHECKING:
    import pandas as pd

    from twin.network import Network
    from twin.results import Results

CACHE_VARIABLE = "TWIN_CACHE"
KIND_STATE, KIND_INPUT, KIND_OUTPUT = "state", "input", "output"


def cache_dir() -> Path | None:
    """Where weather and solar profiles are kept: ``$TWIN_CACHE``, else the user's cache; ``off`` for nowhere."""
    named = os.environ.get(CACHE_VARIABLE)
    if named == "off":
        return None
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "twin"


class _Scratch:
    """A directory that goes, without a warning, when nothing refers to it any more: run and results share one."""

    def __init__(self) -> None:
        self.name = tempfile.mkdtemp(prefix="twin-run-")
        weakref.finalize(self, shutil.rmtree, self.name, ignore_errors=True)


class Run:
    """One run of a scenario: advance, read, write, snapshot, restore, finish.

    ``out`` is the run directory (absent or empty); without it results live in a temporary directory that goes with
    the results. Stops are on grid lines only. A context manager; ``close`` is idempotent.
    """

    def __init__(self, scenario: Scenario, out: str | Path | None = None, *, _site: Site | None = None) -> None:
        self._prepare(scenario, out, _site)
        self._recorder = Recorder(self.out, **self._record_arguments())
        self.world.sink = self._recorder
        self._start_actors()
        if self._temporary is None:
            self.snapshot_to_disk()

    def _prepare(
        self, scenario: Scenario, out: str | Path | None, site: Site | None = None,
        buffers: dict[str, bytes] | None = None,
    ) -> None:  # fmt: skip
        self._cpu_start = time.process_time()
        self._simulated_before_ms = 0
        self.scenario = scenario
        self.site = site or build(scenario)
        self._temporary = _Scratch() if out is None else None
        self.out = Path(self._temporary.name) / "run" if self._temporary else Path(str(out))
        self.engine = Engine(scenario, self.site, cache_dir(), buffers)
        self.world = World(scenario, self.engine)
        self._closed = False
        self._results: Results | None = None
        self._next_checkpoint_ms = self._checkpoint_step_ms
        self._flushed_day_ms = self.world.next_local_day(0)

    _recorder: Recorder

    @property
    def _checkpoint_step_ms(self) -> int:
        return int(self.scenario.run.checkpoint_days * MS_PER_DAY)

    def _record_arguments(self) -> dict[str, Any]:
        engine, scenario = self.engine, self.scenario
        return {
            "channels": engine.channels, "minute": engine.minute_names, "fine": engine.fine_names,
            "start_ms": scenario.start_ms, "utc_offset_ms": scenario.utc_offset_ms,
            "resolved_toml": scenario.to_toml(), "manifest": self._manifest(), "group_names": self.site.plan.row_names,
            "windows": self._windows(),
        }  # fmt: skip

    def _windows(self) -> dict[str, list[tuple[int, int]]]:
        """Spans in which channels beyond the site roll-up are recorded by the minute."""
        scenario, windows = self.scenario, {}
        for channel in self.engine.channels:
            spans = [
                (scenario.local_text_to_ms(window.from_), scenario.local_text_to_ms(window.to))
                for window in scenario.record.window
                if any(matches(channel.name, pattern) for pattern in window.channels)
            ]
            if spans and not channel.site and not scenario.record.full_minute:
                windows[channel.name] = spans
        return windows

    def _manifest(self) -> dict[str, Any]:
        from twin import __version__, _core

        return {
            "title": self.scenario.title, "scenario_digest": self.scenario.digest, "seed": self.scenario.run.seed,
            "version": __version__, "isa": _core.isa, "boundary": self._boundary(),
            "horizon_ms": self.scenario.horizon_ms,
            "step_s": self.scenario.run.step_s, "utc_offset_ms": self.scenario.utc_offset_ms,
        }  # fmt: skip

    def _boundary(self) -> dict[str, str]:
        return {"weather": self.engine.weather.digest, "jobs": self.engine.jobs.digest}

    def _start_actors(self) -> None:
        world, scenario = self.world, self.scenario
        hold_back(world)
        world.start("arrivals", "arrivals")
        world.start("scheduler", "scheduler")
        world.start("dispatch", "dispatch")
        world.start("islands", "islands")
        world.start("shortage", "shortage")
        if world.commission_plan():
            world.start("commissioning", "commissioning", at_ms=world.commission_plan()[0][0])
        for component in scenario.components:
            world.start("component", component.name)
        timeline = world.start("timeline", "timeline", entries=[])
        for entry in scenario.timeline:
            length = duration_ms(entry.duration) if entry.duration else 0
            at_ms = scenario.local_text_to_ms(entry.at)
            add_entry(world, timeline, at_ms, entry.do, entry.what, entry.value, length, None)
        self._plan_timeline()

    def _plan_timeline(self) -> None:
        from twin.processes.timeline import CUTTING

        timeline = self.world.actors["timeline"]
        if timeline.data["entries"]:
            first = timeline.data["entries"][0]
            self.world.wake(timeline, first[0], cuts=first[2] in CUTTING)

    # ------------------------------------------------------------------ time

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._end("closed before the end" if error is None else f"{type(error).__name__}: {error}")

    def close(self) -> None:
        """Let go of everything; what has been simulated stays readable."""
        self._end("closed before the end")

    def _end(self, reason: str) -> None:
        if not self._closed:
            self._closed = True
            if self._results is None:
                self.engine.drain(self._recorder)
                self.world.collect_jobs()
                self._recorder.settle(self.world.plant.now_ms)
                self._recorder.abort(reason)

    @property
    def now(self) -> pd.Timestamp:
        """Present time, UTC."""
        return self.scenario.timestamp(self.world.plant.now_ms)

    def _target_ms(self, until: Any) -> int:
        import pandas as pd

        if isinstance(until, str):
            target = self._text_ms(until)
        elif isinstance(until, pd.Timestamp) or hasattr(until, "tzinfo"):
            target = self.scenario.ms_of(until)
        else:
            target = self.world.plant.now_ms + int(pd.Timedelta(until) / pd.Timedelta(milliseconds=1))
        self._check_target(target)
        return int(target)

    def _text_ms(self, text: str) -> int:
        """A duration such as ``"6h"`` counts from now; ISO text is a time, on the site's clock without an offset."""
        try:
            return int(self.world.plant.now_ms) + duration_ms(text)
        except ValueError:
            pass
        try:
            return self.scenario.local_text_to_ms(text)
        except ValueError as error:
            raise RunError(f"{text!r} is neither a time nor a duration: {error}") from error

    def _check_target(self, target: int) -> None:
        step = self.scenario.step_ms
        if target % step:
            raise RunError(
                f"{self.scenario.timestamp(target)} is not on the grid of {step / 1000:g} s from the start of the run; "
                "stopping there would change the last bits"
            )
        if target < self.world.plant.now_ms:
            raise RunError(
                f"{self.scenario.timestamp(target)} lies before {self.now}: a run cannot go back; restore a snapshot"
            )
        if target > self.scenario.horizon_ms:
            raise RunError(f"{self.scenario.timestamp(target)} lies after the end of the run, {self.end}")

    @property
    def end(self) -> pd.Timestamp:
        """End of the scenario, UTC."""
        return self.scenario.timestamp(self.scenario.horizon_ms)

    def advance(self, until: Any, stop_on_watch: bool = False) -> pd.Timestamp:
        """Go on to ``until``: a Timestamp, ISO text, or a timedelta from now, on a grid line. Return the time reached.

        Events at exactly ``until`` belong to the next call. With ``stop_on_watch`` it returns at the first event of a
        watched job.
        """
        if self._closed:
            raise RunError("the run is closed")
        target = self._target_ms(until)
        self.world.stop_on_watch = stop_on_watch
        while self.world.plant.now_ms < target:
            stop = min(target, self._flushed_day_ms)
            reached = self.world.run_until(stop)
            if self.world.watched and stop_on_watch and reached < stop:
                return self.scenario.timestamp(reached)
            if reached == self._flushed_day_ms:
                self._day_ends(reached)
        return self.now

    def _day_ends(self, at_ms: int) -> None:
        """Write the day's parts; from time to time a checkpoint."""
        self._flushed_day_ms = self.world.next_local_day(at_ms)
        self.engine.drain(self._recorder)
        self.world.collect_jobs()
        self._recorder.flush(at_ms)
        if at_ms >= self._next_checkpoint_ms and self._temporary is None:
            self.snapshot_to_disk()
            self._next_checkpoint_ms = at_ms + self._checkpoint_step_ms

    # ------------------------------------------------------------------ reading and writing

    def variables(self) -> pd.DataFrame:
        """Everything that can be read or written: name, unit, kind, start, min, max, description."""
        import pandas as pd

        rows = [
            (c.name, c.unit, KIND_STATE if c.kind == "state" else KIND_OUTPUT, self._channel_value(c.name), -np.inf,
            np.inf, c.description)
            for c in self.engine.channels
        ] + [
            (i.name, i.unit, KIND_INPUT, self.world.input_value(i.name), i.minimum, i.maximum, i.description)
            for i in self.site.plan.inputs.values()
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["name", "unit", "kind", "start", "min", "max", "description"])

    def _channel_value(self, name: str) -> float:
        channel = self.site.plan.channels.get(name)
        if channel is None:
            if name in self.site.plan.inputs:
                return self.world.input_value(name)
            raise RunError(
                f"no variable named {name!r}; {nearest(name, {**self.site.plan.channels, **self.site.plan.inputs})}"
            )
        return float(self.engine.arena.get(channel.place) * channel.scale)

    @overload
    def read(self, names: str) -> float: ...
    @overload
    def read(self, names: list[str] | tuple[str, ...]) -> npt.NDArray[np.float64]: ...
    def read(self, names: str | list[str] | tuple[str, ...]) -> float | npt.NDArray[np.float64]:
        """The present value of a variable, or an array of them in the order of ``names``."""
        if isinstance(names, str):
            return self._channel_value(names)
        return np.array([self._channel_value(name) for name in names])

    def write(self, name: str, value: float) -> None:
        """Set an input from now on; several writes act in the order written."""
        self._inject("set", name, float(value), self.world.plant.now_ms, 0)

    def inject(
        self, verb: str, what: str, value: float | None = None, after: str = "0s", duration: str | None = None
    ) -> None:
        """Do a verb of the timeline to ``what`` in ``after`` from now; undo it after ``duration``."""
        if verb not in VERBS:
            raise RunError(f"no verb {verb!r}; there are {', '.join(VERBS)}")
        if verb != "set" and what not in self.site.plan.assets:
            raise RunError(f"no asset named {what!r}; {nearest(what, self.site.plan.assets)}")
        if duration and verb not in REVERSE:
            raise RunError(f"{verb} cannot be undone; leave duration out")
        at_ms = self.world.plant.now_ms + duration_ms(after)
        self._inject(verb, what, value, at_ms, duration_ms(duration) if duration else 0)

    def _inject(self, verb: str, what: str, value: float | None, at_ms: int, length_ms: int) -> None:
        if verb == "set":
            self.world.input_value(what)
        add_entry(self.world, self.world.actors["timeline"], at_ms, verb, what, value, length_ms, None)
        self._plan_timeline()

    def network(self) -> Network:
        """The power flow with the present switches and injections, as a library object of its own."""
        from twin.network import Network

        graph = self.site.graph.copy()
        arrays = self.engine.network.arrays
        buses = self.site.plan.bus_list
        holding = {buses[i].name for i in arrays["slack_of_island"][: self.engine.network.n_island]}
        for index, bus in enumerate(buses):
            injected = {"p_mw": float(arrays["p_pu"][index] * 100.0), "q_mvar": float(arrays["q_pu"][index] * 100.0)}
            graph.nodes[bus.name].update(injected, kind="slack" if bus.name in holding else "pq")
        for _, _, name, edge in graph.edges(keys=True, data=True):
            edge["closed"] = bool(arrays["closed"][self.engine.branch_index[name]])
        return Network(graph)

    def watch(self, jobs: str) -> None:
        """Be woken for the jobs that satisfy ``jobs``, such as ``"tier == 1 and size >= 512"``: see twin.watch."""
        from twin.watch import rule

        self.world.watch_text = jobs
        self.world.watch_rule = rule(jobs)

    # ------------------------------------------------------------------ snapshot

    def snapshot(self) -> bytes:
        """All of the run's state as versioned plain data."""
        self.engine.drain(self._recorder)
        self.world.collect_jobs()
        return self._pack({})

    def _state(self) -> dict[str, Any]:
        """What a snapshot holds of the present state besides the compiled buffers."""
        return {"clocks": self.engine.plant.clocks(), "world": self.world.state()}

    def _pack(self, more: dict[str, Any]) -> bytes:
        header = {
            "scenario": self.scenario.to_toml(), "scenario_digest": self.scenario.digest,
            "boundary": self._boundary(),
            "base_dir": str(self.scenario.base_dir),
            "files": {name: str(path) for name, path in self.scenario.boundary.items()},
            **self._state(), "watch": self.world.watch_text, **more,
        }  # fmt: skip
        return snapshot.pack(header, self.engine.buffers_state())

    def snapshot_to_disk(self) -> None:
        """Write a checkpoint into the run directory; ``twin resume`` starts from the newest sound one."""
        at_ms = self.world.plant.now_ms
        self.engine.drain(self._recorder)
        self.world.collect_jobs()
        self._recorder.checkpoint(f"{at_ms:015d}.snap", self._pack({"recorder": self._recorder.ledger()}))

    @classmethod
    def restore(cls, data: bytes, out: str | Path | None = None) -> Run:
        """A run that continues from a snapshot. Its tables begin there; its ledgers run from the start.

        Boundary files are looked up where they lay when the snapshot was taken; RunError where they have changed.
        """
        header, buffers = snapshot.unpack(data)
        run = cls._from_snapshot(header, buffers, out)
        run._recorder = Recorder(run.out, **run._record_arguments())
        run._recorder.event_counts = dict(header["world"]["event_counts"])
        run._recorder.job_totals = dict(header["world"]["job_totals"])
        run.world.sink = run._recorder
        return run

    @classmethod
    def _from_snapshot(cls, header: dict[str, Any], buffers: dict[str, bytes], out: str | Path | None) -> Run:
        scenario = Scenario.parse(header["scenario"], base_dir=header["base_dir"], overrides=header["files"])
        run = cls.__new__(cls)
        run._prepare(scenario, out, buffers=buffers)
        run._continue(header, buffers)
        return run

    def _continue(self, header: dict[str, Any], buffers: dict[str, bytes]) -> None:
        if header["boundary"] != self._boundary():
            raise RunError("weather or jobs are not those of the snapshot: a boundary file has changed")
        self.engine.set_buffers_state(buffers, header["clocks"])
        self.world.set_state(header["world"])
        if header["watch"]:
            self.watch(header["watch"])
        now = header["clocks"]["now_ms"]
        self._simulated_before_ms = now
        self._flushed_day_ms = self.world.next_local_day(now)
        self._next_checkpoint_ms = now + self._checkpoint_step_ms

    @classmethod
    def resume(cls, out: str | Path) -> Run:
        """Go on with a run directory that was interrupted, from its newest sound checkpoint."""
        from twin.record import read_checkpoint

        _, data, _ = read_checkpoint(Path(out))
        header, buffers = snapshot.unpack(data)
        run = cls._from_snapshot(header, buffers, out)
        at_ms = header["clocks"]["now_ms"]
        run._recorder = Recorder.reopen(Path(out), **run._record_arguments(), at_ms=at_ms, parts=header["recorder"])
        run.world.sink = run._recorder
        return run

    def fork(self) -> Run:
        """A second run from here, with results of its own."""
        return Run.restore(self.snapshot())

    # ------------------------------------------------------------------ end

    def progress(self) -> dict[str, Any]:
        """What a progress panel shows."""
        plant = self.world.plant
        return {
            "sim_time": self.now, "start_time": self.scenario.timestamp(0), "end_time": self.end,
            "done": plant.now_ms / self.scenario.horizon_ms, "fine": plant.now_ms < plant.fine_end_ms,
            "step_s": (plant.fine_step_ms if plant.now_ms < plant.fine_end_ms else plant.grid_ms) / 1000.0,
            "n_events": sum(self._recorder.event_counts.values()),
            "events": [(self.scenario.timestamp(e.time_ms), e.priority, e.asset, e.text) for e in self.world.recent],
            "open_alarms": len(self.world.standing), "rss_mb": peak_rss_mb(),
        }  # fmt: skip

    def finish(self) -> Results:
        """Close the books, write what is left, and return the results."""
        if self._results is None:
            from twin.closing import close_books

            self._results = close_books(self)
            self._closed = True
        return self._results

    def state_digest(self) -> str:
        """SHA-256 of the present state: all that a snapshot holds of it, but not what is watched.

        Clocks, behaviours, random streams, counts and every compiled buffer; not the scenario and its files, which
        have digests of their own.
        """
        self.engine.drain(self._recorder)
        self.world.collect_jobs()
        return snapshot.digest(self._state(), self.engine.buffers_state(watching=False))


def peak_rss_mb() -> float:
    """Peak resident memory of this process, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def simulate(
    scenario: Scenario, *, out: str | Path | None = None, until: Any = None,
    progress: Callable[[Mapping[str, Any]], None] | None = None,
) -> Results:  # fmt: skip
    """Run a scenario to its end (or ``until``) and return its results."""
    with Run(scenario, out) as run:
        end = run.end if until is None else until
        if progress is None:
            run.advance(end)
        else:
            _advance_with_progress(run, run._target_ms(end), progress)
        return run.finish()


def _advance_with_progress(run: Run, target_ms: int, progress: Callable[[Mapping[str, Any]], None]) -> None:
    step = max(run.scenario.step_ms, target_ms // 200 // run.scenario.step_ms * run.scenario.step_ms)
    while run.world.plant.now_ms < target_ms:
        run.advance(run.scenario.timestamp(min(target_ms, run.world.plant.now_ms + step)))
        progress(run.progress())
