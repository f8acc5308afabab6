"""The storm, played once for all tests that compare with it."""

import pytest

from tests.runs.worlds import fingerprint, storm, whole


@pytest.fixture(scope="session")
def storm_results():
    """Results of the storm in one piece, and the digest of its final state."""
    return whole(storm())


@pytest.fixture(scope="session")
def storm_prints(storm_results):
    """State digest, summary digest and the fingerprint of each table of the storm in one piece."""
    results, state = storm_results
    return {"state": state, "digest": results.summary["digest"], **fingerprint(results)}
