"""Times between events of a person, computed when cells are read."""
