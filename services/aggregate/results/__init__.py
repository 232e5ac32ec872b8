"""What jobs of the catalogs write down: the cells of a period as they were when it had ended."""
