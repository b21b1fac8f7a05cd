"""Tests: data in `vectors/`, one folder a suite, suites and their time limits in `budget.toml`."""
