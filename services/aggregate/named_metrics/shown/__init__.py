"""Which values of metrics are shown."""
