"""Whether stored results are what their jobs would write now."""
