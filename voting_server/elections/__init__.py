"""Elections: founding one from its manifest, taking in author-signed entries, saying what stage it is in."""
