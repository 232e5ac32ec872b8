"""Who stored events are about, for rows of older releases."""
