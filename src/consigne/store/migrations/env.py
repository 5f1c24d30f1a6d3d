"""Run by Alembic: migrates on the connection it is given, within that connection's transaction."""

from alembic import context

import consigne.store.responses_tables  # noqa: F401 - its tables belong to the metadata
from consigne.store.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,
)
context.run_migrations()
