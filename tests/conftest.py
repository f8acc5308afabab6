"""What all tests share: where things lie, a weather cache for the session, the public data beside the project."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def weather_cache(tmp_path_factory):
    """Weather and solar profiles of this session, so that a scenario's are made once; ``TWIN_CACHE`` names another.

    Workers that run side by side share it: what they write appears whole or not at all.
    """
    if "TWIN_CACHE" not in os.environ:
        shared = tmp_path_factory.getbasetemp()
        shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
        os.environ["TWIN_CACHE"] = str(shared / "weather-cache")
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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """With ``TWIN_NO_SKIP`` set, as the continuous integration does, a skipped test is a failed one.

    Only tests marked ``needs_data`` may skip, and only where ../shared/data is absent.
    """
    outcome = yield
    report = outcome.get_result()
    data_is_here = (ROOT.parent / "shared" / "data").is_dir()
    allowed = item.get_closest_marker("needs_data") is not None and not data_is_here
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("TWIN_NO_SKIP") and not allowed:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped where nothing may be: {report.longrepr}"
