"""How long a hall holds: seconds from the first cause along the chain of causes, from events made by hand."""

import pandas as pd
import pytest

from twin.indicators import thermal_times

ROWS = [
    (1, 0.0, "fail", "cooling-05", None),
    (2, 8.0, "throttle", "hall-05", 1),
    (3, 14.5, "stop", "hall-05", 1),
    (4, 15.0, "stop", "hall-05", 1),  # a second row group, later
    (5, 600.0, "repair", "cooling-05", 1),
    (6, 660.0, "recover", "hall-05", 5),
    (7, 700.0, "open", "T2", None),
    (8, 701.0, "cooling", "cooling-02", 7),
    (9, 760.0, "throttle", "hall-02", 8),
    (10, 800.0, "stop", "hall-09", None),  # nobody knows why
]


def test_each_hall_is_timed_from_the_first_cause_of_what_happened_to_it():
    events = pd.DataFrame(ROWS, columns=["seq", "s", "kind", "asset", "cause_seq"]).astype({"cause_seq": "Int64"})
    events["time"] = pd.Timestamp("2028-07-14", tz="UTC") + pd.to_timedelta(events.s, unit="s")
    table = thermal_times(events).set_index("hall")
    assert list(table.index) == ["hall-05", "hall-02"]
    assert table.loc["hall-05", ["throttle_s", "stop_s", "recover_s"]].tolist() == pytest.approx([8.0, 14.5, 660.0])
    assert table.cause_asset.tolist() == ["cooling-05", "T2"]
    assert table.throttle_s["hall-02"] == pytest.approx(60.0)
    assert table[["restart_s"]].isna().all().all()
    assert table.lost["hall-02"] == events.time[6]


def test_a_quiet_run_has_an_empty_table():
    events = pd.DataFrame(columns=["seq", "time", "kind", "asset", "cause_seq"])
    table = thermal_times(events)
    assert len(table) == 0
    assert "throttle_s" in table
