"""Benchmarks of the election: one table, one file of figures, peers measured in the same run (`make bench`)."""
