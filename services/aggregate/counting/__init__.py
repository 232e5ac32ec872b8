"""From stored batches to changed cells: columns, adding up, one transaction."""
