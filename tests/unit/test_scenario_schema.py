"""The JSON Schema of a scenario file."""

import tomllib
from typing import Any

import jsonschema
from scenario_toys import HEAD, toy_kinds  # noqa: F401 - a fixture

from twin.complaints import as_json
from twin.scenario import schema


def mistakes(text: str) -> list[str]:
    """What a validator that knows only the schema says; dates are texts to it."""
    import json

    document: Any = json.loads(as_json(tomllib.loads(text)))
    return [error.message for error in jsonschema.Draft202012Validator(schema()).iter_errors(document)]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert {"toy_bus", "toy_store", "latitude_deg"} <= schema()["properties"]["site"]["properties"].keys()


def test_a_bank_and_an_inherited_fragment_pass_the_schema() -> None:
    assert mistakes(HEAD + '[site.toy_store.b]\ncount = 2\nat = "b{}"\npower_mw = [1, 2]\ncurve_pu = [0, 1]\n') == []
    assert mistakes('extends = "base.toml"\n[site.toy_store.b]\nenergy_mwh = 3\n[run]\nseed = 4\n') == []


def test_a_misspelt_key_a_wrong_type_and_a_missing_key_fail_the_schema() -> None:
    assert len(mistakes("[site.toy_store.b]\nenrgy_mwh = 3\n")) == 1
    assert len(mistakes('[site.toy_store.b]\nenergy_mwh = "3 MWh"\n')) == 1
    assert mistakes('[[timeline]]\nat = "1h"\ndo = "open"\n') == ["'what' is a required property"]


def test_the_keys_a_file_writes_are_the_schemas() -> None:
    properties = schema()["properties"]
    assert "from" in properties["expect"]["items"]["properties"]
    assert "at" in properties["site"]["properties"]["toy_store"]["additionalProperties"]["properties"]
