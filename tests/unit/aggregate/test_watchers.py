"""How many may watch."""

from contextlib import ExitStack

import pytest

from libs.common.errors import ResourceExhausted
from services.aggregate.live.watchers import Watchers

EVENTS = frozenset({"events"})


def test_watchers_are_limited_by_app_and_in_all() -> None:
    watchers = Watchers(limit=3, limit_per_app=2)
    with ExitStack() as stack:
        for app_id in ("chess", "chess", "go"):
            stack.enter_context(watchers.hold(app_id, EVENTS))
        with pytest.raises(ResourceExhausted, match="3 watchers") as all_taken:
            stack.enter_context(watchers.hold("shogi", EVENTS))
        assert all_taken.value.metadata == {"limit": "max_watchers", "value": "3"}
        assert all_taken.value.retry_after_seconds > 0
    with ExitStack() as stack:
        stack.enter_context(watchers.hold("chess", EVENTS))
        second = stack.enter_context(ExitStack())
        second.enter_context(watchers.hold("chess", EVENTS))
        with pytest.raises(ResourceExhausted, match="2 watchers") as taken:
            stack.enter_context(watchers.hold("chess", EVENTS))
        assert taken.value.metadata == {"limit": "max_watchers_per_app", "value": "2"}
        second.close()
        # A place that is given up is free again.
        stack.enter_context(watchers.hold("chess", EVENTS))
        assert len(watchers.of("chess")) == len(watchers.all()) == 2
    assert watchers.all() == []
    assert watchers.of("chess") == ()
