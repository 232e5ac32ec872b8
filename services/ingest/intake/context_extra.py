"""Changes what an event's context has beside its own fields."""

from collections.abc import Callable
from typing import Any

from weir.common.v1.event_pb2 import Event

from libs.common.structs import plain_struct


def rewrite_extra(event: Event, rewritten: Callable[[dict[str, Any]], Any]) -> None:
    """Replaces `context.extra`, if the event has one, by what `rewritten` makes of its values, as JSON has
    them. Removes it if it has a number that JSON cannot express."""
    if not event.HasField("context") or not event.context.HasField("extra"):
        return
    extra = event.context.extra
    try:
        before = plain_struct(extra)
    except ValueError:
        event.context.ClearField("extra")
        return
    after = rewritten(before)
    if after != before:
        extra.Clear()
        extra.update(after)
