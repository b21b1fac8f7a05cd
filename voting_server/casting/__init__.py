"""Casting: log-in by passkey, nonces, ballots, challenges, and what became of them. It never learns who anybody is."""
