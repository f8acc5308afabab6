"""The recorder: what a run measures and what happens in it, as columns in the files of a run directory.

Rows are kept until their site-local day is over and are then written as one part, so memory is bounded by a day. A
part is in place in full or not at all; after a crash ``reopen`` cuts the directory back to the last checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from twin import parts
from twin.errors import RunError
from twin.parts import Calendar, Columns, Layout
from twin.plan import Channel
from twin.quantities import MS_PER_HOUR, MS_PER_MIN, MS_PER_S

FORMAT = 1
KEPT_CHECKPOINTS = 3
SHORT_RUN_S = 10.0
"""Run time below which the slowdown of a job counts as if it ran that long (Feitelson's bounded slowdown)."""
_MS_PER_GPU_H = float(MS_PER_HOUR)
_J_PER_KWH = 3.6e6
_QUEUED, _RUNNING = parts.JOB_STATES.index("queued"), parts.JOB_STATES.index("running")


@dataclass(frozen=True)
class Event:
    """Something that happened: priority 0 is information, 1 act now, 2 act soon, 3 know."""

    seq: int
    time_ms: int
    """Since the start of the run."""
    kind: str
    asset: str
    priority: int
    value: float | None
    cause_seq: int | None
    """``seq`` of the event that brought this one about."""
    text: str


class Series:
    """Rows of one kind that wait for their day to end."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.waiting: dict[int, list[Columns]] = {}

    def add(self, days: npt.NDArray[np.int64], columns: Columns) -> None:
        """Take rows over; ``days`` tells the local day of each."""
        if days[0] == days[-1] and (days == days[0]).all():
            self.waiting.setdefault(int(days[0]), []).append(columns)
            return
        for day in np.unique(days):
            rows = days == day
            self.waiting.setdefault(int(day), []).append(tuple(column[rows] for column in columns))

    def of_day(self, day: int) -> Columns:
        """All rows of a day so far, as one."""
        pieces = self.waiting[day]
        if len(pieces) > 1:
            pieces[:] = [tuple(np.concatenate(column) for column in zip(*pieces, strict=True))]
        return pieces[0]

    def sha(self, day: int) -> str:
        """Canonical content of a day so far."""
        return parts.content_sha(self.layout.label, self.of_day(day))

    def write(self, out: Path, day: int) -> Path:
        """Write the part of a day, as far as it is known."""
        path = out / parts.part_name(self.layout.folder, day)
        parts.write_bytes(path, memoryview(parts.part_bytes(self.layout.table(self.of_day(day)))))
        return path

    def read(self, out: Path, day: int, known: Mapping[str, Any]) -> None:
        """Take the ``rows`` first rows of a part back; raise RunError where their content is not ``sha256``."""
        path = out / parts.part_name(self.layout.folder, day)
        columns = self.layout.columns(parts.read_part(path))
        self.waiting[day] = [tuple(np.ascontiguousarray(column[: known["rows"]]) for column in columns)]
        if self.sha(day) != known["sha256"]:
            raise RunError(f"{path}: not what the checkpoint remembers; start the run again in another directory")


class Recorder:
    """The one writer of a run directory.

    ``channels`` are all that is recorded by the hour, in the order of the blocks; ``minute`` and ``fine`` name those
    of the other two blocks. ``start_ms`` is the start of the run in ms since 1970 (UTC), ``utc_offset_ms`` how far
    the site's clock is ahead of UTC. ``group_names`` gives the asset of each group of the job queue, ``windows`` the
    spans [from, to), ms since the start, in which a minute channel is recorded; without an entry it always is.
    ``manifest`` is kept as given, beside ``status`` and the times; it must be JSON-able.

    All times given to the methods are ms since the start of the run.
    """

    def __init__(
        self,
        out: Path,
        *,
        channels: Sequence[Channel],
        minute: Sequence[str],
        fine: Sequence[str],
        start_ms: int,
        utc_offset_ms: int,
        resolved_toml: str,
        manifest: dict[str, Any],
        group_names: Sequence[str] = (),
        windows: Mapping[str, Sequence[tuple[int, int]]] | None = None,
    ) -> None:
        calendar, spans = Calendar(start_ms, utc_offset_ms), windows or {}
        self._set_up(out, calendar, channels=channels, minute=minute, fine=fine, groups=group_names, windows=spans)
        self._manifest = self._head(manifest)
        if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
            raise RunError(f"{self.out}: exists and is not empty; choose another directory or remove it")
        self.out.mkdir(parents=True, exist_ok=True)
        self._save_manifest("running")
        parts.write_bytes(self.out / "scenario.resolved.toml", resolved_toml.encode())
        parts.write_bytes(self.out / "channels.parquet", memoryview(parts.part_bytes(self._channel_table())))

    @classmethod
    def reopen(
        cls,
        out: Path,
        *,
        channels: Sequence[Channel],
        minute: Sequence[str],
        fine: Sequence[str],
        start_ms: int,
        utc_offset_ms: int,
        resolved_toml: str,
        manifest: dict[str, Any],
        at_ms: int,
        parts: dict[str, Any],
        group_names: Sequence[str] = (),
        windows: Mapping[str, Sequence[tuple[int, int]]] | None = None,
    ) -> Recorder:
        """Go on in a directory that a run left: ``parts`` is the ledger of the checkpoint taken at ``at_ms``.

        Rows that are not in the ledger are removed. Raise RunError where the scenario is another one, and where
        something is missing or damaged that the ledger has.
        """
        self = cls.__new__(cls)
        calendar, spans = Calendar(start_ms, utc_offset_ms), windows or {}
        self._set_up(out, calendar, channels=channels, minute=minute, fine=fine, groups=group_names, windows=spans)
        self._manifest = self._head(manifest)
        scenario = self.out / "scenario.resolved.toml"
        if not scenario.exists() or scenario.read_text(encoding="utf-8") != resolved_toml:
            raise RunError(f"{scenario}: not the scenario of the checkpoint; resume in the directory of the run")
        self._recover(at_ms, parts)
        self._save_manifest("running")
        return self

    def _set_up(
        self,
        out: Path,
        calendar: Calendar,
        *,
        channels: Sequence[Channel],
        minute: Sequence[str],
        fine: Sequence[str],
        groups: Sequence[str],
        windows: Mapping[str, Sequence[tuple[int, int]]],
    ) -> None:
        self.out = Path(out)
        self._channels, self._minute, self._fine = tuple(channels), tuple(minute), tuple(fine)
        self._names = tuple(channel.name for channel in channels)
        for name in (*minute, *fine):
            if name not in self._names:
                raise RunError(f"recorder: {name} is to be recorded but is no channel")
        self._windows = {name: [list(span) for span in windows[name]] for name in minute if name in windows}
        self._calendar = calendar
        self._hours = parts.hour_layout(calendar, self._names)
        self._minutes = parts.MinuteLayout(calendar, minute, windows)
        self._jobs = parts.JobLayout(calendar, groups)
        layouts: list[Layout] = [
            self._hours, self._minutes, parts.fine_layout(calendar, fine), parts.EventLayout(calendar), self._jobs,
        ]  # fmt: skip
        self._series = {layout.folder: Series(layout) for layout in layouts}
        self._events: list[Event] = []
        self._parts: dict[str, str] = {}
        self._unsynced: dict[Path, None] = {}
        self._closed_ms = calendar.day_start_ms(calendar.day(0))
        self._reached_ms = 0
        self.event_counts: dict[str, int] = {}
        """Events so far, by kind."""
        self.job_totals: dict[str, float] = dict.fromkeys(("ran", "wait_s", "bounded_slowdown"), 0.0)
        """Of the jobs that ended after they had run: how many, and the sums of their waits and bounded slowdowns."""

    # ------------------------------------------------------------------ rows

    def hours(self, t_ms: npt.NDArray[np.int64], block: npt.NDArray[np.float32]) -> None:
        """Hours that start at ``t_ms``; ``block`` has shape (rows, 3, channels): mean, min, max. Both are copied."""
        times, values = self._checked(t_ms, block, self._names, (3, len(self._names)))
        self._hours.clean(values)
        self._add(parts.HOURS, times, (times, values), MS_PER_HOUR)

    def minutes(self, t_ms: npt.NDArray[np.int64], block: npt.NDArray[np.float32]) -> None:
        """Minutes that start at ``t_ms``; ``block`` has shape (rows, minute channels). Both are copied."""
        times, values = self._checked(t_ms, block, self._minute, (len(self._minute),))
        self._minutes.clean(times, values)
        self._add(parts.MINUTES, times, (times, values), MS_PER_MIN)

    def fine(self, t_ms: npt.NDArray[np.int64], block: npt.NDArray[np.float32]) -> None:
        """Steps of fine windows that start at ``t_ms``; ``block`` has shape (rows, fine channels). Both are copied."""
        times, values = self._checked(t_ms, block, self._fine, (len(self._fine),))
        self._add(parts.FINE, times, (times, values[:, None]), 0)

    def event(self, event: Event) -> None:
        """Something that happened; events come in the order of ``seq``."""
        if event.time_ms < self._closed_ms:
            raise RunError(f"event {event.seq} at {self._text(event.time_ms)}: that day has been written already")
        if event.value is not None and not math.isfinite(event.value):
            raise RunError(f"event {event.seq} ({event.kind} {event.asset}): value {event.value} is not finite")
        self._events.append(event)
        self.event_counts[event.kind] = self.event_counts.get(event.kind, 0) + 1

    def jobs(self, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        """Jobs as the queue core gives them (``drain``, and at the end ``alive``); ``end_ms`` tells the day."""
        if len(columns["id"]) == 0:
            return
        queue = {name: np.array(column) for name, column in columns.items()}
        over = (queue["state"] != _QUEUED) & (queue["state"] != _RUNNING)
        self._count_jobs(queue, over & (queue["start_ms"] != parts.NO_TIME))
        int32 = {name: queue[name].astype(np.int32) for name in ("size", "state", "restarts", "cause")}
        gpu_h, lost_gpu_h = (queue[name] / _MS_PER_GPU_H for name in ("gpu_ms", "lost_gpu_ms"))
        end_ms = np.where(over, queue["end_ms"], parts.NO_TIME)
        asset = self._jobs.asset_of_group[queue["group"]]
        rows = (
            queue["id"].astype(np.int64), queue["submit_ms"], queue["start_ms"], end_ms, int32["size"],
            int32["state"], asset, queue["energy_j"] / _J_PER_KWH, gpu_h, int32["restarts"],
            queue["wait_ms"] / float(MS_PER_S), lost_gpu_h, int32["cause"],
        )  # fmt: skip
        self._add(parts.JOBS, queue["end_ms"].astype(np.int64), rows, 0)

    def _count_jobs(self, queue: Mapping[str, npt.NDArray[Any]], ran: npt.NDArray[np.bool_]) -> None:
        wait_s = queue["wait_ms"][ran] / float(MS_PER_S)
        run_s = (queue["end_ms"] - queue["submit_ms"])[ran] / float(MS_PER_S) - wait_s
        slowdown = np.maximum((wait_s + run_s) / np.maximum(run_s, SHORT_RUN_S), 1.0)
        self.job_totals["ran"] += float(ran.sum())
        self.job_totals["wait_s"] = _left_sum(self.job_totals["wait_s"], wait_s)
        self.job_totals["bounded_slowdown"] = _left_sum(self.job_totals["bounded_slowdown"], slowdown)

    def _checked(
        self, t_ms: npt.NDArray[np.int64], block: npt.NDArray[np.float32], names: Sequence[str], shape: tuple[int, ...]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        if block.shape != (len(t_ms), *shape):
            raise RunError(f"recorder: a block of shape {block.shape}, expected {(len(t_ms), *shape)}")
        values = np.array(block, dtype=np.float32, order="C")
        finite = np.isfinite(values)
        if not finite.all():
            place = np.argwhere(~finite)[0]
            raise RunError(f"{names[place[-1]]} is not finite at {self._text(int(t_ms[place[0]]))}; run `twin check`")
        return np.array(t_ms, dtype=np.int64), values

    def _add(self, folder: str, keys: npt.NDArray[np.int64], columns: Columns, interval_ms: int) -> None:
        if len(keys) == 0 or columns[-1].size == 0:
            return
        if int(keys.min()) < self._closed_ms:
            raise RunError(f"{folder}: a row of {self._text(int(keys.min()))}, a day that has been written already")
        self._reached_ms = max(self._reached_ms, int(keys.max()) + interval_ms)
        self._series[folder].add(self._calendar.days(keys), columns)

    def _take_events(self) -> None:
        """Turn the events that have come in into rows."""
        if not self._events:
            return
        rows = [
            (e.time_ms, e.seq, e.priority, math.nan if e.value is None else e.value, _or(e.cause_seq, -1))
            for e in self._events
        ]
        times, seq, priority, value, cause = zip(*rows, strict=True)
        texts = [np.array([getattr(e, name) for e in self._events], dtype=object) for name in ("kind", "asset", "text")]
        keys = np.array(times, dtype=np.int64)
        columns: Columns = (
            keys, np.array(seq, dtype=np.int64), np.array(priority, dtype=np.int8), np.array(value, dtype=np.float64),
            np.array(cause, dtype=np.int64), *texts,
        )  # fmt: skip
        self._events = []
        self._add(parts.EVENTS, keys, columns, 0)

    # ------------------------------------------------------------------ files

    def flush(self, upto_ms: int) -> None:
        """Write the part of every site-local day that is over at ``upto_ms``; everything before must have come in."""
        self._take_events()
        self._reached_ms = max(self._reached_ms, upto_ms)
        self._close_days(self._calendar.day(upto_ms))
        self._closed_ms = max(self._closed_ms, self._calendar.day_start_ms(self._calendar.day(upto_ms)))

    def _close_days(self, before_day: int | None = None) -> None:
        for series in self._series.values():
            for day in sorted(day for day in series.waiting if before_day is None or day < before_day):
                self._parts[parts.part_name(series.layout.folder, day)] = series.sha(day)
                self._write(series, day)
                del series.waiting[day]

    def _write(self, series: Series, day: int) -> None:
        folder = series.write(self.out, day).parent
        levels = len(folder.relative_to(self.out).parts)
        self._unsynced.update(dict.fromkeys((folder, *folder.parents[:levels])))

    def _write_open_days(self) -> None:
        self._take_events()
        for series in self._series.values():
            for day in sorted(series.waiting):
                self._write(series, day)

    def settle(self, upto_ms: int) -> None:
        """Write everything there is up to ``upto_ms``, open days too, so that it can be read before the run is done."""
        self._take_events()
        self._reached_ms = max(self._reached_ms, upto_ms)
        self._write_open_days()

    def checkpoint(self, name: str, data: bytes) -> None:
        """Keep ``data`` as ``ckpt/<name>``, with its SHA-256 beside it, after every row so far has been written.

        Names sort by time. The last three are kept; those behind ``name`` are from a future that is being run again.
        """
        self._write_open_days()
        for folder in self._unsynced:
            parts.sync_folder(folder)
        self._unsynced.clear()
        folder = self.out / "ckpt"
        line = f"{hashlib.sha256(data).hexdigest()}  {name}\n"
        parts.write_bytes(folder / f"{name}.sha256", line.encode())
        parts.write_bytes(folder / name, data)
        parts.sync_folder(folder)
        names = checkpoint_names(self.out)
        kept = [each for each in names if each <= name][-KEPT_CHECKPOINTS:]
        for each in names:
            if each not in kept:
                (folder / each).unlink()
                (folder / f"{each}.sha256").unlink(missing_ok=True)

    def ledger(self) -> dict[str, Any]:
        """What a checkpoint has to remember of the recorder, JSON-able: the content of every part, and the sums."""
        self._take_events()
        waiting = {
            parts.part_name(series.layout.folder, day): {"rows": len(series.of_day(day)[0]), "sha256": series.sha(day)}
            for series in self._series.values()
            for day in sorted(series.waiting)
        }
        return {
            "format": FORMAT, "parts": dict(self._parts), "open": waiting, "closed_ms": self._closed_ms,
            "event_counts": dict(self.event_counts), "job_totals": dict(self.job_totals),
        }  # fmt: skip

    def _recover(self, at_ms: int, ledger: Mapping[str, Any]) -> None:
        if ledger.get("format") != FORMAT:
            raise RunError(f"{self.out}: the checkpoint is of another version; start the run again")
        self._reached_ms = at_ms
        self._parts = dict(ledger["parts"])
        self._closed_ms = int(ledger["closed_ms"])
        self.event_counts = dict(ledger["event_counts"])
        self.job_totals = dict(ledger["job_totals"])
        for name in (*self._parts, *ledger["open"]):
            if not (self.out / name).exists():
                raise RunError(f"{self.out / name}: the part is missing; start the run again in another directory")
        for path in self.out.rglob(".*.tmp"):
            path.unlink()
        for folder, series in self._series.items():
            for path in parts.part_paths(self.out, folder):
                name, day = path.relative_to(self.out).as_posix(), parts.part_day(path)
                if name in ledger["open"]:
                    series.read(self.out, day, ledger["open"][name])
                    self._write(series, day)
                elif name not in self._parts:
                    path.unlink()
                    path.parent.rmdir()
        (self.out / "summary.json").unlink(missing_ok=True)

    def finish(self, summary: dict[str, Any], final_state_digest: str) -> str:
        """Write what is left and ``summary.json``, mark the run complete, and return its digest.

        The digest is the SHA-256 over the canonical content of every part and the final state.
        """
        self._take_events()
        self._close_days()
        sha = hashlib.sha256()
        for name, content in sorted(self._parts.items()):
            sha.update(f"{name} {content}\n".encode())
        sha.update(f"final {final_state_digest}\n".encode())
        digest = sha.hexdigest()
        parts.write_bytes(self.out / "summary.json", _json({**summary, "digest": digest}))
        self._save_manifest("complete", valid_to=self._text(self._reached_ms), digest=digest)
        return digest

    def abort(self, reason: str, *, status: Literal["failed", "interrupted"] = "failed") -> None:
        """Write what there is and mark the run as ended before its time."""
        self._write_open_days()
        self._save_manifest(status, valid_to=self._text(self._reached_ms), reason=reason)

    def _head(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **manifest, "format": FORMAT, "start": self._text(0), "start_ms": self._calendar.start_ms,
            "utc_offset_ms": self._calendar.utc_offset_ms, "windows": self._windows,
        }  # fmt: skip

    def _save_manifest(self, status: str, **more: str) -> None:
        parts.write_bytes(self.out / "manifest.json", _json({**self._manifest, "status": status, **more}))

    def _text(self, t_ms: int) -> str:
        return instant_text(self._calendar, t_ms)

    def _channel_table(self) -> pa.Table:
        columns = {
            name: [getattr(channel, name) for channel in self._channels]
            for name in ("name", "unit", "asset", "description", "kind")
        }
        minute, fine = dict.fromkeys(self._minute), dict.fromkeys(self._fine)
        recorded = {"minute": [n in minute for n in self._names], "fine": [n in fine for n in self._names]}
        return pa.table({**columns, **recorded})


def instant_text(calendar: Calendar, t_ms: int) -> str:
    """ISO text of a time of the run on the site's clock, with its offset."""
    zone = timezone(timedelta(milliseconds=calendar.utc_offset_ms))
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=calendar.start_ms + t_ms)
    return utc.astimezone(zone).isoformat(timespec="milliseconds" if t_ms % MS_PER_S else "seconds")


def checkpoint_names(out: Path) -> list[str]:
    """Checkpoints in a run directory, the oldest first."""
    return sorted(path.name for path in (out / "ckpt").glob("[!.]*") if path.suffix != ".sha256")


def read_checkpoint(out: Path) -> tuple[str, bytes, list[str]]:
    """(name, data, damaged): the newest checkpoint that is whole, and the names of newer ones that are not.

    Raise RunError where there is none.
    """
    damaged: list[str] = []
    for name in reversed(checkpoint_names(out)):
        data = (out / "ckpt" / name).read_bytes()
        line = out / "ckpt" / f"{name}.sha256"
        if line.exists() and line.read_text(encoding="utf-8").split()[:1] == [hashlib.sha256(data).hexdigest()]:
            return name, data, damaged
        damaged.append(name)
    found = f"; damaged: {', '.join(damaged)}" if damaged else ""
    raise RunError(f"{out / 'ckpt'}: no checkpoint to resume from{found}; start the run again in another directory")


def _left_sum(start: float, values: npt.NDArray[np.float64]) -> float:
    """The sum from left to right: its bits do not depend on how the values were cut into calls."""
    return float(np.add.accumulate(np.concatenate(([start], values)))[-1])


def _or(value: int | None, other: int) -> int:
    return other if value is None else value


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"
