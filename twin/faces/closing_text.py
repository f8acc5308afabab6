"""The closing summary of a run as text: verdicts, energy, shares, work, events, audit, and what to run next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from twin.faces.terminal import cut, grouped, span

AUDIT_LIMIT_PU = 1e-9
"""The books close to this share of throughput, or the run is invalid."""

_BOUND_WORDS = {"below": "below", "above": "above", "at_most": "at most", "at_least": "at least"}


@dataclass(frozen=True)
class Closing:
    """What the closing summary tells; ``summary`` is the run's summary.json, times are on the site's clock."""

    name: str
    days: float
    wall_s: float
    out: str
    size_mb: float
    summary: Mapping[str, Any]
    events: Mapping[int, int] = field(default_factory=dict)
    """Priority → number of events."""
    first: str = ""
    """The first event worth a word: ``07-15 12:00:00.000 T2 opened``."""
    strict: bool = False

    @property
    def unmet(self) -> int:
        """Expectations that were not met, or that nothing could be said about."""
        return sum(not entry["met"] for entry in self.summary.get("expect", ()))


def closing_lines(closing: Closing) -> list[str]:
    """The summary that stays on the screen."""
    speed = closing.summary.get("speed", {})
    pace = closing.days * 86_400.0 / closing.wall_s if closing.wall_s > 0.0 else math.nan
    days = f"{closing.days:g} day{'' if closing.days == 1 else 's'}"
    rss = f"   peak {speed['peak_rss_mb']:.0f} MB" if speed.get("peak_rss_mb") else ""
    mark = "✕" if audit_broken(closing.summary) else "✓"
    first = f"{mark} {closing.name}   {days} in {span(closing.wall_s)}   {grouped(pace)} × real time{rss}"
    blocks = [
        [first],
        _expect_lines(closing.summary.get("expect", ())),
        _energy_lines(closing.summary),
        [_events_line(closing), _audit_line(closing.summary)],
        [
            f" {closing.out}   {grouped(closing.size_mb, 0 if closing.size_mb >= 10 else 1)} MB   "
            f"digest {_digest(closing.summary)}",
            f" next: twin report {closing.out}",
        ],
        _verdict_lines(closing),
    ]
    return [line for block in blocks if block for line in (*block, "")][:-1]


def _digest(summary: Mapping[str, Any]) -> str:
    digest = str(summary.get("digest", ""))
    return " ".join(digest[start : start + 4] for start in (0, 4, 8)) if digest else "–"


def _expect_lines(expect: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table of verdicts."""
    if not expect:
        return []
    lines = [" Expected                          limit     observed    where"]
    for entry in expect:
        observed = entry.get("observed")
        limit_text, observed_text = _as_told(entry["that"], entry["limit"], observed)
        what = f"{entry['that']} {_BOUND_WORDS[entry['bound']]}"
        mark = "✓" if entry["met"] else "✕"
        line = f" {mark} {what:<28} {limit_text:>8} {observed_text:>12}    {_where(entry)}".rstrip()
        lines.append(cut(line) if len(what) <= 28 else cut(_squeezed(mark, what, limit_text, observed_text, entry)))
        if entry.get("title"):
            lines.append(cut(f"   {entry['title']}"))
    return lines


def _squeezed(mark: str, what: str, limit: str, observed: str, entry: Mapping[str, Any]) -> str:
    """A verdict whose channel is too long for its column."""
    return f" {mark} {what} {limit}, observed {observed}   {_where(entry)}".rstrip()


def _as_told(channel: str, limit: float, observed: float | None) -> tuple[str, str]:
    """Limit and observed value with the same decimals, more of them where rounding would hide the difference."""
    usual = 2 if channel.endswith("_pu") else 1 if max(abs(limit), abs(observed or 0.0)) < 1_000 else 0
    if observed is None:
        return grouped(limit, usual), "–"
    for decimals in range(usual, 6):
        texts = grouped(limit, decimals), grouped(observed, decimals)
        if texts[0] != texts[1]:
            return texts
    return grouped(limit, usual), grouped(observed, usual)


def _where(entry: Mapping[str, Any]) -> str:
    """Asset and time of the worst value, where there is one time that says something."""
    time = entry.get("time")
    if not isinstance(time, datetime) or entry.get("observed") is None:
        return ""
    where = str(entry.get("where") or "")
    return f"{where.rpartition('.')[0] or where}, {time:%m-%d %H:%M}".removeprefix(", ")


def _energy_lines(summary: Mapping[str, Any]) -> list[str]:
    """Energy, shares and work, side by side."""
    energy = summary.get("energy_mwh", {})
    left = [" Energy, MWh", *(_energy_row(name, value, behind) for name, value, behind in _energies(summary, energy))]
    middle = ["Shares", *_shares(summary)]
    right = ["Work", *_work(summary)]
    n_rows = max(len(left), len(middle), len(right))
    columns = [column + [""] * (n_rows - len(column)) for column in (left, middle, right)]
    return [f"{a:<38}{b:<25}{c}".rstrip() for a, b, c in zip(*columns, strict=True)]


def _energies(summary: Mapping[str, Any], energy: Mapping[str, float]) -> Iterator[tuple[str, float, str]]:
    """Name, MWh, what stands behind it."""
    load = sum(energy.get(name, 0.0) for name in ("it", "cooling", "auxiliary", "losses"))
    pue = summary.get("pue")
    yield "solar used", energy.get("solar_used", 0.0), f"of {grouped(energy.get('solar_available', 0.0))}"
    yield "grid import", energy.get("grid_import", 0.0), ""
    yield "grid export", energy.get("grid_export", 0.0), ""
    yield "site load", load, f"PUE {pue:.3f}" if pue is not None else ""
    for name in ("genset", "unserved"):
        if energy.get(name, 0.0) > 0.0:
            yield name, energy[name], ""


def _energy_row(name: str, value: float, behind: str) -> str:
    return f" {name:<11} {grouped(value):>9}  {behind}".rstrip()


def _shares(summary: Mapping[str, Any]) -> Iterator[str]:
    shares = summary.get("shares", {})
    for name, label in (("green_load", "solar in load"), ("self_use", "used on site"), ("curtailed", "curtailed")):
        value = shares.get(name)
        yield f"{label:<13} {'–' if value is None else f'{value * 100:.1f}':>5} %"
    cycles = summary.get("battery", {}).get("equivalent_full_cycles")
    yield f"battery {'–' if cycles is None else f'{cycles:.2f}':>5} cycles"


def _work(summary: Mapping[str, Any]) -> Iterator[str]:
    gpu_h, jobs = summary.get("gpu_h", {}), summary.get("jobs", {})
    delivered, lost = gpu_h.get("delivered", 0.0), gpu_h.get("lost", 0.0)
    yield f"{_large(delivered)} GPU-h"
    if delivered > 0.0:
        yield f"{lost / delivered * 100:.2f} % lost"
    yield f"{grouped(jobs.get('finished', 0))} jobs done"
    wait_s = jobs.get("mean_wait_s")
    if wait_s is not None:
        yield f"wait {_wait(wait_s)} mean"


def _wait(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def _large(value: float) -> str:
    return f"{value / 1e6:.2f} M" if value >= 1e6 else grouped(value)


def _events_line(closing: Closing) -> str:
    words = ((1, "act now"), (2, "act soon"), (3, "know"))
    counts = "  ".join(f"{closing.events[level]} {word}" for level, word in words if closing.events.get(level))
    first = f"first: {closing.first}" if closing.first else ""
    return cut(f" Events  {counts or 'none':<33}  {first}".rstrip())


def audit_broken(summary: Mapping[str, Any]) -> bool:
    """Whether a book does not close."""
    return any(abs(value) > AUDIT_LIMIT_PU for value in _residuals(summary).values())


def _residuals(summary: Mapping[str, Any]) -> dict[str, float]:
    audit = summary.get("audit", {})
    names = {
        "energy": "largest_energy_residual_pu",
        "heat": "largest_heat_residual_pu",
        "drift": "cumulative_drift_pu",
    }
    return {word: audit[name] for word, name in names.items() if name in audit}


def _audit_line(summary: Mapping[str, Any]) -> str:
    books = "   ".join(f"{word} {value:.1e} pu" for word, value in _residuals(summary).items())
    return f" Audit   {books:<63} {'✕ broken' if audit_broken(summary) else '✓ kept'}"


def _verdict_lines(closing: Closing) -> list[str]:
    """Finding or failure: what an unmet expectation means for the exit code."""
    if not closing.unmet:
        return []
    many = closing.unmet > 1
    what = f"{closing.unmet} expectations were" if many else "One expectation was"
    if closing.strict:
        return [f"{what} not met: exit code 1, as --strict asks."]
    those = "Those are findings, not failures" if many else "That is a finding, not a failure"
    return [f"{what} not met. {those}: exit code 0.", "(--strict turns it into exit code 1.)"]
