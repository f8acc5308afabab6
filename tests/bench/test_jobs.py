"""What a job costs: a day of many small jobs through the whole site, and a trace through the scheduler alone."""

import time

import numpy as np
import pandas as pd
import pytest

import twin
from tests.bench.test_speed import record

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
