"""Stored events lose whom they are about when their catalog says so (`anonymize_after`)."""
