"""What a reader may say of an entry. The messages go to the log, so nothing of its contents is in them."""


class EntryError(ValueError):
    """An entry cannot be handled for a reason of its own; it is tried again alone, and then quarantined."""


class NotYetError(EntryError):
    """An entry cannot be handled before something outside of it happens. It stays in its stream and is
    tried again, however often; as long as a reader raises this, it is not quarantined."""


class UnreadableError(EntryError):
    """An entry is nothing that this reader can ever read: it is quarantined at once."""
