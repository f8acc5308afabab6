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
COLUMNS = (
    "id",
    "submit_ms",
    "start_ms",
    "end_ms",
    "size",
    "restarts",
    "wait_ms",
    "gpu_ms",
    "lost_gpu_ms",
    "group",
    "cause",
)
COUNTERS = ("now_ms", "n_running", "n_queued", "gpus_used", "gpus_free", "submitted", "finished", "failed", "killed")
POLICIES = [(order, backfill) for order in ("fcfs", "sjf", "ljf") for backfill in ("none", "firstfit", "easy")]
POLICIES += [(order, backfill) for backfill in ("easy-identity", "conservative") for order in ("fcfs", "sjf", "ljf")]


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
    return [
        np.floor(rng.random(30) * 12).astype(int),
        down,
        down + 600_000 * (1 + np.floor(rng.random(30) * 20).astype(int)),
    ]


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


@pytest.mark.parametrize("seed", range(3))
def test_many_small_jobs_keep_the_profile_of_expected_ends_right(seed: int) -> None:
    columns = jobs(seed, n=900, gap_ms=40_000)
    columns[2] = np.where(columns[2] < 24, np.minimum(columns[2], 3), 400)
    queues = [
        q(
            rack_group=np.repeat(np.arange(4), 25),
            gpus_per_rack=8,
            n_group=4,
            order="fcfs",
            backfill="easy",
            depth=50,
            requeue=True,
        )
        for q in (kernel.Queue, Reference)
    ]
    for queue in queues:
        queue.feed(*columns)
    assert tell(queues[0], 9, seed) == tell(queues[1], 9, seed)
    assert queues[0].drain()["start_ms"].tolist() == [record["start_ms"] for record in queues[1].records]


# Time may be cut, undone and stored anywhere


def fed_site(seed: int, **options: Any) -> Any:
    queue = site(**options)
    columns = jobs(seed)
    columns[-1] = np.zeros(300, bool)
    queue.feed(*columns)
    queue.feed_faults(*faults(seed, 60 * HOUR_MS))
    return queue


@pytest.mark.parametrize("seed", range(5))
def test_a_run_cut_anywhere_is_the_straight_run(seed: int) -> None:
    straight, cut = fed_site(seed), fed_site(seed)
    rng = np.random.Generator(np.random.Philox([seed, 3]))
    for t_ms in np.sort(np.floor(rng.random(200) * 60 * HOUR_MS)):
        cut.run_to(int(t_ms))
    for queue in (straight, cut):
        queue.run_to(60 * HOUR_MS)
    assert cut.snapshot() == straight.snapshot()


@pytest.mark.parametrize(("order", "backfill"), POLICIES)
def test_an_undone_step_replays_to_the_same_bytes(order: str, backfill: str) -> None:
    queue = fed_site(7, order=order, backfill=backfill)
    for t_ms in range(0, 60 * HOUR_MS, HOUR_MS):
        before = queue.snapshot()
        queue.save()
        queue.begin_step(t_ms)
        queue.set_class(1, 700, 600)
        queue.run_until(t_ms + HOUR_MS // 2)
        after = queue.snapshot()
        assert queue.load() == 0
        assert queue.snapshot() == before
        queue.begin_step(t_ms)
        queue.set_class(1, 700, 600)
        queue.run_until(t_ms + HOUR_MS // 2)
        assert queue.snapshot() == after
        queue.run_until(t_ms + HOUR_MS)


def test_an_undone_step_may_hold_lost_and_throttled_groups() -> None:
    queue = fed_site(8)
    queue.run_to(20 * HOUR_MS)
    queue.save()
    before = queue.snapshot()
    for _ in range(3):
        assert len(queue.lose_group(1, 9)) > 0
        queue.throttle_group(2, True)
        queue.set_group_online(0, False)
        queue.cancel(int(queue.alive()["id"][0]))
        queue.run_to(30 * HOUR_MS)
        assert queue.load() == 0
        assert queue.snapshot() == before


def test_nothing_can_be_undone_past_feeding_or_draining() -> None:
    queue = site()
    assert queue.load() == 5
    queue.save()
    queue.feed(*one())
    assert queue.load() == 5
    queue.save()
    queue.drain()
    assert queue.load() == 5


@pytest.mark.parametrize(("order", "backfill"), POLICIES)
def test_a_restored_queue_goes_on_as_the_one_it_was_taken_from(order: str, backfill: str) -> None:
    seed = POLICIES.index((order, backfill))
    queue, whole = (fed_site(seed, order=order, backfill=backfill) for _ in range(2))
    rng, same = (np.random.Generator(np.random.Philox([seed, 4])) for _ in range(2))
    for hour in range(0, 60, 7):
        queue = kernel.Queue.restore(queue.snapshot())
        for q, r in ((queue, rng), (whole, same)):
            q.begin_step(q.now_ms)
            q.run_to(hour * HOUR_MS)
            disturb(q, r)
    assert queue.snapshot() == whole.snapshot()


def test_a_snapshot_says_when_it_is_none_or_damaged() -> None:
    data = fed_site(1).snapshot()
    for broken in (b"", b"something else", data[:-1], data[:40] + bytes([data[40] ^ 1]) + data[41:]):
        with pytest.raises(ValueError, match="snapshot"):
            kernel.Queue.restore(broken)


def test_every_instruction_set_gives_the_same_bytes() -> None:
    try:
        other = _core._kernel("baseline" if _core.isa != "baseline" else "x86_64_v3", "queue")
    except ImportError:
        pytest.skip("only one variant is built")
    columns = jobs(5)
    queues = [site(q) for q in (kernel.Queue, other.Queue)]
    for queue in queues:
        queue.feed(*columns)
        tell(queue, 30, 5)
    assert queues[0].snapshot() == queues[1].snapshot()


# Laws


@pytest.mark.parametrize("requeue", [True, False])
def test_gpu_time_is_conserved_at_every_hour(requeue: bool) -> None:
    queue = fed_site(3, requeue=requeue)
    rng = np.random.Generator(np.random.Philox(6))
    ended = 0
    for hour in range(80):
        queue.run_to(hour * HOUR_MS)
        disturb(queue, rng)
        ledger = queue.gpu_ledger()
        assert ledger["allocated"] == ledger["finished"] + ledger["lost"] + ledger["in_progress"]
        ended += int(queue.drain()["gpu_ms"].sum())
        assert ended + int(queue.alive()["gpu_ms"].sum()) == ledger["allocated"]


def test_littles_law_is_an_identity_of_the_log() -> None:
    queue = fed_site(4)
    queue.run_to(40 * HOUR_MS)
    waits_ms = queue.drain()["wait_ms"].sum() + queue.alive()["wait_ms"].sum()
    assert queue.n_queued > 0
    assert waits_ms == queue.job_ms_queued


def test_no_gpu_is_given_twice_and_counts_agree_at_every_hour() -> None:
    queue = fed_site(9)
    for hour in range(60):
        queue.run_to(hour * HOUR_MS)
        alive = queue.alive()
        running = alive["state"] == kernel.RUNNING
        assert queue.gpus_used == alive["size"][running].sum() <= queue.gpus_total == 96
        assert (queue.n_running, queue.n_queued) == (running.sum(), (~running).sum())
        ended = queue.finished + queue.failed + queue.killed + queue.rejected
        assert queue.submitted == ended + queue.n_running + queue.n_queued
        assert queue.gpus_online - queue.gpus_free <= queue.gpus_used


def test_first_come_first_served_starts_in_the_order_of_submission() -> None:
    queue = site(backfill="none")
    queue.feed(*jobs(2)[:-1], np.zeros(300, bool))
    queue.run_to(kernel.NEVER)
    ended = queue.drain()
    by_id = ended["start_ms"][np.argsort(ended["id"])]
    assert (np.diff(by_id[by_id >= 0]) >= 0).all()
    assert queue.job_ms_queued > 0


# Behaviour


def test_a_lost_job_restarts_at_its_last_checkpoint_before_all_others() -> None:
    queue = site(backfill="none")
    queue.feed(*[[*a, *b] for a, b in zip(one(checkpoint=600_000), one(id=2, size=96), strict=True)])
    queue.run_to(1_500_000)
    assert queue.lose_group(0, 17).tolist() == [1]
    assert queue.alive()["lost_gpu_ms"].tolist() == [4 * 300_000, 0]
    queue.run_to(kernel.NEVER)
    ended = queue.drain()
    assert ended["id"].tolist() == [1, 2]
    assert ended["end_ms"].tolist() == [HOUR_MS + 300_000, 2 * HOUR_MS + 300_000]
    assert (ended["restarts"].tolist(), ended["cause"].tolist()) == ([1, 0], [17, 0])
    assert ended["gpu_ms"][0] == 4 * (HOUR_MS + 300_000)


def test_a_job_without_checkpoints_starts_from_scratch() -> None:
    queue = site()
    queue.feed(*one())
    queue.run_to(HOUR_MS - 1)
    queue.lose_group(0, 17)
    queue.run_to(kernel.NEVER)
    assert queue.drain()["end_ms"].tolist() == [2 * HOUR_MS - 1]


def test_a_gang_dies_with_any_of_its_groups_where_jobs_are_not_requeued() -> None:
    queue = site(requeue=False)
    queue.feed(*one(size=80))
    queue.run_to(1000)
    assert queue.lose_group(3, 17).tolist() == [1]
    ended = queue.drain()
    assert (state(ended), ended["end_ms"].tolist(), ended["lost_gpu_ms"].tolist()) == (["killed"], [1000], [80_000])
    assert (queue.killed, queue.gpus_used, queue.gpus_free) == (1, 0, 96)


def test_a_faulted_rack_takes_no_job_until_it_is_repaired() -> None:
    queue = site(requeue=False)
    queue.feed_faults([0, 0], [1000, 2000], [5000, 3000])
    queue.feed(*one(size=96, run_ms=10, submit=1500))
    queue.feed(*one(size=8, id=2, run_ms=10, submit=1501))
    queue.run_to(kernel.NEVER)
    ended = queue.drain()
    assert ended["id"].tolist() == [2, 1]
    assert ended["start_ms"].tolist() == [1501, 5000]


def test_a_rack_fault_fails_the_jobs_on_it_and_no_others() -> None:
    queue = site(requeue=False)
    queue.feed(*[[*a, *b] for a, b in zip(one(size=8), one(id=2, size=8), strict=True)])
    queue.feed_faults([1], [700], [900])
    queue.run_to(kernel.NEVER)
    ended = queue.drain()
    assert (ended["id"].tolist(), state(ended)) == ([2, 1], ["failed", "finished"])
    assert (ended["end_ms"].tolist(), ended["cause"].tolist()) == ([700, HOUR_MS], [kernel.CAUSE_RACK_FAULT, 0])


def test_a_job_larger_than_the_site_is_rejected_and_reported() -> None:
    queue = site()
    queue.feed(*one(size=97, submit=5))
    queue.run_to(10)
    ended = queue.drain()
    assert (state(ended), ended["start_ms"].tolist(), ended["end_ms"].tolist()) == (["rejected"], [-1], [5])
    assert (queue.submitted, queue.rejected) == (1, 1)


def test_a_job_waits_for_racks_that_are_not_in_service_yet() -> None:
    queue = site()
    queue.set_racks_in_service(range(6, 12), False)
    queue.feed(*one(size=50))
    queue.run_to(HOUR_MS)
    assert (queue.n_queued, queue.gpus_online, queue.next_due()) == (1, 48, kernel.NEVER)
    queue.set_racks_in_service([6], True)
    queue.run_to(HOUR_MS)
    assert (queue.n_running, queue.gpus_free) == (1, 6)


def test_a_job_fits_best_into_one_rack_then_whole_racks_then_what_is_left() -> None:
    queue = site()
    sizes = [5, 6, 3, 2, 20, 61]
    queue.feed(range(6), range(6), sizes, [HOUR_MS] * 6, [-1] * 6, [0] * 6, [1] * 6, [0] * 6, [0] * 6)
    queue.run_to(4)
    per_group_w = queue.loads()[0][0]
    # 5 + 3 on rack 0, 6 + 2 on rack 1, 20 on racks 2, 3 and half of 4
    assert per_group_w.tolist() == [5 + 6 + 3 + 2 + 8, 8 + 4, 0, 0]
    queue.run_to(5)
    assert queue.n_queued == 1
    assert queue.gpus_free == 60


def test_a_slowed_class_runs_and_draws_in_proportion() -> None:
    queue = site()
    queue.feed(*one(tier=2))
    queue.run_to(HOUR_MS // 2)
    queue.set_class(2, 512, 256)
    queue.run_to(kernel.NEVER)
    ended = queue.drain()
    assert ended["end_ms"].tolist() == [HOUR_MS // 2 + HOUR_MS]
    assert ended["energy_j"].tolist() == [4000 * (1800 + 3600 / 4)]


def test_a_throttled_group_moves_its_jobs_to_the_throttled_class_and_back() -> None:
    queue = site()
    queue.feed(*one(size=30, tier=1))
    queue.run_to(0)
    queue.throttle_group(0, True)
    queue.throttle_group(1, True)
    queue.throttle_group(0, False)
    assert queue.loads()[0][[1, 5]].tolist() == [[0, 0, 0, 0], [24_000, 6_000, 0, 0]]
    queue.throttle_group(1, False)
    assert queue.loads()[0][[1, 5]].tolist() == [[24_000, 6_000, 0, 0], [0, 0, 0, 0]]


def test_the_load_over_a_step_is_the_exact_mean() -> None:
    queue = site()
    queue.feed(*one(size=8, submit=12_345, run_ms=20_000))
    queue.begin_step(0)
    queue.run_to(60_000)
    load_w, load_dev = queue.loads()
    assert load_w.sum() == 0
    assert load_w[0, 0] * 60_000 - load_dev[0, 0] == 8_000 * 20_000
    queue.begin_step(60_000)
    assert not queue.loads()[1].any()


def test_a_stopped_class_never_ends_a_job_and_a_fast_one_ends_it_at_the_next_full_millisecond() -> None:
    queue = site()
    queue.feed(*one(run_ms=1000))
    queue.set_class(0, 0, 0)
    queue.run_to(5000)
    assert (queue.next_due(), queue.n_running) == (kernel.NEVER, 1)
    queue.set_class(0, 3000, 1024)
    assert queue.next_due() == 5000 + 342  # 1000 * 1024 / 3000 = 341.33
    assert (queue.set_class(8, 1, 1), queue.set_class(0, -1, 1)) == (5, 5)


def test_a_watched_job_stops_the_clock_at_each_of_its_events() -> None:
    queue = site(backfill="none")
    queue.feed(*[[*a, *b] for a, b in zip(one(size=96), one(id=2, submit=5, watch=1), strict=True)])
    assert [queue.run_until(3 * HOUR_MS) for _ in range(3)] == [1, 1, 1]
    assert queue.now_ms == 2 * HOUR_MS
    assert queue.take_watched() == [(5, 2, "submit"), (HOUR_MS, 2, "start"), (2 * HOUR_MS, 2, "end")]
    assert queue.run_until(3 * HOUR_MS) == 0


def test_a_full_log_of_watched_jobs_asks_to_be_taken() -> None:
    queue = site()
    queue.feed(*one(watch=1))
    for _ in range(100):
        queue.lose_group(0, 17)
        if queue.run_until(HOUR_MS) == 7:
            break
    else:
        pytest.fail("the log took more than it can hold")
    with pytest.raises(RuntimeError, match="take_watched"):
        queue.run_to(HOUR_MS)
    assert queue.take_watched()[-1] == (0, 1, "requeue")
    assert queue.run_until(HOUR_MS) == 1


def test_jobs_are_cancelled_and_failed_by_their_id() -> None:
    queue = site()
    queue.feed(*[[*a, *b] for a, b in zip(one(size=96), one(id=2, size=96), strict=True)])
    queue.run_to(100)
    queue.cancel(2)
    queue.fail(1)
    ended = queue.drain()
    assert (state(ended), ended["wait_ms"].tolist()) == (["killed", "failed"], [100, 0])
    with pytest.raises(KeyError, match="no job 2"):
        queue.cancel(2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tier": 4}, "tier"),
        ({"size": 0}, "size"),
        ({"run": -1}, "run_ms"),
        ({"submit": 9}, "submit_ms"),
        ({"id": 1, "submit": 10}, "sorted"),
    ],
)
def test_feeding_says_which_value_is_wrong_and_takes_nothing(change: dict[str, int], words: str) -> None:
    queue = site()
    queue.feed(*one(submit=10))
    queue.run_to(10)
    with pytest.raises(ValueError, match=words):
        queue.feed(*one(**({"id": 2, "submit": 11} | change)))
    queue.run_to(kernel.NEVER)
    assert queue.submitted == 1


def test_rows_of_ended_jobs_are_used_again() -> None:
    queue = site()
    for k in range(200):
        queue.feed(
            range(k * 50, k * 50 + 50),
            [k * 1000] * 50,
            [1] * 50,
            [10] * 50,
            [-1] * 50,
            [0] * 50,
            [1] * 50,
            [0] * 50,
            [0] * 50,
        )
        queue.run_to(k * 1000 + 999)
        assert len(queue.drain()["id"]) == 50
    assert len(queue.snapshot()) < 60_000
