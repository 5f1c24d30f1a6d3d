"""Python that a model writes: it runs in the reader's own browser, never here."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from consigne.chat.artifacts import LONGEST, ArtifactKind, Artifacts
from consigne.chat.made_files import LARGEST, MadeFiles
from consigne.chat.tools.base import Call, ChatTool, Outcome, Words, args_of, schema_of
from consigne.domain.errors import RequestTooLarge
from consigne.domain.messages import ImageBlock, TextBlock

PAGE_TIMEOUT_S = 900.0
_NAMED: Final = 40
"""Packages that the model is told of at most."""
_PICTURES: Final = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
}
"""What each kind of picture begins with; what does not is kept as a file and shown to nobody."""
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


def python_tool(artifacts: Artifacts, made: MadeFiles, packages: Sequence[str] = ()) -> ChatTool:
    """Return the tool that runs Python in the reader's browser, with these packages."""

    async def run(call: Call) -> Outcome:
        args_of(call, PythonArgs)
        result: dict[str, Any] = await call.ask_page(timeout_s=PAGE_TIMEOUT_S)
        content: list[TextBlock | ImageBlock] = [TextBlock(result["text"] or "(It wrote nothing.)")]
        for file in result["files"]:
            content += await _kept(call, artifacts, made, file)
        return Outcome(tuple(content), is_error=bool(result["is_error"]))

    return ChatTool(
        name="run_python",
        title=Words("Python in your browser", "Python dans votre navigateur"),
        description=f"Run a Python 3 program in the reader's browser: {_at_hand(packages)}, "
        "no network, 60 seconds. What it prints, its last expression's value and the files it "
        f"writes to the working directory come back ({_plots(packages)}): 8 files, "
        f"{LARGEST // 10**6} MB each. The reader can download them.",
        input_schema=schema_of(PythonArgs),
        run=run,
        read_only=True,
    )


def _at_hand(packages: Sequence[str]) -> str:
    if not packages:
        return "the standard library alone"
    return f"the standard library, {', '.join(packages[:_NAMED])}"


def _plots(packages: Sequence[str]) -> str:
    if "matplotlib" in packages:
        return "matplotlib's figures when they are shown, too"
    return "draw plots as SVG files"


async def _kept(
    call: Call, artifacts: Artifacts, made: MadeFiles, file: dict[str, str]
) -> list[TextBlock | ImageBlock]:
    name, media_type = file["name"], file["media_type"]
    try:
        body = base64.b64decode(file["data"], validate=True)
    except binascii.Error:
        return [TextBlock(f"File {name}: it did not arrive whole.")]
    kind, text = _TEXTS.get(media_type), _text(body)
    if kind is not None and text is not None:
        artifact = await artifacts.create(
            call.person,
            call.conversation_id,
            title=name,
            kind=kind,
            content=text,
            language=name.rpartition(".")[2] if kind == "code" else "",
        )
        return [TextBlock(f"File {name} is kept beside the conversation. id: {artifact.id}")]
    try:
        kept = await made.keep(call.person, call.conversation_id, name, media_type, body)
    except RequestTooLarge:
        return [TextBlock(f"File {name} is not kept: it has more than {LARGEST // 10**6} MB.")]
    said = f"File {kept.filename} ({kept.size} bytes) is kept for the reader. id: {kept.id}"
    if (start := _PICTURES.get(media_type)) and body.startswith(start):
        return [TextBlock(said), ImageBlock(media_type, url=kept.address)]
    return [TextBlock(said)]


def _text(body: bytes) -> str | None:
    """Return a text that can stand beside the conversation, if this is one."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if len(text) <= LONGEST and "\x00" not in text else None
