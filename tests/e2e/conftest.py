"""Calls to the running suite, for a person who has granted telemetry."""

from collections.abc import Iterator

import pytest

from suite.supervisor import Suite
from tests.e2e.stream_events import APP, PERSON
from tests.support.suite_calls import SuiteCalls, suite_calls


@pytest.fixture
def calls(suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(suite) as opened:
        opened.record_consent(APP, PERSON, telemetry=True)
        yield opened
