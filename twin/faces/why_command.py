"""``twin why RUN WHAT``: the chain of causes behind a job, an event or an asset, and what an event led to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from twin.errors import Problem, ScenarioError
from twin.faces.terminal import grouped
from twin.local_time import local_text
from twin.plan import nearest
from twin.results import Results
from twin.results import open as open_results
from twin.scenario import Scenario
from twin.site import build
from twin.world import LOST_ROW

RACK_FAULT = 1
"""Cause number of a job that a fault of one of its racks stopped."""
MOST_ROWS = 12
"""Rows of one kind that are told one by one; of more only how many there are."""
_STOPPED = re.compile(r"(?:row group (\d+)|row groups \((\d+)…(\d+)\)) stopped")
_LAST_EVENTS = 8


def answer(folder: Path, what: str) -> str:
    """The text to print. Raise ScenarioError where the run knows no job, event or asset of that name."""
    if not (folder / "manifest.json").is_file():
        raise ScenarioError([Problem("RUN", "not a run directory: it has no manifest.json", str(folder))])
    return "\n".join(_Log(open_results(folder)).lines(what.strip()))


class _Log:
    """Events and jobs of one run, and how they hang together."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.events = results.events.set_index("seq", drop=False)
        known = self.events[self.events["cause_seq"].notna()]
        self.cause: dict[int, int] = dict(zip(known["seq"].tolist(), known["cause_seq"].tolist(), strict=True))
        self.time: dict[int, pd.Timestamp] = dict(zip(self.events.index, self.events["time"], strict=True))
        self.offset_ms = int(results.manifest["utc_offset_ms"])

    def lines(self, what: str) -> Iterator[str]:
        """Whatever ``what`` is: ``job-7``, ``event-7`` or ``7``, or the name of an asset."""
        number = re.fullmatch(r"(job|event|#)?-?(\d+)", what)
        if number and number[1] == "job":
            return self._job(int(number[2]), what)
        if number:
            return self._event(int(number[2]), what)
        return self._asset(what)

    # ------------------------------------------------------------------ what can be asked for

    def _event(self, seq: int, what: str) -> Iterator[str]:
        if seq not in self.events.index:
            last = int(self.events.index.max()) if len(self.events) else 0
            raise ScenarioError([Problem("WHAT", f"no such event: there are event-1 to event-{last}", what)])
        yield f"why event-{seq}"
        yield from self._chain(seq)
        yield from self._consequences(seq)

    def _asset(self, name: str) -> Iterator[str]:
        rows = self.events[(self.events["asset"] == name) & self.events["priority"].between(1, 2)]
        if rows.empty:
            known = sorted(set(self.events["asset"]))
            if name in known or name in set(self.results.channels["asset"]):
                yield f"{name}: nothing of priority 1 or 2 happened to it in this run"
                return
            hint = nearest(name, known)
            raise ScenarioError([Problem("WHAT", "no such job, event or asset; a job is job-N", name, hint=hint)])
        yield f"why {name}: {len(rows)} event{'s' * (len(rows) > 1)} of priority 1 and 2"
        told: set[int] = set()
        for seq in rows.index[:_LAST_EVENTS]:
            if seq not in told:
                chain = self._ancestors(int(seq))
                told.update(chain)
                yield ""
                yield from self._chain(int(seq))
        if len(rows) > _LAST_EVENTS:
            yield f"  … {len(rows) - _LAST_EVENTS} more; twin why RUN event-N tells one"

    def _job(self, job: int, what: str) -> Iterator[str]:
        jobs = self.results.jobs
        found = jobs[jobs["job"] == job]
        if found.empty:
            near = nearest(str(job), [str(name) for name in jobs["job"].tolist()])
            raise ScenarioError([Problem("WHAT", "no such job in this run", what, hint=near and f"job-{near}")])
        row = found.iloc[-1]
        yield f"why job-{job}: {row['state']}, {grouped(row['size'])} GPUs on {_or_none(row['asset'])}"
        yield f"  submitted {self._when(row['submit'])}, waited {grouped(row['wait_s'])} s"
        if row["cause"] == 0:
            yield "  nothing stopped it"
            return
        yield f"  stopped {_times(int(row['restarts']))}, {grouped(row['lost_gpu_h'], 2)} GPU-h done again or lost"
        if row["cause"] < LOST_ROW:
            yield f"  {_CAUSES.get(int(row['cause']), 'stopped')}: a fault of its own, no event of the plant"
            return
        group = self._row_names()[int(row["cause"]) - LOST_ROW]
        yield f"  last by the loss of {group}"
        seq = self._loss(group, row)
        if seq is None:
            yield f"  the log holds no stop of {group} while it ran"
            return
        yield from self._chain(seq)
        lead = "  " * (len(self._ancestors(seq)) - 1)
        yield f"  {self._when(self.time[seq])}  {lead}└ job-{job} lost what it ran there"

    # ------------------------------------------------------------------ how they hang together

    def _row_names(self) -> list[str]:
        """Names of the row groups in the order in which the queue numbers them."""
        return list(build(Scenario.read(self.results.path / "scenario.resolved.toml")).plan.row_names)

    def _loss(self, group: str, job: pd.Series) -> int | None:
        """The last stop of a row group between a job's submission and its end; an event that names it alone first."""
        hall, _, row = group.rpartition(".r")
        end = job["end"] if pd.notna(job["end"]) else self.events["time"].max()
        stops = self.events[(self.events["asset"] == hall) & (self.events["kind"] == "stop")]
        stops = stops[(stops["time"] >= job["submit"]) & (stops["time"] <= end)]
        fits = [(exact, int(seq)) for seq, text in stops["text"].items() if (exact := _names(text, int(row))) > 0]
        return max(fits)[1] if fits else None

    def _ancestors(self, seq: int) -> list[int]:
        """From the root of the chain to the event itself."""
        chain = [seq]
        while (cause := self.cause.get(chain[-1])) in self.time:
            chain.append(int(cause))
        return chain[::-1]

    def _chain(self, seq: int) -> Iterator[str]:
        for depth, number in enumerate(self._ancestors(seq)):
            yield self._row(number, depth)

    def _consequences(self, seq: int) -> Iterator[str]:
        rows = self.events[self.events["cause_seq"] == seq]
        depth = len(self._ancestors(seq))
        for kind, like in rows.groupby("kind", sort=False):
            if len(like) <= MOST_ROWS:
                yield from (self._row(int(number), depth) for number in like.index)
            else:
                first = self._row(int(like.index[0]), depth)
                yield f"{first}   and {len(like) - 1} more of kind {kind}"

    def _row(self, seq: int, depth: int) -> str:
        event = self.events.loc[seq]
        lead = "  " * max(depth - 1, 0) + ("└ " if depth else "")
        return f"  {self._when(self.time[seq])}  {lead}{event['asset']} {event['text']}   event-{seq}"

    def _when(self, time: pd.Timestamp) -> str:
        return local_text(int(time.value // 1_000_000), self.offset_ms)


def _names(text: str, row: int) -> int:
    """2 where a stop names that row alone, 1 where it lies in the span that it names, 0 where it does not."""
    found = _STOPPED.search(text)
    if not found:
        return 0
    if found[1]:
        return 2 if int(found[1]) == row else 0
    return int(int(found[2]) <= row <= int(found[3]))


_CAUSES = {RACK_FAULT: "one of its racks failed"}


def _or_none(asset: object) -> str:
    return str(asset) if isinstance(asset, str) else "no rack yet"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times" if count else "for good"
