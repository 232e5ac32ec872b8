"""What an event's context says: its JSON, and what the user agent and the address tell.

Contexts repeat from event to event of one device, so everything is worked out once for each distinct
serialized context.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson

from services.enrich.model import ContextEnrichment, Device, Enrichment
from services.enrich.steps.country import Lookup
from services.enrich.steps.user_agent import parse_user_agent

EMPTY = ContextEnrichment(None, Enrichment("", Device()), "", "")
JSONB_VERSION = b"\x01"
# The look-behind passes over escaped backslashes.
_NULL_ESCAPE = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
# What a producer makes larger is not kept for the next event: the memory must stay bounded.
MAX_CACHED_BYTES = 2_048


def jsonb(value: Any) -> bytes:
    """A value as Postgres takes jsonb in binary. U+0000, which jsonb cannot hold, becomes U+FFFD: what
    surrounds an event is not worth refusing the event for."""
    text = orjson.dumps(value)
    if b"\\u0000" in text:
        text = _NULL_ESCAPE.sub(rb"\1\\ufffd", text)
    return JSONB_VERSION + text


def context_reader(
    country: Lookup, parse: Callable[[bytes], Any], plain: Callable[[Any], Any]
) -> Callable[[bytes], ContextEnrichment]:
    """A function from a serialized `weir.common.v1.Context` to its facts.

    `parse` gives the message, `plain` turns it into a dict of its non-empty fields.
    """

    @lru_cache(maxsize=100_000)
    def finding(code: str, device: Device) -> Enrichment:
        return Enrichment(code, device)

    def read(serialized: bytes) -> ContextEnrichment:
        if not serialized:
            return EMPTY
        return facts(serialized) if len(serialized) <= MAX_CACHED_BYTES else work_out(serialized)

    def work_out(serialized: bytes) -> ContextEnrichment:
        values = plain(parse(serialized))
        found = finding(
            country(values.get("ip", "")), parse_user_agent(values.get("user_agent", ""))
        )
        return ContextEnrichment(
            jsonb(values), found, values.get("page_url", ""), values.get("referrer", "")
        )

    facts = lru_cache(maxsize=100_000)(work_out)
    return read
