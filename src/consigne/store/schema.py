"""Brings the schema up to date. Imported only where it is behind, for Alembic is slow to import."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from consigne.domain.errors import OperatorError

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x636F6E7369676E65
"""PostgreSQL's advisory lock of whoever migrates: any number that nobody else takes."""


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, working on this connection's transaction."""
    found = Config()
    found.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    found.attributes["connection"] = connection
    return found


def upgrade(connection: Connection, *, where: str) -> None:
    """Run the migrations that this database lacks, all in the caller's transaction or none.

    Raises:
        OperatorError: A newer version of Consigne wrote the database.
    """
    if connection.dialect.name == "postgresql":
        # SQLite's caller holds the file's one write lock by now; here replicas may start together.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    settings = config(connection)
    known = {script.revision for script in ScriptDirectory.from_config(settings).walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise OperatorError(
            f"The database {where} was written by a newer version of Consigne "
            f"(schema {current}). Install that version, or restore a backup from before it."
        )
    command.upgrade(settings, "head")
