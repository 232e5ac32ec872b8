"""What is decided about an event on its way in: from the call to the raw stream."""
