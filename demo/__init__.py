"""A believable day of all five products, and the checks that its numbers come out right.

`generate_day` is pure: the same seed, size and day give the same events, ids included.
"""
