"""Keeps callers that may see some apps only from all others, in one place for all RPCs."""

from collections.abc import Callable
from typing import Any

from libs.common.errors import AppUnknown
from libs.rpc.permissions import Rule
from libs.rpc.principal import Principal


class HiddenApp(AppUnknown):
    """For the caller the same as an app that does not exist."""

    def __init__(self, app_id: str) -> None:
        super().__init__(app_id)
        self.app_id = app_id


def app_check(rule: Rule, principal: Principal) -> Callable[[Any], None] | None:
    """A check of each message that the principal sends, None if it may see all apps.

    The check raises HiddenApp for an app that it may not see. It does not look whether such an app exists,
    so nothing in the answer depends on that.
    """
    apps, path = principal.apps, rule.app
    if apps is None or path is None:
        return None
    app_of = requested_app(path)

    def check(message: Any) -> None:
        app_id = app_of(message)
        if app_id is not None and app_id not in apps:
            raise HiddenApp(app_id)

    return check


def requested_app(path: str) -> Callable[[Any], str | None]:
    """What finds the app that a message names, by the path of its field; None if the message lacks the part
    that has the field."""
    *outer, last = path.split(".")

    def app_of(message: Any) -> str | None:
        for name in outer:
            if not message.HasField(name):
                return None
            message = getattr(message, name)
        app_id: str = getattr(message, last)
        return app_id

    return app_of
