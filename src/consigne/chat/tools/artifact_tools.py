"""Artifacts as models make and change them."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from consigne.chat.artifacts import LONGEST, Artifacts
from consigne.chat.tools.base import (
    Call,
    ChatTool,
    Outcome,
    ToolFailed,
    Words,
    args_of,
    said,
    schema_of,
)


class CreateArgs(msgspec.Struct, frozen=True):
    """What is made."""

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    kind: Annotated[
        Literal["html", "svg", "code", "document"],
        Meta(
            description="html: one self-contained page (scripts and styles inside, no network); "
            "svg: a drawing; code: a file of a program; document: a text in markdown."
        ),
    ]
    content: Annotated[str, Meta(max_length=LONGEST)]
    language: Annotated[str, Meta(max_length=40, description="Of code.")] = ""


class UpdateArgs(msgspec.Struct, frozen=True):
    """What is changed: all of it, or one passage."""

    id: Annotated[str, Meta(max_length=64, description="The artifact's id.")]
    content: Annotated[
        str, Meta(max_length=LONGEST, description="The whole new version, unless old is given.")
    ]
    old: Annotated[
        str,
        Meta(
            max_length=LONGEST,
            description="A passage that stands there once: only it is replaced, by content.",
        ),
    ] = ""


def artifact_tools(artifacts: Artifacts) -> list[ChatTool]:
    """Return the tools that make and change artifacts."""

    async def create(call: Call) -> Outcome:
        args = args_of(call, CreateArgs)
        made = await artifacts.create(
            call.person,
            call.conversation_id,
            title=args.title,
            kind=args.kind,
            content=args.content,
            language=args.language,
        )
        return said(f"Made; it is open beside the conversation. id: {made.id} version: 1")

    async def update(call: Call) -> Outcome:
        args = args_of(call, UpdateArgs)
        content = args.content
        if args.old:
            present = (await artifacts.read(call.person, args.id)).content
            if present.count(args.old) != 1:
                raise ToolFailed(
                    f"The old passage stands there {present.count(args.old)} times, not once."
                )
            content = present.replace(args.old, content)
        made = await artifacts.change(
            call.person, args.id, content, conversation_id=call.conversation_id
        )
        return said(f"Changed. id: {made.id} version: {made.number}")

    return [
        ChatTool(
            name="create_artifact",
            title=Words("Documents beside the chat", "Documents à côté de la conversation"),
            description="Make something that the reader keeps, looks at or goes on working with "
            "(a page, a drawing, a program, a text of more than some lines): it opens beside the "
            "conversation. Do not repeat its content in your answer.",
            input_schema=schema_of(CreateArgs),
            run=create,
            asks=False,
        ),
        ChatTool(
            name="update_artifact",
            title=Words("Changes to those documents", "Modification de ces documents"),
            description="Change an artifact of this conversation; a new version is kept.",
            input_schema=schema_of(UpdateArgs),
            run=update,
            asks=False,
        ),
    ]
