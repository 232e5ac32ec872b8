"""Decides where a chain goes on."""

from services.privacy.audit.chain import NO_ENTRIES, ChainKeys, Head
from services.privacy.audit.model import SignedHead


def first_head(
    keys: ChainKeys,
    app_id: str,
    stored: SignedHead | None,
    published: SignedHead | None,
    last: Head | None,
) -> Head:
    """The head behind which the next entry comes: the latest of the one that is stored beside the entries and
    the one that was published, if the service signed them, and of the last entry itself.

    So what was cut off at the end leaves a gap that verification finds, and is not covered by new entries at
    the same places.
    """
    signed = [
        each.head
        for each in (stored, published)
        if each is not None and is_signed(keys, app_id, each)
    ]
    return max([NO_ENTRIES, *signed, *([last] if last else [])], key=lambda head: head.sequence)


def is_signed(keys: ChainKeys, app_id: str, signed: SignedHead) -> bool:
    """Whether the service signed a head, with any of its keys."""
    return keys.signer(app_id, signed.head, signed.signature) is not None
