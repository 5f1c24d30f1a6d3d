"""Temporary chats: nothing of them is stored, neither in the database nor in a log.

Only what they used is counted, to the organisation alone: not whose they were, nor which.

The page holds the conversation and sends it whole with each question. The server holds one answer
in its memory while it is written, and a minute longer for a reader whose connection broke.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Literal

import msgspec

from consigne.business.caller import Caller
from consigne.business.usage import UsageLog
from consigne.chat import history
from consigne.chat.belongings import person
from consigne.chat.conversations import set_rule_title
from consigne.chat.grounding import Grounding
from consigne.chat.guidance import Guidance, Guide
from consigne.chat.live import Ending, LiveRun, start_body
from consigne.chat.recording import recorded
from consigne.chat.repository import as_conversation, encode_content
from consigne.chat.runs import Generator
from consigne.chat.titles import by_rule
from consigne.chat.turns import Turn, choose
from consigne.chat.values import (
    Conversation,
    Problem,
    RunEvent,
    RunRef,
    Started,
    StoredMessage,
)
from consigne.domain import sources
from consigne.domain.errors import ConsigneError, InvalidRequest, OperatorError
from consigne.domain.events import MessageStop, TextDelta, ThinkingDelta
from consigne.domain.ids import new_id
from consigne.domain.messages import TextBlock
from consigne.store.db import Database
from consigne.store.tables import ConversationRow, MessageRow

log = logging.getLogger(__name__)

KEPT_S = 60.0
"""For so long an answer that has ended can still be read."""
MOST_MESSAGES = 1000


class Said(msgspec.Struct, frozen=True):
    """A turn of a temporary chat as the page holds it."""

    role: Literal["user", "assistant"]
    text: str
    model: str = ""


class Temporary:
    """Answers in temporary chats."""

    def __init__(
        self,
        db: Database,
        gateway: Generator,
        guide: Guide | None = None,
        grounding: Grounding | None = None,
        usage: UsageLog | None = None,
    ) -> None:
        self._db = db
        self._usage = usage
        self._gateway = gateway
        self._guide = guide
        self._grounding = grounding
        self._live: dict[str, tuple[LiveRun, str, str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def answer(self, caller: Caller, said: Sequence[Said], model: str = "") -> Started:
        """Begin to answer the last question of a chat.

        Raises:
            InvalidRequest: What was said does not end with a question.
            ModelNotFound: There is no such model.
            NotPermitted: The caller is no person.
        """
        user_id = person(caller, "Conversations")
        branch = _branch(said)
        if branch[-1].role != "user":
            raise InvalidRequest("The last message is a question.", param="messages")
        async with self._db.reading() as session:
            chosen = await choose(session, caller, model, self._gateway.resolve)
        answer = _message("assistant", "", parent_id=branch[-1].id, model=chosen.name)
        answer = msgspec.structs.replace(answer, run_id=new_id("run"), state="running")
        turn = Turn(
            question=branch[-1],
            answer=answer,
            model=chosen.model,
            organisation_id=caller.organisation_id,
            conversation_id="",
            person=caller,
            assistant=chosen.assistant,
            temporary=True,
        )
        run = LiveRun(caller.organisation_id, "", answer)
        self._live[run.id] = run, caller.organisation_id, user_id
        run.say("start", start_body(answer))
        run.publish(run.take())
        work = self._generate(run, turn, branch)
        run.work = asyncio.create_task(recorded(self._usage, turn, work))
        task = asyncio.create_task(self._own(run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Started(answer, RunRef(run.id))

    def events(
        self, caller: Caller, run_id: str, after: int = 0
    ) -> AsyncIterator[Sequence[RunEvent]] | None:
        """Return a run's events after a number; ``None`` if the caller has no such run here."""
        run = self._run(caller, run_id)
        return run.follow(after) if run else None

    def stop(self, caller: Caller, run_id: str) -> bool:
        """Stop a run; say whether the caller has it here."""
        run = self._run(caller, run_id)
        if run:
            run.break_off("stopped")
        return run is not None

    async def keep(self, caller: Caller, said: Sequence[Said], model: str = "") -> Conversation:
        """Store a temporary chat as a conversation like any other.

        Raises:
            InvalidRequest: Nothing was said, or it does not alternate.
            ModelNotFound: There is no such model.
            NotPermitted: The caller is no person.
        """
        user_id = person(caller, "Conversations")
        branch, now = _branch(said), sources.now()
        async with self._db.session() as session:
            chosen = await choose(session, caller, model, self._gateway.resolve)
            row = ConversationRow(
                id=new_id("conv"),
                organisation_id=caller.organisation_id,
                workspace_id=caller.workspace_id,
                user_id=user_id,
                title="",
                title_by="rule",
                title_folded="",
                model=chosen.name,
                head_id=branch[-1].id,
                created_at=now,
                updated_at=now,
            )
            set_rule_title(row, by_rule(branch[0].text))
            session.add(row)
            await session.flush()
            for message in branch:
                session.add(_row(row, message))
                await session.flush()  # each refers to the one before
        return as_conversation(row, running=False)

    async def close(self) -> None:
        """Break off what is being written; nothing of it is kept."""
        for run, _, _ in self._live.values():
            run.break_off("interrupted")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._live.clear()

    def _run(self, caller: Caller, run_id: str) -> LiveRun | None:
        found = self._live.get(run_id)
        whose = caller.organisation_id, caller.user_id
        return found[0] if found is not None and found[1:] == whose else None

    async def _own(self, run: LiveRun) -> None:
        assert run.work is not None
        try:
            await asyncio.wait((run.work,))
            run.ending = _ending(run)
            run.publish(run.take())
            await asyncio.sleep(KEPT_S)
        finally:
            self._live.pop(run.id, None)

    async def _generate(self, run: LiveRun, turn: Turn, branch: Sequence[StoredMessage]) -> Ending:
        guidance = await self._guide.guidance(turn, branch) if self._guide else Guidance()
        if self._grounding is not None:
            grounded = await self._grounding.ground(
                turn.model, turn.organisation_id, branch, turn.knowledge
            )
            branch, run.shown = grounded.branch, grounded.shown
            guidance = grounded.told(guidance)
        built = await history.build(self._gateway, turn.model, branch, guidance)
        run.message = msgspec.structs.replace(run.message, left_out=built.left_out)
        events = self._gateway.generate(built.request)
        try:
            async for event in events:
                match event:
                    case TextDelta():
                        run.write("delta", event.text)
                    case ThinkingDelta():
                        run.write("thinking", event.thinking)
                    case MessageStop():
                        return Ending("complete", event.stop_reason, usage=event.usage)
                    case _:
                        continue
                run.publish(run.take())
        finally:
            if close := getattr(events, "aclose", None):
                await close()
        raise ConsigneError("The model's answer has no end.")


def _ending(run: LiveRun) -> Ending:
    assert run.work is not None
    if run.work.cancelled():
        return Ending("stopped", stop_reason="cancelled")
    error = run.work.exception()
    if error is None:
        return run.work.result()
    if isinstance(error, ConsigneError) and not isinstance(error, OperatorError):
        return Ending("failed", error=Problem(error.code, error.message))
    # The error's own text may hold what was said.
    log.error("%s: a temporary answer failed with %s", run.id, type(error).__name__)
    return Ending("failed", error=Problem(ConsigneError.code, f"Something went wrong: {run.id}"))


def _branch(said: Sequence[Said]) -> list[StoredMessage]:
    if not said or len(said) > MOST_MESSAGES:
        raise InvalidRequest(f"There are 1 to {MOST_MESSAGES} messages.", param="messages")
    branch: list[StoredMessage] = []
    for at, turn in enumerate(said):
        if turn.role != ("assistant" if at % 2 else "user"):
            raise InvalidRequest("Questions and answers alternate.", param=f"messages.{at}.role")
        if turn.role == "user" and not turn.text.strip():
            raise InvalidRequest("The message is empty.", param=f"messages.{at}.text")
        parent = branch[-1].id if branch else None
        branch.append(_message(turn.role, turn.text, parent_id=parent, model=turn.model))
    return branch


def _message(
    role: Literal["user", "assistant"], text: str, *, parent_id: str | None, model: str
) -> StoredMessage:
    text = text.encode("utf-8", "replace").decode().replace("\x00", "")
    return StoredMessage(
        id=new_id("msg"),
        parent_id=parent_id,
        role=role,
        content=(TextBlock(text),) if text else (),
        model=model or None if role == "assistant" else None,
        state="complete",
        stop_reason=None,
        error=None,
        usage=None,
        left_out=0,
        created_at=sources.now(),
        run_id=None,
    )


def _row(conversation: ConversationRow, message: StoredMessage) -> MessageRow:
    return MessageRow(
        id=message.id,
        organisation_id=conversation.organisation_id,
        conversation_id=conversation.id,
        parent_id=message.parent_id,
        role=message.role,
        content=encode_content(message.content),
        model=message.model,
        state=message.state,
        left_out=0,
        created_at=message.created_at,
    )
