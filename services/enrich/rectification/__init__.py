"""Correcting properties of a stored event, as its person has asked."""
