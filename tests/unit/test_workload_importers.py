"""Importers of published traces, each on a small sample in the publisher's own schema."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.errors import ScenarioError
from twin.workload import read_jobs, read_power, read_requests

DATA = Path(__file__).resolve().parents[1] / "data" / "workload"


def columns_of(jobs: pd.DataFrame, *names: str) -> list[tuple[object, ...]]:
    return list(jobs[list(names)].itertuples(index=False, name=None))


def problems_of(path: Path, **options: object) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        read_jobs(path, **options)
    return [str(problem) for problem in caught.value.problems]


def test_acme_keeps_gpu_jobs_with_their_offset_outcome_and_kind():
    jobs = read_jobs(DATA / "acme_seren.csv")
    names = ("job", "size", "run_s", "wait_s", "status", "user", "pool")
    assert columns_of(jobs, *names) == [
        (5778432, 8, 117.0, 32.0, 0, "u5907", "Other"),
        (5778471, 16, 60.0, 0.0, 0, "u2", "Pretrain"),  # TIMEOUT counts as failed
        (5778469, 8, 2693.0, 13.0, 1, "u5907", "Pretrain"),
    ]
    assert jobs["submit_s"].iloc[0] == pd.Timestamp("2023-02-28T16:18:22Z").timestamp()
    report = jobs.attrs["report"]
    assert (report.format, report.dropped) == ("acme", {"size unknown or zero": 1})


def test_kalos_has_names_for_jobs_and_more_columns():
    jobs = read_jobs(DATA / "acme_kalos.csv")
    assert columns_of(jobs, "job", "size", "run_s", "wait_s", "status") == [
        (1, 64, 18.0, 10.0, 0),
        (2, 64, 82.0, 12.0, 5),
    ]


def test_helios_reads_its_dates_in_the_zone_it_is_told():
    jobs = read_jobs(DATA / "cluster_log.csv", time_zone="Asia/Shanghai")
    assert jobs.attrs["report"].format == "helios"
    assert jobs["submit_s"].iloc[0] == pd.Timestamp("2020-06-09T18:41:01+08:00").timestamp()
    assert columns_of(jobs, "job", "size", "run_s", "status", "pool")[1] == (1425512, 4, 249.0, 0, "vchbv")
    assert jobs.attrs["report"].dropped == {"run time unknown": 1}


def test_philly_log_runs_from_the_first_start_to_the_last_end():
    jobs = read_jobs(DATA / "cluster_job_log.json", time_zone="America/Los_Angeles")
    assert columns_of(jobs, "size", "run_s", "wait_s", "status", "user", "pool") == [
        (1, 60.0, 10.0, 5, "u2", "ee9e8c"),
        (6, 3600.0, 30.0, 1, "ce2f4c", "ee9e8c"),
        (1, 5.0, 0.0, 0, "u3", "b1"),
    ]
    report = jobs.attrs["report"]
    assert report.dropped == {"size unknown or zero": 1, "run time unknown": 1}
    assert report.notes == {"jobs of more than one attempt, read as one run": "1"}
    assert jobs["submit_s"].iloc[0] == pd.Timestamp("2017-10-07T01:00:00-07:00").timestamp()


def test_philly_log_reads_the_same_in_one_line_and_under_its_own_name(tmp_path):
    text = json.dumps(json.loads((DATA / "cluster_job_log.json").read_text()))
    (tmp_path / "cluster_job_log").write_text(text)
    pd.testing.assert_frame_equal(read_jobs(tmp_path / "cluster_job_log"), read_jobs(DATA / "cluster_job_log.json"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "does not end"),
        ('{"a": 1}', "expected one list"),
        ("[{}] []", "expected one list"),
        ('[{"submitted_time": "2017", "attempts": [}]', "does not end"),
        ('[{"status": "Pass"}, 3]', "entry 1: expected a job"),
        ('[{"submitted_time": "soon", "attempts": []}]', "expected a date"),
    ],
)
def test_a_broken_philly_log_says_where(tmp_path, text, said):
    (tmp_path / "cluster_job_log").write_text(text)
    assert any(said in problem for problem in problems_of(tmp_path / "cluster_job_log"))


def test_openb_pods_share_a_gpu_and_pending_ones_never_ran():
    jobs = read_jobs(DATA / "openb.csv")
    assert columns_of(jobs, "submit_s", "size", "run_s", "wait_s", "status", "pool") == [
        (0.0, 1, 12537.0, 0.0, -1, "LS"),
        (427.0, 1, 872.0, 3.0, 1, "LS"),
        (500.0, 8, 290.0, 10.0, 0, "BE"),
    ]
    report = jobs.attrs["report"]
    assert report.dropped == {"size unknown or zero": 1, "run time unknown": 1}
    assert report.repaired == {"fraction of a GPU rounded up": 1}


def test_spot_jobs_multiply_workers_and_have_tiers():
    jobs = read_jobs(DATA / "job_info_df.csv")
    assert columns_of(jobs, "job", "size", "tier", "user") == [
        (239255, 1, 1, "13"),
        (437260, 16, 3, "57"),
        (437261, 752, 3, "57"),
    ]


def test_dlrm_keeps_gpu_instances_whose_life_lies_in_the_window():
    jobs = read_jobs(DATA / "dlrm.csv")
    assert columns_of(jobs, "submit_s", "size", "run_s", "wait_s", "pool") == [(475.0, 1, 1000.0, 5.0, "app_0")]
    assert sum(jobs.attrs["report"].dropped.values()) == 3


@pytest.mark.parametrize("name", ["pai", "pai/pai_job_table.csv"])
def test_pai_2020_joins_jobs_with_their_tasks(name):
    jobs = read_jobs(DATA / name)
    assert columns_of(jobs, "submit_s", "size", "run_s", "wait_s", "status", "user", "pool") == [
        (4550000.0, 3, 490.0, 10.0, 0, "u2", "P100"),
        (4550879.0, 1, 527.0, 10.0, 1, "58540f191766", "V100"),
    ]
    report = jobs.attrs["report"]
    assert (report.rows, report.time_zone, report.notes["tasks of no job"]) == (4, "+08:00", "1")


def test_pai_2020_without_its_tasks_says_which_file_is_missing(tmp_path):
    shutil.copy(DATA / "pai" / "pai_job_table.csv", tmp_path)
    assert "needs pai_task_table.csv" in problems_of(tmp_path / "pai_job_table.csv")[0]


def test_batsim_takes_run_times_from_profiles_of_delays():
    jobs = read_jobs(DATA / "batsim.json")
    assert columns_of(jobs, "job", "submit_s", "size", "run_s", "request_s", "status") == [
        (2, 0.0, 2, 30.5, 30.5, -1),
        (7, 10.5, 4, 12.25, 100.0, -1),
        (3, 11.0, 1, 3.0, 3.0, 0),
    ]
    report = jobs.attrs["report"]
    assert (report.header, report.dropped) == ({"nb_res": "32"}, {"run time unknown": 1})


def test_batsim_follows_sequences_of_sequences_in_its_new_names(tmp_path):
    profiles = {
        "10s": {"type": "DelayProfile", "delay": 10},
        "once": {"type": "SequentialCompositionProfile", "seq": ["10s", "10s"]},
        "thrice": {"type": "SequentialCompositionProfile", "repeat": 3, "seq": ["once", "10s"]},
        "endless": {"type": "SequentialCompositionProfile", "seq": ["endless"]},
    }
    jobs = [{"id": name, "subtime": 0, "res": 1, "profile": name} for name in profiles]
    (tmp_path / "w.json").write_text(json.dumps({"jobs": jobs, "profiles": profiles}))
    found = read_jobs(tmp_path / "w.json")
    assert columns_of(found, "job", "run_s") == [(1, 10.0), (2, 20.0), (3, 90.0)]
    assert found.attrs["report"].dropped == {"run time unknown": 1}


def test_numbers_that_count_from_the_start_of_a_trace_are_no_dates(tmp_path):
    (tmp_path / "a.csv").write_text("submit,size,run\n5,1,60\n")
    assert read_jobs(tmp_path / "a.csv").attrs["report"].unix_start_s is None


def test_a_broken_batsim_workload_lists_every_bad_job(tmp_path):
    path = tmp_path / "w.json"
    jobs = [{"subtime": "x", "res": 1, "profile": "d"}, 3, {"subtime": 0, "res": 1, "profile": "e"}]
    path.write_text(json.dumps({"jobs": jobs, "profiles": {"d": {"type": "delay", "delay": 1}}}))
    problems = problems_of(path)
    named = ("jobs[0].subtime", "jobs[1]", "jobs[2].profile")
    assert all(word in text for word, text in zip(named, problems, strict=True))
    path.write_text('{"jobs": [],\n "profiles": }')
    assert problems_of(path)[0].startswith("w.json:2: ")


def opendc(folder: Path, **more: list[object]) -> Path:
    tasks = {
        "id": [7, 9], "submission_time": [1_664_575_260_000, 1_664_575_200_000], "duration": [60_000, 90_000],
        "cpu_count": [16, 4], "cpu_capacity": [1000.0, 400.0], "mem_capacity": [1, 1], **more,
    }  # fmt: skip
    pd.DataFrame(tasks).to_parquet(folder / "tasks.parquet")
    return folder / "tasks.parquet"


def test_opendc_tasks_count_cores_where_there_are_no_gpus_and_fragments_give_their_load(tmp_path):
    path = opendc(tmp_path)
    fragments = {"id": [7, 9, 7], "duration": [30_000, 90_000, 30_000], "cpu_usage": [1000.0, 100.0, 0.0]}
    pd.DataFrame(fragments).to_parquet(tmp_path / "fragments.parquet")
    jobs = read_jobs(path)
    names = ("job", "submit_s", "size", "run_s")
    assert columns_of(jobs, *names) == [(9, 1_664_575_200.0, 4, 90.0), (7, 1_664_575_260.0, 16, 60.0)]
    full_w = (132_000 - 34_000) / 72
    assert jobs["watts_per_gpu"].tolist() == pytest.approx([full_w / 4, full_w / 2])
    pd.testing.assert_frame_equal(read_jobs(tmp_path), jobs)
    assert "these are fragments" in problems_of(tmp_path / "fragments.parquet")[0]


def test_opendc_v5_has_gpus_deadlines_and_stamps(tmp_path):
    stamps = pd.to_datetime([1_664_575_260_000, 1_664_575_200_000], unit="ms")
    more = {"gpu_count": [2, 0], "deferrable": [True, False], "deadline": [1_664_661_600_000, None]}
    jobs = read_jobs(opendc(tmp_path, submission_time=stamps, **more))
    assert columns_of(jobs, "job", "submit_s", "size", "deferrable", "deadline_s") == [
        (7, 1_664_575_260.0, 2, 1.0, 1_664_661_600.0)
    ]
    assert jobs.attrs["report"].dropped == {"size unknown or zero": 1}


def test_any_parquet_is_read_through_a_column_map_as_csv_is(tmp_path):
    frame = pd.DataFrame({
        "queued_at": pd.to_datetime(["2026-03-01T08:00:00+08:00", "2026-03-01T00:00:05Z"], utc=True),
        "cards": [8, 1], "minutes": [30.0, None], "who": ["ann", None],
    })  # fmt: skip
    frame.to_parquet(tmp_path / "theirs.parquet")
    theirs = {"submit": "queued_at", "size": "cards", "run": "minutes", "user": "who"}
    jobs = read_jobs(tmp_path / "theirs.parquet", columns=theirs, time_unit="min")
    assert columns_of(jobs, "submit_s", "size", "run_s", "user") == [(1_772_323_200.0, 8, 1800.0, "ann")]
    assert "did you mean 'cards'?" in problems_of(tmp_path / "theirs.parquet", columns=theirs | {"size": "card"})[0]
    (tmp_path / "no.parquet").write_text("submit,size,run\n")
    assert "is not Parquet" in problems_of(tmp_path / "no.parquet")[0]


def test_azure_requests_are_sorted_and_counted_from_the_first():
    requests = read_requests(DATA / "azure.csv")
    assert requests["t_s"].tolist() == pytest.approx([0.0, 0.5, 1.508])
    assert requests["input_tokens"].tolist() == [2399, 2162, 76]
    report = requests.attrs["report"]
    assert report.unix_start_s == pytest.approx(pd.Timestamp("2024-05-10T00:00:00.509Z").timestamp())
    assert report.repaired == {"sent before the row above: sorted": 1}


def test_burstgpt_keeps_the_model_and_says_how_many_have_no_answer():
    requests = read_requests(DATA / "burstgpt.csv")
    assert columns_of(requests, "t_s", "input_tokens", "output_tokens", "model")[2] == (113.0, 417, 0, "GPT-4")
    assert list(requests.attrs["report"].notes.values()) == ["1"]


def test_mooncake_counts_the_prefix_blocks_an_earlier_request_had():
    requests = read_requests(DATA / "mooncake.jsonl")
    assert columns_of(requests, "t_s", "input_tokens", "blocks", "reused_blocks") == [
        (0.0, 6955, 3, 0),
        (pytest.approx(3.053), 6472, 3, 2),
    ]


def test_a_broken_jsonl_lists_every_line(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"timestamp": 1}\nnoise\n[]\n')
    with pytest.raises(ScenarioError) as caught:
        read_requests(tmp_path / "a.jsonl")
    assert [problem.line for problem in caught.value.problems] == [1, 2, 3]


def test_power_is_sorted_and_summed_over_nodes(tmp_path):
    power = read_power(DATA / "power.csv")
    assert columns_of(power, "t_s", "watts") == [(0.0, 100.0), (1.0, 200.0), (2.0, 300.0)]
    assert list(power.attrs["report"].dropped.values()) == [1]
    (tmp_path / "nodes.csv").write_text("t_s,node_1,node_2\n5,10,20\n7,1,2\n")
    assert columns_of(read_power(tmp_path / "nodes.csv"), "t_s", "watts") == [(0.0, 30.0), (2.0, 3.0)]


SAMPLES = (
    "acme_kalos.csv", "cluster_log.csv", "cluster_job_log.json", "openb.csv", "job_info_df.csv", "dlrm.csv",
    "batsim.json", "azure.csv", "burstgpt.csv", "mooncake.jsonl", "power.csv",
)  # fmt: skip
NOISE = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"1" * 5000, b"1e999", b"[" * 3000, b'"', b"null", b"-7", b"NaN", b"1" * 400]),
)


@settings(max_examples=300, deadline=None)
@given(noise=NOISE, at=st.integers(0, 900), name=st.sampled_from(SAMPLES))
def test_no_damage_to_a_file_ends_in_a_traceback(tmp_path_factory, noise, at, name):
    content = (DATA / name).read_bytes()
    path = tmp_path_factory.mktemp("damaged") / name
    path.write_bytes(content[:at] + noise + content[at + 3 :])
    for read in (read_jobs, read_requests, read_power):
        with contextlib.suppress(ScenarioError):
            assert len(read(path)) <= 40


@settings(max_examples=60, deadline=None, derandomize=True)
@given(noise=st.binary(min_size=1, max_size=8), at=st.integers(0, 4000))
def test_no_damage_to_parquet_ends_in_a_traceback(tmp_path_factory, noise, at):
    path = opendc(tmp_path_factory.mktemp("damaged"))
    content = path.read_bytes()
    at %= len(content)
    path.write_bytes(content[:at] + noise + content[at + len(noise) :])
    with contextlib.suppress(ScenarioError):
        assert len(read_jobs(path, format="opendc")) <= 2
