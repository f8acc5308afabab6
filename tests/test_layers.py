"""The layers of the package: which module may import which, and names that carry their unit."""

import ast
import types
import typing
from pathlib import Path

import pytest
from pydantic import BaseModel

from twin.component import load_components
from twin.quantities import unit_of
from twin.scenario_tables import ARRAYS, TABLES, PlaceConfig, RecordWindow

PACKAGE = Path(__file__).resolve().parents[1] / "twin"

LAYERS = (
    ("names and units", "errors quantities globs tables local_time snapshot toml_lines toml_write _version"),
    ("compiled core", "_core"),
    (
        "network",
        "network _network_data _matpower _series _controls sensitivities collapse "
        "short_circuit _short_circuit_data _pandapower",
    ),
    ("boundary data", "weather workload scheduling generation_adequacy"),
    ("formulas", "ageing curves swings"),
    ("plan", "plan actors pools"),
    ("component", "component"),
    ("processes", "processes"),
    ("components", "components"),
    (
        "scenario",
        "scenario scenario_file scenario_checks scenario_schema scenario_tables complaints expand watch second_look",
    ),
    ("site", "site checking"),
    ("records", "parts record"),
    ("world", "world engine verbs"),
    ("results", "results indicators"),
    ("run", "run closing"),
    ("studies", "studies"),
    ("faces", "faces"),
)
"""From below to above. A module imports its own layer and those before it, never one after it; the package's own
``twin/__init__.py`` holds names only and is free to all. Imports under TYPE_CHECKING are no arrows."""

EXCEPTIONS = {
    ("component", "components"): "load_components walks the package to find every kind",
    ("processes", "components"): "the registry of behaviours names those that belong to a component",
}
"""Arrows that run upwards, each inside a function, with the reason."""

LEVEL = {module: level for level, (_, modules) in enumerate(LAYERS) for module in modules.split()}

DIMENSIONLESS = {
    "seed",
    "value", "below", "above", "at_most", "at_least",  # their unit is that of what they speak of
    "tier", "station", "from_day", "as_year",  # numbers that name something
    "tap_ratio", "time_warp", "linke_turbidity",
    "watts_per_gpu",  # the name of the column in a trace
}  # fmt: skip
"""Numeric fields that carry no unit."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def head(name: str) -> str:
    """``twin.weather.sun`` → ``weather``; the package itself → an empty text."""
    return name.partition(".")[2].partition(".")[0]


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def arrows(node: ast.AST) -> typing.Iterator[str]:
    """Names of twin's modules that are imported in ``node``, without those under TYPE_CHECKING."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from (name for part in child.orelse for name in arrows(part))
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names if alias.name.startswith("twin."))
        elif isinstance(child, ast.ImportFrom) and child.module == "twin":
            yield from (f"twin.{alias.name}" for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and (child.module or "").startswith("twin."):
            yield str(child.module)
        yield from arrows(child)


def uphill() -> list[str]:
    found = []
    for path in modules():
        mine = head(dotted(path))
        for name in arrows(ast.parse(path.read_text(encoding="utf-8"))):
            other = head(name)
            if not mine or other.startswith("__") or (mine, other) in EXCEPTIONS:
                continue
            if LEVEL[other] > LEVEL[mine]:
                found.append(f"{dotted(path)} → {name}")
    return found


def test_every_module_has_its_place_in_the_layers():
    assert {head(dotted(path)) for path in modules()} - {""} - LEVEL.keys() == set()


def test_no_file_holds_the_marks_of_a_merge():
    """They break no build where they stand in prose."""
    root = PACKAGE.parent
    files = [path for folder in ("twin", "ext", "docs", "tests", "scenarios") for path in (root / folder).rglob("*")]
    texts = (".md", ".py", ".pyx", ".pxd", ".pxi", ".toml", ".css", ".js", ".html")
    files = [path for path in (*files, *root.glob("*.*")) if path.suffix in texts and path.is_file()]
    marks = ("<" * 7 + " ", ">" * 7 + " ")
    marked = [
        path.name for path in files if any(line.startswith(marks) for line in path.read_text("utf-8").splitlines())
    ]
    assert len(files) > 300
    assert marked == []


def test_no_import_runs_up_the_layers():
    assert uphill() == []


def test_the_power_flow_needs_nothing_but_the_core():
    names = {name for path in modules() if LEVEL.get(head(dotted(path))) == LEVEL["network"]
             for name in arrows(ast.parse(path.read_text(encoding="utf-8")))}  # fmt: skip
    assert {head(name) for name in names} <= {"_core", "errors", "quantities", *LAYERS[2][1].split()}


def test_only_the_gate_imports_compiled_modules():
    sources = {path: path.read_text(encoding="utf-8") for path in modules() if head(dotted(path)) != "_core"}
    assert [dotted(path) for path, text in sources.items() if "_core.baseline" in text or "_core.x86" in text] == []


def test_the_import_of_the_package_costs_nothing_heavy():
    # every name above is loaded when first used: `import twin` reads no module of the package
    assert list(arrows(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")))) == []


# ---------------------------------------------------------------------- units in names


def parts_of(annotation: object) -> typing.Iterator[object]:
    """The plain types an annotation is made of; literals and annotations' metadata are left out."""
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return
    if origin in (typing.Union, types.UnionType, tuple, list, typing.Annotated):
        inner = typing.get_args(annotation)
        for part in inner[:1] if origin is typing.Annotated else inner:
            yield from parts_of(part)
    else:
        yield annotation


def is_number(annotation: object) -> bool:
    return any(part in (int, float) for part in parts_of(annotation))


def models() -> dict[str, type[BaseModel]]:
    """Every model that a scenario file fills, those inside others too."""
    found: dict[str, type[BaseModel]] = {}
    waiting = [*TABLES.values(), *ARRAYS.values(), PlaceConfig, RecordWindow, *load_components().values()]
    while waiting:
        model = waiting.pop()
        found[model.__name__] = model
        for field in model.model_fields.values():
            for part in parts_of(field.annotation):
                if isinstance(part, type) and issubclass(part, BaseModel) and part.__name__ not in found:
                    waiting.append(part)
    return found


@pytest.mark.parametrize("model", models().values(), ids=lambda model: model.__name__)
def test_every_number_of_a_scenario_names_its_unit(model):
    numbers = [name for name, field in model.model_fields.items() if is_number(field.annotation)]
    assert [name for name in numbers if unit_of(name) is None and name not in DIMENSIONLESS] == []


@pytest.mark.parametrize("kind", sorted(load_components()))
def test_every_field_of_a_component_says_what_it_is(kind):
    fields = load_components()[kind].model_fields
    assert [name for name, field in fields.items() if not field.description] == []
