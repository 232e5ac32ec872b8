"""Runs the context steps, once for each distinct serialized context: contexts repeat from event to event of
one device."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from libs.catalog import ENRICHED_SOURCES
from libs.common.structs import plain_struct
from services.enrich.binary_copy import jsonb, text
from services.enrich.json_text import json_text
from services.enrich.model import NOTHING_FOUND, Context, ContextEnrichment, Enrichment
from services.enrich.steps.contract import ContextStep

# A larger context is not kept for the next event: the memory must stay bounded.
MAX_CACHED_BYTES = 2_048
# For those that come again soon: a device sends its events within minutes. With 20,000 of them as many events
# of the benchmark find theirs (70 %), and 15 MB more are taken.
MAX_CACHED_CONTEXTS = 4_000


class ContextReader(NamedTuple):
    """Two functions from a serialized `weir.common.v1.Context` to what the steps find in it. `read_cached`
    is for those of at most MAX_CACHED_BYTES."""

    read: Callable[[bytes], ContextEnrichment]
    read_cached: Callable[[bytes], ContextEnrichment]


class ContextReaders:
    """Makes a reader for each set of steps that an app has switched on."""

    def __init__(self, steps: Sequence[ContextStep]) -> None:
        self._steps = steps
        self._readers: dict[frozenset[str], ContextReader] = {}
        # Equal findings are one object, also of different contexts.
        self._enrichment = lru_cache(maxsize=MAX_CACHED_CONTEXTS)(Enrichment)

    def reader(self, enabled: frozenset[str]) -> ContextReader:
        """The reader for apps that have switched on the steps `enabled`; steps that are not among the
        context steps make no difference."""
        steps = [step for step in self._steps if step.name in enabled]
        names = frozenset(step.name for step in steps)
        if names not in self._readers:
            self._readers[names] = self._make(steps)
        return self._readers[names]

    def _make(self, steps: Sequence[ContextStep]) -> ContextReader:
        def read(serialized: bytes) -> ContextEnrichment:
            if not serialized:
                return EMPTY
            context = Context.FromString(serialized)
            values = find_values(steps, context)
            return ContextEnrichment(
                # A copy by that: orjson's own bytes keep the 4 KiB that they were written to.
                columns(json_text(plain_context(context)), values),
                self._enrichment(values),
                context.page_url,
                context.referrer,
            )

        return ContextReader(read, lru_cache(maxsize=MAX_CACHED_CONTEXTS)(read))


def columns(context: bytes | None, values: Sequence[str | None]) -> bytes:
    """See `ContextEnrichment.columns`; the context as JSON text."""
    return b"".join((jsonb(context), *map(text, values)))


EMPTY = ContextEnrichment(columns(None, NOTHING_FOUND.values), NOTHING_FOUND, "", "")


def find_values(steps: Sequence[ContextStep], context: Context) -> tuple[str | None, ...]:
    """What the steps find: one value for each of ENRICHED_SOURCES, in that order, None if it is not known.

    The steps are given U+FFFD for each U+0000, which would pass from the context into a column of text, and
    Postgres holds it in none: the event is worth more than one character of its context.
    """
    found: dict[str, str] = {}
    for step in steps:
        inputs = [getattr(context, name).replace("\0", "\ufffd") for name in step.inputs]
        found.update(zip(step.outputs, step.find(*inputs), strict=True))
    return tuple(found.get(name) or None for name in ENRICHED_SOURCES)


def plain_context(context: Context) -> dict[str, object]:
    """A Context as a dict of its non-empty fields, without an `extra` that JSON cannot express."""
    values = {field.name: value for field, value in context.ListFields()}
    if "extra" in values:
        try:
            values["extra"] = plain_struct(values["extra"])
        except ValueError:
            # NaN or infinity. The event is worth more than that part of its context.
            del values["extra"]
    return values
