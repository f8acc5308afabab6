"""The gate to the compiled kernels.

What this layer promises: arrays go in, arrays are filled in place, a status code comes back. Kernels never allocate
Python objects in a step, never raise inside ``nogil``, never read the clock or a random number, and give the same
bits on every instruction set. Everything above imports kernels only from here.

The variant is the best that this processor runs; ``TWIN_ISA`` = ``baseline``, ``x86_64_v3`` or ``x86_64_v4`` forces
one (tests compare them). A missing core is an error with the command that builds it, never a slow fallback.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from types import ModuleType
from typing import Any

from twin.errors import BuildError

_BUILD_HINT = (
    "the compiled core is missing: run `python -m pip install -e .` (or `python setup.py build_ext --inplace`) "
    "in the checkout; it needs a C compiler and the Python headers"
)

STATUS_TEXT = {
    0: "ok",
    1: "no convergence",
    2: "voltage collapse",
    3: "dead island",
    4: "singular matrix",
    5: "bad input (NaN or infinity)",
    6: "an audit failed",
    7: "a table is full",
}
"""Status code of ``ext/types.pxd`` → what it means."""


def _kernel(isa: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(f"twin._core.{isa}.{name}")
    except ImportError as error:
        raise BuildError(f"{_BUILD_HINT} ({error})") from error


def level() -> int:
    """Highest x86-64 level that this processor runs; 1 on another architecture."""
    return int(_kernel("baseline", "cpu").level())


def _choose() -> str:
    wanted = os.environ.get("TWIN_ISA")
    if wanted:
        return wanted
    for isa_, needs in (("x86_64_v4", 4), ("x86_64_v3", 3)):
        # A variant may not have been built for this installation; the bits are the same without it.
        if level() >= needs and importlib.util.find_spec(f"twin._core.{isa_}.network") is not None:
            return isa_
    return "baseline"


def __getattr__(name: str) -> Any:
    """The kernels are loaded when first asked for; ``isa`` names the variant in use."""
    if name == "isa":
        value: Any = _choose()
    elif name in ("network", "batch", "queue", "plant"):
        value = _kernel(__getattr__("isa"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value
