"""Removes mentions of people (`libs.common.mentions`) from messages, in place."""

from collections.abc import Collection

from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value

from libs.common.mentions import PersonIds


def clear_text_mentions(message: Message, people: PersonIds) -> None:
    """Clears the texts of a message that are one of the ids, and redacts those that contain one; leaves
    messages inside it as they are."""
    for field, value in message.ListFields():
        if type(value) is not str:
            continue
        if value in people.texts:
            message.ClearField(field.name)
        elif (redacted := people.redacted(value)) != value:
            setattr(message, field.name, redacted)


def remove_struct_mentions(struct: Struct, people: PersonIds, names: Collection[str]) -> None:
    """`properties_without_mentions` for a Struct, in place."""
    for name, value in list(struct.fields.items()):
        if name in names or name in people.texts or _is_mention(value, people):
            del struct.fields[name]
            continue
        _remove_within(value, people, names)
        if (redacted := people.redacted(name)) != name:
            struct.fields[redacted].CopyFrom(value)
            del struct.fields[name]


def _remove_within(value: Value, people: PersonIds, names: Collection[str]) -> None:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        value.string_value = people.redacted(value.string_value)
    elif kind == "struct_value":
        remove_struct_mentions(value.struct_value, people, names)
    elif kind == "list_value":
        values = value.list_value.values
        kept = [item for item in values if not _is_mention(item, people)]
        if len(kept) < len(values):
            del values[:]
            values.extend(kept)
        for item in values:
            _remove_within(item, people, names)


def _is_mention(value: Value, people: PersonIds) -> bool:
    kind = value.WhichOneof("kind")
    return kind in ("number_value", "string_value") and people.is_value(getattr(value, kind))
