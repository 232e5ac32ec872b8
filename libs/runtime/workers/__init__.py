"""Several processes of one service that take calls on one port, and the parent that starts them."""
