"""Links by which anybody reads a conversation as it was when it was shared."""

import re
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Select, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.business.picture_copies import PictureCopies
from consigne.business.secret import new_secret
from consigne.chat import repository
from consigne.chat.belongings import mine, person
from consigne.chat.repository import conversation_row
from consigne.chat.snapshots import Made, SharedArtifact, Snapshot, copied, made_on, taken
from consigne.chat.transfers import add_conversation
from consigne.domain import sources
from consigne.domain.errors import Conflict, InvalidRequest, NotFound, NotPermitted
from consigne.domain.ids import is_id, new_id
from consigne.store.db import Database
from consigne.store.shares_tables import ShareRow
from consigne.store.tables import ConversationRow, MembershipRow
from consigne.store.tools_tables import ArtifactRow, ArtifactVersionRow

_snapshots = msgspec.json.Decoder(Snapshot)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class Share(msgspec.Struct, frozen=True):
    """A link, as its maker sees it."""

    id: str
    conversation_id: str
    title: str
    path: str
    """Where it is read."""
    messages: int
    created_at: datetime
    updated_at: datetime
    """When what it shows was taken."""
    behind: bool
    """Whether the conversation has gone on, or reads another branch, since."""


class Shared(msgspec.Struct, frozen=True):
    """What a reader of a link sees."""

    snapshot: Snapshot
    maker: Caller


class Shares:
    """Keeps links: each shows one conversation, until it is revoked or the conversation deleted."""

    def __init__(self, db: Database, copies: PictureCopies, *, enabled: bool = True) -> None:
        self._db = db
        self._copies = copies
        self.enabled = enabled

    async def list(self, caller: Caller) -> tuple[Share, ...]:
        """Return the caller's links, the latest first."""
        wanted = (
            select(
                ShareRow.id,
                ShareRow.conversation_id,
                ShareRow.title,
                ShareRow.token,
                ShareRow.messages,
                ShareRow.created_at,
                ShareRow.updated_at,
                (ShareRow.head_id != ConversationRow.head_id).label("behind"),
            )
            .join(ConversationRow, ConversationRow.id == ShareRow.conversation_id)
            .where(mine(ShareRow, caller), ConversationRow.deleted_at.is_(None))
            .order_by(ShareRow.updated_at.desc(), ShareRow.id.desc())
        )
        async with self._db.reading() as session:
            rows = (await session.execute(wanted)).all()
        return tuple(
            Share(
                id=row.id,
                conversation_id=row.conversation_id,
                title=row.title,
                path=_path(row.token),
                messages=row.messages,
                created_at=row.created_at,
                updated_at=row.updated_at,
                behind=bool(row.behind),
            )
            for row in rows
        )

    async def share(self, caller: Caller, conversation_id: str) -> Share:
        """Let a link show the branch that is read, as it is now; a link there is keeps its address.

        Raises:
            NotPermitted: The operator wants no links.
            NotFound: The caller has no such conversation.
            InvalidRequest: There is nothing in it.
            Conflict: An answer is being written.
        """
        if not self.enabled:
            raise NotPermitted("Sharing by link is switched off here.")
        now = sources.now()
        async with self._db.session() as session:
            row = await conversation_row(session, caller, conversation_id)
            if row.head_id is None:
                raise InvalidRequest("There is nothing to share in this conversation yet.")
            branch = await repository.branch(session, row.organisation_id, row.head_id)
            if any(message.state == "running" for message in branch):
                raise Conflict(
                    "An answer is being written. Share the conversation when it is done."
                )
            artifacts = await _artifacts(session, row, made_on(branch))
            share = await session.scalar(
                select(ShareRow).where(ShareRow.conversation_id == row.id, mine(ShareRow, caller))
            )
            if share is None:
                share = ShareRow(
                    id=new_id("share"),
                    organisation_id=row.organisation_id,
                    workspace_id=row.workspace_id,
                    user_id=person(caller, "Links"),
                    conversation_id=row.id,
                    token=new_secret(),
                    created_at=now,
                )
                session.add(share)
            snapshot = taken(row.title, branch, artifacts, now)
            share.snapshot = msgspec.json.encode(snapshot).decode()
            share.title, share.head_id = row.title, row.head_id
            share.messages, share.updated_at = len(branch), now
        return Share(
            id=share.id,
            conversation_id=share.conversation_id,
            title=share.title,
            path=_path(share.token),
            messages=share.messages,
            created_at=share.created_at,
            updated_at=share.updated_at,
            behind=False,
        )

    async def revoke(self, caller: Caller, share_id: str) -> None:
        """Let a link lead nowhere any more, for good.

        Raises:
            NotFound: The caller has no such link.
        """
        found = is_id(share_id, "share")
        if found:
            async with self._db.session() as session:
                gone = await session.execute(
                    delete(ShareRow)
                    .where(ShareRow.id == share_id, mine(ShareRow, caller))
                    .returning(ShareRow.id)
                )
                found = gone.one_or_none() is not None
        if not found:
            raise NotFound("There is no such link.")

    async def leads(self, token: str) -> bool:
        """Say whether a link leads somewhere."""
        if not self._may_lead(token):
            return False
        async with self._db.reading() as session:
            found = await session.scalar(_led_to(token).with_only_columns(ShareRow.id))
        return found is not None

    async def read(self, token: str) -> Shared:
        """Return what a link shows to anybody.

        Raises:
            NotFound: It was revoked, its conversation was deleted, or there never was one.
        """
        row = None
        if self._may_lead(token):
            async with self._db.reading() as session:
                row = await session.scalar(_led_to(token))
        if row is None:
            raise NotFound("This link leads nowhere: it was revoked, or there never was one.")
        maker = Caller(row.organisation_id, row.workspace_id, row.user_id, None, "member", "")
        return Shared(_snapshots.decode(row.snapshot), maker)

    def _may_lead(self, token: str) -> bool:
        return self.enabled and _TOKEN.fullmatch(token) is not None

    async def go_on(self, caller: Caller, token: str) -> str:
        """Give the caller a copy of what a link shows, to go on with; return its id.

        Raises:
            NotFound: See ``read``.
            NotPermitted: The caller is no person.
            OperatorError: The object store can't be written.
        """
        user_id = person(caller, "Conversations")
        shared = await self.read(token)
        snapshot = shared.snapshot
        pictures = await self._copies.make(shared.maker, caller, snapshot.pictures)
        renamed = {artifact.id: new_id("art") for artifact in snapshot.artifacts}
        async with self._db.session() as session:
            await self._copies.show(session, caller, pictures.values())
            shown = copied(snapshot, renamed | pictures)
            made = await add_conversation(session, caller, user_id, shown)
            now = sources.now()
            made.created_at = made.updated_at = now
            await _copy_artifacts(session, made, snapshot.artifacts, renamed)
            return made.id


def _led_to(token: str) -> Select[ShareRow]:
    """Return the query for a link's row, while its conversation and its maker are there."""
    member = exists(
        select(MembershipRow.user_id).where(
            MembershipRow.user_id == ShareRow.user_id,
            MembershipRow.organisation_id == ShareRow.organisation_id,
        )
    )
    return (
        select(ShareRow)
        .join(ConversationRow, ConversationRow.id == ShareRow.conversation_id)
        .where(
            ShareRow.token == token,
            ConversationRow.organisation_id == ShareRow.organisation_id,
            ConversationRow.deleted_at.is_(None),
            member,
        )
    )


def _path(token: str) -> str:
    return f"/share/{token}"


async def _artifacts(
    session: AsyncSession, row: ConversationRow, made: Sequence[Made]
) -> list[SharedArtifact]:
    if not made:
        return []
    found = await session.execute(
        select(ArtifactRow, ArtifactVersionRow)
        .join(ArtifactVersionRow, ArtifactVersionRow.artifact_id == ArtifactRow.id)
        .where(
            ArtifactRow.id.in_({known for known, _ in made}),
            ArtifactRow.conversation_id == row.id,
            ArtifactRow.organisation_id == row.organisation_id,
            ArtifactVersionRow.organisation_id == row.organisation_id,
        )
        .order_by(ArtifactRow.id, ArtifactVersionRow.number)
    )
    return [
        SharedArtifact(
            artifact.id,
            version.number,
            artifact.title,
            artifact.kind,
            artifact.language,
            version.content,
        )
        for artifact, version in found
        if (artifact.id, version.number) in made
    ]


async def _copy_artifacts(
    session: AsyncSession,
    row: ConversationRow,
    artifacts: Sequence[SharedArtifact],
    renamed: dict[str, str],
) -> None:
    numbers: dict[str, int] = {}
    for each in artifacts:
        known = renamed[each.id]
        if each.id not in numbers:
            session.add(
                ArtifactRow(
                    id=known,
                    organisation_id=row.organisation_id,
                    conversation_id=row.id,
                    title=each.title,
                    kind=each.kind,
                    language=each.language,
                    created_at=row.created_at,
                )
            )
            await session.flush()
        numbers[each.id] = numbers.get(each.id, 0) + 1
        session.add(
            ArtifactVersionRow(
                artifact_id=known,
                number=numbers[each.id],
                organisation_id=row.organisation_id,
                content=each.content,
                created_at=row.created_at,
            )
        )
