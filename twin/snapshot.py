"""Snapshots: a versioned container of plain data, JSON and named buffers. No pickle.

Layout: magic, 8-byte little-endian length, that many bytes of JSON, then the buffers one behind the other in the
order and with the lengths the JSON gives; at the end the SHA-256 of all before it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from typing import Any

from twin.errors import RunError

MAGIC = b"TWINSNAP\x01"
HASH_BYTES = 32


def pack(header: dict[str, Any], buffers: dict[str, bytes]) -> bytes:
    """One byte string with ``header`` (JSON) and ``buffers``.

    Raise RunError for a number that is not finite, and for a header with a key ``buffers``, which is ours.
    """
    text = _json(header, buffers)
    body = b"".join((MAGIC, len(text).to_bytes(8, "little"), text, *buffers.values()))
    return body + hashlib.sha256(body).digest()


def digest(header: dict[str, Any], buffers: dict[str, bytes]) -> str:
    """SHA-256 of ``header`` and ``buffers``, which does not depend on the version of the container."""
    sha = hashlib.sha256(_json(header, buffers))
    for data in buffers.values():
        sha.update(data)
    return sha.hexdigest()


def _json(header: dict[str, Any], buffers: dict[str, bytes]) -> bytes:
    if "buffers" in header:
        raise RunError("snapshot: the header has a key 'buffers', which names the parts behind it; choose another")
    lengths = [[name, len(data)] for name, data in buffers.items()]
    try:
        # keys stay in their order: a behaviour goes through its data in the order in which it came about
        return json.dumps({**header, "buffers": lengths}, allow_nan=False).encode()
    except ValueError as error:
        key, value = next(_not_finite(header, ""), ("the header", error))
        raise RunError(f"snapshot: {key} = {value}: expected finite numbers, or None where there is none") from error


def _not_finite(value: Any, path: str) -> Iterator[tuple[str, float]]:
    """Numbers in nested data that JSON cannot say, with their dotted keys."""
    if isinstance(value, float) and not math.isfinite(value):
        yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, item in items:
        yield from _not_finite(item, f"{path}.{key}" if path else str(key))


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The header and the buffers of ``pack``. Raise RunError for anything else, a truncated snapshot included."""
    if not data.startswith(MAGIC):
        raise RunError("this is not a snapshot of this version of twin")
    if hashlib.sha256(data[:-HASH_BYTES]).digest() != data[-HASH_BYTES:]:
        raise RunError("the snapshot is damaged: its checksum does not fit")
    start = len(MAGIC) + 8
    length = int.from_bytes(data[len(MAGIC) : start], "little")
    header = json.loads(data[start : start + length])
    at, buffers = start + length, {}
    for name, size in header.pop("buffers"):
        buffers[name] = data[at : at + size]
        at += size
    return header, buffers
