"""The compiled queue against a plain-Python one, and the laws that any schedule obeys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.reference.queue import Queue as Reference
from twin import _core

kernel = _core.queue
HOUR_MS = 3_600_000
COLUMNS = ("id", "submit_ms", "start_ms", "end_ms", "size", "restarts", "wait_ms", "gpu_ms", "lost_gpu_ms", "group", "cause")
COUNTERS = ("now_ms", "n_running", "n_queued", "gpus_used", "gpus_free", "submitted", "finished", "failed", "killed")
POLICIES = [(order, backfill) for order in ("fcfs", "sjf", "ljf") for backfill in ("none", "firstfit", "easy")]


def site(queue: Callable[..., Any] = kernel.Queue, **options: Any) -> Any:
    """Twelve racks of 8 GPUs in four groups."""
    options = {"order": "fcfs", "backfill": "easy", "depth": 12, "requeue": True} | options
    return queue(rack_group=np.repeat(np.arange(4), 3), gpus_per_rack=8, n_group=4, **options)


def jobs(seed: int, n: int = 300, gap_ms: int = 900_000) -> list[np.ndarray]:
    """Random columns for ``feed``: sizes to 40 GPUs and beyond the site, estimates wrong both ways or unknown."""
    rng = np.random.Generator(np.random.Philox(seed))
    submit = np.sort(np.floor(rng.random(n) * n * gap_ms / 600_000).astype(np.int64) * 600_000)
    size = np.array([1, 2, 3, 5, 8, 13, 24, 40, 97])[np.floor(rng.random(n) ** 1.5 * 8.2).astype(int)]
    run = np.floor(-np.log(rng.random(n)) * 2 * HOUR_MS / 1000).astype(np.int64) * 1000 * (rng.random(n) > 0.03)
    request = np.where(rng.random(n) < 0.2, -1, np.floor(run * (0.6 + 2 * rng.random(n))).astype(np.int64))
    checkpoint = np.where(rng.random(n) < 0.3, 0, 600_000)
    tier, watts = np.floor(rng.random(n) * 4).astype(int), 100 + np.floor(rng.random(n) * 900).astype(int)
    return [np.arange(n), submit, size, run, request, tier, watts, checkpoint, rng.random(n) < 0.1]


def one(run_ms: int = HOUR_MS, size: int = 4, **other: int) -> list[list[int]]:
    """Columns for one job that is submitted at 0."""
    row = {"id": 1, "submit": 0, "size": size, "run": run_ms, "request": -1, "tier": 0, "watts": 1000, "checkpoint": 0}
    return [[value] for value in (row | {"watch": 0} | other).values()]


def disturb(queue: Any, rng: np.random.Generator) -> list[int]:
    """One random act of an operator, the same on both queues for the same generator."""
    act, group, on = int(rng.random() * 6), int(rng.random() * 4), rng.random() < 0.5
    if act == 0:
        return list(queue.lose_group(group, 17))
    if act == 1:
        queue.throttle_group(group, on)
    elif act == 2:
        queue.set_group_online(group, on or rng.random() < 0.5)
    elif act == 3:
        queue.set_racks_in_service([int(rng.random() * 12)], on)
    elif act == 4:
        queue.set_class(int(rng.random() * 8), int(rng.random() * 2048), int(rng.random() * 1024))
    return []


def faults(seed: int, until_ms: int) -> list[np.ndarray]:
    rng = np.random.Generator(np.random.Philox([seed, 1]))
    down = np.floor(rng.random(30) * until_ms / 600_000).astype(np.int64) * 600_000
    return [np.floor(rng.random(30) * 12).astype(int), down, down + 600_000 * (1 + np.floor(rng.random(30) * 20).astype(int))]


def tell(queue: Any, steps: int, seed: int, step_ms: int = 4_200_000) -> list[Any]:
    """Everything observable of a disturbed run, step by step; the kernel's answers in the words of the reference."""
    rng, story = np.random.Generator(np.random.Philox([seed, 2])), []
    for k in range(steps):
        queue.begin_step(k * step_ms)
        while queue.run_to((k + 1) * step_ms) is False:
            pass
        story += [mean_loads(queue, step_ms), disturb(queue, rng) if k % 3 == 0 else None]
    for c in range(8):
        queue.set_class(c, 1024, 1024)
    for group in range(4):
        queue.set_group_online(group, True)
    queue.set_racks_in_service(range(12), True)
    while queue.run_to(kernel.NEVER) is False:
        pass
    return story


def mean_loads(queue: Any, step_ms: int) -> dict[tuple[int, int], float]:
    """Mean power over the step by class and group, W, where there is any."""
    if isinstance(queue, Reference):
        return {key: joules / step_ms for key, joules in sorted(queue.step_energy.items()) if joules}
    load_w, load_dev = queue.loads()
    mean = (load_w * step_ms - load_dev) / step_ms
    return {(int(c), int(g)): mean[c, g] for c, g in np.argwhere(mean)}


def state(records: dict[str, np.ndarray]) -> list[str]:
    return [kernel.STATES[code] for code in records["state"]]


@pytest.mark.parametrize("requeue", [True, False])
@pytest.mark.parametrize(("order", "backfill"), POLICIES)
def test_the_kernel_agrees_with_the_reference(order: str, backfill: str, requeue: bool) -> None:
    seed = POLICIES.index((order, backfill)) + 100 * requeue
    ours, slow = (site(q, order=order, backfill=backfill, requeue=requeue) for q in (kernel.Queue, Reference))
    for queue in (ours, slow):
        queue.feed(*jobs(seed))
        queue.feed_faults(*faults(seed, 200 * HOUR_MS))
    assert tell(ours, 60, seed) == tell(slow, 60, seed)
    records, expected = ours.drain(), slow.records
    for name in COLUMNS:
        assert records[name].tolist() == [record[name] for record in expected], name
    assert state(records) == [record["state"] for record in expected]
    np.testing.assert_allclose(records["energy_j"], [record["energy_j"] for record in expected], rtol=1e-15)
    assert ours.take_watched() == slow.watched
    assert (ours.passes, ours.gpu_ms_allocated, ours.job_ms_queued) == (slow.passes, slow.allocated, slow.queued_ms)
    assert min(records["restarts"].max(), ours.requeued) > 0 or not requeue
