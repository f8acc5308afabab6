"""Jobs as flat columns, the report of an import, and what every stream of jobs can do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Int8 = npt.NDArray[np.int8]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_DTYPES: dict[str, type[np.signedinteger[Any]]] = {"size": np.int32, "tier": np.int8, "watts_per_gpu": np.int32}


@dataclass(frozen=True)
class JobBatch:
    """Submissions in order of (submit_ms, position in the workload); every array has shape (n_jobs,)."""

    ids: Int64
    """Unique within a workload, whatever window it is asked for."""
    submit_ms: Int64
    """Since the start of the run."""
    size: Int32
    """GPUs, at least 1; may exceed the site, whose queue then records a rejection."""
    run_ms: Int64
    """Run time at full speed, 0 or more; may exceed ``request_ms``, where the queue cuts it."""
    request_ms: Int64
    """Run time that the user asked for, which the scheduler plans with."""
    tier: Int8
    """0 (most important) to 3 (first to be capped, paused or shed)."""
    watts_per_gpu: Int32
    """DC power above idle of one busy GPU with its share of CPU and NVLink, W."""
    checkpoint_ms: Int64
    """Interval between checkpoints; 0: none, so that a failure loses everything done so far."""

    def __len__(self) -> int:
        """Number of jobs."""
        return len(self.ids)

    @classmethod
    def of(cls, **columns: npt.ArrayLike) -> JobBatch:
        """A batch from columns of any integer type; raise ValueError where their lengths differ."""
        arrays = {f.name: np.asarray(columns[f.name], dtype=_DTYPES.get(f.name, np.int64)) for f in fields(cls)}
        if len({len(array) for array in arrays.values()}) > 1:
            raise ValueError(f"columns differ in length: { {name: len(array) for name, array in arrays.items()} }")
        return cls(**arrays)

    @classmethod
    def empty(cls) -> JobBatch:
        """No jobs."""
        return cls.of(**{f.name: [] for f in fields(cls)})

    @classmethod
    def concat(cls, batches: Sequence[JobBatch]) -> JobBatch:
        """All jobs of ``batches``, one after the other."""
        if not batches:
            return cls.empty()
        return cls(**{f.name: np.concatenate([getattr(batch, f.name) for batch in batches]) for f in fields(cls)})

    def select(self, rows: slice | Int64 | Bool) -> JobBatch:
        """The jobs at ``rows``, in that order."""
        return JobBatch(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def sha256(self) -> str:
        """Digest of all columns, the same on every machine."""
        state = hashlib.sha256()
        for f in fields(self):
            array = getattr(self, f.name)
            state.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes())
        return state.hexdigest()


@dataclass(frozen=True)
class ImportReport:
    """What an import did to a file: nothing is dropped or repaired without a line here."""

    format: str
    file: str = ""
    """File name without its folder."""
    sha256: str = ""
    """Of the file as it lies on the disk, packed or not."""
    rows: int = 0
    """Job records in the file."""
    kept: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Reason → records."""
    repaired: Mapping[str, int] = field(default_factory=dict)
    """Reason → records."""
    first_submit_s: float = 0.0
    """On the file's own clock."""
    last_submit_s: float = 0.0
    gpu_s: float = 0.0
    """Σ size · run time of the kept jobs, GPU·s, before any scaling."""
    max_size: int = 0
    run_above_request: int = 0
    """Kept jobs that ran longer than they asked for; a queue that enforces limits will cut them."""
    unix_start_s: float | None = None
    """Unix time of second 0 of the file's clock; None where the file does not tell."""
    time_zone: str = "UTC"
    header: Mapping[str, str] = field(default_factory=dict)
    """The file's own header keys."""
    oversize: int = 0
    """Jobs larger than the site (after scaling): kept, and left to the queue to reject."""
    before_window: int = 0
    """Jobs left out because they were submitted before the run starts."""
    after_window: int = 0
    """Jobs left out because they were submitted at or after the end of the run."""
    notes: Mapping[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """The report as sentences, one per finding."""
        text = [f"{self.file or self.format} ({self.format}): {self.rows} records, {self.kept} kept"]
        text += [f"dropped {count}: {reason}" for reason, count in self.dropped.items()]
        text += [f"repaired {count}: {reason}" for reason, count in self.repaired.items()]
        counts = {
            "run longer than requested": self.run_above_request,
            "larger than the site": self.oversize,
            "left out: submitted before the window": self.before_window,
            "left out: submitted after the window": self.after_window,
        }
        text += [f"{count} {what}" for what, count in counts.items() if count]
        return text + [f"{name}: {value}" for name, value in self.notes.items()]


class JobStream(Protocol):
    """The submissions of one run: the same for any cut of the horizon, and again after a restore."""

    @property
    def report(self) -> ImportReport:
        """Where the jobs come from and what was done to them."""

    @property
    def digest(self) -> str:
        """SHA-256 of what determines the jobs, free of paths."""

    def take(self, t0_ms: int, t1_ms: int) -> JobBatch:
        """Jobs submitted in [t0_ms, t1_ms) since the start of the run, at most up to the horizon."""
