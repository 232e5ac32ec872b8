"""Buckets counted again from the stored events, while counting goes on."""
