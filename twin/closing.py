"""Closing the books of a run: the last drain, the verdicts, the summary, the digest."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from twin.indicators import Expect, summarise, verdict
from twin.results import Results

if TYPE_CHECKING:
    from twin.run import Run
    from twin.scenario import Scenario


def close_books(run: Run) -> Results:
    """Write everything that is left of ``run`` and return its results."""
    at_ms = run.world.plant.now_ms
    run.engine.drain(run._recorder)
    run.world.collect_jobs()
    state_digest = run.state_digest()
    _record_alive(run)
    run._recorder.settle(at_ms)
    summary = _summary(run)
    summary["expect"] = _verdicts(run.scenario, Results(run.out))
    run._recorder.finish(summary, state_digest)
    results = Results(run.out)
    results.keep(run._temporary)
    return results


def _record_alive(run: Run) -> None:
    """Jobs that still run or wait get a record as well: every job of the window is accounted for."""
    alive = run.world.queue.alive()
    if len(alive["id"]):
        run._recorder.jobs(alive)


def _summary(run: Run) -> dict[str, Any]:
    from twin.run import peak_rss_mb

    world, arena = run.world, run.engine.arena
    ledger = {name: float(values[0]) for (table, name), values in arena.columns.items() if table == "ledger"}
    queue = world.queue
    counters = {
        name: float(getattr(queue, name))
        for name in ("submitted", "finished", "failed", "killed", "rejected", "requeued", "n_running", "n_queued")
    }
    gpu = queue.gpu_ledger()
    cpu_s = time.process_time() - run._cpu_start
    speed = {
        "simulated_s": (world.plant.now_ms - run._simulated_before_ms) / 1000.0, "cpu_s": cpu_s,
        "peak_rss_mb": peak_rss_mb(),
    }  # fmt: skip
    return summarise(
        ledger, jobs={**counters, **run._recorder.job_totals}, queue_ledger=gpu, battery=_battery(run),
        events=run._recorder.event_counts,
        fine_windows=int(ledger["windows"]), speed=speed, scenario_digest=run.scenario.digest,
        audit={"largest_mismatch_pu": ledger["worst_mismatch_pu"]},
    )  # fmt: skip


def _battery(run: Run) -> dict[str, float]:
    """Health of the storage, and full cycles: charge moved over twice the nominal capacity."""
    column = run.engine.arena.column
    q_ah = column("store", "q_ah")
    if len(q_ah) == 0:
        return {"soh": 1.0, "equivalent_full_cycles": 0.0}
    cycles = column("store", "total_ah") / (2.0 * q_ah)
    return {"soh": float(column("store", "q_factor").mean()), "equivalent_full_cycles": float(cycles.mean())}


def _verdicts(scenario: Scenario, results: Results) -> list[dict[str, Any]]:
    entries = []
    for entry in scenario.expect:
        relation, limit = entry.bound
        begin = scenario.local_text_to_ms(entry.from_) if entry.from_ else None
        end = scenario.local_text_to_ms(entry.to) if entry.to else None
        entries.append(Expect(entry.that, **{relation: limit}, from_ms=begin, to_ms=end, title=entry.title))
    found = []
    for each in verdict(entries, results):
        record = asdict(each)
        record["bound"] = record.pop("relation")
        record["where"] = record.pop("channel")
        record["time"] = each.time.isoformat() if each.time is not None else None
        found.append(record)
    return found
