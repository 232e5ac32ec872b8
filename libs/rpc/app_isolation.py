"""Keeps callers that may see some apps only from all others, in one place for all RPCs."""

from collections.abc import Callable
from typing import Any

from libs.common.errors import AppUnknown
from libs.rpc.permissions import Rule
from libs.rpc.principal import Principal


def app_check(rule: Rule, principal: Principal) -> Callable[[Any], None] | None:
    """A check of each message that the principal sends, None if it may see all apps.

    The check raises AppUnknown for an app that it may not see. It does not look whether such an app exists,
    so nothing in the answer depends on that.
    """
    apps, path = principal.apps, rule.app
    if apps is None or path is None:
        return None
    *outer, last = path.split(".")

    def check(message: Any) -> None:
        for name in outer:
            if not message.HasField(name):
                return
            message = getattr(message, name)
        app_id = getattr(message, last)
        if app_id not in apps:
            raise AppUnknown(app_id)

    return check
