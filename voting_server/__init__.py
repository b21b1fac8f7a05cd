"""The voting server: elections, roll, casting, board and tally behind HTTP; two sides that share no database."""
