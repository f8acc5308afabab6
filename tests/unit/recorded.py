"""A tiny site and its rows, for the tests of recorder and results. Values are drawn, so every bit counts."""

import json
import sys
from pathlib import Path

import numpy as np

from twin.plan import Channel, Place
from twin.quantities import MS_PER_HOUR, MS_PER_MIN
from twin.record import Event, Recorder

START_MS = 1_847_116_800_000  # 2028-07-14T00:00:00+08:00
OFFSET_MS = 8 * MS_PER_HOUR
GROUPS = ("hall-01.a", "hall-01.b")
CHANNELS = (
    Channel("grid.p_mw", Place("site", "grid_w"), "MW", "import", site=True),
    Channel("battery.soc", Place("site", "soc"), "pu", "state of charge", kind="state", site=True, fine=True),
    Channel("site.pue", Place("site", "pue"), "1", "power usage effectiveness", site=True),
    Channel("hall-02.supply_c", Place("loop", "supply_c", 1), "°C", "supply", kind="state", fine=True),
    Channel("hall-01.supply_c", Place("loop", "supply_c", 0), "°C", "supply", kind="state", fine=True),
)
MINUTE = ("grid.p_mw", "battery.soc", "site.pue")
FINE = ("battery.soc", "hall-02.supply_c", "hall-01.supply_c")


def setting(**changes) -> dict:
    """What a recorder is made with."""
    given = {
        "channels": CHANNELS, "minute": MINUTE, "fine": FINE, "start_ms": START_MS, "utc_offset_ms": OFFSET_MS,
        "resolved_toml": "title = 'test'\n", "manifest": {"scenario_digest": "abc", "seed": 1}, "group_names": GROUPS,
    }  # fmt: skip
    return {**given, **changes}


def hour_block(hours: int, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Times and (mean, min, max) of some hours."""
    block = np.stack([np.random.default_rng(hour).random((3, 5)) for hour in range(first, first + hours)])
    return (first + np.arange(hours)) * MS_PER_HOUR, np.sort(1.0 + block, axis=1)[:, [1, 0, 2]].astype("f4")


def minute_block(minutes: int, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Times and values of some minutes."""
    block = np.stack([np.random.default_rng(10**6 + minute).random(3) for minute in range(first, first + minutes)])
    return (first + np.arange(minutes)) * MS_PER_MIN, (1.0 + block).astype("f4")


def ended(ids: list[int], end_ms: list[int], state: int = 4) -> dict:
    """Jobs as the queue core gives them: 4 GPUs for half an hour after ten minutes of waiting."""
    end = np.array(end_ms, dtype="i8")
    n = len(ids)
    return {
        "id": np.array(ids, dtype="i8"), "submit_ms": end - 2_400_000, "start_ms": end - 1_800_000, "end_ms": end,
        "size": np.full(n, 4, "i4"), "state": np.full(n, state, "i4"), "restarts": np.zeros(n, "i4"),
        "wait_ms": np.full(n, 600_000, "i8"), "energy_j": np.full(n, 7.2e6), "gpu_ms": np.full(n, 7_200_000, "i8"),
        "lost_gpu_ms": np.zeros(n, "i8"), "group": np.arange(n, dtype="i4") % 2, "cause": np.zeros(n, "i4"),
    }  # fmt: skip


def play(recorder: Recorder, first_hour: int, last_hour: int, flush_every: int = 24) -> None:
    """Record some hours with everything that may be in them."""
    for hour in range(first_hour, last_hour):
        t_ms = hour * MS_PER_HOUR
        recorder.hours(*hour_block(1, hour))
        recorder.minutes(*minute_block(60, 60 * hour))
        if hour % 5 == 0:
            recorder.fine(t_ms + 1000 * np.arange(3), np.full((3, 3), 2.0 + hour, "f4"))
        value, cause = (None, None) if hour % 2 else (hour / 3.0, max(hour - 1, 0))
        recorder.event(Event(hour, t_ms, f"kind-{hour % 3}", "T2", 2, value, cause, f"hour {hour} · °C"))
        recorder.jobs(ended([2 * hour, 2 * hour + 1], [t_ms + 1, t_ms + 2]))
        if (hour + 1) % flush_every == 0:
            recorder.flush(t_ms + MS_PER_HOUR)


def finished(out: Path, hours: int = 48, flush_every: int = 24, **changes) -> str:
    """A whole run in ``out``; return its digest."""
    recorder = Recorder(out, **setting(**changes))
    play(recorder, 0, hours, flush_every)
    recorder.flush(hours * MS_PER_HOUR)
    return recorder.finish({"pue": 1.2}, "state")


if __name__ == "__main__":
    doomed = Recorder(Path(sys.argv[1]), **setting())
    for day in range(1_000):
        play(doomed, 24 * day, 24 * day + 24)
        doomed.checkpoint(f"day-{day:05}", json.dumps({"hour": 24 * day + 24, "parts": doomed.ledger()}).encode())
        if day == 3:
            sys.stdout.write("four days are on disk\n")
            sys.stdout.flush()
