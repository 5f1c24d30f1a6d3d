"""Conversations, and what is said in them."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes import schemas
from consigne.api.app_routes.access import Person
from consigne.api.app_routes.naming import model_name
from consigne.api.app_routes.replies import reply
from consigne.api.auth import services_of
from consigne.chat.branches import Stretch
from consigne.chat.places import Change
from consigne.chat.tools.picture_parts import Part, checked
from consigne.chat.turns import Question, attachment

router = APIRouter(tags=["Conversations"])


@router.get("/conversations", response_model=schemas.Conversations)
async def list_conversations(
    request: Request,
    caller: Person,
    cursor: str = "",
    limit: int = 50,
    query: str = "",
    place: str = "",
) -> Response:
    """List conversations, those written in last first; ``query`` searches their titles.

    ``place`` is ``recent`` (neither pinned nor in a folder or project), ``pinned``, ``archived``, a
    folder's or a project's id, or empty for all that are not archived.
    """
    conversations = services_of(request).conversations
    page = await conversations.page(caller, cursor=cursor, limit=limit, query=query, place=place)
    return reply(page)


@router.post("/conversations", status_code=201, response_model=schemas.Conversation)
async def create_conversation(
    request: Request, caller: Person, body: schemas.NewConversation
) -> Response:
    """Begin an empty conversation."""
    services = services_of(request)
    model = await model_name(request, caller, body.model)
    made = await services.conversations.create(caller, model=model, project_id=body.project_id)
    return reply(made, 201)


@router.get("/conversations/{conversation_id}", response_model=schemas.Thread)
async def read_conversation(
    request: Request,
    caller: Person,
    conversation_id: str,
    before: str = "",
    after: str = "",
    around: str = "",
) -> Response:
    """Return a conversation with a stretch of the branch that is read, 100 messages at most.

    Its end, or what stands ``before``, ``after`` or ``around`` a message. Around a message of
    another branch it is the newest branch through that message.
    """
    conversations = services_of(request).conversations
    wanted = Stretch(before=before, after=after, around=around)
    return reply(await conversations.thread(caller, conversation_id, wanted))


@router.patch("/conversations/{conversation_id}", response_model=schemas.Conversation)
async def change_conversation(
    request: Request, caller: Person, conversation_id: str, body: schemas.ConversationChange
) -> Response:
    """Change a conversation's title, its model, its place, or the branch that is read."""
    services = services_of(request)
    change = Change(
        title=body.title,
        model=await model_name(request, caller, body.model) or None,
        head_id=body.head_id,
        pinned=body.pinned,
        archived=body.archived,
        folder_id=body.folder_id,
        project_id=body.project_id,
    )
    return reply(await services.conversations.change(caller, conversation_id, change))


@router.delete("/conversations/{conversation_id}", status_code=204)
async def delete_conversation(request: Request, caller: Person, conversation_id: str) -> Response:
    """Delete a conversation and stop what is being written in it; it can be restored for a day."""
    services = services_of(request)
    await services.conversations.delete(caller, conversation_id)
    services.runs.stop_conversation(conversation_id)
    return Response(status_code=204)


@router.post("/conversations/{conversation_id}/restore", response_model=schemas.Conversation)
async def restore_conversation(request: Request, caller: Person, conversation_id: str) -> Response:
    """Undo a deletion."""
    return reply(await services_of(request).conversations.restore(caller, conversation_id))


@router.post(
    "/conversations/{conversation_id}/messages", status_code=201, response_model=schemas.Sent
)
async def send_message(
    request: Request, caller: Person, conversation_id: str, body: schemas.NewMessage
) -> Response:
    """Say something, and let it be answered."""
    files = await services_of(request).documents.those(caller, body.attachments)
    part = None
    if body.part is not None:
        part = checked(Part(body.part.picture_id, body.part.cells))
        await services_of(request).pictures.get(caller, part.picture_id)
    question = Question(
        conversation_id=conversation_id,
        text=body.text,
        client_id=body.client_id,
        parent_id=body.parent_id,
        model=body.model or "",
        mode=body.mode,
        attachments=tuple(attachment(file) for file in files),
        second_model=body.second_model,
        part=part,
    )
    return reply(await services_of(request).runs.send(caller, question), 201)


@router.post("/messages/{message_id}/answers", status_code=201, response_model=schemas.Started)
async def answer_again(
    request: Request, caller: Person, message_id: str, body: schemas.AnotherAnswer
) -> Response:
    """Let a message be answered once more, beside the answers it has."""
    runs = services_of(request).runs
    return reply(await runs.answer_again(caller, message_id, body.model or ""), 201)


@router.post("/messages/{message_id}/continue", status_code=201, response_model=schemas.Started)
async def go_on(request: Request, caller: Person, message_id: str, _: schemas.GoOn) -> Response:
    """Go on with an answer that was stopped, interrupted or cut."""
    return reply(await services_of(request).runs.go_on(caller, message_id), 201)
