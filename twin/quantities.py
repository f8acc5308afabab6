"""Units, ticks and signs: the only place where they are defined.

**Time** inside is an integer number of milliseconds. **Signs**: power into the site's buses from sources is
positive (``grid`` + import, ``solar``, ``genset`` +, stores + discharge); ``it``, ``cooling``, ``auxiliary``,
``losses``, ``site.load`` and ``unserved`` are consumption and positive. Inside, one unit per quantity: W, J, °C,
kg/s, per unit, ms; scenario files use the suffixes below, and conversion happens once, where a component is lowered.
"""

from __future__ import annotations

import re
from decimal import Decimal

MS_PER_S = 1_000
MS_PER_MIN = 60_000
MS_PER_HOUR = 3_600_000
MS_PER_DAY = 86_400_000

ZERO_C_IN_K = 273.15
"""0 °C in kelvin (SI)."""

SUFFIXES: dict[str, str] = {
    "w": "W",
    "kw": "kW",
    "mw": "MW",
    "gw": "GW",
    "mvar": "Mvar",
    "mva": "MVA",
    "kva": "kVA",
    "wh": "Wh",
    "kwh": "kWh",
    "mwh": "MWh",
    "j": "J",
    "v": "V",
    "kv": "kV",
    "a": "A",
    "ka": "kA",
    "ah": "Ah",
    "ohm": "Ω",
    "mohm": "mΩ",
    "nf": "nF",
    "hz": "Hz",
    "ms": "ms",
    "s": "s",
    "min": "min",
    "h": "h",
    "days": "d",
    "years": "a",
    "c": "°C",
    "k": "K",
    "w_k": "W/K",
    "kw_k": "kW/K",
    "j_k": "J/K",
    "mj_k": "MJ/K",
    "k_w": "K/W",
    "km": "km",
    "m": "m",
    "m2": "m²",
    "l": "l",
    "m3": "m³",
    "kg_s": "kg/s",
    "l_min_kw": "l/(min·kW)",
    "l_s": "l/s",
    "pa": "Pa",
    "kpa": "kPa",
    "bar": "bar",
    "m_s": "m/s",
    "w_m2": "W/m²",
    "mm": "mm",
    "mm_h": "mm/h",
    "kwh_m2": "kWh/m²",
    "mj_m2": "MJ/m²",
    "pu": "pu",
    "percent": "%",
    "share": "1",
    "deg": "°",
    "rad": "rad",
    "count": "1",
    "factor": "1",
    "per_year": "1/a",
    "per_day": "1/d",
    "per_k": "1/K",
    "per_min": "1/min",
    "kg_kwh": "kg/kWh",
    "l_kwh": "l/kWh",
    "l_kw": "l/kW",
    "mw_per_min": "MW/min",
    "mw_per_hz": "MW/Hz",
    "gpus": "GPU",
    "w_gpu": "W/GPU",
    "mg_m3": "mg/m³",
    "kj_kg": "kJ/kg",
    "j_kg_k": "J/(kg·K)",
    "kg_m3": "kg/m³",
    "t": "t",
    "s_per_step": "s",
    "kg": "kg",
    "mw_kg": "MW/kg",
    "l_per_kwh": "l/kWh",
}
"""Suffix of a key → its unit. A number with a dimension carries one of these."""

_LONGEST_FIRST = sorted(SUFFIXES, key=len, reverse=True)


def unit_of(name: str) -> str | None:
    """The unit that the suffix of ``name`` stands for, or None where it has none: ``energy_mwh`` → ``MWh``."""
    for suffix in _LONGEST_FIRST:
        if name == suffix or name.endswith("_" + suffix):
            return SUFFIXES[suffix]
    return None


_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)")
_DURATION_MS = {"ms": 1, "s": MS_PER_S, "min": MS_PER_MIN, "h": MS_PER_HOUR, "d": MS_PER_DAY}


def duration_ms(text: str) -> int:
    """Milliseconds in a text such as ``"90s"``, ``"2h"`` or ``"1d 12h"``.

    Raise ValueError for anything else, and for a fraction of a millisecond.
    """
    rest = _DURATION.sub("", text).strip()
    parts = _DURATION.findall(text)
    if rest or not parts:
        raise ValueError(f"{text!r} is not a duration such as '90s', '15min', '2h' or '1d 12h'")
    total = sum(Decimal(value) * _DURATION_MS[unit] for value, unit in parts)  # exact: 4184.132 s is whole milliseconds
    if total != int(total):
        raise ValueError(f"{text!r} is finer than a millisecond")
    return int(total)


def duration_text(ms: int) -> str:
    """The shortest text that ``duration_ms`` reads back as ``ms``: 5400000 → ``"1h 30min"``."""
    if ms == 0:
        return "0s"
    words = []
    for unit in ("d", "h", "min", "s", "ms"):
        count, ms = divmod(ms, _DURATION_MS[unit])
        if count:
            words.append(f"{count}{unit}")
    return " ".join(words)
