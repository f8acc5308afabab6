"""Dates of traces to milliseconds since 1970, in UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from twin.workload.jobs import Bool, Int64

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_AWARE = re.compile(r"(?:[zZ]|[+-]\d\d:?(?:\d\d)?)$")
_DATE_CHARS = 10


def zone_of(name: str) -> tzinfo:
    """The zone that ``name`` (``Asia/Shanghai``, ``+08:00``) stands for; raise ValueError where there is none."""
    match = _OFFSET.fullmatch(name)
    if match:
        sign = 1 if match[1] == "+" else -1
        return timezone(sign * timedelta(hours=int(match[2]), minutes=int(match[3])))
    if name.upper() in {"UTC", "Z"}:
        return UTC  # needs no zone database
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no time zone is called {name!r}") from error


def epoch_ms(texts: Sequence[str], zone: tzinfo) -> tuple[Int64, Bool, int]:
    """Milliseconds since 1970 of ISO dates, which of them are bad, and how many local times were not unique.

    A date with an offset of its own keeps it; the others are clock times in ``zone``. A clock time that occurs
    twice counts as the first of the two, one that is skipped as the moment the clocks went forward.
    """
    import pandas as pd

    parsed = pd.Series(
        pd.to_datetime(pd.Series(list(texts), dtype=object), format="ISO8601", utc=True, errors="coerce")
    )
    bad: Bool = parsed.isna().to_numpy()
    index = pd.DatetimeIndex(parsed.fillna(pd.Timestamp(0, tz="UTC"))).as_unit("ms")
    times = index.asi8.copy()
    clock = np.array([_AWARE.search(text[_DATE_CHARS:]) is None for text in texts], dtype=np.bool_)
    if zone is UTC or not clock.any():
        return times, bad, 0
    naive = index[clock].tz_localize(None)
    unsure = int(np.count_nonzero(naive.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").isna()))
    first = np.ones(len(naive), dtype=np.bool_)
    times[clock] = naive.tz_localize(zone, ambiguous=first, nonexistent="shift_forward").asi8
    return times, bad, unsure
