"""Energies by day or month, and the shares that follow from them. The totals are those of the run's own books."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from twin.faces.report.gather import Array, Facts, Rows, Times
from twin.indicators import NINGXIA_CO2_KG_KWH
from twin.quantities import MS_PER_DAY, MS_PER_HOUR

RULES = {"self_use": (0.60, "at least"), "green_load": (0.30, "at least"), "feed_in": (0.20, "at most")}
"""Direct-connection rule NDRC 2025-650: own use of the available generation, share of the load, feed-in."""
_CHANNELS = {
    "solar_available": "solar.available_mw", "solar_used": "solar.p_mw", "curtailed": "solar.curtailed_mw",
    "genset": "genset.p_mw", "load": "site.load_mw", "it": "it.p_mw", "cooling": "cooling.p_mw",
    "auxiliary": "auxiliary.p_mw", "losses": "losses.p_mw", "unserved": "site.unserved_mw",
}  # fmt: skip
_TWO_WAY = {
    "grid_import": ("grid.p_mw", 1.0), "grid_export": ("grid.p_mw", -1.0),
    "battery_discharge": ("battery.p_mw", 1.0), "battery_charge": ("battery.p_mw", -1.0),
}  # fmt: skip
_LOADS = ("it", "cooling", "auxiliary", "losses")


@dataclass(frozen=True)
class Period:
    """A local day or month: its name and energies, MWh; an energy whose channel is missing is not there."""

    label: str
    energy_mwh: dict[str, float]


class Energy:
    """The books of a run."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    @cached_property
    def by_day(self) -> list[Period]:
        """Energies by day on the site's clock."""
        day_of = {id(rows): self._days(rows.t_ms) for rows in (self._facts.fine, self._facts.mean)}
        days = np.unique(np.concatenate(list(day_of.values())))
        sums = {
            name: np.bincount(np.searchsorted(days, day_of[id(rows)]), weights=values, minlength=len(days))
            for name, (rows, values) in self._rows().items()
        }
        labels = np.datetime_as_string(days.astype("M8[D]"))
        return [
            Period(str(label), {name: float(values[i]) for name, values in sums.items()})
            for i, label in enumerate(labels)
        ]

    def _days(self, t_ms: Times) -> Times:
        return (t_ms + self._facts.clock.origin_ms) // MS_PER_DAY

    def _rows(self) -> dict[str, tuple[Rows, Array]]:
        """Energy of each row, from the finer of the two tables that has the channel."""
        fine, mean = self._facts.fine, self._facts.mean
        found: dict[str, tuple[Rows, Array]] = {}
        for name, channel in _CHANNELS.items():
            rows = fine if channel in fine else mean
            if channel in rows:
                found[name] = (rows, rows.energy_mwh(channel))
        for name, (channel, sign) in _TWO_WAY.items():
            if channel in fine:
                found[name] = (fine, np.maximum(sign * fine.energy_mwh(channel), 0.0))
        return found

    @cached_property
    def by_month(self) -> list[Period]:
        """Energies by month on the site's clock."""
        months: dict[str, dict[str, float]] = {}
        for day in self.by_day:
            month = months.setdefault(day.label[:7], dict.fromkeys(day.energy_mwh, 0.0))
            for name, value in day.energy_mwh.items():
                month[name] += value
        return [Period(label, energies) for label, energies in months.items()]

    @property
    def periods(self) -> list[Period]:
        """Rows of the table: months of a long run, else days."""
        return self.by_month if self._facts.long else self.by_day

    @cached_property
    def recorded(self) -> dict[str, float]:
        """Sum of the days, MWh."""
        names = self.by_day[0].energy_mwh if self.by_day else {}
        return {name: sum(day.energy_mwh[name] for day in self.by_day) for name in names}

    @cached_property
    def total(self) -> dict[str, float]:
        """Energies of the run, MWh: the ledger of a complete run, else the sum of the days."""
        booked = {name: float(value) for name, value in self._facts.summary.get("energy_mwh", {}).items()}
        if booked:
            booked["load"] = sum(booked[name] for name in _LOADS)
        return booked or self.recorded

    @property
    def earlier_share(self) -> float:
        """Part of the load that lies before the tables begin: those of a restored run begin at its snapshot."""
        load = self.total.get("load", 0.0)
        return 1.0 - self.recorded.get("load", load) / load if load > 0.0 else 0.0

    @cached_property
    def shares(self) -> dict[str, float | None]:
        """Shares of the rule, as in the summary; of an incomplete run from the sum of the days."""
        if "shares" in self._facts.summary:
            return dict(self._facts.summary["shares"])
        known = self.total
        available, used = known.get("solar_available", 0.0), known.get("solar_used", 0.0)
        exported = min(known.get("grid_export", 0.0), used)
        green = known.get("load", 0.0) - known.get("grid_import", 0.0) - known.get("genset", 0.0)
        return {
            "green_load": _ratio(max(green, 0.0), known.get("load", 0.0)),
            "self_use": _ratio(used - exported, available),
            "feed_in": _ratio(exported, available),
            "curtailed": _ratio(known.get("curtailed", 0.0), available),
        }

    def kept(self, rule: str) -> bool | None:
        """Whether a share keeps its rule; None where there is no rule or no share."""
        share = self.shares.get(rule)
        if share is None or rule not in RULES:
            return None
        limit, relation = RULES[rule]
        return share >= limit if relation == "at least" else share <= limit

    @property
    def pue(self) -> float | None:
        """Load over IT."""
        if "pue" in self._facts.summary:
            found = self._facts.summary["pue"]
            return None if found is None else float(found)
        return _ratio(self.total.get("load", 0.0), self.total.get("it", 0.0))

    @property
    def worst_pue(self) -> tuple[float, int] | None:
        """Load over IT in the worst hour, and when that was; None where IT never ran a whole hour."""
        mean = self._facts.mean
        if "site.load_mw" not in mean or "it.p_mw" not in mean:
            return None
        it = mean["it.p_mw"]
        # an hour in which the racks hardly run says nothing about the cooling
        busy = it > 0.1 * float(np.max(it, initial=0.0))
        if not busy.any():
            return None
        pue = np.where(busy, mean["site.load_mw"] / np.where(busy, it, 1.0), 0.0)
        at = int(np.argmax(pue))
        return float(pue[at]), int(mean.t_ms[at])

    @property
    def co2_t(self) -> float | None:
        """Carbon dioxide of the grid import, tonnes."""
        if "co2_t" in self._facts.summary:
            return float(self._facts.summary["co2_t"])
        imported = self.total.get("grid_import")
        return None if imported is None else imported * NINGXIA_CO2_KG_KWH

    def export_at_limit_h(self) -> float:
        """Hours in which the export stood at its limit (within half a percent)."""
        limit, fine = self._facts.settings.export_limit_mw(), self._facts.fine
        if not limit or "grid.p_mw" not in fine:
            return 0.0
        return float(fine.length_ms[fine["grid.p_mw"] <= -0.995 * limit].sum()) / MS_PER_HOUR


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0.0 else None
