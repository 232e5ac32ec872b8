"""The partitions of `enrich.events`: which there should be, and keeping it so."""
