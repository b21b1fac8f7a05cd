"""Alembic's migrations, one history a side; a test compares them with the tables that the stores declare."""
