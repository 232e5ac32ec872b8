"""What a reader may say of an entry. The messages go to the log, so nothing of its contents is in them."""


class EntryError(ValueError):
    """An entry cannot be handled for a reason of its own; it is tried again alone, and then quarantined."""


class UnreadableError(EntryError):
    """An entry is nothing that this reader can ever read: it is quarantined at once."""
