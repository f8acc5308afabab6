"""The command line. Each command imports what it needs when it is called, so that ``twin --help`` is quick.

Exit codes: 0 done (an unmet expectation is a finding) · 1 unmet with ``--strict`` · 2 bad input, every problem listed ·
3 an audit or the solver failed · 4 a resource limit · 130 interrupted, resumable.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twin.errors import AuditError, BuildError, Problem, RunError, ScenarioError, SiteError, SolveError

if TYPE_CHECKING:
    from rich.console import Console

    from twin.scenario import ReadError, Scenario

BAD_INPUT, FAILED, NO_ROOM, INTERRUPTED = 2, 3, 4, 130
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EFBIG}

app = typer.Typer(
    name="twin",
    help="A discrete-event digital twin of a solar-powered AI data centre.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Progress(StrEnum):
    """How a run shows that it moves."""

    auto = "auto"
    plain = "plain"
    json = "json"
    none = "none"


ScenarioPath = Annotated[Path, typer.Argument(metavar="SCENARIO", help="Scenario file, TOML.")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key; may be repeated.")]
Seed = Annotated[int | None, typer.Option(help="Override run.seed.")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Stop there: '2028-07-15', '1d 12:00' or '36h'.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit code 1 if an expectation is not met.")]
Shown = Annotated[Progress, typer.Option(help="auto: a panel on a terminal, plain lines elsewhere.")]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colour; so does the variable NO_COLOR.")]


def main() -> None:
    """Entry point of the command ``twin``."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show ✕ shows '?': never a traceback for a letter.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app()


def _version(*, value: bool) -> None:
    if value:
        from twin.faces.doctor import version

        typer.echo(f"twin {version('twin') or 'from a checkout'}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=lambda value: _version(value=value), is_eager=True,
                                          help="Print the version.")] = False,
) -> None:  # fmt: skip
    """A discrete-event digital twin of a solar-powered AI data centre."""


@app.command()
def run(
    scenario: ScenarioPath,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run directory; runs/<scenario> if not given.")
    ] = None,
    until: Until = None,
    sets: Sets = None,
    seed: Seed = None,
    strict: Strict = False,
    progress: Shown = Progress.auto,
    no_color: NoColor = False,
) -> None:
    """Run a scenario and write a run directory."""
    console = _console(no_color=no_color)
    folder = out or Path("runs") / scenario.stem
    with _guarded(no_color=no_color, file=scenario, out=folder):
        _check_empty(folder, scenario)
        from twin.faces.run_command import carry_out
        from twin.run import Run

        read = _read(scenario, sets, seed)
        until_ms = _until_ms(read, until, scenario)
        with Run(read, out=folder) as handle:
            _leave(carry_out(handle, console, folder, until_ms, strict=strict, progress=progress.value))


@app.command()
def resume(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Run directory of a run that was stopped.")],
    until: Until = None,
    strict: Strict = False,
    progress: Shown = Progress.auto,
    no_color: NoColor = False,
) -> None:
    """Take up a run that was interrupted; it ends with the same digest as one that never was."""
    console = _console(no_color=no_color)
    with _guarded(no_color=no_color, file=folder, out=folder):
        if not (folder / "manifest.json").is_file():
            raise _bad("DIR", "not a run directory: it has no manifest.json", str(folder), folder)
        from twin.faces.run_command import carry_out
        from twin.run import Run

        with Run.resume(folder) as handle:
            until_ms = _until_ms(handle.scenario, until, folder)
            _leave(carry_out(handle, console, folder, until_ms, strict=strict, progress=progress.value))


@app.command()
def check(scenario: ScenarioPath, sets: Sets = None, seed: Seed = None, no_color: NoColor = False) -> None:
    """Say everything that is wrong with a scenario, without running it."""
    console = _console(no_color=no_color)
    with _guarded(no_color=no_color, file=scenario, to_stdout=True):
        from twin.faces.check_text import problem_lines, well_lines
        from twin.faces.terminal import show

        read = _read(scenario, sets, seed)
        from twin.checking import check as check_site

        warnings = check_site(read)
        if warnings:
            show(console, problem_lines(_as_warnings(warnings), scenario.as_posix()))
        facts, changes = _facts(read)
        lines = well_lines(scenario.as_posix(), facts, changes, f"runs/{scenario.stem}")
        show(console, lines, [scenario.as_posix()])


@app.command()
def describe(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="A kind of component, or a table.")] = None,
    no_color: NoColor = False,
) -> None:
    """Describe a kind of component: parameters, units, defaults, limits, sources, channels; or list the kinds."""
    console = _console(no_color=no_color)
    with _guarded(no_color=no_color):
        from twin.component import load_components
        from twin.faces.describe_text import component_lines, kinds_lines, table_lines
        from twin.faces.terminal import show
        from twin.plan import nearest
        from twin.scenario_tables import ARRAYS, TABLES

        kinds, tables = load_components(), TABLES | ARRAYS
        if kind is None:
            show(console, kinds_lines(kinds, tables))
        elif kind in kinds:
            show(console, component_lines(kinds[kind]))
        elif kind in tables:
            show(console, table_lines(kind, tables[kind], array=kind in ARRAYS))
        else:
            hint = nearest(kind, [*kinds, *tables]) or f"kinds are {', '.join(kinds)}"
            raise ScenarioError([Problem("KIND", "no such kind of component, and no such table", kind, hint)])


@app.command()
def schema() -> None:
    """Print the JSON Schema of a scenario file, for editors."""
    import json

    from twin.scenario_schema import schema as build

    typer.echo(json.dumps(build(), indent=2, ensure_ascii=False))


@app.command()
def new(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file to write.")],
    base: Annotated[
        str, typer.Option("--from", help="Scenario to extend: a folder of scenarios/, or a file.")
    ] = "base",
) -> None:
    """Write a small commented scenario that extends another."""
    with _guarded(no_color=True):
        from twin.faces.new_scenario import NoBaseError, find_base, write_new

        if path.suffix != ".toml":
            raise _bad("PATH", "expected a file name that ends in .toml", str(path), path)
        if path.exists():
            raise _bad("PATH", "exists; nothing is overwritten", str(path), path)
        try:
            written = write_new(path, find_base(base))
        except NoBaseError as error:
            raise _bad("--from", str(error), base, path) from error
        for file in written:
            typer.echo(f"✓ {file.as_posix()}")
        typer.echo(f"next: twin check {path.as_posix()}")


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Run directory.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The page; DIR/report.html if not given.")] = None,
) -> None:
    """Write the report of a run: one self-contained HTML page."""
    with _guarded(no_color=True):
        if not (folder / "manifest.json").is_file():
            raise _bad("DIR", "not a run directory: it has no manifest.json", str(folder), folder)
        from twin.faces.report import write_report
        from twin.results import open as open_results

        page = out or folder / "report.html"
        write_report(open_results(folder), page)
        typer.echo(f"✓ {page.as_posix()}   {page.stat().st_size / 1e6:.1f} MB")


@app.command()
def why(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")],
    what: Annotated[str, typer.Argument(metavar="WHAT", help="job-123, event-7 (or 7), or the name of an asset.")],
    no_color: NoColor = False,
) -> None:
    """Print the chain of causes behind a job, an event or an asset."""
    with _guarded(no_color=no_color, file=folder):
        from twin.faces.why_command import answer

        typer.echo(answer(folder, what))


@app.command()
def workload(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Jobs, requests or power over time; .gz, .xz are read.")],
    format: Annotated[str | None, typer.Option(help="Of the file, where its name and header do not tell.")] = None,
    columns: Annotated[
        list[str] | None, typer.Option("--column", metavar="OURS=THEIRS", help="Of a CSV or Parquet; may be repeated.")
    ] = None,
    time_unit: Annotated[str, typer.Option(help="Of a CSV's numeric times: ms, s, min or h.")] = "s",
    time_zone: Annotated[str, typer.Option(help="Of dates without an offset: Asia/Shanghai or +08:00.")] = "UTC",
    start: Annotated[str | None, typer.Option(metavar="TIME", help="From here: a date, or the file's seconds.")] = None,
    end: Annotated[str | None, typer.Option(metavar="TIME", help="Up to here, itself left out.")] = None,
    scale_gpus: Annotated[float, typer.Option(help="Multiplies sizes, rounded half up, at least 1.")] = 1.0,
    time_warp: Annotated[float, typer.Option(help="How many times faster submissions follow.")] = 1.0,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the plots as one HTML page.")] = None,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the jobs: .swf, .json or .csv (both Batsim).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the statistics as JSON.")] = False,
    no_color: NoColor = False,
) -> None:
    """Say what a trace holds: what was kept and why, sizes, times, arrivals; plot it, write it in another format."""
    with _guarded(no_color=no_color, file=file):
        from twin.faces.workload_command import Request, answer

        asked = Request(
            file=file,
            format=format,
            columns=_column_map(columns or (), file),
            time_unit=time_unit,
            time_zone=time_zone,
            start=start,
            end=end,
            scale_gpus=scale_gpus,
            time_warp=time_warp,
        )
        typer.echo(answer(asked, plot=plot, export=export, as_json=as_json))


def _column_map(pairs: Sequence[str], file: Path) -> dict[str, str]:
    columns = {}
    for text in pairs:
        ours, equals, theirs = text.partition("=")
        if not equals or not ours.strip() or not theirs.strip():
            raise _bad("--column", "expected ours=theirs", text, file, "--column submit=queued_at")
        columns[ours.strip()] = theirs.strip()
    return columns


@app.command()
def stress(
    scenario: ScenarioPath,
    at: Annotated[
        str, typer.Option(help='"peak heat", "empty storage", "highest flow", or a time: "1d 12:00".')
    ] = "peak heat",
    hours: Annotated[float, typer.Option(help="How long each loss is followed.")] = 6.0,
    asset: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="What is lost: T*; may be repeated. All if not given.")
    ] = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="Also pairs that the static power flow finds bad.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the table as Parquet, CSV and JSON.")] = None,
    workers: Annotated[int, typer.Option(help="Processes; 0: one a core. The figures do not depend on it.")] = 0,
    sla_cost: Annotated[float, typer.Option(help="Cost of a lost GPU-hour, in your currency.")] = 2.0,
    energy_price: Annotated[float, typer.Option(help="Of a MWh from the grid, in your currency.")] = 0.0,
    sets: Sets = None,
    seed: Seed = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 where a loss breaks an expectation.")] = False,
    no_color: NoColor = False,
) -> None:
    """Lose every asset at one moment, each in a run of its own, and rank what follows."""
    console = _console(no_color=no_color)
    with _guarded(no_color=no_color, file=scenario, out=out):
        if out is not None:
            _check_empty(out, scenario)
        from twin.faces.stress_command import show_stress, write_stress
        from twin.studies.stress import stress as study

        found = study(
            _read(scenario, sets, seed), at=at, hours=hours, assets=asset or ("*",), pairs=pairs,
            workers=workers or os.cpu_count() or 1, sla_cost_per_gpu_h=sla_cost, energy_price_per_mwh=energy_price,
        )  # fmt: skip
        show_stress(console, found)
        if out is not None:
            write_stress(found, out)
            typer.echo(f"✓ {out.as_posix()}")
        if strict and found["unmet"].any():
            raise typer.Exit(1)


@app.command()
def reliability(
    scenario: ScenarioPath,
    years: Annotated[int, typer.Option(metavar="N", help="Years to draw, at most.")] = 1000,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write tables, JSON and plot there.")] = None,
    relative_error: Annotated[
        float | None, typer.Option(help="Stop once the energy not served is known to this share, such as 0.02.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes; 0: one a core. The figures do not depend on it.")] = 0,
    sla_cost: Annotated[float, typer.Option(help="Cost of a lost GPU-hour, in your currency.")] = 2.0,
    sets: Sets = None,
    seed: Seed = None,
    progress: Shown = Progress.auto,
    no_color: NoColor = False,
) -> None:
    """Draw years of failures and repairs: loss of load, halls' availability, GPU-hours lost, what matters most."""
    console = _console(no_color=no_color)
    with _guarded(no_color=no_color, file=scenario, out=out):
        if out is not None:
            _check_empty(out, scenario)
        from twin.faces.reliability_command import show_reliability, teller
        from twin.studies.reliability import reliability as study

        found = study(
            _read(scenario, sets, seed), years=years, relative_error=relative_error, workers=workers,
            sla_cost_per_gpu_h=sla_cost, progress=teller(progress.value),
        )  # fmt: skip
        show_reliability(console, found)
        if out is not None:
            found.write(out)
            typer.echo(f"✓ {out.as_posix()}")


@app.command()
def doctor() -> None:
    """Say what this installation is and what is missing."""
    from twin.faces.doctor import doctor_lines

    lines, well = doctor_lines()
    typer.echo("\n".join(lines))
    if not well:
        raise typer.Exit(BAD_INPUT)


def _leave(code: int) -> None:
    if code:
        raise typer.Exit(code)


def _console(*, no_color: bool, stderr: bool = False) -> Console:
    """A console that writes colour only to a terminal that wants it."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    plain = no_color or bool(os.environ.get("NO_COLOR")) or not stream.isatty()
    if plain:
        return Console(file=stream, color_system=None, highlight=False)
    return Console(file=stream, highlight=False)


def _as_warnings(problems: Sequence[Problem]) -> list[Problem]:
    from dataclasses import replace

    return [replace(problem, warning=True) for problem in problems]


def _bad(what: str, message: str, got: str, file: Path, hint: str = "") -> ScenarioError:
    return ScenarioError([Problem(what, message, got, hint, file.as_posix())])


@contextmanager
def _guarded(
    *, no_color: bool, file: Path | None = None, out: Path | None = None, to_stdout: bool = False
) -> Iterator[None]:
    """Turn every error that is meant for the user into text and its exit code; ``file`` is what was asked about."""
    try:
        yield
    except ScenarioError as error:
        from twin.faces.check_text import problem_lines
        from twin.faces.terminal import show

        show(
            _console(no_color=no_color, stderr=not to_stdout),
            problem_lines(error.problems, file.as_posix() if file else ""),
        )
        raise typer.Exit(BAD_INPUT) from None
    except (SolveError, AuditError) as error:
        from twin.faces.terminal import failure_lines, show

        folder = out.as_posix() if out and (out / "manifest.json").is_file() else ""
        show(_console(no_color=no_color, stderr=True), failure_lines(str(error), folder))
        raise typer.Exit(FAILED) from None
    except (RunError, BuildError) as error:
        typer.echo(f"✕ {error}", err=True)
        raise typer.Exit(BAD_INPUT) from None
    except MemoryError:
        typer.echo("✕ out of memory: a shorter run, a coarser step or fewer recorded channels need less", err=True)
        raise typer.Exit(NO_ROOM) from None
    except OSError as error:
        typer.echo(f"✕ {error.filename or out or 'a file'}: {error.strerror or error}", err=True)
        raise typer.Exit(NO_ROOM if error.errno in _NO_ROOM else BAD_INPUT) from None
    except KeyboardInterrupt:
        hint = f"   twin resume {out.as_posix()}" if out and (out / "manifest.json").is_file() else ""
        typer.echo(f"stopped at once, every finished part is written.{hint}", err=True)
        raise typer.Exit(INTERRUPTED) from None


def _read(path: Path, sets: Sequence[str] | None, seed: int | None) -> Scenario:
    """The scenario; where it is wrong, with what is wrong about the site it describes too."""
    from twin.scenario import ReadError, Scenario

    try:
        return Scenario.read(path, overrides=_overrides(sets or (), path), seed=seed)
    except ReadError as error:
        raise ScenarioError([*error.problems, *_of_the_site(error)]) from error


def _of_the_site(error: ReadError) -> list[Problem]:
    """Problems of the site that is left when what is wrong with the file is taken out."""
    from twin.second_look import fresh
    from twin.site import build

    rest = error.rest()
    if rest is None:
        return []
    try:
        build(rest)
    except SiteError as more:
        return fresh(more.problems, error.problems)
    return []


def _overrides(sets: Sequence[str], file: Path) -> dict[str, Any]:
    """``key=value`` with the value read as TOML, or as a text where it is none."""
    overrides: dict[str, Any] = {}
    for text in sets:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise _bad("--set", "expected key=value", text, file, "--set site.battery.bess.energy_mwh=1500")
        overrides[key.strip()] = _toml_value(value.strip())
    return overrides


def _toml_value(text: str) -> Any:
    import tomllib

    try:
        read = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    # A line end in the text could have started another key.
    return read["value"] if len(read) == 1 else text


def _check_empty(folder: Path, scenario: Path) -> None:
    if folder.is_file():
        raise _bad("--out", "is a file, expected a folder", folder.as_posix(), scenario)
    if folder.is_dir() and any(folder.iterdir()):
        hint = f"another --out, or twin resume {folder.as_posix()}"
        raise _bad("--out", "is not empty", folder.as_posix(), scenario, hint)


def _until_ms(scenario: Scenario, until: str | None, file: Path) -> int:
    """End of this call, milliseconds from the start, on the grid and within the run."""
    if until is None:
        return scenario.horizon_ms
    try:
        ms = scenario.local_text_to_ms(until)
    except ValueError as error:
        raise _bad("--until", str(error), until, file) from error
    if not 0 < ms <= scenario.horizon_ms:
        end = scenario.ms_to_local_text(scenario.horizon_ms)
        raise _bad("--until", f"expected a time in the run, which ends at {end}", until, file)
    if ms % scenario.step_ms:
        raise _bad("--until", f"expected a multiple of the step of {scenario.run.step_s} s from the start", until, file)
    return ms


def _facts(scenario: Scenario) -> tuple[list[str], list[str]]:
    """What ``twin check`` says of a scenario that is well: the site, and what will happen."""
    from twin.site import build

    network = build(scenario).network()
    facts = [f"{len(network.buses)} buses", f"{len(scenario.components)} assets", f"{scenario.run.days:g} days"]
    happening = {
        "timeline entr": len(scenario.timeline),
        "commissioning entr": len(scenario.commissioning),
        "expectation": len(scenario.expect),
    }
    changes = [
        f"{number} {what}{('y' if number == 1 else 'ies') if what.endswith('r') else '' if number == 1 else 's'}"
        for what, number in happening.items()
        if number
    ]
    return facts, changes


if __name__ == "__main__":
    main()
