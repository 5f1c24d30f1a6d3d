"""What the last process left of its runs: their messages, rebuilt from the stored events."""

from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.chat import repository
from consigne.chat.live import Transcript
from consigne.chat.tools.limits import of_unknown_outcome
from consigne.chat.values import Source
from consigne.domain.messages import ToolResultBlock, ToolUseBlock
from consigne.store.tables import MessageRow, RunEventRow, RunRow


async def interrupt(session: AsyncSession, row: RunRow) -> None:
    """End a run that nobody owns any more as interrupted, with all that it wrote.

    A tool that changes something and had begun is not run again: what became of it is unknown,
    and its result says so.
    """
    message = await session.get_one(MessageRow, row.message_id)
    rows = await session.scalars(
        select(RunEventRow)
        .where(RunEventRow.run_id == row.id, RunEventRow.organisation_id == row.organisation_id)
        .order_by(RunEventRow.number)
    )
    stored = repository.as_message(message)
    rebuilt, last = _Rebuilt(Transcript(stored.content)), 0
    for event in rows:
        last = event.number
        rebuilt.add(event.kind, event.data)
    ended = msgspec.structs.replace(
        stored,
        content=rebuilt.content,
        sources=(*stored.sources, *rebuilt.sources),
        state="interrupted",
    )
    await repository.end_run(session, row.organisation_id, ended, last + 1)


class _Rebuilt:
    """A message as its events tell it."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._at_work: dict[str, None] = {}
        self.sources: list[Source] = []

    def add(self, kind: str, data: str) -> None:
        match kind:
            case "delta":
                self._transcript.add("delta", _body(data)["text"])
            case "thinking":
                self._transcript.add("thinking", _body(data)["text"])
            case "tool_use":
                self._transcript.add_block(msgspec.json.decode(data, type=ToolUseBlock))
            case "tool_runs":
                if _body(data)["writes"]:
                    self._at_work[_body(data)["id"]] = None
            case "tool_result":
                result = msgspec.json.decode(data, type=ToolResultBlock)
                self._at_work.pop(result.tool_use_id, None)
                self._transcript.add_block(result)
            case "sources":
                found = msgspec.convert(_body(data)["sources"], list[Source])
                self.sources.extend(found)

    @property
    def content(self) -> tuple[Any, ...]:
        return (*self._transcript.content, *map(of_unknown_outcome, self._at_work))


def _body(data: str) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(data)
    return body
