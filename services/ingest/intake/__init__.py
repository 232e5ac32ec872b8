"""Takes events in: from the call to the raw stream."""
