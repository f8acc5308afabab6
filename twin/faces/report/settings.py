"""What the resolved scenario says that the page draws as a limit. A missing table means there is no such limit."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twin.indicators import RELATIONS, Expect
from twin.local_time import ms_from_start


@dataclass(frozen=True)
class Settings:
    """The scenario as text and as plain data."""

    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, run_dir: Path) -> Settings:
        """Those of a run directory; empty where the resolved scenario is missing or no longer TOML."""
        path = run_dir / "scenario.resolved.toml"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        try:
            return cls(text, tomllib.loads(text))
        except tomllib.TOMLDecodeError:
            return cls(text, {})

    def table(self, name: str) -> dict[str, Any]:
        """A table such as ``dispatch``; empty where there is none."""
        found = self.data.get(name, {})
        return found if isinstance(found, dict) else {}

    def entries(self, name: str) -> list[dict[str, Any]]:
        """An array of tables such as ``timeline``."""
        found = self.data.get(name, [])
        return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []

    def banks(self, kind: str) -> dict[str, dict[str, Any]]:
        """Tables ``[site.<kind>.<name>]``."""
        found = self.table("site").get(kind, {})
        tables = found if isinstance(found, dict) else {}
        return {name: bank for name, bank in tables.items() if isinstance(bank, dict)}

    def kinds(self) -> dict[str, int]:
        """How many of each kind stand on the site."""
        kinds = [kind for kind, value in self.table("site").items() if isinstance(value, dict)]
        return {kind: sum(_count(bank) for bank in self.banks(kind).values()) for kind in kinds}

    def number(self, table: str, key: str) -> float | None:
        """A number of a table, such as ``dispatch.soc_floor_share``."""
        return _float(self.table(table).get(key))

    def least(self, kind: str, key: str) -> float | None:
        """The least value of a field over all banks of a kind."""
        found = [value for bank in self.banks(kind).values() for value in _floats(bank.get(key))]
        return min(found, default=None)

    def export_limit_mw(self) -> float | None:
        """Most that is fed into the grid: the dispatch's own limit, else that of the ties together."""
        own = self.number("dispatch", "export_limit_mw")
        ties = [_total(bank, "export_limit_mw") for bank in self.banks("grid_tie").values()]
        known = [limit for limit in ties if limit is not None]
        return own if own is not None else (sum(known) if known else None)

    def expectations(self) -> list[Expect]:
        """The ``[[expect]]`` entries, for a run that ended before it could judge them."""
        return [self._expectation(entry) for entry in self.entries("expect")]

    def _expectation(self, entry: dict[str, Any]) -> Expect:
        start: Any = self.table("run").get("start")
        below, above, at_most, at_least = (_float(entry.get(name)) for name in RELATIONS)
        begin, end = (ms_from_start(str(entry[edge]), start) if entry.get(edge) else None for edge in ("from", "to"))
        return Expect(
            str(entry.get("that", "")), below, above, at_most, at_least, begin, end, str(entry.get("title", ""))
        )


def _count(bank: dict[str, Any]) -> int:
    names = bank.get("names")
    return len(names) if isinstance(names, list) else int(_float(bank.get("count")) or 1)


def _total(bank: dict[str, Any], key: str) -> float | None:
    found = _floats(bank.get(key))
    if not found:
        return None
    return sum(found) if isinstance(bank[key], list) else found[0] * _count(bank)


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _floats(value: object) -> list[float]:
    values = value if isinstance(value, list) else [value]
    return [number for each in values if (number := _float(each)) is not None]
