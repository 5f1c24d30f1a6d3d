"""What people think of answers."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from consigne.api.app_routes.access import Administrator, Person
from consigne.api.app_routes.replies import reply
from consigne.api.app_routes.schemas import In, Out
from consigne.api.auth import services_of
from consigne.chat.feedback import Feedback, Form, Rating, Reason

router = APIRouter(tags=["Feedback"])


class NewOpinion(In):
    """What somebody thinks of an answer; which reasons there are depends on the rating."""

    rating: Rating
    reasons: Annotated[list[Reason], Field(max_length=12, default_factory=list)]
    comment: Annotated[str, Field(max_length=10_000)] = ""


class Opinion(Out):
    """What somebody thinks of an answer."""

    message_id: str
    rating: Rating
    reasons: list[Reason]
    comment: str
    updated_at: datetime


class Opinions(Out):
    """What somebody thinks of a conversation's answers."""

    feedback: list[Opinion]


@router.get("/conversations/{conversation_id}/feedback", response_model=Opinions)
async def list_feedback(request: Request, caller: Person, conversation_id: str) -> Response:
    """List what you think of a conversation's answers."""
    found = await services_of(request).feedback.of_conversation(caller, conversation_id)
    return reply({"feedback": found})


@router.put("/messages/{message_id}/feedback", response_model=Opinion)
async def give_feedback(
    request: Request, caller: Person, message_id: str, body: NewOpinion
) -> Response:
    """Say what you think of an answer, in place of what you said before."""
    feedback = services_of(request).feedback
    return reply(await feedback.give(caller, message_id, body.rating, body.reasons, body.comment))


@router.delete("/messages/{message_id}/feedback", status_code=204)
async def take_feedback_back(request: Request, caller: Person, message_id: str) -> Response:
    """Forget what you think of an answer."""
    await services_of(request).feedback.take_back(caller, message_id)
    return Response(status_code=204)


@router.get("/feedback/export")
async def export_feedback(
    request: Request, caller: Administrator, form: Form = "ratings"
) -> Response:
    """Return your organisation's feedback as lines of JSON, for training.

    ``ratings`` has one line for each opinion, ``pairs`` one for each disliked answer beside a
    liked one to the same question.
    """
    return StreamingResponse(
        _lines(services_of(request).feedback, caller.organisation_id, form),
        media_type="application/x-ndjson",
        headers={
            "cache-control": "no-store",
            "content-disposition": f'attachment; filename="feedback-{form}.jsonl"',
        },
    )


async def _lines(feedback: Feedback, organisation_id: str, form: Form) -> AsyncIterator[bytes]:
    async for record in feedback.export(organisation_id, form):
        yield msgspec.json.encode(record) + b"\n"
