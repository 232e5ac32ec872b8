"""That tests of one group run on one worker, which a release of pytest may silently end."""

import pytest


@pytest.mark.xdist_group("of its own")
def test_workers_are_given_whole_groups(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("loadgroup", False):
        pytest.skip("run without --dist loadgroup")
    # pytest-xdist hands out tests by what follows the @.
    assert request.node.nodeid.endswith("@of its own")
