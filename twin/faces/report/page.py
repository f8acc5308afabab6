"""The page: its texts, tables and figures put into the template."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from twin.faces.report import tables
from twin.faces.report.asset_figures import coolant, gpus, transformers, waiting
from twin.faces.report.audits import broken
from twin.faces.report.balance import balance
from twin.faces.report.canvas import Figure
from twin.faces.report.causes import Event, cause_tree, events_of
from twin.faces.report.energy import Energy
from twin.faces.report.event_tables import causes, event_list
from twin.faces.report.gather import Facts, gather
from twin.faces.report.lead import lead, span_text, tiles
from twin.faces.report.power_figures import air, duration_curve, storage, sun
from twin.faces.report.sankey import flows_csv, sankey
from twin.faces.report.words import safe
from twin.results import Results

_SECTIONS = (
    ("verdict", "Verdict"), ("happened", "What happened"), ("energy", "Energy"), ("equipment", "Equipment"),
    ("weather", "Weather"), ("work", "Work"), ("events", "Events"), ("trust", "Can I trust it"), ("inputs", "Inputs"),
)  # fmt: skip
_MANY = 12
"""Days or months from which on the table is the longer column."""
_SHORT = 12
"""Digits of a digest that are shown."""


def page(results: Results) -> str:
    """The whole page."""
    facts = gather(results)
    energy, events = Energy(facts), events_of(facts.events)
    tree = cause_tree(events)
    figures = [
        balance(facts, energy, tree, events), storage(facts, half=bool(tree)), _flows(energy), duration_curve(facts),
        transformers(facts, events), coolant(facts), gpus(facts), sun(facts), air(facts), waiting(facts),
    ]  # fmt: skip
    texts = {
        "css": _asset("tokens.css") + _asset("page.css"), "js": _asset("page.js"), "plotly": _plotly(),
        "figures": _data(facts, energy, figures),
        **_header(facts), **_texts(facts, energy, events),
        **{f"fig:{f.name}": _figure(f, i + 1) for i, f in enumerate(figures)},
    }  # fmt: skip
    texts["consequences"] = _consequences(causes(facts, tree), texts["fig:storage"])
    return _filled(_asset("page.html"), texts)


def _consequences(tree: str, storage_figure: str) -> str:
    """The causes beside the storage, which has the whole width where nothing happened."""
    if not tree:
        return storage_figure
    return (
        f'<div class="cols"><div><h3>Causes, as the run recorded them</h3>{tree}</div><div>{storage_figure}</div></div>'
    )


@cache
def _asset(name: str) -> str:
    return files("twin.faces.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs()).replace("</script", "<\\/script")


def _filled(template: str, texts: dict[str, str]) -> str:
    """The template with its marks replaced in one pass, so that no text can bring in a mark of its own."""
    return re.sub(r"<!--([a-z]+(?::[a-z]+)?)-->", lambda found: texts[found[1]], template)


def _data(facts: Facts, energy: Energy, figures: list[Figure]) -> str:
    """What the script reads, as JSON that cannot end the element it stands in."""
    csv = {figure.name: figure.csv for figure in figures if figure.csv}
    content = {
        "zone": facts.clock.zone, "csv": {"energy": tables.energies_csv(energy), **csv},
        "figures": {figure.name: figure.spec() for figure in figures if figure.traces and not figure.missing},
    }  # fmt: skip
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain).replace(
        "<", "\\u003c"
    )


def _plain(value: Any) -> Any:
    """A numpy number as Python's."""
    return value.item()


def _flows(energy: Energy) -> Figure:
    unit, scale, digits = tables.energy_scale(energy)
    picture = sankey(energy.total, unit, scale, digits)
    title = f"Where it came from and went, {unit}"
    if not picture:
        return Figure("sankey", title, missing="No energy was recorded in this run.")
    return Figure("sankey", title, missing=picture, csv=flows_csv(energy.total))


def _figure(figure: Figure, number: int) -> str:
    """A figure with its caption; the height is kept free so that nothing moves when it is drawn."""
    button, body = "", figure.missing
    if figure.traces and not figure.missing:
        button = f'<button class="data" data-fig="{figure.name}">data</button>'
        label = safe(re.sub(r"<[^>]*>", "", figure.title))
        body = f'<div id="plot-{figure.name}" role="img" aria-label="{label}" style="height:{figure.height}px"></div>'
    elif figure.csv:
        button = f'<button class="data" data-csv="{figure.name}">data</button>'
    else:
        body = f'<div class="missing">{body}</div>'
    return f"<figure><figcaption><i>Figure {number}</i><span>{figure.title}</span>{button}</figcaption>{body}</figure>"


# Header -------------------------------------------------------------------------------------------------------------


def _header(facts: Facts) -> dict[str, str]:
    alarm = broken(facts)
    return {
        "title": safe(facts.title),
        "broken": f'<p class="broken" role="alert">{safe(alarm)}</p>' if alarm else "",
        "nav": "".join(f'<a href="#{name}">{text}</a>' for name, text in _SECTIONS),
        "span": _span(facts),
        "labels": _labels(facts),
    }


def _span(facts: Facts) -> str:
    clock, seed = facts.clock, facts.manifest.get("seed", "–")
    span = f"{clock.full(0)} to {clock.full(facts.end_ms)} ({clock.zone}), {span_text(facts)}"
    return f"{safe(facts.results.path.name)} · {span} · seed {safe(seed)} · {_status(facts)}"


def _status(facts: Facts) -> str:
    if facts.complete and facts.end_ms < facts.horizon_ms:
        return f"run complete, ended by order before {facts.clock.full(facts.horizon_ms)}"
    if facts.complete:
        return "run complete"
    reason = facts.manifest.get("reason")
    return f"run {safe(facts.results.status)}" + (f": {safe(reason)}" if reason else "")


def _labels(facts: Facts) -> str:
    digest = str(facts.summary.get("digest", ""))
    tag = (
        "" if facts.complete else f'<span class="tag">incomplete, valid to {facts.clock.short(facts.end_ms)}</span><br>'
    )
    shown = f" · digest {safe(digest[:_SHORT])}" if digest else ""
    return f"{tag}twin {safe(facts.manifest.get('version', '–'))}{shown}"


# Texts --------------------------------------------------------------------------------------------------------------


def _texts(facts: Facts, energy: Energy, events: list[Event]) -> dict[str, str]:
    unit = tables.energy_scale(energy)[0]
    return {
        "lead": lead(facts, energy, events),
        "verdicts": tables.verdicts(facts),
        "kpis": tables.kpis(tiles(facts, energy)),
        "periods": f"By {'month' if facts.long else 'day'}, {unit}",
        "energies": tables.energies(facts, energy),
        **dict(zip(("sharesleft", "sharesright"), _shares(energy), strict=True)),
        "gpu": tables.gpu_table(facts),
        "jobs": tables.job_table(facts),
        "events": event_list(facts, events),
        "audit": tables.audit_table(facts, events),
        "omissions": _omissions(facts),
        "reproduce": _reproduce(facts),
        "inputs": _inputs(facts),
        "footer": f"Times are on the site's clock ({facts.clock.zone}). One file, no network access; "
        "plotly.js inside, MIT licence.",
    }


def _shares(energy: Energy) -> tuple[str, str]:
    """The shares under the figures or under the table, whichever column is shorter."""
    html = (
        f"<h3>Shares, and the rule for direct connection</h3>{tables.shares(energy)}"
        '<p class="s dim">NDRC 2025-650: at least 60 % of the available generation used on site, at least 30 % of the '
        "load green, at most 20 % fed in.</p>"
    )
    return (html, "") if len(energy.periods) > _MANY else ("", html)


def _omissions(facts: Facts) -> str:
    """What the model does not know, as far as it bears on this run."""
    step = facts.settings.number("run", "fine_step_s") or 1.0
    said = [
        f"Nothing shorter than {step:g} s is resolved: no transients, no harmonics. Load is balanced in three phases.",
        "Failure rates and repair times are handbook values, right within a factor of about two.",
        "Rows of racks, not single GPUs, have a temperature; the worst GPU of a row is warmer than its mean.",
    ]
    source = facts.settings.table("weather").get("source")
    if source == "synthetic":
        said.append("The weather is generated from monthly statistics of Zhongwei: days that could have been.")
    if facts.settings.table("workload").get("source") == "synthetic":
        said.append("The jobs are generated from published laws of large clusters; real work comes in larger bursts.")
    if not facts.complete:
        said.append(
            "The run did not end in order: sums are those of its tables, and jobs that still ran are not in them."
        )
    return f'<p class="s">{" ".join(said)}</p>'


def _reproduce(facts: Facts) -> str:
    name = facts.results.path.name
    until = (
        f" --until {facts.clock.full(facts.end_ms).replace(' ', 'T')}"
        if facts.complete and facts.end_ms < facts.horizon_ms
        else ""
    )
    lines = [f"twin run {name}/scenario.resolved.toml{until} --out again", f"twin report {name}"]
    digests = {
        "scenario": facts.manifest.get("scenario_digest"), "result": facts.summary.get("digest"),
        **facts.manifest.get("boundary", {}),
    }  # fmt: skip
    rows = "".join(f"{key:9} {value}\n" for key, value in digests.items() if value)
    note = "Same inputs give the same digest, on any machine." if facts.summary.get("digest") else ""
    said = f'<p class="s dim">{note} SHA-256 of what went in and came out:</p>'
    return f"<pre>{safe(chr(10).join(lines))}</pre>{said}<pre>{safe(rows)}</pre>"


def _inputs(facts: Facts) -> str:
    timeline = tables.timeline_table(facts)
    told = f"<h3>What the scenario orders to happen</h3>{timeline}" if timeline else ""
    text = safe(facts.settings.text) or "The run directory has no scenario.resolved.toml."
    whole = f"<details><summary>The whole scenario, resolved</summary><pre>{text}</pre></details>"
    return f'<p class="s">{tables.site_text(facts)}</p>{told}{whole}'
