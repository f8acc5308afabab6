"""Times as a scenario writes them, and the site's fixed clock offset."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

from twin.quantities import MS_PER_DAY, MS_PER_HOUR, MS_PER_MIN, MS_PER_S, duration_ms

_CLOCK = re.compile(r"(?:(\d{1,5})d\s+)?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ].+)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)

FORMS = "'1d 12:00' (the local clock on day 1), '2028-07-15T12:00' or '90min' from the start"


def epoch_ms(moment: datetime) -> int:
    """Milliseconds from 1970-01-01 UTC to a moment with an offset; raise ValueError below a millisecond."""
    whole, rest = divmod(moment - _EPOCH, _MS)
    if rest:
        raise ValueError(f"{moment.isoformat()} is finer than a millisecond")
    return whole


def offset_ms(start: datetime) -> int:
    """The site's clock minus UTC: the offset in which ``run.start`` is written."""
    offset = start.utcoffset()
    if offset is None:
        raise ValueError("the start has no offset")
    return offset // _MS


def ms_from_start(text: str, start: datetime) -> int:
    """Milliseconds from ``start`` to the moment that ``text`` names, negative before it.

    ``"1d 12:00"`` is the local clock on day 1 after the start's day; an ISO date or time without an offset is in that
    of ``start``; ``"90min"``, ``"30d"`` count from the start. Raise ValueError for anything else.
    """
    text = text.strip()
    clock = _CLOCK.fullmatch(text)
    if clock:
        return _clock_ms(clock) - _since_midnight_ms(start)
    if _ISO.fullmatch(text):
        return epoch_ms(_moment(text, start)) - epoch_ms(start)
    try:
        return duration_ms(text)
    except ValueError as error:
        raise ValueError(f"expected {FORMS}") from error


def _clock_ms(clock: re.Match[str]) -> int:
    days, hours, minutes, seconds = (int(group or 0) for group in clock.groups()[:4])
    fraction = int((clock[5] or "0").ljust(3, "0"))
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError("no such time of day; the last minute is 23:59")
    return days * MS_PER_DAY + hours * MS_PER_HOUR + minutes * MS_PER_MIN + seconds * MS_PER_S + fraction


def _since_midnight_ms(start: datetime) -> int:
    return (start - start.replace(hour=0, minute=0, second=0, microsecond=0)) // _MS


def _moment(text: str, start: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"no such date or time: {error}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=start.tzinfo)


def local_text(time_ms: int, utc_offset_ms: int) -> str:
    """``YYYY-MM-DDTHH:MM:SS+08:00`` of a moment in epoch milliseconds, on the site's clock."""
    zone = timezone(timedelta(milliseconds=utc_offset_ms))
    moment = (_EPOCH + timedelta(milliseconds=time_ms)).astimezone(zone)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


def as_text(value: object) -> object:
    """A TOML date or time as the text a scenario could have written; anything else as it is."""
    return value.isoformat() if isinstance(value, datetime | date) else value
