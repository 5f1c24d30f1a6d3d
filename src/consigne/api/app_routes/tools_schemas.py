"""What the web app's API says and takes of tools."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from consigne.api.app_routes.model_schemas import Note
from consigne.api.app_routes.schemas import In, Out
from consigne.chat.made_files import LARGEST


class Leave(In):
    """What the reader decides of a call: this once, for the whole conversation, or not at all."""

    decision: Literal["once", "always", "refuse"]


class PageFile(In):
    """A file that was written where the page works."""

    name: Annotated[str, Field(max_length=200)]
    media_type: Annotated[str, Field(max_length=100)]
    data: Annotated[str, Field(max_length=4 * LARGEST // 3 + 4)]
    """In base64."""


class PageResult(In):
    """What a page answers to a call that it was to do."""

    text: Annotated[str, Field(max_length=200_000)]
    is_error: bool = False
    files: Annotated[list[PageFile], Field(max_length=8, default_factory=list)]


class ToolSwitch(In):
    """Whether a tool is offered to models."""

    on: bool


class Tool(Out):
    """A tool as a person may switch it."""

    name: str
    title: Note
    group: str
    """The server it comes from; empty for Consigne's own."""
    read_only: bool
    on: bool


class Tools(Out):
    """All tools that a person may use."""

    tools: list[Tool]
    research: bool
    """Whether there is what research needs."""
    python: str | None
    """Which Python runs in browsers, if one is installed."""


class NewArtifact(In):
    """Something to stand beside a conversation."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    kind: Literal["html", "svg", "code", "document"]
    content: Annotated[str, Field(max_length=500_000)]
    language: Annotated[str, Field(max_length=40)] = ""


class Artifact(Out):
    """A version of something that stands beside a conversation."""

    id: str
    conversation_id: str
    title: str
    kind: Literal["html", "svg", "code", "document"]
    language: str
    number: int
    versions: int
    content: str
    created_at: datetime


class NewToolServer(In):
    """A server of tools, spoken to by the Model Context Protocol over HTTP."""

    name: Annotated[str, Field(max_length=100)]
    url: Annotated[str, Field(max_length=2000)]
    authorization: Annotated[str, Field(max_length=4000)] = ""
    """What is sent as the ``Authorization`` header; it is never shown again."""


class ToolServer(Out):
    """A server of tools."""

    id: str
    """Empty for one that the operator set up."""
    name: str
    url: str
    tools: int
    problem: str
    """Why it can't be used, if so."""
    created_at: datetime | None


class ToolServers(Out):
    """All servers of tools of a workspace."""

    servers: list[ToolServer]
