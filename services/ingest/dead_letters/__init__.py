"""Dead letters: the table that keeps them."""
