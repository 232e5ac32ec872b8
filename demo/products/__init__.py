"""The five products, one file each."""
