"""The end of stored events: they go when they are past their limit."""
