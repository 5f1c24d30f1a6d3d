"""What people think of answers, kept so that a model can be trained on it."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.chat import repository
from consigne.chat.belongings import many_lines, mine, person
from consigne.chat.values import StoredMessage
from consigne.domain import sources
from consigne.domain.errors import Conflict, InvalidRequest
from consigne.domain.ids import new_id
from consigne.store.assist_tables import FeedbackRow
from consigne.store.db import Database
from consigne.store.tables import ConversationRow, MessageRow, RunRow

Rating = Literal["up", "down"]
Reason = Literal[
    "correct", "clear", "complete", "style",
    "wrong", "unclear", "incomplete", "off_topic", "refused", "harmful", "slow", "other",
]  # fmt: skip
REASONS: dict[Rating, tuple[str, ...]] = {
    "up": ("correct", "clear", "complete", "style", "other"),
    "down": ("wrong", "unclear", "incomplete", "off_topic", "refused", "harmful", "slow", "other"),
}
Form = Literal["ratings", "pairs"]
FORMS: tuple[Form, ...] = get_args(Form)
LONGEST_COMMENT = 4000
_AT_ONCE = 100


class Opinion(msgspec.Struct, frozen=True):
    """What a person thinks of an answer."""

    message_id: str
    rating: Rating
    reasons: tuple[str, ...]
    comment: str
    updated_at: datetime


class Feedback:
    """Keeps one opinion for each person and answer."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of_conversation(self, caller: Caller, conversation_id: str) -> tuple[Opinion, ...]:
        """Return what the caller thinks of a conversation's answers.

        Raises:
            NotFound: The caller has no such conversation.
        """
        async with self._db.reading() as session:
            row = await repository.conversation_row(session, caller, conversation_id)
            rows = await session.scalars(
                select(FeedbackRow)
                .join(MessageRow, MessageRow.id == FeedbackRow.message_id)
                .where(
                    mine(FeedbackRow, caller),
                    MessageRow.conversation_id == row.id,
                    MessageRow.organisation_id == row.organisation_id,
                )
                .order_by(FeedbackRow.id)
            )
            return tuple(_opinion(found) for found in rows)

    async def give(
        self,
        caller: Caller,
        message_id: str,
        rating: Rating,
        reasons: Sequence[str] = (),
        comment: str = "",
    ) -> Opinion:
        """Say what the caller thinks of an answer, in place of what they said before.

        Raises:
            NotFound: The caller has no such message.
            InvalidRequest: It is no answer, or a reason does not go with the rating.
            Conflict: It is still being written.
        """
        user_id = person(caller, "Opinions")
        if wrong := [reason for reason in reasons if reason not in REASONS[rating]]:
            raise InvalidRequest(
                f"'{wrong[0]}' is no reason for '{rating}'; "
                f"the reasons are: {', '.join(REASONS[rating])}.",
                param="reasons",
            )
        comment = many_lines(comment, "comment", LONGEST_COMMENT, required=False)
        now = sources.now()
        async with self._db.session() as session:
            message, conversation = await repository.message_rows(session, caller, message_id)
            if message.role != "assistant":
                raise InvalidRequest("Only an answer can be rated.")
            if message.state == "running":
                raise Conflict("The answer is still being written. Rate it when it is whole.")
            row = await _row(session, caller, message_id)
            if row is None:
                row = FeedbackRow(
                    id=new_id("fb"),
                    organisation_id=conversation.organisation_id,
                    workspace_id=conversation.workspace_id,
                    user_id=user_id,
                    message_id=message.id,
                    created_at=now,
                )
                session.add(row)
            row.rating, row.comment, row.updated_at = rating, comment, now
            row.reasons = msgspec.json.encode(list(dict.fromkeys(reasons))).decode()
            return _opinion(row)

    async def take_back(self, caller: Caller, message_id: str) -> None:
        """Forget what the caller thinks of an answer; nothing happens if they said nothing.

        Raises:
            NotFound: The caller has no such message.
        """
        async with self._db.session() as session:
            message, _ = await repository.message_rows(session, caller, message_id)
            await session.execute(
                delete(FeedbackRow).where(
                    FeedbackRow.message_id == message.id, mine(FeedbackRow, caller)
                )
            )

    async def export(
        self, organisation_id: str, form: Form = "ratings"
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield an organisation's feedback for training, the oldest first.

        ``ratings``: one record for each opinion: the prompt (system text and branch), the
        completion, ``label`` (whether it was liked), and all that is known of how it was made.
        ``pairs``: one for each disliked answer beside a liked one to the same question: prompt,
        ``chosen`` and ``rejected``. Conversations that were deleted are left out.
        """
        after = ""
        while True:
            async with self._db.reading() as session:
                rows = await _rated(session, organisation_id, after)
                for row in rows:
                    if form == "ratings":
                        yield await _rating(session, row)
                    elif row[0].rating == "down":
                        for better in await _better(session, row[0], row[1]):
                            yield await _pair(session, row, better)
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1][0].id


_Rated = tuple[FeedbackRow, MessageRow, RunRow | None]


async def _row(session: AsyncSession, caller: Caller, message_id: str) -> FeedbackRow | None:
    found: FeedbackRow | None = await session.scalar(
        select(FeedbackRow).where(FeedbackRow.message_id == message_id, mine(FeedbackRow, caller))
    )
    return found


def _all_rated(organisation_id: str) -> Any:
    return (
        select(FeedbackRow, MessageRow, RunRow)
        .join(MessageRow, MessageRow.id == FeedbackRow.message_id)
        .join(ConversationRow, ConversationRow.id == MessageRow.conversation_id)
        .outerjoin(RunRow, RunRow.id == MessageRow.run_id)
        .where(
            FeedbackRow.organisation_id == organisation_id,
            MessageRow.organisation_id == organisation_id,
            ConversationRow.deleted_at.is_(None),
        )
        .order_by(FeedbackRow.id)
    )


async def _rated(session: AsyncSession, organisation_id: str, after: str) -> list[_Rated]:
    wanted = _all_rated(organisation_id).where(FeedbackRow.id > after).limit(_AT_ONCE)
    return [(row[0], row[1], row[2]) for row in await session.execute(wanted)]


async def _better(session: AsyncSession, feedback: FeedbackRow, worse: MessageRow) -> list[_Rated]:
    """Return the answers to the same question that the same person likes."""
    wanted = _all_rated(feedback.organisation_id).where(
        MessageRow.parent_id == worse.parent_id,
        FeedbackRow.rating == "up",
        FeedbackRow.user_id == feedback.user_id,
    )
    return [(row[0], row[1], row[2]) for row in await session.execute(wanted)]


async def _prompt(session: AsyncSession, row: _Rated) -> list[dict[str, str]]:
    _, message, run = row
    branch = await repository.branch(session, message.organisation_id, message.id)
    said = [_turn(before) for before in branch[:-1] if before.text]
    system = "\n\n".join(block["text"] for block in _settings(run).get("system", ()))
    return [{"role": "system", "content": system}, *said] if system else said


async def _rating(session: AsyncSession, row: _Rated) -> dict[str, Any]:
    feedback, message, run = row
    settings = _settings(run)
    settings.pop("system", None)
    return {
        "id": feedback.id,
        "prompt": await _prompt(session, row),
        "completion": [_turn(repository.as_message(message))],
        "label": feedback.rating == "up",
        "reasons": msgspec.json.decode(feedback.reasons),
        "comment": feedback.comment,
        "model": run.model if run else message.model,
        "settings": settings,
        "state": message.state,
        "user_id": feedback.user_id,
        "conversation_id": message.conversation_id,
        "message_id": message.id,
        "rated_at": feedback.updated_at,
    }


async def _pair(session: AsyncSession, worse: _Rated, better: _Rated) -> dict[str, Any]:
    chosen, rejected = (repository.as_message(row[1]) for row in (better, worse))
    return {
        "id": f"{better[0].id}:{worse[0].id}",
        "prompt": await _prompt(session, better),
        "chosen": [_turn(chosen)],
        "rejected": [_turn(rejected)],
        "chosen_model": better[2].model if better[2] else chosen.model,
        "rejected_model": worse[2].model if worse[2] else rejected.model,
        "reasons": msgspec.json.decode(worse[0].reasons),
        "comment": worse[0].comment,
        "user_id": worse[0].user_id,
        "rated_at": max(better[0].updated_at, worse[0].updated_at),
    }


def _turn(message: StoredMessage) -> dict[str, str]:
    return {"role": message.role, "content": message.text}


def _settings(run: RunRow | None) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(run.settings) if run and run.settings else {}
    return found


def _opinion(row: FeedbackRow) -> Opinion:
    return Opinion(
        message_id=row.message_id,
        rating="up" if row.rating == "up" else "down",
        reasons=tuple(msgspec.json.decode(row.reasons)),
        comment=row.comment,
        updated_at=row.updated_at,
    )
