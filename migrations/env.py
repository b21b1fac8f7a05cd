"""Alembic's environment: the program opens the transaction and hands it over; there is no offline mode."""

from alembic import context

config = context.config
context.configure(
    connection=config.attributes["connection"],
    target_metadata=config.attributes["metadata"],
    render_as_batch=True,
)
context.run_migrations()
