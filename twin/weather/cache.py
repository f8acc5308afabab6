"""Arrays kept on disk by digest: written whole or not at all, read through the page cache."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from twin.weather.arrays import Array32

_LIBRARIES = ("numpy", "pandas", "pvlib")


def digest_of(facts: Mapping[str, Any]) -> str:
    """SHA-256 of plain facts, in hex."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def cache_file(cache_dir: Path, kind: str, digest: str) -> Path:
    """Where an array lives: its digest, and the libraries whose versions may move its last bits."""
    versions = {name: _version(name) for name in _LIBRARIES}
    return cache_dir / f"{kind}-{digest_of({'digest': digest, **versions})[:32]}.npy"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def load(file: Path, shape: tuple[int, ...]) -> Array32 | None:
    """The float32 array of that shape, mapped read-only; None where the file is absent, broken or another's."""
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array if array.shape == shape and array.dtype == np.float32 else None


def store(file: Path, array: Array32) -> None:
    """Write the array under a temporary name and rename it, so that no reader meets half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            np.save(stream, array, allow_pickle=False)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
