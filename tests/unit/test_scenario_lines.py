"""Where keys stand in a TOML text."""

import pytest

from twin.toml_lines import DEEPEST, MOST_KEYS, Lines, TooBigError, parsed, written

TEXT = '''\
title = "a # in a text"   # and a comment
[site]                    # [not.a.table]
latitude_deg = 37.53
point = { x = 1, "y z" = [1, 2] }
a.b.c = 3
long = """
[not.a.table]
key = "in a text"
"""
list = [
  1,  # one
  "],",
  [2, 3],
]
[site."a b".'c.d']
key = \'\'\'x\'\'\'
[[timeline]]
at = 2028-07-14 12:00:00
[[timeline]]
at = "2h"
[timeline.more]
x = 1
[[timeline.steps]]
y = 2
'''


def marked(key: tuple[str | int, ...], *, of_value: bool = True) -> tuple[int, str]:
    spot = Lines(TEXT).spot(key, of_value=of_value)
    assert spot is not None
    return spot.line, spot.excerpt[spot.column : spot.column + spot.width]


@pytest.mark.parametrize(
    ("key", "line", "value"),
    [
        (("title",), 1, '"a # in a text"'),
        (("site", "latitude_deg"), 3, "37.53"),
        (("site", "point", "x"), 4, "1"),
        (("site", "point", "y z", 1), 4, "2"),
        (("site", "a", "b", "c"), 5, "3"),
        (("site", "long"), 6, '"""'),
        (("site", "list", 1), 12, '"],"'),
        (("site", "list", 2, 1), 13, "3"),
        (("site", "a b", "c.d", "key"), 16, "'''x'''"),
        (("timeline", 0, "at"), 18, "2028-07-14 12:00:00"),
        (("timeline", 1, "at"), 20, '"2h"'),
        (("timeline", 1, "more", "x"), 22, "1"),
        (("timeline", 1, "steps", 0, "y"), 24, "2"),
    ],
)
def test_a_value_is_found_in_its_line(key: tuple[str | int, ...], line: int, value: str) -> None:
    assert marked(key) == (line, value)


@pytest.mark.parametrize(
    ("key", "line", "name"),
    [
        (("site",), 2, "site"),
        (("site", "point", "y z"), 4, '"y z"'),
        (("site", "a", "b"), 5, "b"),
        (("site", "a b", "c.d"), 15, "'c.d'"),
        (("timeline", 1), 19, "timeline"),
        (("timeline", 1, "steps", 0), 23, "steps"),
    ],
)
def test_a_key_is_found_in_its_line(key: tuple[str | int, ...], line: int, name: str) -> None:
    assert marked(key, of_value=False) == (line, name)


def test_text_and_comments_hold_no_keys() -> None:
    lines = Lines(TEXT)
    assert lines.spot(("not", "a", "table")) is None
    assert lines.spot(("site", "key")) is None


def test_a_text_that_is_no_toml_is_read_up_to_the_mistake() -> None:
    lines = Lines('a = 1\nb = "open\nc = 3\n')
    assert lines.spot(("a",)) is not None
    assert lines.spot(("c",)) is None


def test_deep_nesting_and_many_keys_are_refused_with_their_line() -> None:
    with pytest.raises(TooBigError, match=f"deeper than {DEEPEST}") as deep:
        Lines("a = 1\nb = " + "[" * 60)
    assert deep.value.line == 2
    with pytest.raises(TooBigError, match=f"more than {MOST_KEYS}"):
        Lines("a = 1\n" * (MOST_KEYS + 1))


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (("timeline", 0, "what"), "timeline[0].what"),
        (("site", "toy_bus", "a b", "vn_kv"), 'site.toy_bus."a b".vn_kv'),
        (("x", 'q"u.o'), 'x."q\\"u.o"'),
        (("a", 3, 4), "a[3][4]"),
    ],
)
def test_a_key_is_written_and_parsed_back(key: tuple[str | int, ...], text: str) -> None:
    assert written(key) == text
    assert parsed(text) == key


@pytest.mark.parametrize("text", ["", "a..b", "a.", "a[x]", 'a."open'])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        parsed(text)
