"""People whose data are restricted: what callers may not read about them."""
