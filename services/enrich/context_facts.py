"""What an event's context says: its JSON, and what the user agent and the address tell.

Contexts repeat from event to event of one device, so everything is worked out once for each distinct
serialized context.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson

from services.enrich.model import ContextFacts
from services.enrich.steps.country import Lookup
from services.enrich.steps.user_agent import parse_user_agent

EMPTY = ContextFacts(None, "", parse_user_agent(""), "", "")
TEXT_FIELDS = (
    "user_agent",
    "ip",
    "platform",
    "device_type",
    "app_version",
    "locale",
    "timezone",
    "page_url",
    "referrer",
    "assignment_id",
    "sequence_id",
    "class_id",
    "teacher_id",
)


def context_reader(
    country: Lookup, parse: Callable[[bytes], Any], plain: Callable[[Any], Any]
) -> Callable[[bytes], ContextFacts]:
    """A function from a serialized `weir.common.v1.Context` to its facts.

    `parse` gives the message, `plain` turns its `extra` (a Struct) into a dict.
    """

    @lru_cache(maxsize=50_000)
    def read(serialized: bytes) -> ContextFacts:
        if not serialized:
            return EMPTY
        context = parse(serialized)
        values = {name: value for name in TEXT_FIELDS if (value := getattr(context, name))}
        if context.HasField("extra") and (extra := plain(context.extra)):
            values["extra"] = extra
        return ContextFacts(
            # Postgres cannot hold U+0000 in jsonb, and a context is not worth refusing an event for.
            orjson.dumps(values).replace(b"\\u0000", b"\\ufffd"),
            country(context.ip),
            parse_user_agent(context.user_agent),
            context.page_url,
            context.referrer,
        )

    return read
