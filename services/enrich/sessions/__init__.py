"""When a session began and what its number is, across batches."""
