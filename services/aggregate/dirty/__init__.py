"""Buckets whose numbers are not what the stored events come to any more."""
