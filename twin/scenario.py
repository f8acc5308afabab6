"""Scenario: what stands on the site and what will happen to it, read from TOML and fully checked.

Reading collects every problem before it fails. What needs the built site (names of assets, channels) is checked where
the site is built, and reported with the same lines through ``Scenario.problem_at``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from twin.complaints import as_json, validate
from twin.component import Component, load_components
from twin.errors import Problem, ScenarioError
from twin.expand import MOST_MEMBERS, expand, filled, plain
from twin.local_time import epoch_ms, local_text, ms_from_start, offset_ms
from twin.plan import nearest
from twin.quantities import MS_PER_DAY, MS_PER_S
from twin.scenario_checks import BOUNDARY, boundary_files, check
from twin.scenario_file import Document, load, load_text
from twin.scenario_schema import schema
from twin.scenario_tables import (
    ARRAYS,
    KNOWN,
    TABLES,
    TEXTS,
    CommissioningEntry,
    DispatchConfig,
    ExpectEntry,
    FaultsConfig,
    PlaceConfig,
    RecordConfig,
    RecordWindow,
    RunConfig,
    SchedulerConfig,
    TimelineEntry,
)
from twin.second_look import repaired
from twin.toml_lines import Key, parsed
from twin.toml_write import toml_text
from twin.weather import WeatherConfig
from twin.workload import WorkloadConfig

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CommissioningEntry",
    "DispatchConfig",
    "ExpectEntry",
    "FaultsConfig",
    "PlaceConfig",
    "ReadError",
    "RecordConfig",
    "RecordWindow",
    "RunConfig",
    "Scenario",
    "SchedulerConfig",
    "TimelineEntry",
    "schema",
]


@dataclass(frozen=True, eq=False)
class Scenario:
    """A scenario that reads well. Two are equal if they describe the same run, wherever their files lie."""

    title: str
    description: str
    run: RunConfig
    weather: WeatherConfig
    """Its ``path``, if any, is absolute."""
    workload: WorkloadConfig
    """Its ``path``, if any, is absolute."""
    scheduler: SchedulerConfig
    faults: FaultsConfig
    place: PlaceConfig
    components: tuple[Component, ...]
    """Everything on the site, banks expanded, in the order of the file: kind by kind as they first appear."""
    dispatch: DispatchConfig
    commissioning: tuple[CommissioningEntry, ...]
    timeline: tuple[TimelineEntry, ...]
    expect: tuple[ExpectEntry, ...]
    record: RecordConfig
    path: Path | None
    """The file, or None for a text."""
    base_dir: Path
    """Where the paths of the file start from."""
    document: dict[str, Any]
    """The resolved scenario as plain data: parents merged, overrides applied, defaults written out, banks as banks."""
    digest: str
    """SHA-256 of what the scenario says, members one by one; boundary files enter by their name only."""
    origins: Mapping[str, Key] = field(repr=False)
    """Name of a component → key of the table it comes from."""
    boundary: Mapping[str, Path] = field(repr=False)
    """``weather.path``, ``workload.path`` → the file, absolute."""
    _source: Document = field(repr=False)

    @classmethod
    def read(cls, path: str | Path, overrides: Mapping[str, Any] | None = None, seed: int | None = None) -> Scenario:
        """The scenario in a file. Raise ScenarioError with everything that is wrong with it.

        ``overrides`` are dotted keys, ``{"site.battery.bess.energy_mwh": 1500}``; ``seed`` overrides ``run.seed``.
        """
        path = Path(path)
        document = load(path, path.as_posix(), _with_seed(overrides, seed))
        return _build(cls, document, path.parent.resolve(), path)

    @classmethod
    def parse(
        cls,
        text: str,
        *,
        base_dir: str | Path,
        file: str = "<text>",
        overrides: Mapping[str, Any] | None = None,
        seed: int | None = None,
    ) -> Scenario:
        """The scenario in a text whose paths start from ``base_dir``; problems name it ``file``."""
        base_dir = Path(base_dir)
        return _build(cls, load_text(text, base_dir, file, _with_seed(overrides, seed)), base_dir.resolve(), None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def start_ms(self) -> int:
        """First moment, epoch milliseconds UTC."""
        return epoch_ms(self.run.start)

    @property
    def horizon_ms(self) -> int:
        """Length of the run."""
        return round(self.run.days * MS_PER_DAY)

    @property
    def step_ms(self) -> int:
        """The grid of time steps."""
        return self.run.step_s * MS_PER_S

    @property
    def utc_offset_ms(self) -> int:
        """The site's clock minus UTC."""
        return offset_ms(self.run.start)

    def local_text_to_ms(self, text: str) -> int:
        """Milliseconds from the start of the run to ``"1d 12:00"``, an ISO time or ``"90min"``; negative before it.

        Raise ValueError for a text that is no time.
        """
        return ms_from_start(text, self.run.start)

    def ms_to_local_text(self, ms: int) -> str:
        """ISO text, on the site's clock, of a moment ``ms`` after the start."""
        return local_text(self.start_ms + ms, self.utc_offset_ms)

    def timestamp(self, ms: int) -> pd.Timestamp:
        """The moment ``ms`` after the start, UTC."""
        import pandas as pd

        return pd.Timestamp(self.start_ms + ms, unit="ms", tz="UTC")

    def ms_of(self, moment: Any) -> int:
        """Milliseconds from the start to a time with a zone; one without is on the site's clock."""
        import pandas as pd

        stamp = pd.Timestamp(moment)
        if stamp.tzinfo is None:
            stamp = (stamp - pd.Timedelta(milliseconds=self.utc_offset_ms)).tz_localize("UTC")
        return int(stamp.value // 1_000_000) - self.start_ms

    def to_toml(self) -> str:
        """The resolved scenario. ``parse`` gives an equal one with ``boundary_overrides``."""
        return toml_text(self.document)

    @property
    def boundary_overrides(self) -> dict[str, str]:
        """The overrides with which the resolved file reads back, wherever it lies."""
        return {name: str(path) for name, path in self.boundary.items()}

    def problem_at(
        self, path: str, message: str, got: object = None, hint: str = "", *, warning: bool = False
    ) -> Problem:
        """A Problem with the line where ``path`` stands: a dotted key, or the name of a component and its field."""
        try:
            key = parsed(path)
        except ValueError:
            key = (path,)
        if key[0] in self.origins:
            key = (*self.origins[str(key[0])], *key[1:])
        return self._source.problem(key, message, got=got, hint=hint, warning=warning)


class ReadError(ScenarioError):
    """A scenario file is wrong; ``rest`` is what can be looked at further."""

    def __init__(self, problems: Sequence[Problem], document: Document, base_dir: Path) -> None:
        super().__init__(problems)
        self._document = document
        self._base_dir = base_dir

    def rest(self) -> Scenario | None:
        """The scenario with all that is wrong taken out, lines kept; None where that would say something else."""
        document = repaired(self._document)
        try:
            return None if document is None else _build(Scenario, document, self._base_dir, None)
        except ScenarioError:
            return None


def _with_seed(overrides: Mapping[str, Any] | None, seed: int | None) -> dict[str, Any]:
    return dict(overrides or {}) | ({} if seed is None else {"run.seed": seed})


@dataclass(frozen=True)
class _Parts:
    """What the document says, table by table; None stands where a table is wrong."""

    texts: dict[str, str]
    tables: dict[str, Any]
    arrays: dict[str, tuple[Any, ...]]
    place: Any
    banks: dict[Key, list[Component]]
    boundary: dict[str, Path]

    @property
    def components(self) -> tuple[Component, ...]:
        return tuple(member for members in self.banks.values() for member in members)

    def located(self, name: str) -> Any:
        """The weather's or the workload's table with the file it names made absolute."""
        path = self.boundary.get(f"{name}.path")
        table = self.tables[name]
        return table if path is None else table.model_copy(update={"path": str(path)})


def _build(cls: type[Scenario], document: Document, base_dir: Path, path: Path | None) -> Scenario:
    """Validate the document. Raise ScenarioError with every problem in it."""
    parts = _parts(document)
    origins = _origins(document, parts.banks)
    if document.problems:
        raise ReadError(_in_file_order(document), document, base_dir)
    resolved = _resolved(document, parts, base_dir)
    return cls(
        title=parts.texts["title"],
        description=parts.texts["description"],
        run=parts.tables["run"],
        weather=parts.located("weather"),
        workload=parts.located("workload"),
        scheduler=parts.tables["scheduler"],
        faults=parts.tables["faults"],
        place=parts.place,
        components=parts.components,
        dispatch=parts.tables["dispatch"],
        commissioning=parts.arrays["commission"],
        timeline=parts.arrays["timeline"],
        expect=parts.arrays["expect"],
        record=parts.tables["record"],
        path=path,
        base_dir=base_dir,
        document=resolved,
        digest=_digest(resolved, parts.components),
        origins=origins,
        boundary=parts.boundary,
        _source=document,
    )


def _parts(document: Document) -> _Parts:
    """Every table read and checked; what is wrong is noted in the document."""
    for name in document.data:
        if name not in KNOWN and not document.full:
            document.complain((name,), "no such key", hint=nearest(name, list(KNOWN)), at_key=True)
    texts = {name: _text(document, name) for name in TEXTS}
    tables = {name: _table(document, name, model) for name, model in TABLES.items()}
    arrays = {name: _array(document, name, model) for name, model in ARRAYS.items()}
    place, banks = _site(document)
    run = tables["run"]
    check(document, run if isinstance(run, RunConfig) else None)
    return _Parts(texts, tables, arrays, place, banks, boundary_files(document))


def _in_file_order(document: Document) -> list[Problem]:
    """By file, the one that was asked for first, then by line."""
    files = [document.main.file if document.main else "", *(problem.file for problem in document.problems)]
    return sorted(document.problems, key=lambda problem: (files.index(problem.file), problem.line))


def _text(document: Document, name: str) -> str:
    value = document.data.get(name, "")
    if not isinstance(value, str):
        document.complain((name,), 'expected a text in "quotes"', got=value)
        return ""
    return value


def _table(document: Document, name: str, model: type[BaseModel]) -> BaseModel | None:
    value = document.data.get(name, {})
    if isinstance(value, Mapping):
        return validate(model, value, (name,), document)
    document.complain((name,), f"expected a table [{name}]", got=None if isinstance(value, list) else value)
    return None


def _array(document: Document, name: str, model: type[BaseModel]) -> tuple[Any, ...]:
    value = document.data.get(name, [])
    if not isinstance(value, list):
        hint = f"write [[{name}]]" if isinstance(value, Mapping) else ""
        document.complain((name,), f"expected an array of tables [[{name}]]", hint=hint)
        return ()
    entries = []
    for index, entry in enumerate(value):
        if document.full:
            break
        entries.append(validate(model, entry, (name, index), document))
    return tuple(entries)


def _site(document: Document) -> tuple[PlaceConfig | None, dict[Key, list[Component]]]:
    """The place and the members of every bank."""
    site = document.data.get("site", {})
    if not isinstance(site, Mapping):
        document.complain(("site",), "expected a table [site]", got=site)
        return None, {}
    kinds = load_components()
    banks: dict[Key, list[Component]] = {}
    for kind, tables in site.items():
        if kind in kinds or (isinstance(tables, Mapping) and kind not in PlaceConfig.model_fields):
            banks |= _kind(document, kind, tables, kinds, sum(map(len, banks.values())))
    scalars = {name: value for name, value in site.items() if name not in kinds and not isinstance(value, Mapping)}
    scalars |= {name: site[name] for name in PlaceConfig.model_fields if name in site}
    return validate(PlaceConfig, scalars, ("site",), document), banks


def _kind(
    document: Document, kind: str, tables: object, kinds: Mapping[str, type[Component]], members: int
) -> dict[Key, list[Component]]:
    """All banks of one kind."""
    key: Key = ("site", kind)
    if document.full:
        return {}
    if kind not in kinds:
        hint = nearest(kind, list(kinds)) or f"kinds are {', '.join(kinds)}"
        document.complain(key, "no such kind of component", hint=hint, at_key=True)
        return {}
    if not isinstance(tables, Mapping):
        document.complain(key, f"expected tables [site.{kind}.<name>]", got=tables)
        return {}
    banks: dict[Key, list[Component]] = {}
    for name, table in tables.items():
        if document.full:
            break
        if isinstance(table, Mapping):
            room = MOST_MEMBERS - members - sum(map(len, banks.values()))
            banks[*key, name] = expand(kinds[kind], name, table, document, room)
        else:
            hint = f"write [site.{kind}.<name>] above it"
            document.complain((*key, name), f"a {kind} needs a name", got=table, hint=hint, at_key=True)
    return banks


def _origins(document: Document, banks: Mapping[Key, list[Component]]) -> dict[str, Key]:
    """Name of a member → its bank; two members of one name are a problem."""
    origins: dict[str, Key] = {}
    for key, members in banks.items():
        for member in members:
            if member.name in origins:
                other = document.problem(origins[member.name], "")
                where = f", line {other.line}" if other.line else ""
                document.complain(
                    key, f"two assets are called {member.name!r}; the other is {other.path}{where}", at_key=True
                )
            origins.setdefault(member.name, key)
    return origins


def _resolved(document: Document, parts: _Parts, base_dir: Path) -> dict[str, Any]:
    """Plain data with every default written out, banks as banks, files by a path of no particular machine."""
    site: dict[str, Any] = plain(parts.place)
    for (_, kind, name), members in parts.banks.items():
        table = document.data["site"][kind][name]
        site.setdefault(str(kind), {})[str(name)] = filled(type(members[0]), table)
    resolved: dict[str, Any] = {name: text for name, text in parts.texts.items() if text}
    resolved |= {name: plain(table) for name, table in parts.tables.items()}
    resolved["site"] = site
    resolved |= {name: [plain(entry) for entry in entries] for name, entries in parts.arrays.items() if entries}
    for name, path in parts.boundary.items():
        table_name, key = name.split(".")
        inside = path.is_relative_to(base_dir)
        resolved[table_name][key] = path.relative_to(base_dir).as_posix() if inside else path.name
    return resolved


def _digest(document: Mapping[str, Any], components: tuple[Component, ...]) -> str:
    """SHA-256 over the resolved document, with the members in place of the banks and files by name."""
    said = {name: value for name, value in document.items() if name != "site"}
    for table, key in BOUNDARY:
        if key in said[table]:
            said[table] = said[table] | {key: Path(said[table][key]).name}
    said["run"] = said["run"] | {"start": _utc(said["run"]["start"])}
    kinds = load_components()
    said["place"] = {name: value for name, value in document["site"].items() if name not in kinds}
    said["components"] = [[component.kind, component.model_dump(mode="json")] for component in components]
    return hashlib.sha256(as_json(said).encode()).hexdigest()


def _utc(start: datetime) -> list[str]:
    # The offset is part of what the scenario says: it is the site's clock.
    return [start.astimezone(UTC).isoformat(), str(start.utcoffset())]
