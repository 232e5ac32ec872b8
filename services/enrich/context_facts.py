"""What an event's context says: its JSON, and what the user agent and the address tell.

Contexts repeat from event to event of one device, so everything is worked out once for each distinct
serialized context.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson

from services.enrich.model import ContextFacts, Device, Finding
from services.enrich.steps.country import Lookup
from services.enrich.steps.user_agent import parse_user_agent

EMPTY = ContextFacts(None, Finding("", Device()), "", "")
JSONB_VERSION = b"\x01"


def jsonb(value: Any) -> bytes:
    """A value as Postgres takes jsonb in binary. U+0000, which jsonb cannot hold, becomes U+FFFD: what
    surrounds an event is not worth refusing the event for."""
    return JSONB_VERSION + orjson.dumps(value).replace(b"\\u0000", b"\\ufffd")


def context_reader(
    country: Lookup, parse: Callable[[bytes], Any], plain: Callable[[Any], Any]
) -> Callable[[bytes], ContextFacts]:
    """A function from a serialized `weir.common.v1.Context` to its facts.

    `parse` gives the message, `plain` turns it into a dict of its non-empty fields.
    """

    @lru_cache(maxsize=100_000)
    def finding(code: str, device: Device) -> Finding:
        return Finding(code, device)

    @lru_cache(maxsize=100_000)
    def read(serialized: bytes) -> ContextFacts:
        if not serialized:
            return EMPTY
        values = plain(parse(serialized))
        found = finding(
            country(values.get("ip", "")), parse_user_agent(values.get("user_agent", ""))
        )
        return ContextFacts(
            jsonb(values), found, values.get("page_url", ""), values.get("referrer", "")
        )

    return read
