"""The data sheet of every kind of component says where each number comes from."""

import pytest

from twin.component import load_components
from twin.faces.describe_text import component_lines

KINDS = load_components()
COOLING = ("cooling_plant", "rack_hall")


@pytest.mark.parametrize("kind", COOLING)
def test_every_number_of_the_cooling_and_rack_sheets_has_a_source_and_a_description(kind):
    silent = [
        record["name"] for record in KINDS[kind].datasheet()
        if isinstance(record["default"], int | float) and not (record["source"] and record["description"])
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
