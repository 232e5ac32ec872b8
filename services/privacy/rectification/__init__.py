"""Requests that correct a stored event of a person (GDPR, art. 16)."""
