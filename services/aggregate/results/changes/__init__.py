"""Whether what results are made of has changed."""
