"""What a reader may say of an entry. The messages go to the log, so nothing of its contents is in them."""


class EntryError(ValueError):
    """An entry cannot be handled for a reason of its own; it is tried again alone, and then put aside."""


class UnreadableError(EntryError):
    """An entry is nothing that this reader knows, and never will be: it is put aside at once."""
