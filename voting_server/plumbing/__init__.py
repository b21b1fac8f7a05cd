"""What every feature stands on: settings, databases, clock, cache, logs, metrics, problems, guards of requests."""
