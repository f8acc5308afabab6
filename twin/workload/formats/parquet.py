"""Parquet with any column names: a map says which is which, as for CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.workload.formats.columns import Block, places, trace_of_blocks
from twin.workload.formats.source import Problems, Source
from twin.workload.formats.trace import ReadOptions, Trace
from twin.workload.jobs import Float64

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_BATCH = 50_000


def open_parquet(source: Source) -> pq.ParquetFile:
    """The file; raise ScenarioError where it is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not source.path.is_file():
        raise source.problem("there is no such file")
    try:
        return pq.ParquetFile(source.path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise source.problem(f"is not Parquet: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:120]


def _batches(source: Source, file: pq.ParquetFile, names: Sequence[str]) -> Iterator[Any]:
    import pyarrow as pa

    try:
        yield from file.iter_batches(batch_size=_BATCH, columns=list(names))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise source.problem(f"cannot be read: {_first_line(error)}") from error


def numbers_of(source: Source, file: pq.ParquetFile, names: Sequence[str]) -> dict[str, Float64]:
    """Columns as numbers, times as milliseconds since 1970; -1 where null or negative."""
    import pyarrow as pa

    parts: dict[str, list[Float64]] = {name: [np.empty(0)] for name in names}
    for batch in _batches(source, file, names):
        for name in names:
            column = batch.column(name)
            try:
                if pa.types.is_timestamp(column.type):
                    column = column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
                values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            except (pa.ArrowException, ValueError) as error:
                raise source.problem(f"column {name!r} holds no numbers but {column.type}") from error
            if np.isinf(values).any():
                raise source.problem(f"column {name!r}: expected finite numbers")
            parts[name].append(np.where(np.isnan(values) | (values < 0), -1.0, values))
    return {name: np.concatenate(part) for name, part in parts.items()}


def read(source: Source, options: ReadOptions) -> Trace:
    """The jobs of a Parquet file by ``options.columns``, as ``columns.read`` does for CSV; lines count rows from 1."""
    file = open_parquet(source)
    problems = Problems(source.name)
    place = places(file.schema_arrow.names, options.columns, problems, line=0)
    problems.raise_any()
    names = list(dict.fromkeys(file.schema_arrow.names[i] for i in place.values()))
    inside = {ours: names.index(file.schema_arrow.names[i]) for ours, i in place.items()}
    blocks = _blocks(source, file, names, inside)
    return trace_of_blocks("parquet", source, options, blocks, problems)


def _blocks(source: Source, file: pq.ParquetFile, names: Sequence[str], place: dict[str, int]) -> Iterator[Block]:
    row = 0
    yield Block(place)
    for batch in _batches(source, file, names):
        block = Block(place)
        texts = [_texts(batch.column(name)) for name in names]
        block.cells = [list(cells) for cells in zip(*texts, strict=True)]
        block.lines = list(range(row + 1, row + 1 + len(block.cells)))
        row += len(block.cells)
        yield block


def _texts(column: Any) -> list[str]:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        # The zone of a stamp with one is UTC inside; one without is a clock time in ``time_zone``.
        offset = "+00:00" if column.type.tz else ""
        stamps = column.cast(pa.timestamp("us"), safe=False).to_numpy(zero_copy_only=False)
        return ["" if np.isnat(stamp) else f"{stamp}{offset}" for stamp in stamps]
    return ["" if value is None else str(value) for value in column.to_pylist()]
