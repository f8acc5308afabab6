"""The container of a snapshot: what goes in comes out, and nothing damaged or foreign gets through."""

import pytest

from twin.errors import RunError
from twin.snapshot import MAGIC, digest, pack, unpack

HEADER = {"watch": None, "clocks": [1, 2.5], "base_dir": "scenarios/°", "z": {"b": 1, "a": 2}}
BUFFERS = {"arena": bytes(range(256)), "empty": b"", "queue": b"\x00" * 100}


def test_header_and_buffers_come_back():
    assert unpack(pack(HEADER, BUFFERS)) == (HEADER, BUFFERS)


def test_the_order_of_keys_and_buffers_is_kept():
    header, buffers = unpack(pack(HEADER, BUFFERS))
    assert [list(header), list(header["z"]), list(buffers)] == [list(HEADER), ["b", "a"], list(BUFFERS)]


def test_floats_keep_their_bits():
    numbers = [0.1, 1e-300, 2.0**53 + 1.0, -0.0, 1 / 3]
    assert [x.hex() for x in unpack(pack({"x": numbers}, {}))[0]["x"]] == [x.hex() for x in numbers]


def test_nothing_but_a_header_is_a_snapshot_too():
    assert unpack(pack({}, {})) == ({}, {})


def test_packing_is_repeatable():
    assert pack(HEADER, BUFFERS) == pack(HEADER, BUFFERS)


def test_every_truncation_is_refused():
    data = pack(HEADER, BUFFERS)
    for length in range(len(data)):
        with pytest.raises(RunError):
            unpack(data[:length])


def test_every_flipped_bit_is_refused():
    data = bytearray(pack(HEADER, BUFFERS))
    for at in range(len(data)):
        data[at] ^= 1 << (at % 8)
        with pytest.raises(RunError):
            unpack(bytes(data))
        data[at] ^= 1 << (at % 8)


def test_bytes_at_the_end_are_refused():
    with pytest.raises(RunError, match="damaged"):
        unpack(pack(HEADER, BUFFERS) + b"\x00")


@pytest.mark.parametrize("other", [b"TWINSNAP\x02", b"TWINSNAP\x00", b"\x80\x04\x95pickle", b""])
def test_another_version_and_other_files_are_named_as_such(other):
    with pytest.raises(RunError, match="not a snapshot of this version"):
        unpack(other + pack(HEADER, BUFFERS)[len(MAGIC) :])


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_header_with_no_number_in_it_cannot_be_written(number):
    header = {"clocks": [1.0], "world": {"actors": [{"name": "T1"}, {"name": "T2", "data": {"peak": number}}]}}
    with pytest.raises(RunError, match=rf"world\.actors\.1\.data\.peak = {number}"):
        pack(header, {})


def test_a_header_cannot_take_the_name_under_which_the_buffers_are_listed():
    with pytest.raises(RunError, match="'buffers'"):
        pack({"buffers": [["mine", 3]]}, BUFFERS)


def test_the_digest_is_of_all_parts_and_of_their_order():
    header, buffers = {"a": 1, "b": {"c": 0.1}}, {"x": b"12", "y": b"3"}
    others = [
        digest({"a": 1, "b": {"c": 0.2}}, buffers), digest({"b": {"c": 0.1}, "a": 1}, buffers),
        digest(header, {"x": b"1", "y": b"23"}), digest(header, {"x": b"12", "y": b"4"}),
    ]  # fmt: skip
    assert len({digest(header, buffers), *others}) == 5
    assert digest(dict(header), dict(buffers)) == digest(header, buffers)
