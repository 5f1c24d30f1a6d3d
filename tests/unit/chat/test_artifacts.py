"""Artifacts keep all their versions, and belong to whoever owns the conversation."""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from consigne.chat.artifacts import LONGEST, Artifacts
from consigne.chat.tools import python_package, python_wheels
from consigne.chat.tools.artifact_tools import artifact_tools
from consigne.domain.errors import InvalidRequest, NotFound, OperatorError
from consigne.domain.messages import TextBlock, ToolResultBlock
from doubles.scripted import START, stop, text, tool_use
from support.chat import Chat


@pytest.fixture
def artifacts(chat: Chat) -> Artifacts:
    return Artifacts(chat.db)


async def test_every_version_is_kept(chat: Chat, artifacts: Artifacts):
    conversation = await chat.new()
    made = await artifacts.create(
        chat.caller, conversation.id, title="A\x00 poem ", kind="document", content="one\x00"
    )
    await artifacts.change(chat.caller, made.id, "two")
    latest = await artifacts.read(chat.caller, made.id)
    first = await artifacts.read(chat.caller, made.id, 1)
    assert (latest.content, latest.number, latest.versions) == ("two", 2, 2)
    assert (first.title, first.content, first.number) == ("A poem", "one", 1)
    for number in (3, -1):
        with pytest.raises(NotFound):
            await artifacts.read(chat.caller, made.id, number)


async def test_what_is_too_long_or_of_another_conversation_is_refused(
    chat: Chat, artifacts: Artifacts
):
    conversation = await chat.new()
    with pytest.raises(InvalidRequest):
        await artifacts.create(
            chat.caller, conversation.id, title="A", kind="code", content="x" * (LONGEST + 1)
        )
    made = await artifacts.create(chat.caller, conversation.id, title="A", kind="code", content="x")
    other = await chat.new()
    with pytest.raises(NotFound):
        await artifacts.change(chat.caller, made.id, "y", conversation_id=other.id)
    await chat.conversations.delete(chat.caller, conversation.id)
    with pytest.raises(NotFound):
        await artifacts.read(chat.caller, made.id)


async def test_a_colleague_sees_none(chat: Chat, artifacts: Artifacts, make_member):
    conversation = await chat.new()
    made = await artifacts.create(
        chat.caller, conversation.id, title="A", kind="svg", content="<svg/>"
    )
    other = await make_member("ada@example.org")
    with pytest.raises(NotFound):
        await artifacts.read(other, made.id)
    with pytest.raises(NotFound):
        await artifacts.change(other, made.id, "mine")
    with pytest.raises(NotFound):
        await artifacts.create(other, conversation.id, title="B", kind="svg", content="")


async def test_a_model_changes_one_passage_and_is_told_where_it_stands_not_once(
    chat: Chat, artifacts: Artifacts
):
    chat.toolbox.add(*artifact_tools(artifacts))
    conversation = await chat.new()
    made = await artifacts.create(
        chat.caller, conversation.id, title="A", kind="document", content="red, red and blue"
    )
    body = '{"id":"%s","old":"%s","content":"green"}'
    chat.gateway.scripts = [
        (START, *tool_use("update_artifact", body % (made.id, old)), stop("tool_use"))
        for old in ("blue", "red")
    ]
    chat.gateway.script = (START, *text("Done."), stop())
    sent = await chat.send(conversation, "Change it", model="capable")
    answer = await chat.done(sent.run.id)
    results = [block for block in answer.content if isinstance(block, ToolResultBlock)]
    assert [block.is_error for block in results] == [False, True]
    assert results[1].content == (TextBlock("The old passage stands there 2 times, not once."),)
    assert (await artifacts.read(chat.caller, made.id)).content == "red, red and green"


def test_packages_are_brought_with_what_they_need_and_checked(tmp_path: Path):
    folder, source = tmp_path / "python", tmp_path / "source"
    folder.mkdir()
    source.mkdir()
    packages = {}
    for name, needs in {"plots": ["numbers", "dates"], "numbers": [], "dates": ["numbers"]}.items():
        (source / f"{name}.whl").write_bytes(name.encode())
        digest = hashlib.sha256(name.encode()).hexdigest()
        packages[name] = {"name": name, "file_name": f"{name}.whl", "sha256": digest}
        packages[name] |= {"depends": needs}
    (folder / "pyodide-lock.json").write_text(json.dumps({"packages": packages}))
    (source / "dates.whl").write_bytes(b"something else")
    with pytest.raises(OperatorError, match=r"dates\.whl .* is not the file"):
        python_wheels.bring(folder, ["plots"], str(source))
    assert python_wheels.present(folder) == ("numbers",)
    (source / "dates.whl").write_bytes(b"dates")
    assert python_wheels.bring(folder, ["Plots"], str(source)) == ("dates", "plots")
    assert python_wheels.present(folder) == ("dates", "numbers", "plots")
    assert python_wheels.bring(folder, ["plots"], "http://127.0.0.1:9/") == ()
    with pytest.raises(OperatorError, match="no package 'nothing'"):
        python_wheels.bring(folder, ["nothing"], str(source))
    (folder / "dates.whl").unlink()
    assert python_wheels.present(folder) == ("numbers",)
    for place in ("http://127.0.0.1:9/", str(tmp_path / "none")):
        with pytest.raises(OperatorError, match=r"Can't (bring|read) dates\.whl"):
            python_wheels.bring(folder, ["plots"], place)


def test_python_that_is_not_the_known_one_is_not_installed(tmp_path: Path):
    package = tmp_path / "package"
    package.mkdir()
    for name in python_package.FILES:
        (package / name).write_text("something else")
    archive = tmp_path / "pyodide.tgz"
    with tarfile.open(archive, "w:gz") as made:
        made.add(package, "package")
    with pytest.raises(OperatorError, match="not the file"):
        python_package.install(tmp_path / "data", archive)
    with pytest.raises(OperatorError, match="no archive"):
        python_package.install(tmp_path / "data", package / "pyodide.mjs")
    assert python_package.installed(tmp_path / "data") is None
    assert list((tmp_path / "data" / "tools" / "python").iterdir()) == []
