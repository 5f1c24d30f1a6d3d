"""Links to conversations: made, revoked, and read by anybody."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes.access import Person
from consigne.api.app_routes.replies import reply
from consigne.api.app_routes.schemas import Citation, Out, Source
from consigne.api.auth import services_of
from consigne.chat.snapshots import Snapshot
from consigne.domain.errors import NotFound
from consigne.domain.images import MEDIA_TYPES

router = APIRouter(tags=["Shares"])
_HIDDEN = {"x-robots-tag": "noindex, nofollow", "referrer-policy": "no-referrer"}


class Share(Out):
    """A link that you made."""

    id: str
    conversation_id: str
    title: str
    path: str
    messages: int
    created_at: datetime
    updated_at: datetime
    """When what it shows was taken."""
    behind: bool
    """Whether the conversation has gone on since."""


class ShareList(Out):
    """All links."""

    enabled: bool
    """Whether the operator allows links."""
    shares: list[Share]


class SharedMessage(Out):
    """A turn as a link shows it."""

    id: str
    role: str
    content: list[dict[str, Any]]
    """Texts, and the calls that made a picture or a document, with their results."""
    created_at: datetime
    sources: list[Source]
    citations: list[Citation]
    """With the file's name alone."""
    attachments: list[str]
    """The names of files."""


class SharedArtifact(Out):
    """A document that an answer made."""

    id: str
    number: int
    title: str
    kind: str
    language: str
    content: str


class SharedConversation(Out):
    """What a link shows."""

    title: str
    shared_at: datetime
    messages: list[SharedMessage]
    artifacts: list[SharedArtifact]


class Continued(Out):
    """A copy to go on with."""

    conversation_id: str


@router.get("/shares", response_model=ShareList)
async def list_shares(request: Request, caller: Person) -> Response:
    """List your links, the latest first."""
    shares = services_of(request).shares
    return reply({"enabled": shares.enabled, "shares": await shares.list(caller)})


@router.post("/conversations/{conversation_id}/share", response_model=Share)
async def share_conversation(request: Request, caller: Person, conversation_id: str) -> Response:
    """Let a link show the branch that is read, as it is now; a link there is keeps its address."""
    return reply(await services_of(request).shares.share(caller, conversation_id))


@router.delete("/shares/{share_id}", status_code=204)
async def revoke_share(request: Request, caller: Person, share_id: str) -> Response:
    """Let a link lead nowhere any more, for good."""
    await services_of(request).shares.revoke(caller, share_id)
    return Response(status_code=204)


@router.get("/shared/{token}", response_model=SharedConversation)
async def read_shared(request: Request, token: str) -> Response:
    """Return what a link shows; nobody need sign in."""
    shown = (await services_of(request).shares.read(token)).snapshot
    response = reply(_told(shown))
    response.headers.update(_HIDDEN)
    return response


@router.get("/shared/{token}/pictures/{picture_id}")
async def show_shared_picture(request: Request, token: str, picture_id: str) -> Response:
    """Return a picture that a link shows."""
    services = services_of(request)
    shared = await services.shares.read(token)
    if picture_id not in shared.snapshot.pictures:
        raise NotFound("This link shows no such picture.")
    picture = await services.pictures.get(shared.maker, picture_id)
    headers = {
        **_HIDDEN,
        "cache-control": "no-store",
        "content-security-policy": "sandbox; default-src 'none'",
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
    }
    content = await services.pictures.content(shared.maker, picture_id)
    return Response(content, headers=headers, media_type=MEDIA_TYPES[picture.format])


@router.post("/shared/{token}/continue", status_code=201, response_model=Continued)
async def continue_shared(request: Request, caller: Person, token: str) -> Response:
    """Take a copy of what a link shows, as a conversation of your own."""
    made = await services_of(request).shares.go_on(caller, token)
    return reply({"conversation_id": made}, 201)


def _told(shown: Snapshot) -> dict[str, Any]:
    conversation = shown.conversation
    fields = ("id", "role", "content", "created_at", "sources", "citations", "attachments")
    return {
        "title": conversation.title,
        "shared_at": conversation.updated_at,
        "messages": [
            {name: getattr(message, name) for name in fields} for message in conversation.messages
        ],
        "artifacts": shown.artifacts,
    }
