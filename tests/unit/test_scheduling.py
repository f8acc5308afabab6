"""``schedule`` against published and exact values."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twin.scheduling import schedule

DATA = Path(__file__).parents[2].parent / "shared" / "data"
if not DATA.exists():  # a worktree lies one folder deeper
    DATA = Path(__file__).parents[3].parent / "shared" / "data"


def read_swf(name: str) -> pd.DataFrame:
    """Jobs of a trace in the Standard Workload Format, partial records (status 2, 3, 4) left out."""
    path = DATA / "swf" / f"{name}.swf.xz"
    if not path.exists():
        pytest.skip(f"{name} is not beside the project")
    lines = lzma.decompress(path.read_bytes()).decode().splitlines()
    rows = [line.split() for line in lines if line.strip() and not line.startswith(";")]
    raw = np.array(rows, dtype=float)
    raw = raw[~np.isin(raw[:, 10], (2, 3, 4))]
    size = np.where(raw[:, 7] > 0, raw[:, 7], raw[:, 4])
    return pd.DataFrame(
        {"job": raw[:, 0], "submit_s": raw[:, 1], "size": size, "run_s": raw[:, 3], "request_s": raw[:, 8]}
    )


def table(rows: list[tuple[float, int, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["submit_s", "size", "run_s"])


# mean wait, longest wait, share waiting, mean bounded slowdown, makespan, utilisation
LUBLIN = {
    "fcfs": (2_388_443.7601, 4_759_976, 0.9972, 66_502.4755, 12_482_549, 0.654908),
    "sjf": (275_304.2226, 10_454_458, 0.5086, 53.5435, 11_359_058, 0.719683),
    "easy": (97_155.9945, 1_029_731, 0.8542, 590.0538, 8_730_698, 0.936343),
}
NASA = {
    "fcfs": (8.0047, 23_753, 0.000603, 1.0260, 7_949_022, 0.466093),
    "sjf": (0.5272, 2_955, 0.000439, 1.0006, 7_949_022, 0.466093),
    "easy": (4.0281, 23_753, 0.000329, 1.0118, 7_949_022, 0.466093),
}
DIGITS = (4, 0, 6, 4, 0, 6)


def rounded(plan: pd.DataFrame) -> tuple[float, ...]:
    names = ("mean_wait_s", "max_wait_s", "share_waiting", "mean_bounded_slowdown", "makespan_s", "utilisation")
    return tuple(round(plan.attrs["summary"][name], digits) for name, digits in zip(names, DIGITS, strict=True))


@pytest.mark.needs_data
@pytest.mark.parametrize("policy", ["fcfs", "sjf", "easy"])
def test_lublin_256_is_scheduled_to_the_expected_values(policy: str) -> None:
    jobs = read_swf("lublin_256")
    assert len(jobs) == 10_000
    assert rounded(schedule(jobs, size=256, policy=policy)) == LUBLIN[policy]


@pytest.mark.needs_data
@pytest.mark.parametrize("policy", ["fcfs", "sjf", "easy"])
def test_nasa_ipsc_is_scheduled_to_the_expected_values(policy: str) -> None:
    jobs = read_swf("NASA-iPSC-1993-3.1-cln")
    assert len(jobs) == 18_239
    assert rounded(schedule(jobs, size=128, policy=policy)) == NASA[policy]


@pytest.mark.needs_data
def test_fifo_of_the_first_2000_lublin_jobs_is_that_of_accasim() -> None:
    summary = schedule(read_swf("lublin_256").head(2000), size=256, policy="fcfs").attrs["summary"]
    assert round(summary["mean_wait_s"], 2) == 432_425.01
    assert summary["makespan_s"] == 2_693_405


def read_batsim() -> pd.DataFrame:
    """The 801 jobs of Batsim's medium_late, delay profiles."""
    path = DATA / "batsim" / "medium_late.json.xz"
    if not path.exists():
        pytest.skip("the Batsim example is not beside the project")
    trace = json.loads(lzma.decompress(path.read_bytes()))
    rows = [
        (job["id"], job["subtime"], job["res"], trace["profiles"][job["profile"]]["delay"], job["walltime"])
        for job in trace["jobs"]
    ]
    return pd.DataFrame(rows, columns=["job", "submit_s", "size", "run_s", "request_s"])


@pytest.mark.needs_data
@pytest.mark.parametrize(("policy", "mean_wait_s"), [("easy-identity", 9.516326), ("conservative", 9.852251)])
def test_batsims_own_801_start_times_are_met_within_a_millisecond(policy: str, mean_wait_s: float) -> None:
    plan = schedule(read_batsim(), size=32, policy=policy)
    name = f"medium_late_{policy.split('-', maxsplit=1)[0]}_out_jobs.csv.xz"
    expected = pd.read_csv(DATA / "batsim" / name).sort_values("submission_time", kind="stable")
    ours = plan.assign(submit_s=plan["start_s"] - plan["wait_s"]).sort_values("submit_s", kind="stable")
    assert len(expected) == len(ours) == 801
    for name, theirs in (("submit_s", "submission_time"), ("start_s", "starting_time"), ("end_s", "finish_time")):
        assert np.abs(ours[name].to_numpy() - expected[theirs].to_numpy()).max() < 1e-3
    assert round(plan.attrs["summary"]["mean_wait_s"], 6) == mean_wait_s
    assert plan.attrs["summary"]["makespan_s"] == pytest.approx(16_088.51)
    assert round(plan.attrs["summary"]["utilisation"], 6) == 0.498124


@pytest.mark.needs_data
def test_count_based_easy_of_the_batsim_example_has_the_textbook_mean_wait() -> None:
    plan = schedule(read_batsim(), size=32)
    assert round(plan.attrs["summary"]["mean_wait_s"], 6) == 8.672887
    assert plan.attrs["summary"]["makespan_s"] == pytest.approx(16_088.51)


def test_easy_lets_a_job_pass_that_does_not_delay_the_first() -> None:
    # the second waits for the whole pool until 10; the third ends by then, the fourth would not
    jobs = table([(0, 2, 10), (1, 4, 5), (2, 1, 8), (3, 1, 9)])
    plan = schedule(jobs, size=4)
    assert plan["start_s"].tolist() == [0, 10, 2, 15]
    assert schedule(jobs, size=4, policy="fcfs")["start_s"].tolist() == [0, 10, 15, 15]
    assert schedule(jobs, size=4, policy="firstfit")["start_s"].tolist() == [0, 12, 2, 3]


def test_extra_units_may_run_past_the_reservation() -> None:
    jobs = table([(0, 3, 10), (1, 3, 5), (2, 1, 100)])
    assert schedule(jobs, size=4)["start_s"].tolist() == [0, 10, 2]


def test_shortest_and_longest_first_order_the_queue_by_the_estimate() -> None:
    jobs = table([(0, 1, 10), (1, 1, 7), (2, 1, 3), (3, 1, 5)])
    assert schedule(jobs, size=1, policy="sjf")["start_s"].tolist() == [0, 18, 10, 13]
    assert schedule(jobs, size=1, policy="ljf")["start_s"].tolist() == [0, 10, 22, 17]


def test_a_run_is_cut_at_its_request_and_an_unknown_request_is_the_run() -> None:
    jobs = table([(0, 1, 10), (0, 1, 10), (0, 1, 10)]).assign(request_s=[4, np.nan, -1])
    assert schedule(jobs, size=3)["end_s"].tolist() == [4, 10, 10]


def test_rows_keep_their_order_and_ties_go_by_row() -> None:
    jobs = table([(5, 1, 1), (0, 1, 9), (5, 1, 1)]).set_index(pd.Index(["x", "y", "z"]))
    plan = schedule(jobs, size=1)
    assert plan["start_s"].tolist() == [9, 0, 10]
    assert plan["wait_s"].tolist() == [4, 0, 5]
    assert plan.index.tolist() == ["x", "y", "z"]


def test_an_oversized_job_is_reported_and_left_out_of_the_summary() -> None:
    plan = schedule(table([(0, 9, 10), (1, 2, 10)]).assign(job=["big", "small"]), size=4)
    assert plan["state"].tolist() == ["rejected", "finished"]
    assert plan["start_s"].isna().tolist() == [True, False]
    assert plan.attrs["dropped"] == ["big"]
    assert plan.attrs["summary"]["jobs"] == 1
    assert plan.attrs["summary"]["makespan_s"] == 10


def test_microseconds_are_kept() -> None:
    plan = schedule(table([(0.25, 1, 1.000001), (0.5, 1, 2)]), size=1)
    assert plan["start_s"].tolist() == [0.25, 1.250001]


def test_no_jobs_give_an_empty_plan() -> None:
    plan = schedule(table([]), size=4)
    assert len(plan) == 0
    assert plan.attrs["summary"]["mean_wait_s"] == 0


def test_the_depth_bounds_how_far_a_pass_looks() -> None:
    jobs = table([(0, 3, 10), (1, 4, 5), (2, 2, 1), (3, 1, 1)])
    assert schedule(jobs, size=4)["start_s"].tolist() == [0, 10, 15, 3]
    assert schedule(jobs, size=4, depth=1)["start_s"].tolist() == [0, 10, 15, 15]


@pytest.mark.parametrize(
    ("jobs", "policy", "words"),
    [
        (table([(0, 1, 1)]), "backfill", "fcfs, sjf, ljf, easy, easy-identity, conservative, firstfit"),
        (table([(0, 1, -1)]), "easy", "row 0: run_s = -1"),
        (table([(0, 0, 1)]), "easy", "row 0: size = 0"),
        (table([(0, 1, 1)]).drop(columns="size"), "easy", "lack the columns"),
    ],
)
def test_what_cannot_be_scheduled_is_named(jobs: pd.DataFrame, policy: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        schedule(jobs, size=4, policy=policy)


def test_replay_returns_the_recorded_starts() -> None:
    jobs = table([(5, 2, 3), (0, 1, 9), (1, 9, 1)]).assign(start_s=[6.25, 0, 4])
    plan = schedule(jobs, size=4, mode="replay")
    assert plan["start_s"].tolist()[:2] == [6.25, 0]
    assert plan["end_s"].tolist()[:2] == [9.25, 9]
    assert plan["state"].tolist() == ["finished", "finished", "rejected"]
    with pytest.raises(ValueError, match="row 1: start_s = -1"):
        schedule(jobs.assign(start_s=[6, -1, 4]), size=4, mode="replay")
    with pytest.raises(ValueError, match="reschedule, replay"):
        schedule(jobs, size=4, mode="rerun")


@pytest.mark.parametrize("servers", [1, 3])
def test_mean_waits_of_m_m_1_and_m_m_3_are_within_their_confidence_bands(servers: int) -> None:
    n, load, batches = 400_000, 0.7, 40
    random = np.random.Generator(np.random.Philox(11))
    run_s = np.round(random.exponential(100.0, n), 3)
    submit_s = np.round(np.cumsum(random.exponential(100.0 / (load * servers), n)), 3)
    wait_s = schedule(pd.DataFrame({"submit_s": submit_s, "size": 1, "run_s": run_s}), size=servers, policy="fcfs")[
        "wait_s"
    ]
    means = wait_s.to_numpy().reshape(batches, -1).mean(axis=1)[1:]  # the first batch starts from an empty queue
    offered = load * servers
    share_waiting = {
        1: load,
        3: offered**3 / 6 / (1 - load) / (1 + offered + offered**2 / 2 + offered**3 / 6 / (1 - load)),
    }
    expected_s = share_waiting[servers] * 100.0 / (servers * (1 - load))  # Erlang C; Kleinrock, Queueing Systems I
    half_width_s = 2.71 * means.std(ddof=1) / np.sqrt(len(means))  # 99 %, 38 degrees of freedom
    assert half_width_s < 0.06 * expected_s
    assert abs(means.mean() - expected_s) < half_width_s


@pytest.mark.parametrize("policy", ["fcfs", "sjf", "ljf", "easy", "easy-identity", "conservative", "firstfit"])
def test_no_policy_gives_a_unit_twice_or_loses_unit_time(policy: str) -> None:
    random = np.random.Generator(np.random.Philox(5))
    n = 400
    jobs = table(
        list(zip(random.integers(0, 4000, n), random.integers(1, 17, n), random.integers(0, 200, n), strict=True))
    )
    jobs["request_s"] = jobs["run_s"] * random.integers(1, 4, n)
    plan = schedule(jobs, size=16, policy=policy)
    assert (plan["start_s"] >= jobs["submit_s"]).all()
    assert (plan["end_s"] - plan["start_s"]).tolist() == jobs["run_s"].tolist()
    edges = sorted(
        [(end, -size) for end, size in zip(plan["end_s"], jobs["size"], strict=True)]
        + [(start, size) for start, size in zip(plan["start_s"], jobs["size"], strict=True)],
        key=lambda edge: edge[0],
    )
    use = 0
    for t in sorted({t for t, _ in edges}):
        use += sum(delta for when, delta in edges if when == t)
        assert 0 <= use <= 16
