"""Durable runs: the server owns each generation, whoever reads along or goes away.

A run's events are stored before they are sent, so that the end of the process loses nothing that
anybody saw. Once a run has ended its message says it all, and its events are dropped: they would
take ten times the message's room. Who reads a run that has ended gets its message at once.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from consigne.business.caller import Caller
from consigne.business.usage import UsageLog
from consigne.chat import history, repository, titles, turns
from consigne.chat.conversations import set_model_title
from consigne.chat.grounding import Grounding
from consigne.chat.guidance import Guidance, Guide
from consigne.chat.journal import NOT_SAVED, Journal
from consigne.chat.live import Ending, LiveRun, done_event, start_body
from consigne.chat.recording import recorded
from consigne.chat.recovery import interrupt
from consigne.chat.tools.guidance import plan_of
from consigne.chat.tools.loop import Loop, unanswered
from consigne.chat.tools.picture_tool import NAME as PICTURE
from consigne.chat.tools.picturing import Order, Picturing, closing
from consigne.chat.tools.toolbox import Toolbox, can_use_tools
from consigne.chat.turns import Question, Turn
from consigne.chat.values import Problem, RunEvent, Sent, Started, StoredMessage
from consigne.domain.errors import Conflict, ConsigneError, OperatorError
from consigne.domain.events import Event, TextDelta
from consigne.domain.ids import new_id
from consigne.domain.messages import Request, ToolResultBlock, ToolUseBlock
from consigne.domain.models import Model
from consigne.gateway.metering import apart
from consigne.store.db import Database
from consigne.store.tables import RunRow

log = logging.getLogger(__name__)


class Generator(Protocol):
    """What runs need of the gateway."""

    def resolve(self, name: str) -> Model:
        """Return the model that a name means."""
        ...

    def generate(self, request: Request) -> AsyncIterator[Event]:
        """Generate an answer."""
        ...

    async def count_tokens(self, request: Request) -> int:
        """Return how many tokens the request's prompt has."""
        ...


class Runs:
    """Begins, feeds, stops and remembers runs."""

    def __init__(
        self,
        db: Database,
        gateway: Generator,
        guide: Guide | None = None,
        toolbox: Toolbox | None = None,
        grounding: Grounding | None = None,
        picturing: Picturing | None = None,
        usage: UsageLog | None = None,
    ) -> None:
        self._db = db
        self._usage = usage
        self._picturing = picturing
        self._toolbox = toolbox or Toolbox(db)
        self._gateway = gateway
        self._guide = guide
        self._grounding = grounding
        self._journal = Journal(db)
        self._live: dict[str, LiveRun] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._titling: set[asyncio.Task[None]] = set()

    async def send(self, caller: Caller, question: Question) -> Sent:
        """Take a question and begin to answer it; the same client id is taken only once.

        Raises:
            ConsigneError: See ``turns.ask``.
        """
        try:
            async with self._db.session() as session:
                turn = await turns.ask(session, caller, question, self._gateway.resolve)
        except IntegrityError:  # another replica took the same one at the same time
            async with self._db.reading() as session:
                before = await turns.sent_before(session, caller, question)
            if before is None:
                raise
            return before
        if isinstance(turn, Sent):
            return turn
        self._begin(turn)
        if turn.beside is not None:
            self._begin(turn.beside)
        return turn.sent

    async def answer_again(self, caller: Caller, question_id: str, model: str = "") -> Started:
        """Begin another answer to a question, beside those it has.

        Raises:
            ConsigneError: See ``turns.ask_again``.
        """
        async with self._db.session() as session:
            turn = await turns.ask_again(session, caller, question_id, model, self._gateway.resolve)
        self._begin(turn)
        return Started(turn.answer, turn.run)

    async def go_on(self, caller: Caller, answer_id: str) -> Started:
        """Go on with an answer that was cut.

        Raises:
            ConsigneError: See ``turns.go_on``.
        """
        async with self._db.session() as session:
            turn = await turns.go_on(session, caller, answer_id, self._gateway.resolve)
        self._begin(turn)
        return Started(turn.answer, turn.run)

    async def events(
        self, caller: Caller, run_id: str, after: int = 0
    ) -> AsyncIterator[Sequence[RunEvent]] | None:
        """Return a run's events after a number, those at hand together, until it is done.

        ``None`` if there are none and never will be.

        Raises:
            NotFound: The caller has no such run.
        """
        live = self._live.get(run_id)  # first: a run that ends meanwhile is stored by then
        async with self._db.reading() as session:
            row = await repository.run_row(session, caller, run_id)
            message, _ = await repository.message_rows(session, caller, row.message_id)
        if live is not None:
            return live.follow(after)
        if after >= row.last_event:
            return None
        return _replay(repository.as_message(message), row.last_event, after)

    async def stop(self, caller: Caller, run_id: str) -> None:
        """Stop a run; what it wrote is kept.

        Raises:
            NotFound: The caller has no such run.
        """
        async with self._db.reading() as session:
            await repository.run_row(session, caller, run_id)
        if live := self._live.get(run_id):
            live.break_off("stopped")

    async def answer_call(self, caller: Caller, run_id: str, call_id: str, answer: Any) -> None:
        """Give a tool's call what it waits for: the reader's leave, or their page's result.

        Raises:
            NotFound: The caller has no such run.
            Conflict: The call waits for nothing (any more).
        """
        async with self._db.reading() as session:
            await repository.run_row(session, caller, run_id)
        live = self._live.get(run_id)
        waits = live.asked.get(call_id) if live is not None else None
        if waits is None or waits.done():
            raise Conflict("This call waits for nothing any more.")
        waits.set_result(answer)

    def stop_conversation(self, conversation_id: str) -> None:
        """Stop all runs of a conversation, which the caller was found to own."""
        for run in list(self._live.values()):
            if run.conversation_id == conversation_id:
                run.break_off("stopped")

    async def recover(self) -> None:
        """Mark the runs that the last process left as interrupted, with all that they wrote."""
        left = select(RunRow).where(RunRow.state == "running")
        async with self._db.reading() as session:
            if await session.scalar(left.with_only_columns(RunRow.id).limit(1)) is None:
                return
        async with self._db.session() as session:
            for row in (await session.scalars(left)).all():
                await interrupt(session, row)

    async def close(self) -> None:
        """Interrupt all runs, and return when what they wrote is stored."""
        for task in self._titling:
            task.cancel()
        for run in list(self._live.values()):
            run.break_off("interrupted")
        if pending := self._tasks | self._titling:
            await asyncio.wait(pending)
        await self._journal.close()

    def _begin(self, turn: Turn) -> None:
        run = LiveRun(turn.organisation_id, turn.conversation_id, turn.answer)
        self._live[run.id] = run
        run.say("start", start_body(turn.answer))
        if turn.new_title:
            run.say("title", {"title": turn.new_title})
        self._journal.note(run)
        run.work = asyncio.create_task(
            recorded(self._usage, turn, partial(self._generate, run, turn))
        )
        self._keep(self._tasks, asyncio.create_task(self._own(run)))

    def _keep(self, tasks: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _own(self, run: LiveRun) -> None:
        """See a run to its end. This task is never cancelled, so every run has an end."""
        assert run.work is not None
        await asyncio.wait((run.work,))
        await self._journal.end(run, _ending(run))
        del self._live[run.id]

    async def _generate(self, run: LiveRun, turn: Turn) -> Ending:
        mode = turn.question.mode
        only = turn.assistant.tools if turn.assistant else ()
        tools = await self._toolbox.offered(turn.person, turn.model, mode=mode, only=only)
        draws = self._toolbox.tool(PICTURE)
        loop = Loop(
            self._gateway,
            run,
            turn.person,
            tools,
            self._toolbox,
            noted=self._journal.note,
            unoffered={PICTURE: draws} if draws is not None else None,
        )
        async with self._db.reading() as session:
            branch = await repository.branch(session, run.organisation_id, turn.answer.id)
        if order := await self._order(turn, branch):
            await loop.catch_up()
            return await self._draw(run, loop, order)
        guidance = await self._guide.guidance(turn, branch, tools) if self._guide else Guidance()
        run.settings = guidance.recorded()
        if self._grounding is not None:
            grounded = await self._grounding.ground(
                turn.model, turn.organisation_id, branch, turn.knowledge
            )
            branch, run.shown = list(grounded.branch), grounded.shown
            guidance = grounded.told(guidance)
        if unanswered(run.content):  # with passages in view, whose numbers its sources leave alone
            await loop.catch_up()
            branch[-1] = msgspec.structs.replace(branch[-1], content=run.content)
        branch = [await self._with_made(turn, message) for message in branch]
        plan = plan_of(guidance, mode, tools, begun=bool(run.content))
        built = await history.build(self._gateway, turn.model, branch, plan.guidance)
        run.message = msgspec.structs.replace(run.message, left_out=built.left_out)
        return await loop.feed(
            built.request,
            turn.model,
            most_steps=plan.most_steps,
            first=plan.first,
            written=self._titler(run, turn),
        )

    async def _with_made(self, turn: Turn, message: StoredMessage) -> StoredMessage:
        """Return a message with the pictures that tools made in it, where the model sees any."""
        if not any(isinstance(block, ToolResultBlock) for block in message.content):
            return message
        content = await self._toolbox.seen(turn.person, turn.model, message.content)
        return msgspec.structs.replace(message, content=tuple(content))

    async def _order(self, turn: Turn, branch: Sequence[StoredMessage]) -> Order | None:
        """Return the picture that answers a question without any text model, if one does."""
        mode = turn.question.mode
        if self._picturing is None or mode not in ("", "picture"):
            return None
        if mode == "" and (
            can_use_tools(turn.model) or not await self._toolbox.is_on(turn.person, PICTURE)
        ):
            return None
        return await self._picturing.order(turn.person, branch, mode)

    async def _draw(self, run: LiveRun, loop: Loop, order: Order) -> Ending:
        results = [block for block in run.content if isinstance(block, ToolResultBlock)]
        if not results:  # else the answer was gone on with, and the picture is there
            results = [await loop.call(ToolUseBlock(new_id("call"), PICTURE, order.input))]
        if said := closing(results, order.language):
            run.write("delta", said)
            self._journal.note(run)
        return Ending("complete", stop_reason="end_turn")

    def _titler(self, run: LiveRun, turn: Turn) -> Callable[[], None]:
        """Return what lets the model find a title once the answer is under way."""
        untitled = bool(turn.new_title) and not turn.model.starter

        def written() -> None:
            nonlocal untitled
            if untitled:  # beside the answer: nobody waits for the title
                untitled = False
                self._keep(self._titling, asyncio.create_task(self._entitle(run, turn)))

        return written

    async def _entitle(self, run: LiveRun, turn: Turn) -> None:
        asked = titles.request(turn.model.id, turn.question.text)
        try:
            with apart("title"):
                events = [event async for event in self._gateway.generate(asked)]
            written = "".join(event.text for event in events if isinstance(event, TextDelta))
            title = titles.from_model(written.replace("\x00", ""))
            if not title:
                return
            async with self._db.session() as session:
                taken = await set_model_title(
                    session, turn.organisation_id, turn.conversation_id, title
                )
        except ConsigneError as error:
            log.warning("no title from %s: %s", turn.model.id, error.message)
            return
        if taken and run.ending is None:
            run.say("title", {"title": title})
            self._journal.note(run)


def _ending(run: LiveRun) -> Ending:
    """Return how a run whose generation is over has ended."""
    assert run.work is not None
    if run.work.cancelled():
        match run.cut:
            case "stopped":
                return Ending("stopped", stop_reason="cancelled")
            case "failed":
                return Ending("failed", error=NOT_SAVED)
            case _:
                return Ending("interrupted")
    error = run.work.exception()
    if error is None:
        return run.work.result()
    return Ending("failed", error=_problem(run, error))


def _problem(run: LiveRun, error: BaseException) -> Problem:
    if isinstance(error, ConsigneError) and not isinstance(error, OperatorError):
        return Problem(error.code, error.message)
    log.error("%s: the answer failed", run.id, exc_info=error)
    code = error.code if isinstance(error, ConsigneError) else ConsigneError.code
    return Problem(code, f"Something went wrong here. The operator finds it in the log: {run.id}")


async def _replay(
    message: StoredMessage, last_event: int, after: int
) -> AsyncIterator[Sequence[RunEvent]]:
    start = RunEvent(1, "start", msgspec.json.encode(start_body(message)))
    done = done_event(last_event, message)
    yield [start, done] if after < 1 else [done]
