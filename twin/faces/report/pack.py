"""Columns of numbers as base64 for the page: 16-bit integers with a scale where that is exact enough."""

from __future__ import annotations

import base64
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
_MISSING = -32768
_STEPS = 65_534
"""Values an int16 can tell apart beside the one that stands for "missing"."""
_SECOND_MS = 1000


def column(values: npt.ArrayLike) -> dict[str, Any]:
    """Numbers as int16 with scale and offset: the error is at most 1/131,000 of their range. NaN is null."""
    data = np.asarray(values, dtype=np.float64)
    known = np.isfinite(data)
    low, high = (float(data[known].min()), float(data[known].max())) if known.any() else (0.0, 0.0)
    scale = (high - low) / _STEPS or 1.0
    codes = np.full(data.shape, _MISSING, dtype="<i2")
    codes[known] = np.round((data[known] - low) / scale) - (_STEPS // 2)
    return {"$": "i2", "b": _text(codes), "s": scale, "o": low + scale * (_STEPS // 2), "n": list(data.shape)}


def exact_column(values: npt.ArrayLike) -> dict[str, Any]:
    """Numbers as float32, where their range is too wide for steps of one size. NaN is null."""
    data = np.asarray(values, dtype="<f4")
    return {"$": "f4", "b": _text(data), "s": 1.0, "o": 0.0, "n": list(data.shape)}


def times(t_ms: npt.NDArray[np.int64], origin_ms: int) -> dict[str, Any]:
    """Times to the second; in the page they count from 1970 on the site's clock, in ms."""
    seconds = np.asarray(t_ms // _SECOND_MS, dtype="<i4")
    return {"$": "i4", "b": _text(seconds), "s": _SECOND_MS, "o": origin_ms, "n": [len(seconds)]}


def _text(data: npt.NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(data).tobytes()).decode("ascii")


def unpack(packed: dict[str, Any]) -> Array:
    """What the page reads out of a column; NaN for null."""
    raw = np.frombuffer(base64.b64decode(packed["b"]), dtype="<" + packed["$"])
    data: Array = raw.astype(np.float64) * packed["s"] + packed["o"]
    if packed["$"] == "i2":
        data[raw == _MISSING] = np.nan
    return data.reshape(packed["n"])


def thinned(t_ms: npt.NDArray[np.int64], values: Array, most: int = 2000) -> tuple[npt.NDArray[np.int64], Array]:
    """At most ``most`` points of a line: the least and the greatest of each stretch, in the order they came."""
    if len(values) <= most:
        return t_ms, values
    edges = np.linspace(0, len(values), most // 2 + 1).astype(np.int64)
    keep: list[int] = []
    for first, last in pairwise(edges):
        part = values[first:last]
        if np.isnan(part).all():
            keep.append(int(first))
            continue
        found = {int(first + np.nanargmin(part)), int(first + np.nanargmax(part))}
        keep += sorted(found)
    rows = np.array(keep, dtype=np.int64)
    return t_ms[rows], values[rows]
