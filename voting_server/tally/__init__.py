"""After the close: the cells' sums, what officers sign as results, and the totals that everybody reads."""
