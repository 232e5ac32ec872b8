"""Whether an event, its texts, its properties and its dimensions of rollups keep to the app's limits."""

from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalog, EventVersion, Limits, LongerDimension
from libs.catalog.limits import SentDimensions
from libs.catalog.source import ATTRIBUTION_FIELDS, CONTEXT_FIELDS
from libs.common.exact_json import exact_dumps
from services.ingest.intake.model import Properties, Rejection


class SizeCheck:
    """An app's limits, worked out once for a batch. `rejection` is needed only for events with
    `dimensions`, and for those that are longer than `harmless_bytes`."""

    def __init__(self, catalog: Catalog) -> None:
        self._limits = limits = catalog.limits
        rejects = limits.longer_dimension is LongerDimension.REJECT
        self.dimensions = catalog.sent_dimensions if rejects else {}
        self._dimension_characters = limits.dimension_characters
        # An event that is not longer as a whole has no part that is too long.
        self.harmless_bytes = min(limits.text_characters, limits.property_bytes)

    def rejection(
        self, event: Event, size: int, name: str, version: EventVersion, properties: Properties
    ) -> Rejection | None:
        """Why the event of `size` bytes is rejected; None if it keeps to the limits. `properties` are those
        of the event, which holds them as JSON already."""
        if size > self._dimension_characters:
            dimensions = self.dimensions.get(name)
            # No text is longer than the JSON that it is read from.
            if dimensions is not None and (
                dimensions.texts or len(event.properties_json) > self._dimension_characters
            ):
                rejection = self._dimension_rejection(event, dimensions, properties)
                if rejection is not None:
                    return rejection
        if size <= self.harmless_bytes:
            return None
        limits = self._limits
        rejection = _part_rejection(limits, event, version, properties)
        if rejection is None and size > limits.event_bytes:
            return Rejection(
                "FIELD_INVALID",
                "",
                f"must be at most {limits.event_bytes} bytes in all",
                too_large=True,
            )
        return rejection

    def _dimension_rejection(
        self, event: Event, dimensions: SentDimensions, properties: Properties
    ) -> Rejection | None:
        lengths = dimensions.lengths(properties)
        lengths += [
            (source, len(getattr(getattr(event, source.kind), source.path[0])))
            for source in dimensions.texts
        ]
        for source, length in lengths:
            if length > self._dimension_characters:
                return Rejection(
                    "FIELD_INVALID",
                    str(source),
                    f"must be at most {self._dimension_characters} characters:"
                    " numbers are split by it",
                )
        return None


def _part_rejection(
    limits: Limits, event: Event, version: EventVersion, properties: Properties
) -> Rejection | None:
    if len(event.properties_json) > limits.property_bytes:
        for name, value in properties.items():
            if len(exact_dumps({name: value})) > limits.property_bytes:
                return _too_many_bytes(version.field(name), limits)
    for part, fields in (("context", CONTEXT_FIELDS), ("attribution", ATTRIBUTION_FIELDS)):
        if event.HasField(part):
            texts = getattr(event, part)
            for field in fields:
                if len(getattr(texts, field)) > limits.text_characters:
                    message = f"must be at most {limits.text_characters} characters"
                    return Rejection("FIELD_INVALID", f"{part}.{field}", message, too_large=True)
    if event.context.HasField("extra") and event.context.extra.ByteSize() > limits.property_bytes:
        return _too_many_bytes("context.extra", limits)
    return None


def _too_many_bytes(field: str, limits: Limits) -> Rejection:
    message = f"must be at most {limits.property_bytes} bytes"
    return Rejection("FIELD_INVALID", field, message, too_large=True)
