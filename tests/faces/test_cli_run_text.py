"""What a run shows on a terminal, from sample data: the panel, a plain line, the closing summary."""

import json
import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from twin.faces.closing_text import Closing, closing_lines
from twin.faces.run_loop import _next_mark_ms
from twin.faces.terminal import (
    Event,
    Frame,
    failure_lines,
    grouped,
    header_lines,
    json_record,
    paint,
    panel_lines,
    plain_line,
    short_time,
    span,
    stopped_line,
)

FRAME = Frame(
    time=datetime(2028, 7, 15, 12, 4), share=0.5, gone_s=3.0, speed=41_300.0, step_s=1.0, fine=True, rss_mb=208.0,
    load_mw=903.0, solar_mw=1303.0, solar_available_mw=1893.0, curtailed_mw=539.0, battery_mw=0.0, soc=0.96,
    grid_mw=-400.0, pue=1.107, running=412, queued=31, loading=("T3", 0.42), coolant=("hall-02", 45.0),
    grid_note="at export limit",
    events=(
        Event(datetime(2028, 7, 15, 12, 0, 1, 900_000), 1, "hall-02", "side B transfer failed, 11 buses dead"),
        Event(datetime(2028, 7, 15, 12, 0, 0, 160_000), 2, "pv-04…06", "tripped on undervoltage"),
    ),
    n_events=6,
)  # fmt: skip

SUMMARY: dict[str, Any] = {
    "energy_mwh": {
        "solar_available": 53_106.0, "solar_used": 45_417.0, "grid_import": 27_257.0, "grid_export": 9_014.0,
        "it": 58_000.0, "cooling": 4_000.0, "auxiliary": 1_000.0, "losses": 794.0, "unserved": 0.0, "genset": 0.0,
    },
    "shares": {"green_load": 0.571, "self_use": 0.685, "feed_in": 0.171, "curtailed": 0.144},
    "pue": 1.092,
    "jobs": {"finished": 1171, "mean_wait_s": 2280.0},
    "gpu_h": {"delivered": 33.56e6, "lost": 53_700.0},
    "battery": {"soh": 0.99, "equivalent_full_cycles": 2.67},
    "audit": {
        "largest_energy_residual_pu": 3.1e-13, "largest_heat_residual_pu": 8.8e-12, "cumulative_drift_pu": 2.4e-11,
    },
    "speed": {"peak_rss_mb": 212.0},
    "digest": "9f3c77a0e21b5d",
    "expect": [
        {"that": "T*.loading_pu", "bound": "below", "limit": 1.1, "observed": 1.14, "where": "T1.loading_pu",
         "time": datetime(2028, 7, 15, 21, 31), "met": False, "title": ""},
        {"that": "hall-*.supply_c", "bound": "below", "limit": 47.0, "observed": 45.7, "where": "hall-02.supply_c",
         "time": datetime(2028, 7, 15, 12, 8), "met": True, "title": ""},
        {"that": "site.unserved_mw", "bound": "at_most", "limit": 0.0, "observed": 0.0, "where": None, "time": None,
         "met": True, "title": ""},
    ],
}  # fmt: skip
CLOSING = Closing(
    name="t2-noon", days=3.0, wall_s=6.276, out="runs/t2-noon", size_mb=41.0, summary=SUMMARY,
    events={1: 4, 2: 4, 3: 3}, first="07-15 12:00:00.000 T2 opened",
)  # fmt: skip

PANEL = """\
────────────────────────────────────────────────────────────────────────────────
 07-15 12:04   ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╺────────────────────────────  50 %
 00:03 gone, 00:03 to go   41 300 × real time   step 1 s (fine window)   208 MB

 load     903 MW   solar  1 303 of 1 893 MW   curtailed   539 MW
 battery    0 MW   charge     96 %            grid   −400 MW  at export limit
 T max   42 %  T3  coolant  45.0 °C  hall-02  PUE 1.107   jobs 412 run, 31 wait

 ✕ 12:00:01.900  hall-02     side B transfer failed, 11 buses dead
 ! 12:00:00.160  pv-04…06    tripped on undervoltage          (+ 4 more events)
────────────────────────────────────────────────────────────────────────────────
 Ctrl-C stops after this chunk and keeps everything: twin resume runs/t2-noon"""

SUMMARY_TEXT = """\
✓ t2-noon   3 days in 6.3 s   41 300 × real time   peak 212 MB

 Expected                          limit     observed    where
 ✕ T*.loading_pu below              1.10         1.14    T1, 07-15 21:31
 ✓ hall-*.supply_c below            47.0         45.7    hall-02, 07-15 12:08
 ✓ site.unserved_mw at most          0.0          0.0

 Energy, MWh                          Shares                   Work
 solar used     45 417  of 53 106     solar in load  57.1 %    33.56 M GPU-h
 grid import    27 257                used on site   68.5 %    0.16 % lost
 grid export     9 014                curtailed      14.4 %    1 171 jobs done
 site load      63 794  PUE 1.092     battery  2.67 cycles     wait 38 min mean

 Events  4 act now  4 act soon  3 know      first: 07-15 12:00:00.000 T2 opened
 Audit   energy 3.1e-13 pu   heat 8.8e-12 pu   drift 2.4e-11 pu          ✓ kept

 runs/t2-noon   41 MB   digest 9f3c 77a0 e21b
 next: twin report runs/t2-noon

One expectation was not met. That is a finding, not a failure: exit code 0.
(--strict turns it into exit code 1.)"""


def test_the_panel_is_the_mock_up() -> None:
    assert "\n".join(panel_lines(FRAME, "runs/t2-noon")) == PANEL


def test_the_panel_has_twelve_lines_of_eighty_columns_whatever_the_run() -> None:
    long = replace(
        FRAME, events=(Event(FRAME.time, 1, "hall-02.side-b", "x" * 200),), load_mw=-1e9, solar_mw=1e12,
        n_events=99_999, running=1e9, grid_note="at import limit and more", gone_s=1e7, speed=1e12, rss_mb=1e6,
        share=1e-9,
    )  # fmt: skip
    bare = replace(FRAME, events=(), n_events=0, loading=None, coolant=None, pue=float("nan"), share=0.0)
    for frame in (long, bare):
        lines = panel_lines(frame, "runs/" + "x" * 90)
        assert len(lines) == 12
        assert max(map(len, lines)) <= 80


def test_what_has_no_value_is_a_dash_and_never_nan() -> None:
    empty = replace(FRAME, pue=float("nan"), solar_mw=float("nan"), soc=float("nan"), share=0.0)
    text = "\n".join(panel_lines(empty, "runs/x")) + plain_line(empty)
    assert "nan" not in text
    assert "PUE –" in text


def test_the_header_counts_what_stands_there() -> None:
    counts = {"buses": 301, "transformers": 8, "PV": 24, "batteries": 11, "halls": 10, "gensets": 0}
    title = "Transformer T2 lost at noon on the hottest day"
    assert header_lines("t2-noon", title, counts, version="0.1.0", seed=42, digest="9f3c77a0") == [
        "twin 0.1.0   t2-noon   Transformer T2 lost at noon on the hottest day",
        "301 buses  8 transformers  24 PV  11 batteries  10 halls  seed 42  digest 9f3c…",
    ]


def test_a_plain_line_is_the_mock_up() -> None:
    frame = replace(FRAME, time=datetime(2028, 7, 14, 3, 36), share=0.05, load_mw=884.2, solar_mw=0.0, grid_mw=884.2,
                    soc=0.34, n_events=0)  # fmt: skip
    assert plain_line(frame) == "07-14 03:36   5 %  load 884 MW  solar    0 MW  grid  884 MW  soc  34 %  events 0"


def test_a_json_record_is_one_object_with_null_for_what_has_no_value() -> None:
    record = json.loads(json.dumps(json_record(replace(FRAME, pue=float("nan"))), allow_nan=False))
    assert (record["time"], record["pue"], record["events"]) == ("2028-07-15T12:04:00", None, 6)


def test_the_closing_summary_is_the_mock_up() -> None:
    assert "\n".join(closing_lines(CLOSING)) == SUMMARY_TEXT


def test_strict_says_which_exit_code_an_unmet_expectation_gives() -> None:
    assert (
        closing_lines(replace(CLOSING, strict=True))[-1]
        == "One expectation was not met: exit code 1, as --strict asks."
    )


def test_a_run_that_keeps_everything_ends_with_the_next_command() -> None:
    met = {**SUMMARY, "expect": SUMMARY["expect"][1:]}
    assert closing_lines(replace(CLOSING, summary=met))[-1] == " next: twin report runs/t2-noon"


def test_a_broken_audit_is_marked_on_the_first_line_and_in_its_own() -> None:
    broken = {**SUMMARY, "audit": {"largest_energy_residual_pu": 4.2e-6}}
    lines = closing_lines(replace(CLOSING, summary=broken))
    assert lines[0].startswith("✕ t2-noon")
    assert next(line for line in lines if "Audit" in line).endswith("✕ broken")


def test_a_limit_missed_by_little_is_shown_with_the_decimals_that_tell() -> None:
    entry = SUMMARY["expect"][1] | {"observed": 47.004, "met": False}
    lines = closing_lines(replace(CLOSING, summary={**SUMMARY, "expect": [entry]}))
    assert "47.000       47.004" in next(line for line in lines if "supply_c" in line)


def test_an_expectation_without_data_and_one_with_a_long_name_stay_in_the_table() -> None:
    entry = SUMMARY["expect"][0] | {"that": "hall-*.side-b.transformer.loading_pu", "observed": None, "met": None}
    lines = closing_lines(replace(CLOSING, summary={**SUMMARY, "expect": [entry | {"title": "Both sides hold"}]}))
    assert " ✕ hall-*.side-b.transformer.loading_pu below 1.10, observed –" in lines
    assert "   Both sides hold" in lines


def test_a_summary_of_a_site_without_racks_has_dashes() -> None:
    bare = {**SUMMARY, "pue": None, "shares": {}, "battery": {}, "gpu_h": {}, "jobs": {}, "expect": []}
    text = "\n".join(closing_lines(replace(CLOSING, summary=bare, events={}, first="")))
    assert "–" in text
    assert " Events  none" in text
    assert not re.search(r"nan|None", text)


def test_numbers_are_grouped_with_a_true_minus() -> None:
    assert [grouped(value) for value in (41_300, -400.4, -0.2, float("nan"))] == ["41 300", "−400", "0", "–"]
    assert [short_time(value) for value in (3, 3725, float("inf"))] == ["00:03", "1:02:05", "–"]
    assert [span(value) for value in (6.28, 252, 11_100)] == ["6.3 s", "4 min 12 s", "3 h 05 min"]


def test_colour_is_only_on_marks_and_paths_and_changes_no_letter() -> None:
    text = paint(closing_lines(CLOSING), ["runs/t2-noon"])
    assert text.plain == SUMMARY_TEXT
    assert {str(mark.style) for mark in text.spans} == {"red", "underline"}


def test_ctrl_c_and_a_failure_say_what_is_kept() -> None:
    assert stopped_line(datetime(2028, 7, 15, 12, 31), "runs/t2-noon") == (
        "stopped at 07-15 12:31:00, every part is written.   twin resume runs/t2-noon"
    )
    lines = failure_lines("energy is not conserved: 4.2e-06 pu\nlargest share  bess-03.pcs", "runs/x")
    assert lines[:2] == ["✕ energy is not conserved: 4.2e-06 pu", "  largest share  bess-03.pcs"]
    assert "marked invalid" in lines[2]


def test_progress_stops_at_the_grid_line_after_every_twentieth() -> None:
    day, minute = 86_400_000, 60_000
    assert _next_mark_ms(0, 0, day, minute) == 72 * minute
    assert _next_mark_ms(72 * minute, 0, day, minute) == 144 * minute
    marks, now = [], 0
    while now < 7 * minute:
        now = _next_mark_ms(now, 0, 7 * minute, minute)
        marks.append(now // minute)
    assert marks == [1, 2, 3, 4, 5, 6, 7]
