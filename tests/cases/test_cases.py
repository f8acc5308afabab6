"""Runs every case of this folder: see README.md for the format."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

import twin
from tests.runs.worlds import local, scenario

HERE = Path(__file__).resolve().parent
CASES = sorted(path.parent for path in HERE.glob("*/expected.toml"))


def summary_value(results: twin.Results, key: str) -> float:
    """A number of the summary, or the ratio of two."""
    values = []
    for dotted in key.split("/"):
        value: Any = results.summary
        for part in dotted.strip().split("."):
            value = value[part]
        values.append(float(value))
    return values[0] if len(values) == 1 else values[0] / values[1]


def found(results: twin.Results, value: dict[str, Any]) -> float:
    """What the run says about one ``[[value]]``."""
    if "summary" in value:
        return summary_value(results, value["summary"])
    if "channel" in value:
        return float(results.table(value["channel"], start=local(value["at"])).iloc[0, 0])
    events = results.events
    events = events[(events.kind == value["seconds_to"]) & (events.asset == value["asset"])]
    return float((events.time[events.time >= local(value["since"])].iloc[0] - local(value["since"])).total_seconds())


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_a_case_comes_out_as_expected(folder):
    case = tomllib.loads((folder / "expected.toml").read_text(encoding="utf-8"))
    given = scenario((folder / "scenario.toml").read_text(encoding="utf-8"))
    with twin.Run(given) as run:
        run.advance(run.end if case["until"] == "1d 00:00" else local(case["until"]))
        results = run.finish()
    for value in case["value"]:
        limit = value["tolerance"] * (abs(value["expected"]) if value.get("relative") else 1.0)
        assert value["origin"]
        assert found(results, value) == pytest.approx(value["expected"], rel=0.0, abs=limit), value


def test_every_case_says_where_its_numbers_come_from():
    assert len(CASES) >= 5
    assert [folder.name for folder in CASES if not (folder / "scenario.toml").exists()] == []
