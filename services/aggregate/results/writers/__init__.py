"""Who may write results while an erasure removes rows of them."""
