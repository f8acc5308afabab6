"""What all tests share: where things lie, a weather cache for the session, the public data beside the project."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def weather_cache(tmp_path_factory):
    """Weather and solar profiles of this session, so that a scenario's are made once; ``TWIN_CACHE`` names another."""
    if "TWIN_CACHE" not in os.environ:
        os.environ["TWIN_CACHE"] = str(tmp_path_factory.mktemp("weather-cache"))
    return Path(os.environ["TWIN_CACHE"])


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """``../shared/data`` beside the checkout, or beside its parent; a test that asks for it is skipped without it."""
    for folder in (ROOT.parent / "shared" / "data", ROOT.parent.parent / "shared" / "data"):
        if folder.is_dir():
            return folder
    pytest.skip("../shared/data is absent")
