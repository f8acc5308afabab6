"""What a job costs: a day of many small jobs through the whole site, and a trace through the scheduler alone."""

import resource
import time

import numpy as np
import pandas as pd
import pytest
import simpy

import twin
from tests.bench.test_speed import record
from twin import _core

pytestmark = pytest.mark.bench
JOBS = 200_000


def test_a_trace_through_the_scheduler():
    random = np.random.Generator(np.random.Philox(3))
    submit_s = np.sort(np.round(random.random(JOBS) * 30 * 86_400))
    run_s = np.ceil(-np.log(1.0 - random.random(JOBS)) * 1800.0)
    size = 2 ** (random.random(JOBS) * 7).astype(int)
    jobs = pd.DataFrame(
        {"job": np.arange(JOBS), "submit_s": submit_s, "size": size, "run_s": run_s, "request_s": 2 * run_s}
    )
    start = time.process_time()
    plan = twin.schedule(jobs, size=4360, policy="easy")
    cpu_s = time.process_time() - start
    assert len(plan) == JOBS
    assert (plan.end_s - plan.start_s == run_s).all()
    assert (plan.wait_s >= 0).all()
    record("jobs, EASY backfilling", jobs_per_s=JOBS / cpu_s, utilisation=plan.attrs["summary"]["utilisation"])


def site_jobs(n: int, gpus: int, load: float, seed: int) -> list[np.ndarray]:
    """Columns for ``feed``: most jobs tiny, most GPU time in large ones (shares after Acme), at that load."""
    random = np.random.Generator(np.random.Philox(seed))
    kind = random.choice(4, n, p=[0.80, 0.155, 0.04, 0.005])
    choices = ([1, 2, 4, 8], [8, 16, 32, 64, 72], [144, 288, 576, 1152], [2304, 4608, 9216, 18_432])
    size = np.choose(kind, [random.choice(values, n) for values in choices]).astype(np.int32)
    run_s = np.minimum(np.exp(random.normal(np.array([6.5, 8.2, 9.6, 10.6])[kind], 1.8)), 30 * 86_400.0)
    request_s = np.minimum(run_s * np.exp(np.abs(random.normal(0, 1, n))), 31 * 86_400.0)
    span_ms = float((size * run_s).sum()) * 1000 / (gpus * load)
    submit_ms = np.sort(random.random(n) * span_ms).astype(np.int64)
    run_ms, request_ms = ((x * 1000).astype(np.int64) for x in (run_s, request_s))
    return [np.arange(n), submit_ms, size, run_ms, request_ms, kind.astype(np.int8)]


def through_the_core(millions: int, chunk: int = 20_000) -> dict[str, float]:
    """CPU time of the site's queue for so many million jobs at 90 % load, EASY 200 deep, fed in chunks."""
    queue = _core.queue.Queue(
        rack_group=np.arange(7000) * 800 // 7000, gpus_per_rack=72, n_group=800, backfill="easy", depth=200
    )
    zero, cpu_s, finished, wait_ms, gpu_ms, offset_ms = np.zeros(chunk, np.int64), 0.0, 0, 0, 0, 0
    for million in range(millions):
        ids, submit_ms, *rest = site_jobs(1_000_000, queue.gpus_total, 0.9, million)
        ids, submit_ms = ids + million * 1_000_000, submit_ms + offset_ms
        offset_ms = int(submit_ms[-1]) + 1
        for first in range(0, 1_000_000, chunk):
            rows = [column[first : first + chunk] for column in (ids, submit_ms, *rest)]
            start = time.process_time()
            queue.feed(*rows, zero + 1000, zero, zero)
            queue.run_to(int(rows[1][-1]))
            cpu_s += time.process_time() - start
            ended = queue.drain()
            finished, wait_ms = finished + len(ended["id"]), wait_ms + int(ended["wait_ms"].sum())
            gpu_ms += int(ended["gpu_ms"].sum())
    used = queue.gpu_ms_allocated / (queue.gpus_total * queue.now_ms)
    start = time.process_time()
    queue.run_to(_core.queue.NEVER)
    cpu_s += time.process_time() - start
    ended = queue.drain()
    finished, wait_ms = finished + len(ended["id"]), wait_ms + int(ended["wait_ms"].sum())
    assert finished == queue.finished == millions * 1_000_000
    assert gpu_ms + int(ended["gpu_ms"].sum()) == queue.gpu_ms_finished == queue.gpu_ms_allocated
    return {"jobs_per_s": finished / cpu_s, "utilisation": used, "mean_wait_s": wait_ms / finished / 1000}


def test_a_million_jobs_on_the_site_with_easy_of_depth_200():
    record("queue core, 7,000 racks, EASY 200, load 0.9", **through_the_core(1))


@pytest.mark.long
def test_ten_million_jobs_in_one_run():
    figures = through_the_core(10)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert peak_mb < 2048
    record("queue core, ten million jobs", **figures, peak_rss_mb=peak_mb)


def test_the_job_list_of_raps(shared_data):
    raw = pd.read_csv(shared_data / "jobs" / "raps_w1.csv")
    jobs = raw.rename(columns={"nodes": "size", "limit_s": "request_s"})[["submit_s", "size", "run_s", "request_s"]]
    start = time.process_time()
    plans = {policy: twin.schedule(jobs, size=9600, policy=policy) for policy in ("fcfs", "firstfit", "easy")}
    cpu_s = time.process_time() - start
    done = {policy: int((plan.end_s <= 17_280).sum()) for policy, plan in plans.items()}
    assert all(len(plan) == 1000 and (plan.wait_s >= 0).all() for plan in plans.values())
    record("RAPS's list, three policies, queue alone", simulated_s_per_cpu_s=3 * 17_280 / cpu_s, **done)


def test_every_job_watched_by_simpy():
    columns = site_jobs(200_000, 504_000, 0.9, 1)
    watts, zero, one = np.full(200_000, 1000), np.zeros(200_000, np.int64), np.ones(200_000, np.uint8)
    queue = _core.queue.Queue(
        rack_group=np.arange(7000) * 800 // 7000, gpus_per_rack=72, n_group=800, backfill="easy", depth=200
    )
    seen = dict.fromkeys(_core.queue.SIGHTINGS, 0)

    def look(env):
        """A SimPy process that is woken at the millisecond of every submission, start and end."""
        while True:
            stopped = not queue.run_to(_core.queue.NEVER)
            for _, _, what in queue.take_watched():
                seen[what] += 1
            if not stopped:
                return
            yield env.timeout(max(queue.now_ms - env.now, 0))

    start = time.process_time()
    queue.feed(*columns, watts, zero, one)
    env = simpy.Environment()
    env.process(look(env))
    env.run()
    cpu_s = time.process_time() - start
    assert seen["submit"] == seen["start"] == seen["end"] == queue.finished == 200_000
    record("queue core, every job watched from SimPy", jobs_per_s=200_000 / cpu_s)
