"""What a person does to a conversation, each in one transaction: ask, ask again, let go on."""

from collections.abc import Callable, Sequence

import msgspec
from msgspec.json import encode
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.chat import titles
from consigne.chat.assistants import Assistant, is_assistant, usable_assistant
from consigne.chat.conversations import set_rule_title
from consigne.chat.project_access import Followed, followed
from consigne.chat.repository import (
    add_answer,
    add_run,
    as_message,
    conversation_row,
    encode_content,
    has_children,
    message_rows,
)
from consigne.chat.tools.picture_parts import Part, as_block
from consigne.chat.values import Attachment, Mode, RunRef, Sent, Started, StoredMessage
from consigne.documents.values import Document
from consigne.domain import sources
from consigne.domain.errors import Conflict, ImagesUnsupported, InvalidRequest, NotFound
from consigne.domain.ids import new_id
from consigne.domain.messages import TextBlock, ToolUseBlock
from consigne.domain.models import Model
from consigne.store.tables import ConversationRow, MessageRow

Resolve = Callable[[str], Model]
"""Finds the model of a name (``Gateway.resolve``)."""

_MAY_GO_ON = ("stopped", "interrupted", "failed")
_CUT_SHORT = ("max_tokens", "context_full")


class Question(msgspec.Struct, frozen=True):
    """What a person sends."""

    conversation_id: str
    text: str
    client_id: str
    """Made by the page for this message: sent twice, it is taken once."""
    parent_id: str | None = None
    """The answer it follows; ``None`` begins the conversation, or begins it anew."""
    model: str = ""
    """Empty takes the conversation's."""
    mode: Mode = ""
    """How it is to be answered."""
    attachments: tuple[Attachment, ...] = ()
    """Files that the caller was found to own."""
    second_model: str = ""
    """Answers too, beside the first; the reader then chooses one of the two."""
    part: Part | None = None
    """The part of a picture of the caller's that is to be drawn anew."""


class Chosen(msgspec.Struct, frozen=True):
    """What answers: a model, perhaps as an assistant."""

    model: Model
    assistant: Assistant | None = None

    @property
    def name(self) -> str:
        """The name that chose it: the assistant's id, or else the model's."""
        return self.assistant.id if self.assistant else self.model.id


async def choose(session: AsyncSession, caller: Caller, name: str, resolve: Resolve) -> Chosen:
    """Return what a name means to the caller: one of their assistants, or a model.

    Raises:
        ModelNotFound: There is no such model or assistant.
    """
    if not is_assistant(name):
        return Chosen(resolve(name))
    assistant = await usable_assistant(session, caller, name)
    return Chosen(resolve(assistant.model), assistant)


def attachment(file: Document) -> Attachment:
    """Return a file as the question says that it has it."""
    return Attachment(
        file.id, file.kind, file.filename, file.media_type, file.size, file.excerpt[:200]
    )


class Turn(msgspec.Struct, frozen=True):
    """An answer that is to be written, and all that its run must know."""

    question: StoredMessage
    answer: StoredMessage
    model: Model
    person: Caller
    organisation_id: str
    conversation_id: str
    assistant: Assistant | None = None
    """Who answers with the model, if anybody does."""
    project: Followed | None = None
    """What the conversation's project gives it."""
    temporary: bool = False
    """Whether nothing of it is stored."""
    new_title: str = ""
    """The title that the conversation was given for this question, if it was."""
    beside: "Turn | None" = None
    """The second model's answer to the same question."""

    @property
    def knowledge(self) -> tuple[str, ...]:
        """The ids of the documents that its assistant and its project know."""
        known = self.assistant.knowledge if self.assistant else ()
        return tuple(dict.fromkeys((*known, *(self.project.knowledge if self.project else ()))))

    @property
    def run(self) -> RunRef:
        """The run that writes the answer."""
        assert self.answer.run_id is not None
        return RunRef(self.answer.run_id)

    @property
    def sent(self) -> Sent:
        """What the page is told of it."""
        beside = Started(self.beside.answer, self.beside.run) if self.beside else None
        return Sent(self.question, self.answer, self.run, beside)


async def sent_before(session: AsyncSession, caller: Caller, question: Question) -> Sent | None:
    """Return the message that was sent with the same client id, and its first answer.

    Raises:
        NotFound: The caller has no such conversation.
    """
    conversation = await conversation_row(session, caller, question.conversation_id)
    asked, _ = await _known(session, conversation, question)
    return None if asked is None else await _answered(session, conversation, asked)


async def ask(
    session: AsyncSession, caller: Caller, question: Question, resolve: Resolve
) -> Turn | Sent:
    """Store a question and the empty answer to it, or return what ``sent_before`` does.

    Raises:
        NotFound: The caller has no such conversation, or it has no such parent.
        ModelNotFound: There is no such model.
        InvalidRequest: The text is empty, the parent is no answer, or the two models are one.
        ImagesUnsupported: A picture is attached, and the model sees none.
        Conflict: The parent is still being written.
    """
    conversation = await conversation_row(session, caller, question.conversation_id)
    before, parent = await _known(session, conversation, question)
    if before is not None:
        return await _answered(session, conversation, before)
    text = question.text.replace("\x00", "")  # PostgreSQL keeps no NUL
    if not text.strip():
        raise InvalidRequest("The message is empty.", param="text")
    if question.parent_id is not None:
        _check_parent(parent)
    chosen = await choose(session, caller, question.model or conversation.model, resolve)
    _check_seen(question.attachments, chosen.model)
    second = None
    if question.second_model:
        second = await choose(session, caller, question.second_model, resolve)
        _check_seen(question.attachments, second.model)
        if second.name == chosen.name:
            raise InvalidRequest("Choose two different models.", param="second_model")
    about = () if question.part is None else (as_block(question.part),)
    asked = MessageRow(
        id=new_id("msg"),
        organisation_id=conversation.organisation_id,
        conversation_id=conversation.id,
        parent_id=question.parent_id,
        role="user",
        content=encode_content((TextBlock(text), *about)),
        state="complete",
        left_out=0,
        client_id=question.client_id,
        mode=("picture" if about else question.mode) or None,
        attachments=encode(question.attachments).decode() if question.attachments else None,
        created_at=sources.now(),
    )
    session.add(asked)
    title = titles.by_rule(text) if not conversation.title else ""
    if title:
        set_rule_title(conversation, title)
    return await _answer(session, caller, conversation, asked, chosen, title, second)


async def ask_again(
    session: AsyncSession, caller: Caller, question_id: str, model: str, resolve: Resolve
) -> Turn:
    """Store another empty answer to a question.

    Raises:
        NotFound: The caller has no such message.
        ModelNotFound: There is no such model.
        InvalidRequest: The message is no question.
    """
    asked, conversation = await message_rows(session, caller, question_id)
    if asked.role != "user":
        raise InvalidRequest("Only a question can be answered again.")
    chosen = await choose(session, caller, model or conversation.model, resolve)
    _check_seen(as_message(asked).attachments, chosen.model)
    return await _answer(session, caller, conversation, asked, chosen, "")


async def go_on(session: AsyncSession, caller: Caller, answer_id: str, resolve: Resolve) -> Turn:
    """Open an answer that was cut, so that a new run goes on with it.

    Raises:
        NotFound: The caller has no such message.
        ModelNotFound: Its model is not installed any more.
        Conflict: It is being written, or is whole, or the conversation goes on after it.
    """
    row, conversation = await message_rows(session, caller, answer_id, lock=True)
    whole = row.state not in _MAY_GO_ON and row.stop_reason not in _CUT_SHORT
    if row.role != "assistant" or whole:
        raise Conflict("This answer is not cut short, so there is nothing to go on with.")
    if await has_children(session, row):
        raise Conflict("The conversation goes on after this answer. Ask for a new one instead.")
    chosen = await choose(session, caller, row.model or "", resolve)
    if not _is_begun(as_message(row)):
        row.content = "[]"  # thought alone can't be gone on with: the answer begins anew
    row.state, row.stop_reason, row.error_code, row.error_message = "running", None, None, None
    row.run_id = new_id("run")
    if row.id != conversation.beside_id:
        conversation.head_id = row.id
    conversation.updated_at = sources.now()
    add_run(session, row, row.run_id, chosen.model.id)
    await session.flush()
    asked, _ = await message_rows(session, caller, row.parent_id or "")
    return await _turn(session, caller, conversation, asked, row, chosen, "")


def _is_begun(answer: StoredMessage) -> bool:
    return bool(answer.text) or any(isinstance(block, ToolUseBlock) for block in answer.content)


async def _answer(
    session: AsyncSession,
    caller: Caller,
    conversation: ConversationRow,
    asked: MessageRow,
    chosen: Chosen,
    new_title: str,
    second: Chosen | None = None,
) -> Turn:
    run_id = new_id("run")
    # Versions stand in the order of their ids, and two of one millisecond have none.
    first, later = sorted((new_id("msg"), new_id("msg")))
    row = add_answer(session, conversation, asked.id, chosen.name, run_id, message_id=first)
    add_run(session, row, run_id, chosen.model.id)
    beside = None
    if second is not None:
        other_run = new_id("run")
        other = add_answer(
            session,
            conversation,
            asked.id,
            second.name,
            other_run,
            message_id=later,
            beside=True,
        )
        add_run(session, other, other_run, second.model.id)
        beside = await _turn(session, caller, conversation, asked, other, second, "")
    await session.flush()
    turn = await _turn(session, caller, conversation, asked, row, chosen, new_title)
    return msgspec.structs.replace(turn, beside=beside)


async def _turn(
    session: AsyncSession,
    caller: Caller,
    conversation: ConversationRow,
    asked: MessageRow,
    row: MessageRow,
    chosen: Chosen,
    new_title: str,
) -> Turn:
    return Turn(
        question=as_message(asked),
        answer=as_message(row),
        model=chosen.model,
        assistant=chosen.assistant,
        project=await followed(session, caller, conversation.project_id),
        organisation_id=conversation.organisation_id,
        conversation_id=conversation.id,
        person=caller,
        new_title=new_title,
    )


async def _known(
    session: AsyncSession, conversation: ConversationRow, question: Question
) -> tuple[MessageRow | None, MessageRow | None]:
    """Return the message that was sent with the question's client id, and its parent."""
    rows = await session.scalars(
        select(MessageRow).where(
            MessageRow.conversation_id == conversation.id,
            MessageRow.organisation_id == conversation.organisation_id,
            (MessageRow.client_id == question.client_id) | (MessageRow.id == question.parent_id),
        )
    )
    found = rows.all()
    asked = next((row for row in found if row.client_id == question.client_id), None)
    return asked, next((row for row in found if row.id == question.parent_id), None)


async def _answered(
    session: AsyncSession, conversation: ConversationRow, asked: MessageRow
) -> Sent:
    answers = await session.scalars(
        select(MessageRow)
        .where(
            MessageRow.parent_id == asked.id, MessageRow.organisation_id == asked.organisation_id
        )
        .order_by(MessageRow.id)
    )
    first, *others = (as_message(row) for row in answers)
    beside = next((each for each in others if each.id == conversation.beside_id), None)
    return Sent(
        as_message(asked),
        first,
        RunRef(first.run_id or ""),
        Started(beside, RunRef(beside.run_id or "")) if beside else None,
    )


def _check_seen(attachments: Sequence[Attachment], model: Model) -> None:
    if not model.capabilities.images_in and any(each.kind == "image" for each in attachments):
        raise ImagesUnsupported(
            f"{model.name} can't see pictures. Choose a model that can, or remove the picture.",
            param="attachments",
        )


def _check_parent(parent: MessageRow | None) -> None:
    if parent is None:
        raise NotFound("This conversation has no such message.", param="parent_id")
    if parent.role != "assistant":
        raise InvalidRequest("A message follows an answer, not a question.", param="parent_id")
    if parent.state == "running":
        raise Conflict("The answer is still being written. Stop it first, or wait.")
