"""Scenarios on the base site and the fingerprints by which two runs are compared."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

import twin
from twin import parts

HERE = Path(__file__).resolve().parent
BASE = HERE.parents[1] / "scenarios" / "base"
STORM = (HERE / "storm.toml").read_text(encoding="utf-8")
START = pd.Timestamp("2028-07-14T00:00:00+08:00")


def scenario(text: str = "", *, seed: int | None = None, **overrides) -> twin.Scenario:
    """The base site with the tables of ``text``; ``overrides`` are dotted keys with ``__`` for the dot."""
    if not text.lstrip().startswith(("extends", "#")):
        text = 'extends = "zhongwei.toml"\n' + text
    dotted = {key.replace("__", "."): value for key, value in overrides.items()}
    return twin.Scenario.parse(text, base_dir=BASE, overrides=dotted, seed=seed)


def storm(**overrides) -> twin.Scenario:
    """Two days with faults, jobs, guards and timeline."""
    return scenario(STORM, **overrides)


def entry(at: str, do: str, what: str, value: float | None = None, duration: str | None = None) -> str:
    """One ``[[timeline]]`` entry as text."""
    lines = ["[[timeline]]", f'at = "{at}"', f'do = "{do}"', f'what = "{what}"']
    lines += [f"value = {value}"] if value is not None else []
    lines += [f'duration = "{duration}"'] if duration else []
    return "\n".join(lines) + "\n"


def local(text: str) -> pd.Timestamp:
    """``"1d 09:30"`` on the site's clock → the moment."""
    day, _, clock = text.partition(" ")
    return START + pd.Timedelta(days=int(day.removesuffix("d"))) + pd.Timedelta(f"{clock}:00")


def frame_sha(frame: pd.DataFrame) -> str:
    """SHA-256 of a table: column names, and every value by its bits."""
    sha = hashlib.sha256(repr(list(frame.columns)).encode())
    for name in frame.columns:
        column = frame[name]
        if pd.api.types.is_float_dtype(column):
            sha.update(np.ascontiguousarray(column.to_numpy(dtype=np.float64, na_value=np.nan)).tobytes())
        elif pd.api.types.is_datetime64_any_dtype(column):
            sha.update(pd.DatetimeIndex(column).as_unit("ms").asi8.tobytes())
        else:
            sha.update("\n".join(map(str, column)).encode())
    return sha.hexdigest()


def fingerprint(results: twin.Results, since: pd.Timestamp | None = None) -> dict[str, str]:
    """SHA-256 of each kind of result from ``since`` on: events, jobs, minutes of the site, hours of every channel."""
    since = results.start if since is None else pd.Timestamp(since).tz_convert("UTC")
    events = results.events[results.events.time >= since]
    jobs = results.jobs
    jobs = jobs[(jobs.end >= since) | jobs.end.isna()].sort_values("job", ignore_index=True)
    minute = results.channels[results.channels.minute].name.tolist()
    minutes = results.table(minute, start=since).reset_index()
    shas = {name: frame_sha(frame) for name, frame in (("events", events), ("jobs", jobs), ("minutes", minutes))}
    return shas | {"hours": hours_sha(results, since.ceil("h"))}


def hours_sha(results: twin.Results, since: pd.Timestamp) -> str:
    """SHA-256 of mean, least and greatest value of every channel in every hour from ``since`` on."""
    sha = hashlib.sha256()
    for path in parts.part_paths(results.path, parts.HOURS):
        table = parts.read_part(path)
        times = parts.time_values(table["time"])
        for name in ("mean", "min", "max"):
            column = table[name].fill_null(np.nan).to_numpy()[times >= since.as_unit("ms").value]
            sha.update(np.ascontiguousarray(column).tobytes())
    return sha.hexdigest()


def whole(given: twin.Scenario) -> tuple[twin.Results, str]:
    """Results and digest of the final state of an uninterrupted run."""
    with twin.Run(given) as run:
        run.advance(run.end)
        state = run.state_digest()
        return run.finish(), state


def chain(events: pd.DataFrame, seq: int) -> list[str]:
    """Kinds of events from ``seq`` up to its first cause."""
    by_seq = events.set_index("seq")
    kinds = []
    while not pd.isna(seq):
        kinds.append(str(by_seq.kind[seq]))
        seq = by_seq.cause_seq[seq]
    return kinds
