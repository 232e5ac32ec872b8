"""What becomes of the cells when the catalog declares a rollup anew, or in another way."""
