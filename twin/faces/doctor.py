"""What this installation is: versions, the compiled core, memory, disk, optional packages."""

from __future__ import annotations

import os
import platform
import shutil
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from twin.errors import BuildError

CORE = ("simpy", "numpy", "networkx", "pandas", "pvlib", "pydantic", "typer", "pyarrow", "plotly")
EXTRAS: dict[str, tuple[str, ...]] = {
    "sql": ("duckdb",),
    "test": ("pytest", "hypothesis", "scipy"),
}


def doctor_lines() -> tuple[list[str], bool]:
    """The findings, and whether a run is possible."""
    core, core_ok = _core_line()
    missing = [name for name in CORE if version(name) is None]
    lines = [
        f"twin {version('twin') or 'from a checkout'}   Python {platform.python_version()}   {platform.platform()}",
        "",
        core,
        f" memory          {_memory_text()}",
        f" disk            {shutil.disk_usage(Path.cwd()).free / 1e9:.0f} GB free in the present folder",
        f" processors      {os.cpu_count()}",
        "",
        *(f"{' ' if version(name) else '✕'}{name:<16}{version(name) or 'missing'}" for name in CORE),
        *(_extra_line(extra, names) for extra, names in EXTRAS.items()),
        "",
    ]
    if not core_ok or missing:
        return [*lines, "next: python -m pip install -e .   in the checkout builds and installs what is missing"], False
    return [*lines, "next: twin new mine.toml"], True


def version(name: str) -> str | None:
    """Installed version of a distribution, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _core_line() -> tuple[str, bool]:
    from twin import _core

    try:
        isa = _core.isa
    except BuildError as error:
        return f"✕compiled core   no: {error}", False
    # find_spec, not import: a kernel that is there but does not load is the run's error to tell.
    kernels = [name for name in ("network", "queue", "plant") if find_spec(f"twin._core.{isa}.{name}")]
    absent = [name for name in ("network", "queue", "plant") if name not in kernels]
    if absent:
        return f"✕compiled core   incomplete for {isa}: without {', '.join(absent)}", False
    return f" compiled core   yes, instruction set {isa}", True


def _memory_text() -> str:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    text = f"{pages * size / 1e9:.1f} GB"
    if "SC_AVPHYS_PAGES" in os.sysconf_names:
        text += f", {os.sysconf('SC_AVPHYS_PAGES') * size / 1e9:.1f} GB of it free"
    return text


def _extra_line(extra: str, names: tuple[str, ...]) -> str:
    found = [f"{name} {version(name)}" for name in names if version(name)]
    missing = [name for name in names if not version(name)]
    rest = f"   missing: {', '.join(missing)}  (pip install 'twin[{extra}]')" if missing else ""
    return f" [{extra}]{'':<{14 - len(extra)}}{', '.join(found) or '–'}{rest}"
