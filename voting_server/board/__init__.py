"""The bulletin board: what was taken in, the log's blocks, its witnesses, and its files."""
