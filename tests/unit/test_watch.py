"""The closed grammar of ``Run.watch``."""

import pytest

from twin.errors import RunError
from twin.watch import rule
from twin.workload.jobs import JobBatch

BATCH = JobBatch.of(
    ids=[7, 8, 9], submit_ms=[0, 0, 0], size=[8, 64, 512], run_ms=[1500, 60_000, 3_600_000], request_ms=[1, 1, 1],
    tier=[0, 1, 2], watts_per_gpu=[700, 1000, 1200], checkpoint_ms=[0, 0, 0],
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("size >= 64", [False, True, True]),
        ("size>64", [False, False, True]),
        ("tier == 1", [False, True, False]),
        ("tier != 1", [True, False, True]),
        ("job <= 8", [True, True, False]),
        ("run_s < 1.6", [True, False, False]),
        ("run_s == 60", [False, True, False]),
        ("watts_per_gpu > 700 and size < 512", [False, True, False]),
        ("  tier >= 0  and  tier <= 2 and size > -1", [True, True, True]),
        ("size > +10 and size < 10", [False, False, False]),
    ],
)
def test_a_rule_marks_the_jobs_it_names(text, expected):
    assert rule(text)(BATCH).tolist() == expected


def test_an_empty_batch_has_no_flags():
    assert rule("size > 1")(JobBatch.empty()).tolist() == []


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "size", "size >", "> 5", "size = 5", "size => 5", "size > 5 and", "and size > 5",
        "size > 5 or tier == 1", "size > 5 AND tier == 1", "size > tier", "5 < size", "size > 1e3", "size > .5",
        "size > 0x10", "size > 5;", "not size > 5", "(size > 5)", "size > nan", "1 < size < 5",
        "__import__('os').system('true')",
        "size.real > 1",
    ],
)  # fmt: skip
def test_all_else_is_refused_with_the_text_in_the_message(text):
    with pytest.raises(RunError, match="cannot read"):
        rule(text)


@pytest.mark.parametrize(("text", "near"), [("tire == 1", "tier"), ("sise > 1", "size"), ("run_ms > 1", "run_s")])
def test_an_unknown_column_is_refused_with_what_there_is(text, near):
    with pytest.raises(RunError, match=near):
        rule(text)
