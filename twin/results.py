"""Results: what a run directory holds, as tables, also while the run goes on and after it was killed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from twin import parts
from twin.errors import RunError, TwinError
from twin.globs import matches
from twin.indicators import Expect, Verdict, thermal_times, verdict
from twin.parts import Calendar
from twin.plan import nearest
from twin.quantities import MS_PER_HOUR, MS_PER_MIN, duration_ms
from twin.record import instant_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

Times = npt.NDArray[np.int64]
Block = npt.NDArray[Any]
Instant = str | datetime | None
"""A time; text without an offset is on the site's clock. None is the start or the end of the run."""
Statistic = Literal["mean", "min", "max"]
_NS_PER_MS = 1_000_000
PLOT_ROWS = 50_000
"""Rows above which a plot shows hours instead of minutes: a browser stays quick."""


class UnknownChannelError(TwinError, KeyError):
    """There is no channel of this name; the message has the nearest ones."""

    def __str__(self) -> str:
        return str(self.args[0])


class Results:
    """Tables of a run. Rows carry the start of their interval, in UTC; days are days on the site's clock."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        if not (self.path / "manifest.json").exists():
            raise RunError(f"{self.path}: no manifest.json, so this is not the directory of a run")
        self.manifest: dict[str, Any] = json.loads((self.path / "manifest.json").read_text(encoding="utf-8"))
        self._calendar = Calendar(self.manifest["start_ms"], self.manifest["utc_offset_ms"])

    def keep(self, owner: object) -> None:
        """Hold on to what the directory lives by, such as a temporary directory, for as long as the results live."""
        self._owner = owner

    def __repr__(self) -> str:
        state = "complete" if self.status == "complete" else f"{self.status}: incomplete, valid to {self._local_text}"
        return f"<Results {self.path.name}: {state}>"

    @property
    def _local_text(self) -> str:
        return instant_text(self._calendar, self._end_ms)

    @property
    def status(self) -> str:
        """``complete``, ``failed``, ``interrupted``, or ``running``, which a killed run stays."""
        return str(self.manifest["status"])

    @property
    def start(self) -> pd.Timestamp:
        """Start of the run."""
        return self._timestamp(0)

    @property
    def valid_to(self) -> pd.Timestamp:
        """Up to when there are results; the end of a complete run."""
        return self._timestamp(self._end_ms)

    @cached_property
    def _end_ms(self) -> int:
        if "valid_to" in self.manifest:
            return self._ms(self.manifest["valid_to"], 0)
        ends = [0]
        for folder, interval_ms in parts.INTERVAL_MS.items():
            paths = parts.part_paths(self.path, folder)
            if paths:
                times = parts.time_values(parts.read_part(paths[-1], ["time"])["time"])
                ends.append(int(times.max()) - self._calendar.start_ms + interval_ms)
        return max(ends)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Indicators of a complete run, as in ``summary.json``; empty for any other."""
        path = self.path / "summary.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}

    @cached_property
    def channels(self) -> pd.DataFrame:
        """name, unit, asset, description, kind (mean or state), minute and fine (whether it is recorded so)."""
        return _frame(parts.read_part(self.path / "channels.parquet"))

    @cached_property
    def events(self) -> pd.DataFrame:
        """seq, time, kind, asset, priority, value, cause_seq, text."""
        table = self._rows(parts.EVENTS, parts.EventLayout(self._calendar).schema)
        return _frame(table).astype({"cause_seq": "Int64"})

    @cached_property
    def jobs(self) -> pd.DataFrame:
        """job, submit, start, end, size, state, asset, energy_kwh, gpu_h, restarts, wait_s, lost_gpu_h, cause."""
        return _frame(self._rows(parts.JOBS, parts.JobLayout(self._calendar, ()).schema))

    def thermal_times(self) -> pd.DataFrame:
        """How long each hall held after what took its cooling: one row for each first cause and hall.

        Columns ``hall``, ``cause_seq``, ``cause_kind``, ``cause_asset``, ``lost`` (when it happened), and seconds from
        there to the first event of its kind that it brought about in the hall: ``throttle_s``, ``stop_s``,
        ``recover_s``, ``restart_s``; NaN where there was none.
        """
        return thermal_times(self.events)

    @property
    def verdicts(self) -> list[Verdict]:
        """What became of the ``[[expect]]`` entries, which the manifest keeps under ``expect``."""
        return verdict([Expect(**entry) for entry in self.manifest.get("expect", [])], self)

    # ------------------------------------------------------------------ tables

    def table(
        self,
        names: str | Sequence[str],
        start: Instant = None,
        end: Instant = None,
        every: str | None = None,
        *,
        stat: Statistic | None = None,
    ) -> pd.DataFrame:
        """Rows from ``start`` up to, not with, ``end``; one column for each channel, in the order of ``names``.

        ``names`` may hold wildcards (``hall-*.supply_c``). The rows are the minutes where all the channels have them
        in the whole span, else the hours. ``every`` (``"15min"``, ``"1h"``, ``"1d"`` …) makes them longer: powers
        become means, states the last value. An hour's row of a state that has no minutes is its mean over the hour.
        ``stat`` gives the mean, the least or the greatest value instead, over all steps of the plant in each hour.
        Where a value is missing (PUE without IT), there is NaN.
        """
        chosen = self.match(names)
        lo, hi = self._ms(start, 0), self._ms(end, self._end_ms)
        every_ms = duration_ms(every) if every else 0
        by_minute = self._has_minutes(chosen, lo, hi) and not (stat and every_ms % MS_PER_HOUR == 0)
        if every_ms and not by_minute and every_ms % MS_PER_HOUR:
            lacking = [name for name in chosen if not self._has_minutes([name], lo, hi)] or chosen
            raise RunError(f"{lacking[0]}: recorded by the hour here, so every={every!r} must be whole hours")
        times, values = (self._minutes if by_minute else self._hours)(chosen, lo, hi, stat or "mean")
        frame = self._indexed(times, values, chosen)
        return self._resampled(frame, every_ms, stat) if every_ms else frame

    def fine(self, names: str | Sequence[str], start: Instant = None, end: Instant = None) -> pd.DataFrame:
        """Steps inside fine windows, as ``table``; a row lasts until the next one of its window."""
        chosen = self.match(names)
        lo, hi = self._ms(start, 0), self._ms(end, self._end_ms)
        fine = self._index["fine"]
        lacking = [name for name in chosen if not fine[name]]
        if lacking:
            raise RunError(f"{lacking[0]}: not recorded in fine windows")
        order = sorted(name for name, recorded in fine.items() if recorded)
        times, values = self._long((parts.FINE, "value"), order, chosen, lo, hi)
        return self._indexed(times, values, chosen)

    def match(self, names: str | Sequence[str]) -> list[str]:
        """Channels that the names and wildcards stand for, each once. Raise UnknownChannelError for one without any."""
        known = self._index["unit"]
        found: dict[str, None] = {}
        for name in [names] if isinstance(names, str) else names:
            hits = [name] if name in known else [each for each in known if matches(each, name)]
            if not hits:
                hint = nearest(name, list(known))
                raise UnknownChannelError(f"no channel {name!r}" + (f": {hint}" if hint else ""))
            found.update(dict.fromkeys(hits))
        return list(found)

    @cached_property
    def _index(self) -> dict[str, dict[str, Any]]:
        frame = self.channels.set_index("name")
        return {column: dict(zip(frame.index, frame[column], strict=True)) for column in frame.columns}

    def has_minutes(self, name: str, start_ms: int, end_ms: int) -> bool:
        """Whether the channel is recorded by the minute in the whole span, ms since the start of the run."""
        return self._has_minutes([name], start_ms, end_ms)

    def has_fine(self, name: str) -> bool:
        """Whether the channel is recorded in fine windows."""
        return bool(self._index["fine"][name])

    def _has_minutes(self, names: Sequence[str], lo: int, hi: int) -> bool:
        windows, minute = self.manifest.get("windows", {}), self._index["minute"]
        return all(
            minute[name] and (name not in windows or any(first <= lo and hi <= last for first, last in windows[name]))
            for name in names
        )

    def _minutes(self, names: list[str], lo: int, hi: int, _stat: str) -> tuple[Times, Block]:
        pieces: list[tuple[Times, Block]] = []
        for path in self._days(parts.MINUTES, lo, hi):
            table = parts.read_part(path, ["time", *names])
            times = parts.time_values(table["time"]) - self._calendar.start_ms
            empty = np.full(len(times), np.nan, dtype=np.float32)
            columns = [_values(table[name]) if name in table.column_names else empty for name in names]
            pieces.append((times, np.stack(columns, axis=1)))
        return _cut(pieces, len(names), lo, hi)

    def _hours(self, names: list[str], lo: int, hi: int, stat: str) -> tuple[Times, Block]:
        return self._long((parts.HOURS, stat), sorted(self._index["unit"]), names, lo, hi)

    def _long(
        self, source: tuple[str, str], order: list[str], names: list[str], lo: int, hi: int
    ) -> tuple[Times, Block]:
        """Values out of the long parts of ``source`` (folder, column).

        Every channel has the same times, and the channels stand in ``order``, so a channel is a slice.
        """
        folder, column = source
        row = {name: i for i, name in enumerate(order)}
        rows = [row[name] for name in names]
        pieces: list[tuple[Times, Block]] = []
        for path in self._days(folder, lo, hi):
            table = parts.read_part(path, ["time", column])
            n = len(table) // len(order)
            times = parts.time_values(table["time"].slice(0, n)) - self._calendar.start_ms
            pieces.append((times, _values(table[column]).reshape(len(order), n)[rows].T))
        return _cut(pieces, len(names), lo, hi)

    def _days(self, folder: str, lo: int, hi: int) -> Iterator[Path]:
        first, last = self._calendar.day(lo), self._calendar.day(hi)
        return (path for path in parts.part_paths(self.path, folder) if first <= parts.part_day(path) <= last)

    def _indexed(self, times: Times, values: Block, names: list[str]) -> pd.DataFrame:
        index = pd.DatetimeIndex((times + self._calendar.start_ms).view("M8[ms]"), name="time").tz_localize("UTC")
        return pd.DataFrame(values, index=index, columns=names)

    def _resampled(self, frame: pd.DataFrame, every_ms: int, stat: Statistic | None) -> pd.DataFrame:
        """Rows of ``every_ms``, counted from midnight on the site's clock."""
        offset_ms = self._calendar.utc_offset_ms
        bins = (self.elapsed_ms(frame) + self._calendar.start_ms + offset_ms) // every_ms
        groups = frame.astype("float64").groupby(bins)
        kind = self._index["kind"]
        how = {name: stat or ("last" if kind[name] == "state" else "mean") for name in frame.columns}
        result = groups.agg(how)[list(frame.columns)]
        starts = result.index.to_numpy() * every_ms - offset_ms - self._calendar.start_ms
        return self._indexed(starts, result.to_numpy(), list(frame.columns))

    def _rows(self, folder: str, schema: pa.Schema) -> pa.Table:
        texts = [field.with_type(pa.string()) if pa.types.is_dictionary(field.type) else field for field in schema]
        plain = pa.schema(texts)
        tables = [parts.read_part(path).cast(plain) for path in parts.part_paths(self.path, folder)]
        return pa.concat_tables(tables) if tables else plain.empty_table()

    # ------------------------------------------------------------------ other views

    def sql(self, query: str) -> pd.DataFrame:
        """Answer of DuckDB to a query over the views ``minutes``, ``hours``, ``fine``, ``events`` and ``jobs``."""
        try:
            import duckdb
        except ModuleNotFoundError as error:
            raise RunError("results.sql needs DuckDB: pip install 'twin[sql]'") from error
        with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for view, (folder, empty) in self._views().items():
                if parts.part_paths(self.path, folder):
                    glob = str(self.path.resolve() / folder / "*" / parts.PART).replace("'", "''")
                    source = f"read_parquet('{glob}', union_by_name = true, hive_partitioning = false)"
                else:
                    connection.register(f"empty_{view}", empty.empty_table())
                    source = f"empty_{view}"
                connection.execute(f"CREATE VIEW {view} AS SELECT * FROM {source}")  # noqa: S608
            answer = connection.sql(query)
            if answer is None:
                raise RunError("results.sql takes a query that gives rows, such as 'select * from events'")
            return _frame(answer.to_arrow_table())

    def _views(self) -> dict[str, tuple[str, pa.Schema]]:
        calendar = self._calendar
        return {
            "minutes": (parts.MINUTES, pa.schema([("time", pa.timestamp("ms", "UTC"))])),
            "hours": (parts.HOURS, parts.hour_layout(calendar, ()).schema),
            "fine": (parts.FINE, parts.fine_layout(calendar, ()).schema),
            "events": (parts.EVENTS, parts.EventLayout(calendar).schema),
            "jobs": (parts.JOBS, parts.JobLayout(calendar, ()).schema),
        }

    def plot(
        self, names: str | Sequence[str], start: Instant = None, end: Instant = None, every: str | None = None
    ) -> go.Figure:
        """A plotly figure of channels over the site's clock, one diagram for each unit."""
        import plotly.graph_objects as go
        from plotly.subplots import make_subplots

        chosen = self.match(names)
        lo, hi = self._ms(start, 0), self._ms(end, self._end_ms)
        if every is None and (hi - lo) // MS_PER_MIN > PLOT_ROWS:
            every = "1h"
        frame = self.table(chosen, start, end, every)
        zone_ms = self._calendar.start_ms + self._calendar.utc_offset_ms
        local = (self.elapsed_ms(frame) + zone_ms).view("M8[ms]")
        units = list(dict.fromkeys(self._index["unit"][name] for name in chosen))
        figure = make_subplots(rows=len(units), shared_xaxes=True, vertical_spacing=0.04)
        for name in chosen:
            row = units.index(self._index["unit"][name]) + 1
            figure.add_trace(go.Scatter(x=local, y=frame[name], name=name, mode="lines"), row=row, col=1)
        for i, unit in enumerate(units):
            figure.update_yaxes(title_text=unit, row=i + 1, col=1)
        return figure

    # ------------------------------------------------------------------ time

    def ms(self, instant: Instant) -> int:
        """Milliseconds from the start of the run to an instant."""
        return self._ms(instant, 0)

    def elapsed_ms(self, frame: pd.DataFrame) -> Times:
        """The index of a table as ms since the start of the run."""
        return pd.DatetimeIndex(frame.index).as_unit("ms").asi8 - self._calendar.start_ms

    def _ms(self, instant: Instant, default: int) -> int:
        if instant is None:
            return default
        try:
            stamp = pd.Timestamp(instant)
        except ValueError as error:
            raise RunError(f"{instant!r} is not a time such as '2028-07-14 12:00'") from error
        offset = pd.Timedelta(self._calendar.utc_offset_ms, "ms")
        utc = (stamp - offset).tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")
        return int(utc.as_unit("ns").value) // _NS_PER_MS - self._calendar.start_ms

    def _timestamp(self, t_ms: int) -> pd.Timestamp:
        return pd.Timestamp(self._calendar.start_ms + t_ms, unit="ms", tz="UTC")


def _frame(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas()  # type: ignore[no-any-return]


def _values(column: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    """The numbers of a float32 column, NaN for null."""
    return column.fill_null(np.nan).to_numpy()  # type: ignore[no-any-return]


def _cut(pieces: list[tuple[Times, Block]], width: int, lo: int, hi: int) -> tuple[Times, Block]:
    """Rows of the pieces in [lo, hi), as one."""
    if not pieces:
        return np.empty(0, dtype=np.int64), np.empty((0, width), dtype=np.float32)
    times = np.concatenate([piece[0] for piece in pieces])
    inside = (times >= lo) & (times < hi)
    return times[inside], np.concatenate([piece[1] for piece in pieces])[inside]


def open(path: str | Path) -> Results:
    """The results in a run directory, of a killed run as well. Raise RunError where there are none."""
    return Results(Path(path))
