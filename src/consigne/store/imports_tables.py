"""The table of files of conversations that are being taken in."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from consigne.store.tables import ID, Table


class ImportRow(Table):
    """A file of conversations; its content is in the object store until it is taken in."""

    __tablename__ = "imports"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE"), index=True
    )
    workspace_id: Mapped[str] = mapped_column(ID, ForeignKey("workspaces.id", ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(ID, ForeignKey("users.id", ondelete="CASCADE"))
    filename: Mapped[str]
    state: Mapped[str]
    """``sending``, ``running``, ``done`` or ``failed``."""
    done: Mapped[int]
    """How many of its conversations are taken in."""
    total: Mapped[int | None]
    """How many it has; unknown until it is read."""
    left_out: Mapped[str | None]
    """JSON: what was not taken, and how often."""
    error: Mapped[str | None]
    """Why it failed, for its reader."""
    created_at: Mapped[datetime]
