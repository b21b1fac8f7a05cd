"""Tally: aggregates of the closed log, and what the results came to."""
