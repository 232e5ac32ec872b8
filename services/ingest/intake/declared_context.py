"""Removes from an event's context what the catalog does not list."""

from collections.abc import Collection

from weir.common.v1.event_pb2 import Event


def keep_context(event: Event, names: Collection[str]) -> None:
    """Clears each value of the context, those without a field of their own included, that has none of the
    names."""
    if not event.HasField("context"):
        return
    context = event.context
    for field, _ in context.ListFields():
        if field.name not in names and field.name != "extra":
            context.ClearField(field.name)
    if context.HasField("extra"):
        fields = context.extra.fields
        for name in fields.keys() - names:
            del fields[name]
        if not fields:
            context.ClearField("extra")
