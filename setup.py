"""The compiled core: which kernels there are, how they are compiled, and for which instruction sets.

Every kernel in ``ext/`` is built once for each instruction set into ``twin/_core/<isa>/``; ``twin._core`` picks one
at run time. The sources are staged into a package of that name first, because Cython resolves relative ``cimport``
by package. ``TWIN_DEBUG=1`` builds the baseline only, with Cython's checks on and undefined behaviour trapped.
"""

import os
import platform
import runpy
import shutil
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent
KERNELS = ("cpu", "network", "batch", "queue", "plant")
DEBUG = os.environ.get("TWIN_DEBUG") == "1"

# No fast-math, no contraction, no SLP vectoriser (gcc 12 forms fused multiply-adds in it in spite of
# -ffp-contract=off): every instruction set must give the same bits. -fno-trapping-math changes no value; it only
# lets comparisons become selects, without which the loops over assets do not vectorise.
FLAGS = ["-O3", "-ffp-contract=off", "-fno-trapping-math", "-fno-math-errno", "-fno-tree-slp-vectorize", "-g0"]
DEBUG_FLAGS = ["-O1", "-g", "-ffp-contract=off", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]
QUIET = ["-Wno-psabi"]  # vectors of four doubles never cross from one kernel to another
ISA_FLAGS = {
    "baseline": [],
    "x86_64_v3": ["-march=x86-64-v3"],
    "x86_64_v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "wraparound": False,
    "cdivision": not DEBUG,
    "initializedcheck": DEBUG,
    "nonecheck": DEBUG,
    "embedsignature": True,
}


def instruction_sets() -> list[str]:
    wanted = os.environ.get("TWIN_ISA_BUILD")
    if wanted:
        return wanted.split(",")
    on_x86 = platform.machine().lower() in ("x86_64", "amd64")
    return ["baseline"] if DEBUG or not on_x86 else list(ISA_FLAGS)


def stage(isa: str) -> Path:
    """Copy the kernels into a package of their own, touching only what changed so that rebuilds stay quick."""
    top = ROOT / "build" / "stage" / ("debug" if DEBUG else isa)
    package = top / "twin" / "_core" / isa
    package.mkdir(parents=True, exist_ok=True)
    for folder in (top / "twin", top / "twin" / "_core", package):
        (folder / "__init__.py").touch()
    for source in sorted((ROOT / "ext").glob("*.p[xy][dxi]")):
        target = package / source.name
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copyfile(source, target)
    header = package / "tables.pxd"
    text = runpy.run_path(str(ROOT / "twin" / "tables.py"))["kernel_header"]()
    if not header.exists() or header.read_text() != text:
        header.write_text(text)
    return package


def extensions() -> list[Extension]:
    found = []
    for isa in instruction_sets():
        package = stage(isa).relative_to(ROOT)
        top = package.parents[2]
        modules = [
            Extension(
                f"twin._core.{isa}.{kernel}",
                [str(package / f"{kernel}.pyx")],
                extra_compile_args=QUIET + (DEBUG_FLAGS if DEBUG else FLAGS + ISA_FLAGS[isa]),
            )
            for kernel in KERNELS
            if kernel != "cpu" or isa == "baseline"
        ]
        found += cythonize(modules, include_path=[str(top)], compiler_directives=DIRECTIVES, quiet=True)
    return found


class ParallelBuild(build_ext):
    """Compile the variants side by side."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if self.parallel is None:
            self.parallel = os.cpu_count()


setup(ext_modules=extensions(), cmdclass={"build_ext": ParallelBuild})
