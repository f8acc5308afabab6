"""Parts: the Parquet files of a run directory, one for each kind and site-local day, and what they mean.

A layout turns the columns of one kind into a table and back again, bit for bit. The **canonical content** of a part
is the SHA-256 of those columns, so it does not change with the version of a library, the compression or the way in
which the rows arrived.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from twin.quantities import MS_PER_DAY, MS_PER_HOUR, MS_PER_MIN

Columns = tuple[npt.NDArray[Any], ...]
"""Arrays with one row each for every row of a part; times are ms since the start of the run."""

PART = "part.parquet"
HOURS, MINUTES, FINE, EVENTS, JOBS = "ts/res=1h", "ts/res=1min", "ts/res=fine", "events", "jobs"
FOLDERS = (HOURS, MINUTES, FINE, EVENTS, JOBS)
INTERVAL_MS = {HOURS: MS_PER_HOUR, MINUTES: MS_PER_MIN}
NULL_AT_ZERO = ("site.pue",)
"""Channels for which 0 stands for "there is no value": PUE while IT is off."""
JOB_STATES = ("free", "fed", "queued", "running", "finished", "failed", "killed", "rejected")
"""Text of the state codes of the queue core."""
NO_TIME = -1
"""Start of a job that never ran, and end of one that still runs."""
_UNIX_EPOCH = date(1970, 1, 1).toordinal()
_TIME = pa.timestamp("ms", "UTC")
_NAME = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class Calendar:
    """Site-local days of a run: when it starts (ms since 1970, UTC) and how far the local clock is ahead of UTC."""

    start_ms: int
    utc_offset_ms: int

    def days(self, t_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Local day of each time, counted from 1970-01-01."""
        return (t_ms + (self.start_ms + self.utc_offset_ms)) // MS_PER_DAY

    def day(self, t_ms: int) -> int:
        """Local day of one time."""
        return (t_ms + self.start_ms + self.utc_offset_ms) // MS_PER_DAY

    def day_start_ms(self, day: int) -> int:
        """When ``day`` begins, ms since the start of the run; negative for the day of the start."""
        return day * MS_PER_DAY - self.start_ms - self.utc_offset_ms


def day_text(day: int) -> str:
    """``YYYY-MM-DD`` of a day counted from 1970-01-01."""
    return date.fromordinal(_UNIX_EPOCH + day).isoformat()


def part_name(folder: str, day: int) -> str:
    """Name of a part, relative to the run directory."""
    return f"{folder}/day={day_text(day)}/{PART}"


def part_day(path: Path) -> int:
    """Local day of the part at ``path``, counted from 1970-01-01."""
    return date.fromisoformat(path.parent.name.removeprefix("day=")).toordinal() - _UNIX_EPOCH


def part_paths(out: Path, folder: str) -> list[Path]:
    """Every part of one kind in the run directory ``out``, in the order of days."""
    return sorted((out / folder).glob(f"day=*/{PART}"))


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write a file so that it is either there in full or not at all, whenever the process or the machine dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def sync_folder(path: Path) -> None:
    """Make the names in a folder outlast a power cut, where the system can."""
    if os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def content_sha(label: str, columns: Columns) -> str:
    """SHA-256 of the columns' values, in hex; ``label`` says what they are."""
    sha = hashlib.sha256(label.encode())
    for column in columns:
        if column.dtype == object:
            sha.update(np.array([len(text) for text in column], dtype="<i8").tobytes())
            sha.update("".join(column).encode())
        else:
            little = np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<"))
            sha.update(f"{little.dtype.str}{little.shape}".encode())
            sha.update(little.data)
    return sha.hexdigest()


def part_bytes(table: pa.Table) -> pa.Buffer:
    """The table as a Parquet file: zstd, floats split by byte, texts and small numbers by dictionary.

    There is one row group and no statistics: a part is read by day, and they would cost a fifth of the writing.
    """
    wide = (pa.int64(), _TIME)
    split = {field.name: "BYTE_STREAM_SPLIT" for field in table.schema if pa.types.is_floating(field.type)}
    # the default pool gives its memory back after every part and pays for it in page faults
    pool = pa.system_memory_pool()
    sink = pa.BufferOutputStream(pool)
    pq.write_table(
        table,
        sink,
        row_group_size=max(len(table), 1),
        compression="zstd",
        use_dictionary=[f.name for f in table.schema if f.name not in split and f.type not in wide],
        column_encoding=split or None,
        write_statistics=False,
        memory_pool=pool,
    )
    return sink.getvalue()


def read_part(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The part as it was written; ``columns`` that it does not have are left out."""
    with pq.ParquetFile(path) as file:
        wanted = None if columns is None else [name for name in columns if name in file.schema_arrow.names]
        return file.read(columns=wanted, use_threads=False)


class Layout(Protocol):
    """How the columns of one kind lie in a part."""

    @property
    def folder(self) -> str:
        """Where the parts are, relative to the run directory."""

    @property
    def label(self) -> str:
        """What the columns are, for the canonical content."""

    def table(self, columns: Columns) -> pa.Table:
        """The table of the columns."""

    def columns(self, table: pa.Table) -> Columns:
        """The columns of the table; the reverse of ``table``."""


class LongLayout:
    """(t_ms, float32 block of shape (rows, values, channels)) ↔ channel, time, values, sorted by channel and time."""

    def __init__(self, folder: str, values: Sequence[str], calendar: Calendar, names: Sequence[str]) -> None:
        self.folder = folder
        self.values = tuple(values)
        self.calendar = calendar
        self.label = "\n".join((folder, *values, *names))
        self.order = np.argsort(np.array(names, dtype=object), kind="stable")
        self.names = pa.array([names[i] for i in self.order], pa.string())
        self.optional = [i for i, name in enumerate(names) if name in NULL_AT_ZERO]
        keys = [pa.field("channel", _NAME, nullable=False), pa.field("time", _TIME, nullable=False)]
        self.schema = pa.schema([*keys, *(pa.field(name, pa.float32()) for name in values)])
        self._room_for(0)

    def _room_for(self, n: int) -> None:
        """Make room for ``n`` times. It is used again for the next day: fresh memory costs more than the sorting."""
        count = len(self.names)
        self._turned = np.empty((len(self.values), count, n), dtype=np.float32)
        self._sorted = np.empty_like(self._turned)
        self._times = np.empty((count, n), dtype=np.int64)
        codes = pa.array(np.repeat(np.arange(count, dtype=np.int32), n))
        self._channel = pa.DictionaryArray.from_arrays(codes, self.names)

    def clean(self, block: npt.NDArray[np.float32]) -> None:
        """Where a mean holds times without a value it means nothing: it becomes 0, which is null."""
        if len(self.values) > 1:
            for i in self.optional:
                block[:, 0, i][block[:, 1, i] == 0.0] = 0.0

    def table(self, columns: Columns) -> pa.Table:
        """The table of the columns, good until the next one is asked for."""
        t_ms, block = columns
        if len(t_ms) != self._times.shape[1]:
            self._room_for(len(t_ms))
        np.copyto(self._times, self.calendar.start_ms + t_ms)
        # first turned, then sorted by whole rows: three times as fast as both at once
        np.copyto(self._turned, block.transpose(1, 2, 0))
        values = [self._value(k) for k in range(len(self.values))]
        return pa.Table.from_arrays([self._channel, _times(self._times.ravel()), *values], schema=self.schema)

    def _value(self, k: int) -> pa.Array:
        rows = np.take(self._turned[k], self.order, axis=0, out=self._sorted[k], mode="clip")
        missing = np.zeros(rows.shape, dtype=bool)
        for i in self.optional:
            missing[self.order == i] = self._turned[k, i] == 0.0
        return _floats(rows.ravel(), missing.ravel())

    def columns(self, table: pa.Table) -> Columns:
        """The columns of the table; the reverse of ``table``."""
        count = len(self.order)
        n = len(table) // max(count, 1)
        block = np.empty((n, len(self.values), count), dtype=np.float32)
        for k, name in enumerate(self.values):
            block[:, k, self.order] = float_values(table[name]).reshape(count, n).T
        return time_values(table["time"])[:n] - self.calendar.start_ms, block


def hour_layout(calendar: Calendar, names: Sequence[str]) -> LongLayout:
    """Hours: mean, least and greatest value of every channel."""
    return LongLayout(HOURS, ("mean", "min", "max"), calendar, names)


def fine_layout(calendar: Calendar, names: Sequence[str]) -> LongLayout:
    """Steps of fine windows: one value of some channels."""
    return LongLayout(FINE, ("value",), calendar, names)


class MinuteLayout:
    """(t_ms, float32 block of shape (rows, channels)) ↔ time and one column for each channel.

    ``windows`` maps a channel to the spans [from, to) in which it is recorded, ms since the start of the run; a
    channel that is not named there is recorded always. A day outside all its windows does without the column.
    """

    folder = MINUTES

    def __init__(
        self, calendar: Calendar, names: Sequence[str], windows: Mapping[str, Sequence[tuple[int, int]]]
    ) -> None:
        self.calendar = calendar
        self.names = list(names)
        self.windows = {i: windows[name] for i, name in enumerate(names) if name in windows}
        self.label = "\n".join(("minutes", *names))
        self.optional = [i for i, name in enumerate(names) if name in NULL_AT_ZERO]

    def outside(self, i: int, t_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Rows at which channel ``i`` is not recorded."""
        out = np.full(len(t_ms), i in self.windows)
        for first_ms, last_ms in self.windows.get(i, ()):
            out &= (t_ms < first_ms) | (t_ms >= last_ms)
        return out

    def clean(self, t_ms: npt.NDArray[np.int64], block: npt.NDArray[np.float32]) -> None:
        """Set what is not recorded to 0, whatever the buffer held."""
        for i in self.windows:
            block[self.outside(i, t_ms), i] = 0.0

    def table(self, columns: Columns) -> pa.Table:
        """The table of the columns."""
        t_ms, block = columns
        fields, arrays = [pa.field("time", _TIME, nullable=False)], [_times(self.calendar.start_ms + t_ms)]
        for i, name in enumerate(self.names):
            missing = self.outside(i, t_ms)
            if missing.all():
                continue
            if i in self.optional:
                missing |= block[:, i] == 0.0
            fields.append(pa.field(name, pa.float32()))
            arrays.append(_floats(np.ascontiguousarray(block[:, i]), missing))
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields))

    def columns(self, table: pa.Table) -> Columns:
        """The columns of the table; the reverse of ``table``."""
        block = np.zeros((len(table), len(self.names)), dtype=np.float32)
        for i, name in enumerate(self.names):
            if name in table.column_names:
                block[:, i] = float_values(table[name])
        return time_values(table["time"]) - self.calendar.start_ms, block


class EventLayout:
    """(time_ms, seq, priority, value, cause_seq, kind, asset, text); NaN is no value and -1 no cause."""

    folder = EVENTS
    label = "events"
    schema = pa.schema(
        [
            ("seq", pa.int64()), ("time", _TIME), ("kind", pa.string()), ("asset", pa.string()),
            ("priority", pa.int8()), ("value", pa.float64()), ("cause_seq", pa.int64()), ("text", pa.string()),
        ]
    )  # fmt: skip

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar

    def table(self, columns: Columns) -> pa.Table:
        """The table of the columns."""
        t_ms, seq, priority, value, cause_seq, kind, asset, text = columns
        arrays = [
            pa.array(seq), _times(self.calendar.start_ms + t_ms), pa.array(kind, pa.string()),
            pa.array(asset, pa.string()), pa.array(priority), pa.array(value, mask=np.isnan(value)),
            pa.array(cause_seq, mask=cause_seq < 0), pa.array(text, pa.string()),
        ]  # fmt: skip
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def columns(self, table: pa.Table) -> Columns:
        """The columns of the table; the reverse of ``table``."""
        texts = (np.array(table[name].to_pylist(), dtype=object) for name in ("kind", "asset", "text"))
        return (
            time_values(table["time"]) - self.calendar.start_ms,
            table["seq"].to_numpy(),
            table["priority"].to_numpy(),
            table["value"].fill_null(np.nan).to_numpy(),
            table["cause_seq"].fill_null(-1).to_numpy(),
            *texts,
        )


class JobLayout:
    """The columns of ``FIELDS``, in that order; state and asset as codes (-1 for none), no time as ``NO_TIME``."""

    folder = JOBS
    TIMES = ("submit", "start", "end")
    FLOATS = ("energy_kwh", "gpu_h", "wait_s", "lost_gpu_h")
    FIELDS = (
        "job", "submit", "start", "end", "size", "state", "asset", "energy_kwh", "gpu_h", "restarts", "wait_s",
        "lost_gpu_h", "cause",
    )  # fmt: skip

    def __init__(self, calendar: Calendar, groups: Sequence[str]) -> None:
        self.calendar = calendar
        assets = list(dict.fromkeys(groups))
        code = {asset: i for i, asset in enumerate(assets)}
        self.asset_of_group = np.array([code[group] for group in groups] + [-1], dtype=np.int32)
        """Code of a group's asset; the last one is that of group -1."""
        self.texts = {"state": list(JOB_STATES), "asset": assets}
        self.label = "\n".join(("jobs", *JOB_STATES, *groups))
        self.schema = pa.schema([(name, self._type(name)) for name in self.FIELDS])

    def _type(self, name: str) -> pa.DataType:
        if name in self.TIMES:
            return _TIME
        if name in self.texts:
            return _NAME
        if name in self.FLOATS:
            return pa.float64()
        return pa.int64() if name == "job" else pa.int32()

    def table(self, columns: Columns) -> pa.Table:
        """The table of the columns."""
        arrays = [self._array(name, column) for name, column in zip(self.FIELDS, columns, strict=True)]
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def _array(self, name: str, column: npt.NDArray[Any]) -> pa.Array:
        if name in self.TIMES:
            return _times(self.calendar.start_ms + column, missing=column == NO_TIME)
        if name in self.texts:
            codes = pa.array(column.astype(np.int32), mask=column < 0)
            return pa.DictionaryArray.from_arrays(codes, pa.array(self.texts[name], pa.string()))
        return pa.array(column, self._type(name))

    def columns(self, table: pa.Table) -> Columns:
        """The columns of the table; the reverse of ``table``."""
        return tuple(self._column(name, table[name]) for name in self.FIELDS)

    def _column(self, name: str, column: pa.ChunkedArray) -> npt.NDArray[Any]:
        if name in self.TIMES:
            return time_values(column, missing=self.calendar.start_ms + NO_TIME) - self.calendar.start_ms
        if name in self.texts:
            code = {text: i for i, text in enumerate(self.texts[name])}
            return np.array([code.get(text, -1) for text in column.to_pylist()], dtype=np.int32)
        return column.to_numpy()  # type: ignore[no-any-return]


def _floats(values: npt.NDArray[np.float32], missing: npt.NDArray[np.bool_]) -> pa.Array:
    return pa.array(values, mask=missing) if missing.any() else pa.array(values)


def _times(epoch_ms: npt.NDArray[np.int64], missing: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    return pa.array(epoch_ms.astype(np.int64), mask=missing).view(_TIME)


def float_values(column: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    """The numbers of a float32 column, 0 for null."""
    return column.fill_null(0.0).to_numpy()  # type: ignore[no-any-return]


def time_values(column: pa.ChunkedArray, missing: int = 0) -> npt.NDArray[np.int64]:
    """The times of a column, ms since 1970."""
    return column.cast(pa.int64()).fill_null(missing).to_numpy()  # type: ignore[no-any-return]
