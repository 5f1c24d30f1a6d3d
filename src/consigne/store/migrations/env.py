"""Run by Alembic: migrates on the connection it is given, within that connection's transaction."""

from alembic import context

from consigne.store import (  # noqa: F401 - their tables join the metadata
    assist_tables,
    batches_tables,
    chat_tables,
    documents_tables,
    edge_tables,
    files_tables,
    imports_tables,
    pictures_tables,
    projects_tables,
    responses_tables,
    shares_tables,
    tools_tables,
    usage_tables,
)
from consigne.store.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,
)
context.run_migrations()
