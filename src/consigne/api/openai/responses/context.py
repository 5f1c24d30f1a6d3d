"""What a request goes on from: an earlier response, a conversation, items that are kept."""

from typing import Generic, TypeVar

import msgspec

from consigne.api.openai.responses import items
from consigne.api.openai.responses.schemas import (
    AskedBody,
    ContextBody,
    ConversationParam,
    Item,
    ResponsesBody,
)
from consigne.api.openai.shared import refuse
from consigne.business.caller import Caller
from consigne.records.records import Records
from consigne.records.values import Draft

Asked = TypeVar("Asked", bound=AskedBody)


class Context(msgspec.Struct, Generic[Asked], frozen=True):
    """A request together with what came before it."""

    body: Asked
    """The request; the items that it refers to are in their places."""
    earlier: list[Item]
    draft: Draft


async def gather(records: Records, caller: Caller, body: Asked) -> Context[Asked]:
    """Return the request with what it goes on from.

    Raises:
        NotFound: The caller has no such response, conversation or item.
        InvalidField: It names a response and a conversation at once.
    """
    responses, earlier = records.responses, []
    conversation_id = _conversation_id(body)
    if body.previous_response_id is not None:
        if conversation_id is not None:
            refuse("conversation", "it can't be used together with 'previous_response_id'")
        earlier = items.read(await responses.history(caller, body.previous_response_id))
    elif conversation_id is not None:
        earlier = items.read(await responses.conversation(caller, conversation_id))
    if isinstance(body.input, list) and (wanted := items.references(body.input)):
        known = await responses.find_items(caller, wanted)
        body = body.model_copy(update={"input": items.resolved(body.input, known)})
    draft = Draft(
        input=items.stored(body.input),
        previous_id=body.previous_response_id,
        conversation_id=conversation_id,
        store=isinstance(body, ResponsesBody) and body.store is not False,
        background=isinstance(body, ResponsesBody) and bool(body.background),
    )
    return Context(body, earlier, draft)


def _conversation_id(body: AskedBody) -> str | None:
    match body:
        case ContextBody(conversation=ConversationParam(id=conversation_id)):
            return conversation_id
        case ContextBody(conversation=str() as conversation_id):
            return conversation_id
        case _:
            return None
