"""The protocol: what the election's entries say, and the one state machine that accepts or refuses them."""
