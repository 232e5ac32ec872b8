"""How a person disappears from an event before anything is buffered."""

import ipaddress
import socket
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

from libs.common.pseudonym import Pseudonymizer

# No address is longer: an IPv6 one that ends in an IPv4 one, and a zone.
MAX_ADDRESS_LENGTH = 64


def truncate_ip(address: str) -> str:
    """IPv4 without its last octet, IPv6 cut to its first 48 bits; empty for what is no address."""
    # What a producer makes long must not fill the cache.
    return _truncate(address) if len(address) <= MAX_ADDRESS_LENGTH else ""


@lru_cache(maxsize=50_000)
def _truncate(address: str) -> str:
    try:
        socket.inet_pton(socket.AF_INET, address)
    except (OSError, ValueError):
        return _truncate_ipv6(address)
    return address[: address.rindex(".")] + ".0"


def _truncate_ipv6(address: str) -> str:
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return ""
    # The first 48 bits of a 6to4 address hold a whole IPv4 address.
    if inner := parsed.ipv4_mapped or parsed.sixtofour:
        return truncate_ip(str(inner))
    return str(ipaddress.ip_network((parsed, 48), strict=False).network_address)


def clear_mentions(message: Any, subject_id: str) -> None:
    """Clears the texts of a message that are the person's id; does not look into messages inside it."""
    for field, value in message.ListFields():
        if value == subject_id:
            message.ClearField(field.name)


def remove_mentions(struct: Any, names: Collection[str], subject_id: str) -> None:
    """Takes out of a `google.protobuf.Struct` what is called one of `names`, and what is worth the
    person's id, as text or as number; at every depth."""
    # As a Struct holds it: a long id is rounded there, and would not be the same text again.
    subject_number = _number(subject_id)

    def is_person(value: Any) -> bool:
        kind = value.WhichOneof("kind")
        if kind == "number_value":
            return bool(value.number_value == subject_number)
        return kind == "string_value" and bool(value.string_value == subject_id)

    _remove_from_struct(struct, names, is_person)


def _remove_from_struct(
    struct: Any, names: Collection[str], is_person: Callable[[Any], bool]
) -> None:
    for name, value in list(struct.fields.items()):
        if name in names or is_person(value):
            del struct.fields[name]
        else:
            _remove_within(value, names, is_person)


def _remove_within(value: Any, names: Collection[str], is_person: Callable[[Any], bool]) -> None:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        _remove_from_struct(value.struct_value, names, is_person)
    elif kind == "list_value":
        values = value.list_value.values
        kept = [item for item in values if not is_person(item)]
        if len(kept) < len(values):
            del values[:]
            values.extend(kept)
        for item in values:
            _remove_within(item, names, is_person)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


class Anonymizer:
    """Replaces a person by a pseudonym, everywhere that an event names the person."""

    def __init__(self, pseudonymizer: Pseudonymizer) -> None:
        self._pseudonymizer = pseudonymizer

    def person(self, app_id: str, subject_id: str) -> str:
        """The pseudonym of a subject."""
        return self._pseudonymizer.pseudonym(app_id, subject_id)

    def session(self, app_id: str, session_id: str) -> str:
        """The pseudonym of a session: its id would link the event to the person's other events."""
        return self._pseudonymizer.pseudonym(app_id, f"session\x00{session_id}")

    def rekeyed(self, app_id: str, anonymous_id: str) -> str:
        """Our pseudonym for a producer's own stand-in, which may be a hash that anybody can undo."""
        return self._pseudonymizer.pseudonym(app_id, f"anonymous\x00{anonymous_id}")
