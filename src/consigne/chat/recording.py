"""What a run of the chat uses, counted as a request of its own."""

from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec

from consigne.business.usage import UsageLog
from consigne.chat.turns import Turn
from consigne.domain.ids import new_id
from consigne.gateway.metering import status_of, within

T = TypeVar("T")


async def recorded(usage: UsageLog | None, turn: Turn, work: Coroutine[Any, Any, T]) -> T:
    """Do a run's work, and record what it used and how it ended."""
    if usage is None:
        return await work
    whose, use_id = turn.person, turn.run.id
    if turn.temporary:
        whose, use_id = msgspec.structs.replace(whose, user_id=None, key_id=None), new_id("use")
    with within(usage.begin("chat", use_id, whose)) as use:
        use.streamed = True
        use.asked = turn.answer.model or ""
        try:
            return await work
        except BaseException as error:
            use.end(status_of(error))
            raise
