"""What catalogs mark `x-pii: sealed` is stored encrypted, under a key of the event's person."""
