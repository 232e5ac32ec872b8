"""The end of stored events: they are anonymized on their due day, and go when they are past their limit."""
