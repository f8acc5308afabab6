"""Snapshots: a versioned container of plain data, JSON and named buffers. No pickle.

Layout: magic, 8-byte little-endian length, that many bytes of JSON, then the buffers one behind the other in the
order and with the lengths the JSON gives; at the end the SHA-256 of all before it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from twin.errors import RunError

MAGIC = b"TWINSNAP\x01"
HASH_BYTES = 32


def pack(header: dict[str, Any], buffers: dict[str, bytes]) -> bytes:
    """One byte string with ``header`` (JSON) and ``buffers``."""
    lengths = [[name, len(data)] for name, data in buffers.items()]
    # keys stay in their order: a behaviour goes through its data in the order in which it came about
    text = json.dumps({**header, "buffers": lengths}, allow_nan=False).encode()
    body = b"".join((MAGIC, len(text).to_bytes(8, "little"), text, *buffers.values()))
    return body + hashlib.sha256(body).digest()


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
