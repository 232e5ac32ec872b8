"""How many people went through steps."""
