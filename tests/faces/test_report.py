"""The report: one page that says what happened, agrees with the books, and loads nothing."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import twin
from twin.faces.report import write_report
from twin.faces.report.canvas import by_day
from twin.faces.report.causes import Event, cause_tree, events_of, walk
from twin.faces.report.gather import gather
from twin.faces.report.pack import column, thinned, unpack
from twin.faces.report.sankey import Flows
from twin.faces.report.words import asset_range, digits_to_tell, duration, number, scientific
from twin.plan import Channel, Place
from twin.record import Event as Recorded
from twin.record import Recorder

ROOT = Path(__file__).resolve().parents[2]
START_MS = 1_847_116_800_000  # 2028-07-14T00:00:00+08:00
HOUR_MS = 3_600_000
SCENARIO = """
extends = "{base}"
title = "A transformer lost <b>before noon</b>"
[run]
days = 1
[[timeline]]
at = "0d 10:00"
do = "open"
what = "T2"
duration = "3h"
[[expect]]
that = "T*.loading_pu"
below = 0.5
title = "Half of the rating is enough"
[[expect]]
that = "hall-*.supply_c"
below = 60
"""


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A day of the base site in which T2 is opened for three hours, with one expectation met and one not."""
    folder = tmp_path_factory.mktemp("report")
    shutil.copy(ROOT / "scenarios" / "base" / "zhongwei.toml", folder)
    (folder / "day.toml").write_text(SCENARIO.format(base="zhongwei.toml"))
    twin.simulate(twin.Scenario.read(folder / "day.toml"), out=folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def page(run_dir) -> str:
    return write_report(twin.open(run_dir)).read_text(encoding="utf-8")


@pytest.fixture
def copy(run_dir, tmp_path) -> Path:
    """A copy of the run that a test may spoil."""
    return Path(shutil.copytree(run_dir, tmp_path / "run"))


def edited(folder: Path, name: str, **changes) -> None:
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def written(folder: Path) -> str:
    return write_report(twin.open(folder)).read_text(encoding="utf-8")


def body(page: str) -> str:
    """The page without scripts and styles."""
    return re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)


def words(page: str) -> str:
    """The text a reader sees, with single spaces."""
    text = re.sub(r"<[^>]*>", " ", body(page)).replace("\u202f", " ")
    return re.sub(r" ([.,;:])", r"\1", re.sub(r"\s+", " ", text))


def data(page: str) -> dict:
    return json.loads(re.search(r'id="figures">(.*?)</script>', page, re.DOTALL)[1])


def energy_of_days(page: str) -> dict[str, float]:
    head, *days = (line.split(",") for line in data(page)["csv"]["energy"].splitlines())
    return {name.removesuffix("_mwh"): sum(float(day[i]) for day in days) for i, name in enumerate(head) if i}


# The page as a file -------------------------------------------------------------------------------------------------


def test_the_page_names_no_place_to_load_anything_from(page):
    assert not re.findall(r"""(?:src|href|action)\s*=\s*["']?\s*(?:https?:)?//""", body(page))
    assert not re.findall(r"<(?:link|img|iframe|object|embed|base)\b|url\(|@import", body(page))
    assert "default-src 'none'" in page


def test_the_page_is_small_enough(page):
    assert len(page.encode()) < 7.5e6


def test_text_and_tables_stand_before_the_script_of_the_figures(page):
    assert page.index("<footer>") < page.index("plotly.js v")


def test_the_default_place_is_the_run_directory_and_another_can_be_given(run_dir, tmp_path):
    assert write_report(twin.open(run_dir)) == run_dir / "report.html"
    target = write_report(twin.open(run_dir), tmp_path / "deep" / "page.html")
    assert target.read_bytes() == (run_dir / "report.html").read_bytes()
    assert [path.name for path in target.parent.iterdir()] == ["page.html"]


class Balanced(HTMLParser):
    """Notes every element that is closed in the wrong order."""

    VOID = ("meta", "br", "rect", "circle", "path")

    def __init__(self):
        super().__init__()
        self.open, self.wrong, self.ids = [], [], []

    def handle_starttag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID and (not self.open or self.open.pop() != tag):
            self.wrong.append((tag, self.getpos()))


def test_every_element_is_closed_and_every_id_is_there_once(page):
    found = Balanced()
    found.feed(body(page))
    assert (found.open, found.wrong) == ([], [])
    assert len(found.ids) == len(set(found.ids))


# The page and the books ---------------------------------------------------------------------------------------------


def test_the_days_sum_to_the_energies_of_the_summary(page, run_dir):
    booked = twin.open(run_dir).summary["energy_mwh"]
    summed = energy_of_days(page)
    for name, value in booked.items():
        assert summed[name] == pytest.approx(value, rel=1e-6, abs=2e-3), name


def test_the_balance_figure_holds_the_energies_of_the_summary(page, run_dir):
    booked = twin.open(run_dir).summary["energy_mwh"]
    drawn = {trace["name"]: trace for trace in data(page)["figures"]["balance"]["traces"]}
    names = {"solar used": "solar_used", "grid import": "grid_import", "battery discharge": "battery_discharge"}
    for shown, name in {**names, "export": "grid_export", "charge": "battery_charge", "curtailed": "curtailed"}.items():
        hours = np.diff(unpack(drawn[shown]["x"]))[0] / HOUR_MS
        assert abs(unpack(drawn[shown]["y"]).sum() * hours) == pytest.approx(booked[name], rel=1e-3, abs=1.0), shown


def test_tiles_and_tables_show_the_numbers_of_the_summary(page, run_dir):
    summary = twin.open(run_dir).summary
    text = words(page)
    assert f"Total {number(summary['energy_mwh']['solar_available'])}".replace("\u202f", " ") in text
    assert f"PUE {summary['pue']:.3f}" in text
    assert f"submitted {number(summary['jobs']['submitted'])}".replace("\u202f", " ") in text
    assert summary["digest"] in text


def test_the_heatmap_peaks_where_the_tile_says(page, run_dir):
    heat = unpack(data(page)["figures"]["loading"]["traces"][0]["z"])
    hours = twin.open(run_dir).table("T*.loading_pu", every="1h", stat="max").to_numpy()
    assert heat.shape == hours.T.shape
    assert np.nanmax(heat) == pytest.approx(100 * hours.max(), abs=0.01)
    assert f"Peak transformer loading {100 * hours.max():.0f} %" in words(page)


def test_a_transformer_out_of_service_is_left_blank(page):
    heat = data(page)["figures"]["loading"]["traces"][0]
    row = unpack(heat["z"])[heat["y"].index("T2")]
    assert np.flatnonzero(np.isnan(row)).tolist() == [10, 11, 12]


# What it says -------------------------------------------------------------------------------------------------------


def test_the_lead_counts_what_was_met_and_says_what_was_not_and_by_how_much(page, run_dir):
    unmet = twin.open(run_dir).summary["expect"][0]
    text = words(page)
    assert "One of two expectations met." in text
    assert f"Half of the rating is enough: {unmet['where']} reached {unmet['observed']:.2f} pu" in text
    assert "asked for was below 0.50 pu" in text
    assert text.count("✕ not met") == 1
    assert text.count("✓ met") == 1


def test_the_causes_lead_from_the_opened_transformer_to_what_followed(page):
    rows = re.findall(r'<li class="d(\d)">.*?<b>(.*?)</b> ([^<]*)', page)
    assert ("0", "T2", "opened ") in rows
    assert ("1", "35-2", "de-energised ") in rows
    assert ("2", "pv-04…06", "tripped on undervoltage ") in rows
    assert rows.index(("0", "T2", "opened ")) + 1 == rows.index(("1", "35-2", "de-energised "))


def test_an_event_shows_local_time_how_long_it_lasted_and_its_cause(page):
    row = next(row for row in re.findall(r"<tr.*?</tr>", body(page)) if ">35-2<" in row)
    assert re.sub(r"<[^>]*>", " ", row).split()[:4] == ["1", "07-14", "10:00:00", "35-2"]
    assert "↳ T2 opened" in row


def test_a_run_without_expectations_is_summed_up(copy):
    edited(copy, "summary.json", expect=[])
    text = words(written(copy))
    assert "expectation" not in text.split("What happened", 1)[0]
    assert re.search(r"No load was left unserved, solar power carried \d+ % of the load", text)
    assert "not met" not in text


def test_where_nothing_happened_the_storage_has_the_whole_width(copy):
    shutil.rmtree(copy / "events")
    page = written(copy)
    assert "Causes, as the run recorded them" not in page
    assert re.search(r"Nothing in 24 hours asked for attention\.", words(page))
    assert data(page)["figures"]["storage"]["height"] == 220


def test_an_incomplete_run_says_up_to_when_it_is_valid(tmp_path):
    scenario = twin.Scenario.read(ROOT / "scenarios" / "base" / "zhongwei.toml", overrides={"run.days": 2})
    with twin.Run(scenario, tmp_path / "run") as run:
        run.advance("24h")
    page = written(tmp_path / "run")
    assert "incomplete, valid to 07-15 00:00" in page
    assert "Incomplete: the results end at 07-15 00:00, before 07-16 00:00." in words(page)
    assert energy_of_days(page)["load"] > 10_000.0
    assert data(page)["figures"]["balance"]["layout"]["xaxis"]["range"][1] - START_MS - 8 * HOUR_MS == 48 * HOUR_MS


def test_a_killed_run_is_judged_by_what_there_is(copy):
    (copy / "summary.json").unlink()
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(
        json.dumps({k: v for k, v in manifest.items() if k not in ("valid_to", "digest")})
    )
    edited(copy, "manifest.json", status="running")
    text = words(written(copy))
    assert "One of two expectations met so far." in text
    assert "incomplete, valid to 07-15 00:00" in text


def test_a_broken_audit_stands_before_the_title(copy):
    audit = {"largest_energy_residual_pu": 3e-7, "largest_heat_residual_pu": 1e-15}
    edited(copy, "summary.json", audit=audit)
    page = written(copy)
    assert page.index("Audit broken: largest energy residual of a step above its limit") < page.index("<h1>")
    assert '<span class="bad">✕</span>' in page
    assert "Audit broken" not in written_again(copy, largest_energy_residual_pu=9.9e-10)


def written_again(folder: Path, **audit: float) -> str:
    edited(folder, "summary.json", audit=audit)
    return written(folder)


def test_names_and_texts_cannot_become_markup(copy):
    hostile = '<img src=x onerror="alert(1)">'
    edited(copy, "manifest.json", title=hostile, version=hostile, seed=hostile, status=hostile)
    (copy / "scenario.resolved.toml").write_text(f"# </pre><script>alert(2)</script>\ntitle = '{hostile}'\n")
    page = written(copy)
    assert "&lt;img src=x onerror=" in page
    assert "<img" not in body(page)
    assert "alert(2)" not in body(page).replace("&lt;script&gt;alert(2)", "")
    assert len(re.findall(r"<script", page.partition("plotly.js v")[0])) == 3


def test_a_hostile_asset_is_harmless_in_tables_and_figures(tmp_path):
    name = "T<img onerror=1>"
    page = recorded_page(tmp_path, channels={f"{name}.loading_pu": "pu"}, hours=3, events=[(name, "a </script> b")])
    assert "<img" not in body(page)
    assert "</script> b" not in page.replace("\\u003c", "<").partition("<script>")[0]
    assert data(page)["figures"]["loading"]["traces"][0]["y"] == ["T&lt;img onerror=1&gt;"]


# Runs that lack something, and long ones ----------------------------------------------------------------------------


def recorded_page(tmp_path: Path, *, channels: dict[str, str], hours: int, events=(), value: float = 1.0) -> str:
    """The page of a run recorded by hand: channels with their units, each at ``value`` all the time."""
    names = list(channels)
    site = [Channel(name, Place("site", "x"), unit, "made up", site=True) for name, unit in channels.items()]
    recorder = Recorder(
        tmp_path / "run", channels=site, minute=names, fine=[], start_ms=START_MS, utc_offset_ms=8 * HOUR_MS,
        resolved_toml="", manifest={},
    )  # fmt: skip
    for i, (asset, text) in enumerate(events):
        recorder.event(Recorded(i + 1, 60_000 * i, "trouble", asset, 2, None, None, text))
    for day in range(0, hours, 24):
        n = min(24, hours - day)
        t_ms = day * HOUR_MS + np.arange(n) * HOUR_MS
        recorder.hours(t_ms, np.full((n, 3, len(names)), value, "f4"))
        recorder.minutes(day * HOUR_MS + np.arange(60 * n) * 60_000, np.full((60 * n, len(names)), value, "f4"))
        recorder.flush((day + n) * HOUR_MS)
    recorder.finish({}, "state")
    return written(tmp_path / "run")


def test_a_missing_channel_is_named_in_the_figures_place(tmp_path):
    page = recorded_page(tmp_path, channels={"grid.p_mw": "MW"}, hours=5)
    assert list(data(page)["figures"]) == ["import"]
    assert "no <code>solar.p_mw</code> and <code>battery.p_mw</code> and <code>site.load_mw</code>" in page
    assert "no <code>hall-*.supply_c</code>" in page
    assert "NaN" not in body(page)
    assert "None" not in words(page)


def test_a_run_that_recorded_nothing_still_has_a_page(tmp_path):
    page = recorded_page(tmp_path, channels={}, hours=0)
    assert data(page)["figures"] == {}
    assert "Nothing happened that the run had to record." in page


SITE = {
    "grid.p_mw": "MW", "solar.p_mw": "MW", "solar.available_mw": "MW", "solar.curtailed_mw": "MW", "battery.p_mw": "MW",
    "battery.soc": "1", "site.load_mw": "MW", "it.p_mw": "MW", "hall-01.supply_c": "°C", "weather.ghi_w_m2": "W/m²",
}  # fmt: skip


def test_a_long_run_is_drawn_by_the_day_and_told_by_the_month(tmp_path):
    page = recorded_page(tmp_path, channels=SITE, hours=24 * 50, value=0.5)
    assert "By month, MWh" in page
    assert re.findall(r"<td>(2028-\d\d)</td>", page) == ["2028-07", "2028-08", "2028-09"]
    load = next(t for t in data(page)["figures"]["balance"]["traces"] if t["name"] == "load")
    assert unpack(load["y"]) == pytest.approx(np.full(50, 0.012))  # GWh a day
    assert energy_of_days(page)["load"] == pytest.approx(600.0)


def test_no_line_has_more_points_than_a_screen_can_show(tmp_path):
    page = recorded_page(tmp_path, channels=SITE, hours=24 * 10)
    for figure in data(page)["figures"].values():
        for trace in figure["traces"]:
            assert int(np.prod(trace["x"]["n"])) <= 2000


def test_the_event_list_keeps_two_hundred_and_counts_the_rest(tmp_path):
    events = [(f"hall-{i:03}", "warm") for i in range(250)]
    page = recorded_page(tmp_path, channels={"grid.p_mw": "MW"}, hours=24, events=events)
    assert len(re.findall(r"<b><span class=\"nb\">hall-", page)) == 200
    assert "50 more are not listed here: 50 trouble." in words(page)


# Parts --------------------------------------------------------------------------------------------------------------


def event(seq, kind, asset, *, t_ms=0, priority=2, cause=None, text="", end_ms=None):
    return Event(seq, t_ms, kind, asset, priority, None, cause, text or kind, end_ms)


def test_like_events_with_the_same_cause_share_a_row():
    events = [
        event(1, "open", "T2"), event(2, "trip", "pv-04", cause=1), event(3, "trip", "pv-05", cause=1),
        event(4, "trip", "pv-06", cause=1), event(5, "fault", "pv-01", priority=3),
    ]  # fmt: skip
    assert [(depth, fold.assets) for depth, fold in walk(cause_tree(events))] == [(0, "T2"), (1, "pv-04…06")]


def test_a_switching_on_another_day_keeps_its_own_row():
    events = [event(1, "open", "T2"), event(2, "open", "T5", t_ms=86_400_000)]
    assert [fold.assets for fold in cause_tree(events)] == ["T2", "T5"]


def test_trouble_that_comes_again_and_again_is_told_once():
    events = [event(i, "throttle", "hall-03", t_ms=i * HOUR_MS, cause=i - 1 if i % 2 else None) for i in range(1, 9)]
    (fold,) = cause_tree(events)
    assert (fold.assets, len(fold.events), fold.repeated) == ("hall-03", 8, True)


def test_an_event_lasts_until_what_ends_it(run_dir):
    events = {(e.kind, e.asset): e for e in events_of(gather(twin.open(run_dir)).events)}
    opened, dead = events["open", "T2"], events["de-energised", "35-2"]
    assert opened.end_ms - opened.t_ms == 3 * HOUR_MS
    assert dead.end_ms - dead.t_ms == 1100


def test_packed_columns_come_back_within_a_hundred_thousandth_of_their_range():
    values = np.array([[1.5, np.nan, -3.25], [1000.0, 0.0, 2.5]])
    back = unpack(column(values))
    assert back.shape == values.shape
    assert np.isnan(back[0, 1])
    assert back == pytest.approx(values, abs=1003.25 / 100_000, nan_ok=True)
    assert unpack(column([7.0, 7.0])).tolist() == [7.0, 7.0]


def test_a_thinned_line_keeps_its_extremes_in_their_places():
    values = np.sin(np.arange(50_000) / 3000.0)
    values[31_234], values[7] = 9.0, -9.0
    t_ms, kept = thinned(np.arange(50_000), values)
    assert len(kept) <= 2000
    assert (kept.max(), t_ms[kept.argmax()]) == (9.0, 31_234)
    assert (kept.min(), t_ms[kept.argmin()]) == (-9.0, 7)
    assert (np.diff(t_ms) > 0).all()


def test_the_flows_of_the_sankey_close_at_the_site(run_dir):
    booked = twin.open(run_dir).summary["energy_mwh"]
    flows = Flows.of(booked)
    into = sum(value for _, target, value in flows.links if target == "site")
    out = sum(value for source, _, value in flows.links if source == "site")
    assert into == pytest.approx(out, rel=1e-6)
    assert sum(value for source, _, value in flows.links if source == "solar") == pytest.approx(
        booked["solar_available"]
    )


def test_days_are_those_of_the_sites_clock(run_dir):
    facts = gather(twin.open(run_dir))
    t_ms, count = by_day(facts, facts.mean.t_ms, np.ones(24), np.add)
    assert count.tolist() == [24.0]
    assert facts.clock.short(int(t_ms[0])) == "07-14 12:00"


def test_numbers_read_as_in_print():
    assert number(-12345.678, 1) == "−12\u202f345.7"
    assert number(-0.0001, 1) == "0.0"
    assert number(float("nan")) == "–"
    assert scientific(3.1e-13) == "3.1e−13"
    assert [duration(ms).replace("\u202f", " ") for ms in (1100, 420_000, 72_000_000)] == ["1.1 s", "7 min", "20.0 h"]
    assert digits_to_tell("°C", 46.98, 47.0) == 2


def test_neighbours_of_a_bank_are_a_range_and_others_a_list():
    assert asset_range(["pv-06", "pv-04", "pv-05"]) == "pv-04…06"
    assert asset_range(["hall-01.b", "hall-02.b"]) == "hall-01…02.b"
    assert asset_range(["T2", "T10", "K1"]) == "K1, T2 and T10"
    assert asset_range(["T1", "T3", "T5", "T7"]) == "T1, T3 and 2 more"


# In a browser -------------------------------------------------------------------------------------------------------

WATCH = """<script>window.seen = [];
addEventListener("error", (e) => seen.push("error: " + (e.message || e.target.outerHTML)), true);
document.addEventListener("securitypolicyviolation", (e) => seen.push("blocked: " + e.blockedURI));</script>"""
TELL = """<script>document.title = "told"; addEventListener("load", () => {
const told = document.createElement("pre"); told.id = "told";
const all = (what) => document.querySelectorAll(what).length;
told.textContent = JSON.stringify({ seen, loaded: performance.getEntriesByType("resource").map((e) => e.name),
  plots: all(".js-plotly-plot .main-svg") > 0, drawn: document.documentElement.dataset.drawn,
  figures: all(".js-plotly-plot"), csv: report.csv("import"), heat: report.csv("loading") });
document.body.append(told); });</script>"""


@pytest.fixture(scope="module")
def rendered(page, tmp_path_factory) -> tuple[dict, str]:
    """What the page tells of itself in Chromium, and what the browser wrote to its log."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium on this machine: the page is not rendered")
    folder = tmp_path_factory.mktemp("chromium")
    (folder / "page.html").write_text(page.replace("<head>", "<head>" + WATCH).replace("</body>", TELL + "</body>"))
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--proxy-server=127.0.0.1:9", f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=10000",
        "--enable-logging=stderr", "--dump-dom", f"file://{folder / 'page.html'}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    told = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)[1]
    return json.loads(told.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")), done.stderr


def test_the_page_draws_every_figure_without_an_error(rendered, page):
    told, log = rendered
    assert told["seen"] == []
    assert told["drawn"] == "yes"
    assert told["plots"]
    assert told["figures"] == len(data(page)["figures"])
    assert not [line for line in log.splitlines() if ":CONSOLE" in line]


def test_the_page_asks_for_nothing(rendered):
    assert rendered[0]["loaded"] == []


def test_the_data_button_gives_what_is_drawn(rendered, page):
    told, _ = rendered
    head, *rows = told["csv"].splitlines()
    line = data(page)["figures"]["import"]["traces"][0]
    assert head == '"hours of 24","grid import, MW"'
    assert [float(row.split(",")[1]) for row in rows] == pytest.approx(unpack(line["y"]), rel=1e-5, abs=1e-6)
    assert told["heat"].splitlines()[0] == "time+08:00,T1,T2,T3,T4,T5,T6,T7,T8"
    assert told["heat"].splitlines()[1].startswith("2028-07-14T00:00:00,")
    assert len(told["heat"].splitlines()) == 25
