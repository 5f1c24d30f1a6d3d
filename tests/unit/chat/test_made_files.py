"""Files that programs write in the reader's browser: kept, seen, given back to their makers."""

import asyncio
import base64
from pathlib import Path

import msgspec
import pytest

from consigne.chat.artifacts import Artifacts
from consigne.chat.made_files import LARGEST, MadeFiles
from consigne.chat.sweeping import ChatSweep
from consigne.chat.tools.base import Outcome
from consigne.chat.tools.limits import fitted
from consigne.chat.tools.python_tool import python_tool
from consigne.chat.values import Conversation, StoredMessage
from consigne.domain.errors import NotFound, RequestTooLarge
from consigne.domain.messages import ImageBlock, Request, TextBlock, ToolResultBlock
from consigne.domain.models import Capabilities
from consigne.store.objects import Objects
from doubles import chat_gateway
from doubles.scripted import START, stop, text, tool_use
from support.chat import Chat
from support.clock import held_clock
from support.files import png

PICTURE = png(8, 8)
WORKBOOK = b"PK\x03\x04" + bytes(range(256)) * 40


@pytest.fixture
def made(chat: Chat, tmp_path: Path) -> MadeFiles:
    made = MadeFiles(chat.db, Objects.open("", tmp_path / "objects"))
    chat.toolbox._made = made
    chat.toolbox.add(python_tool(Artifacts(chat.db), made))
    return made


def file(name: str, media_type: str, body: bytes) -> dict[str, str]:
    return {"name": name, "media_type": media_type, "data": base64.b64encode(body).decode()}


async def ran(chat: Chat, *files: dict[str, str]) -> tuple[Conversation, StoredMessage]:
    """Let a model run a program whose page gives these files back, and go on."""
    program = tool_use("run_python", '{"code":"1"}', call="toolu_1")
    chat.gateway.scripts = [(START, *program, stop("tool_use"))]
    chat.gateway.script = (START, *text("Done."), stop())
    conversation = await chat.new()
    sent = await chat.send(conversation, "Plot it", model="capable")
    events = await chat.runs.events(chat.caller, sent.run.id)
    assert events is not None
    async with asyncio.timeout(60):
        async for batch in events:
            if any(event.kind == "tool_asks" for event in batch):
                break
    answer = {"text": "", "is_error": False, "files": list(files)}
    await chat.runs.answer_call(chat.caller, sent.run.id, "toolu_1", answer)
    return conversation, await chat.done(sent.run.id)


def result(message: StoredMessage) -> ToolResultBlock:
    [found] = [block for block in message.content if isinstance(block, ToolResultBlock)]
    return found


def pictures(request: Request) -> list[ImageBlock]:
    return [
        part
        for message in request.messages
        for block in message.content
        if isinstance(block, ToolResultBlock)
        for part in block.content
        if isinstance(part, ImageBlock)
    ]


async def test_files_of_any_kind_are_kept_for_whoever_ran_the_program(
    chat: Chat, made: MadeFiles, make_member
):
    conversation, answer = await ran(
        chat,
        file("out/sums.xlsx", "application/octet-stream", WORKBOOK),
        file("not.csv", "text/csv", b"\xff\xfe\x00"),
        file("sums.csv", "text/csv", b"a,b"),
        file("broken.bin", "application/octet-stream", b"") | {"data": "!"},
    )
    said = [part.text for part in result(answer).content if isinstance(part, TextBlock)]
    assert said[1].startswith(
        f"File sums.xlsx ({len(WORKBOOK)} bytes) is kept for the reader. id: "
    )
    assert said[2].startswith("File not.csv (3 bytes)")
    assert "id: art_" in said[3]
    assert said[4] == "File broken.bin: it did not arrive whole."
    file_id = said[1].rpartition(" ")[2]
    known, content = await made.content(chat.caller, file_id)
    assert b"".join([chunk async for chunk in content.chunks]) == WORKBOOK
    assert known.media_type == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    other = await make_member("ada@example.org")
    with pytest.raises(NotFound):
        await made.content(other, file_id)
    with pytest.raises(NotFound):
        await made.keep(other, conversation.id, "x", "text/plain", b"x")
    with pytest.raises(RequestTooLarge):
        await made.keep(chat.caller, conversation.id, "x", "text/plain", bytes(LARGEST + 1))


async def test_a_model_that_sees_is_shown_pictures_which_no_row_holds(
    chat: Chat, made: MadeFiles, monkeypatch: pytest.MonkeyPatch
):
    sees = msgspec.structs.replace(
        chat_gateway.CAPABLE, capabilities=Capabilities(tools=True, images_in=True)
    )
    monkeypatch.setattr(chat_gateway, "CAPABLE", sees)
    conversation, answer = await ran(
        chat,
        file("plot.png", "image/png", PICTURE),
        file("claims.png", "image/png", b"no picture"),
    )
    [kept] = [part for part in result(answer).content if isinstance(part, ImageBlock)]
    assert kept.data is None
    assert kept.url
    later = await chat.send(conversation, "And now?", answer, model="capable")
    await chat.done(later.run.id)
    asked = [request for request in chat.gateway.requests if request.tools]
    assert [[picture.data for picture in pictures(each)] for each in asked[1:]] == [[PICTURE]] * 2


async def test_files_go_with_their_conversation(chat: Chat, made: MadeFiles, tmp_path: Path):
    with held_clock() as clock:
        conversation, _ = await ran(chat, file("sums.xlsx", "", WORKBOOK))
        [folder] = (tmp_path / "objects" / "made").iterdir()
        assert len(list(folder.iterdir())) == 1
        await chat.conversations.delete(chat.caller, conversation.id)
        await ChatSweep(chat.db).sweep()
        assert await made.sweep() == 0  # it can still be restored
        clock.move(seconds=100_000)
        await ChatSweep(chat.db).sweep()
        assert await made.sweep() == 1
    assert list(folder.iterdir()) == []


def test_what_is_cut_is_the_long_text_and_not_the_names_of_files():
    told = Outcome((TextBlock("x" * 90_000), TextBlock("File a.bin (3 bytes)"), TextBlock("y")))
    printed, *names = fitted(told, None).content
    assert names == list(told.content[1:])
    assert isinstance(printed, TextBlock)
    assert printed.text.endswith("more.)")
    assert 44_900 < len(printed.text) < 45_100
