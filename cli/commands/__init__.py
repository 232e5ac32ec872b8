"""The commands of `weir`, one file per noun."""
