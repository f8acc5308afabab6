"""Numbers, times and names as the page writes them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import escape

from twin.quantities import MS_PER_DAY, MS_PER_HOUR, MS_PER_MIN, MS_PER_S

THIN = "\u202f"
"""Narrow space that does not break a line: between groups of thousands and before a unit."""
NOTHING = "–"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_DIGITS = {"°C": 1, "K": 1, "pu": 2, "MW": 1, "kW": 0, "MWh": 1, "W/m²": 0, "1": 3, "Hz": 2, "m/s": 1, "kg/s": 1}
"""Digits after the point that a value of a unit is shown with; more where a limit would look the same."""
_MOST_DIGITS = 6


def number(value: float | None, digits: int = 0) -> str:
    """``12 345.6`` with narrow spaces and a true minus; ``–`` where there is no value."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{abs(value):,.{digits}f}".replace(",", THIN)
    return "−" + text if value < 0 and any(digit in text for digit in "123456789") else text


def percent(share: float | None, digits: int = 0) -> str:
    """A share as ``57.1 %``."""
    return NOTHING if share is None or not math.isfinite(share) else f"{number(100.0 * share, digits)}{THIN}%"


def with_unit(value: float | None, unit: str, digits: int | None = None) -> str:
    """A value and its unit; ``1`` is no unit."""
    shown = number(value, _DIGITS.get(unit, 2) if digits is None else digits)
    return shown if unit in ("1", "") or shown == NOTHING else f"{shown}{THIN}{unit}"


def digits_to_tell(unit: str, *values: float | None) -> int:
    """Digits with which unequal values look unequal, beginning with those usual for the unit."""
    known = [value for value in values if value is not None]
    for digits in range(_DIGITS.get(unit, 2), _MOST_DIGITS):
        if len({number(value, digits) for value in known}) == len(set(known)):
            return digits
    return _MOST_DIGITS


def scientific(value: float | None) -> str:
    """``3.1e−13``."""
    return (
        NOTHING
        if value is None or not math.isfinite(value)
        else re.sub(r"e([-+])0?", r"e\1", f"{value:.1e}").replace("-", "−")
    )


def duration(ms: float) -> str:
    """How long something lasted: ``1.1 s``, ``7 min``, ``20.0 h``, ``3.5 d``."""
    for limit, unit_ms, unit, digits in (
        (MS_PER_MIN, MS_PER_S, "s", 1), (100 * MS_PER_MIN, MS_PER_MIN, "min", 0),
        (4 * MS_PER_DAY, MS_PER_HOUR, "h", 1), (math.inf, MS_PER_DAY, "d", 1),
    ):  # fmt: skip
        if ms < limit:
            return f"{number(ms / unit_ms, digits)}{THIN}{unit}"
    raise ValueError(f"{ms} ms is no duration")


def hours_text(hours: float) -> str:
    """``14.7 h``; whole hours from a hundred on."""
    return f"{number(hours, 1 if hours < 100 else 0)}{THIN}h"


def count_word(count: int) -> str:
    """``three``; digits from thirteen on."""
    return _SMALL[count] if 0 <= count < len(_SMALL) else number(count)


def plural(count: int, one: str, many: str = "") -> str:
    """``1 hour``, ``2 hours``."""
    return f"{number(count)}{THIN}{one if count == 1 else many or one + 's'}"


def listed(items: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def sentence(text: str) -> str:
    """The text with a capital letter."""
    return text[:1].upper() + text[1:]


def safe(text: object) -> str:
    """Text for HTML, and for labels of figures, whose small HTML knows the same entities."""
    return escape(str(text), quote=True)


class Clock:
    """Times of a run, ms since its start, as text on the site's clock."""

    def __init__(self, start_ms: int, offset_ms: int, length_ms: int) -> None:
        self.origin_ms = start_ms + offset_ms
        """Start of the run on the site's clock, ms since 1970 as if that clock were UTC."""
        self.offset_ms = offset_ms
        self._year = self._at(0).year != self._at(max(length_ms - 1, 0)).year

    def _at(self, t_ms: float) -> datetime:
        return _EPOCH + timedelta(milliseconds=self.origin_ms + t_ms)

    def full(self, t_ms: float) -> str:
        """``2028-07-14 00:00``."""
        return f"{self._at(t_ms):%Y-%m-%d %H:%M}"

    def short(self, t_ms: float) -> str:
        """``07-15 12:00``, with the year where the run touches two."""
        return self.full(t_ms) if self._year else self.full(t_ms)[5:]

    def exact(self, t_ms: int) -> str:
        """``07-15 12:00:01.100``, milliseconds where there are any."""
        at = self._at(t_ms)
        text = f"{at:%Y-%m-%d %H:%M:%S}" + (f".{at.microsecond // 1000:03}" if t_ms % MS_PER_S else "")
        return text if self._year else text[5:]

    def hour(self, t_ms: float) -> str:
        """``12:00``."""
        return f"{self._at(t_ms):%H:%M}"

    @property
    def zone(self) -> str:
        """``+08:00``."""
        minutes = abs(self.offset_ms) // MS_PER_MIN
        return f"{'-' if self.offset_ms < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"


def bank(name: str) -> str:
    """What members of a bank have in common: ``hall-02.b`` → ``hall-#.b``."""
    return re.sub(r"\d+", "#", name)


def asset_range(names: Sequence[str], most: int = 3) -> str:
    """``pv-04…06`` for neighbours of a bank, else the first few and how many more there are."""
    unique = sorted(dict.fromkeys(names), key=_natural)
    if len(unique) == 1:
        return unique[0]
    numbers = [re.findall(r"\d+", name) for name in unique]
    if len({bank(name) for name in unique}) == 1 and numbers[0]:
        differing = [i for i in range(len(numbers[0])) if len({found[i] for found in numbers}) > 1]
        values = [int(found[differing[0]]) for found in numbers]
        if len(differing) == 1 and values[-1] - values[0] == len(values) - 1:
            return _between(unique[0], numbers[0], numbers[-1], differing[0])
    if len(unique) <= most:
        return listed(unique)
    named = max(most - 1, 1)
    return f"{', '.join(unique[:named])} and {len(unique) - named} more"


def _between(name: str, first: list[str], last: list[str], at: int) -> str:
    spans = list(re.finditer(r"\d+", name))
    return f"{name[: spans[at].start()]}{first[at]}…{last[at]}{name[spans[at].end() :]}"


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts T2 before T10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]
