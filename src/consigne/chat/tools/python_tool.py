"""Python that a model writes: it runs in the reader's own browser, never here."""

import base64
import binascii
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from consigne.chat.artifacts import ArtifactKind, Artifacts
from consigne.chat.tools.base import Call, ChatTool, Outcome, Words, args_of, schema_of
from consigne.domain.messages import ImageBlock, TextBlock

PAGE_TIMEOUT_S = 900.0
LARGEST_PICTURE = 256 * 1024
_PICTURES = ("image/png", "image/jpeg", "image/gif")
_TEXTS: dict[str, ArtifactKind] = {
    "image/svg+xml": "svg",
    "text/html": "html",
    "text/markdown": "document",
    "text/csv": "code",
    "text/plain": "code",
    "application/json": "code",
}


class PythonArgs(msgspec.Struct, frozen=True):
    """The program."""

    code: Annotated[str, Meta(min_length=1, max_length=100_000)]


def python_tool(artifacts: Artifacts) -> ChatTool:
    """Return the tool that runs Python in the reader's browser."""

    async def run(call: Call) -> Outcome:
        args_of(call, PythonArgs)
        result: dict[str, Any] = await call.ask_page(timeout_s=PAGE_TIMEOUT_S)
        content: list[TextBlock | ImageBlock] = [TextBlock(result["text"] or "(It wrote nothing.)")]
        content += [await _kept(call, artifacts, file) for file in result["files"]]
        return Outcome(tuple(content), is_error=bool(result["is_error"]))

    return ChatTool(
        name="run_python",
        title=Words("Python in your browser", "Python dans votre navigateur"),
        description="Run a Python 3 program in the reader's browser: the standard library alone, "
        "no network, 60 seconds. What it prints, its last expression's value and the files it "
        "writes to the working directory come back (draw plots as SVG files).",
        input_schema=schema_of(PythonArgs),
        run=run,
        read_only=True,
    )


async def _kept(call: Call, artifacts: Artifacts, file: dict[str, str]) -> TextBlock | ImageBlock:
    name, media_type = file["name"], file["media_type"]
    try:
        body = base64.b64decode(file["data"], validate=True)
    except binascii.Error:
        return TextBlock(f"File {name}: it did not arrive whole.")
    if media_type in _PICTURES and len(body) <= LARGEST_PICTURE:
        return ImageBlock(media_type, body)
    kind = _TEXTS.get(media_type)
    if kind is None:
        return TextBlock(f"File {name}: {len(body):,} bytes of a type that is not kept.")
    made = await artifacts.create(
        call.person,
        call.conversation_id,
        title=name,
        kind=kind,
        content=body.decode("utf-8", "replace")[:500_000],
        language=name.rpartition(".")[2] if kind == "code" else "",
    )
    return TextBlock(f"File {name} is kept beside the conversation. id: {made.id}")
