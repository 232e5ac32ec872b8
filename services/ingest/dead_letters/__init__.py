"""Dead letters: how much of a rejected event they hold, and the table that keeps them."""
