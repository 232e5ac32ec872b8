"""How many people did some things so often, and others not."""
