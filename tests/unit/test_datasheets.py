"""The data sheet of every kind of component says where each number comes from."""

import pytest

from twin.component import load_components
from twin.faces.describe_text import component_lines

KINDS = load_components()
TO_COME = {"battery", "solar_plant"}
"""Kinds whose sheets are being completed elsewhere; take them out when they are."""


@pytest.mark.parametrize("kind", sorted(set(KINDS) - TO_COME))
def test_every_number_of_a_sheet_has_a_source_and_a_description(kind):
    silent = [
        record["name"] for record in KINDS[kind].datasheet()
        if type(record["default"]) in (int, float) and not (record["source"] and record["description"])
    ]  # fmt: skip
    assert silent == []


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_data_sheet_prints_every_parameter_and_channel(kind):
    text = "\n".join(component_lines(KINDS[kind]))
    for record in KINDS[kind].datasheet():
        name = KINDS[kind].model_fields[record["name"]].alias or record["name"]
        assert f"  {name} " in text
    assert [name for name in KINDS[kind].channels if name not in text] == []
    assert "nan" not in text.split()
