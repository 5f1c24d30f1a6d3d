"""Servers of tools, real ones: over the standard streams for operators, over HTTP on the page."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from consigne.chat.tools import mcp_client
from consigne.chat.tools.base import ToolFailed
from consigne.chat.tools.mcp_client import Server
from consigne.domain.messages import TextBlock
from consigne.settings import ToolServerSettings, ToolSettings
from doubles.scripted import START, stop, text, tool_use
from support.site import Visitor, open_site
from support.waiting import lasting_port, until

pytestmark = pytest.mark.slow
TESTS = str(Path(__file__).parents[2])
STDIO = Server("notes", sys.executable, ("-m", "doubles.mcp_notes"), {"PYTHONPATH": TESTS})


@pytest.fixture
def notes_url() -> Iterator[str]:
    """The server over HTTP."""
    port = lasting_port()
    command = [sys.executable, "-m", "doubles.mcp_notes", str(port)]
    process = subprocess.Popen(command, cwd=TESTS, stderr=subprocess.DEVNULL)
    yield f"http://127.0.0.1:{port}/mcp"
    process.terminate()
    process.wait(60)


async def answers(url: str) -> None:
    """Wait until something answers there."""

    async def tried() -> bool:
        try:
            async with httpx.AsyncClient() as client:
                await client.get(url)
        except httpx.HTTPError:
            return False
        return True

    for _ in range(200):
        if await tried():
            return
    raise AssertionError("the server of tools did not start")


async def test_an_operator_s_program_lists_its_tools_and_is_called():
    found = await mcp_client.list_tools(STDIO)
    assert [(tool.name, tool.title, tool.read_only) for tool in found] == [
        ("read_notes", "Read notes", True),
        ("write_note", "Write a note", False),
    ]
    assert found[1].input_schema["required"] == ["text"]
    said = await mcp_client.call_tool(STDIO, "write_note", {"text": "milk"}, timeout_s=30)
    assert said.content == (TextBlock("Noted: milk"),)
    assert (await mcp_client.call_tool(STDIO, "write_note", {"text": ""}, timeout_s=30)).is_error


@pytest.mark.parametrize(
    ("server", "why"),
    [
        (Server("gone", "no-such-program"), "no-such-program"),
        (Server("mute", sys.executable, ("-c", "pass")), "mute"),
        (Server("inward", url="http://127.0.0.1:8080/mcp"), "public internet"),
        (Server("nobody", url="http://127.0.0.1:9/mcp", anywhere=True), "nobody"),
    ],
)
async def test_a_server_that_cannot_be_used_is_told_plainly(server: Server, why: str):
    with pytest.raises(ToolFailed, match=why):
        await mcp_client.list_tools(server)


async def test_an_administrator_adds_a_server_and_its_writing_is_asked_for(
    tmp_path: Path, notes_url: str
):
    until_it_answers = answers(notes_url)
    async with open_site(tmp_path, tools=ToolSettings(private_addresses=True)) as site:
        await until_it_answers
        owner, member = await site.owner(), await site.member("ada@example.org")
        body: Any = {"name": "notes", "url": notes_url, "authorization": "Bearer secret"}
        refused = await member.refused("POST", "/tools/servers", body)
        assert refused == "403 not_permitted"
        added = await owner.ask("POST", "/tools/servers", body)
        assert (added["tools"], added["problem"]) == (2, "")
        assert await owner.refused("POST", "/tools/servers", body) == "409 conflict"
        wrong = body | {"name": "other", "url": notes_url.replace("/mcp", "/none")}
        assert await owner.refused("POST", "/tools/servers", wrong) == "400 invalid_request"
        shown = await member.ask("GET", "/tools/servers")
        assert "secret" not in str(shown)
        names = [t["name"] for t in (await member.ask("GET", "/tools"))["tools"]]
        assert {"notes__read_notes", "notes__write_note"} <= set(names)
        stranger = await site.stranger()
        assert (await stranger.ask("GET", "/tools/servers"))["servers"] == []
        path = f"/tools/servers/{added['id']}"
        assert await stranger.refused("DELETE", path) == "404 not_found"
        assert await member.refused("DELETE", path) == "403 not_permitted"
        site.gateway.scripts = [
            (START, *tool_use("notes__read_notes", "{}"), stop("tool_use")),
            (START, *tool_use("notes__write_note", '{"text":"milk"}'), stop("tool_use")),
        ]
        site.gateway.script = (START, *text("Done."), stop())
        await converse(member, notes_url)
        await owner.ask("DELETE", f"/tools/servers/{added['id']}")
        names = [t["name"] for t in (await member.ask("GET", "/tools"))["tools"]]
        assert not any(name.startswith("notes__") for name in names)


async def converse(member: Visitor, url: str) -> None:
    """Let the model read, which asks nobody, and write, which is allowed once."""
    conversation = await member.ask("POST", "/conversations", {"model": "capable"})
    body = {"text": "Note milk", "parent_id": None, "client_id": "1"}
    sent = await member.ask("POST", f"/conversations/{conversation['id']}/messages", body)
    run, live = sent["run"]["id"], member.site.services.runs._live
    await until(lambda: "toolu_1" in live[run].asked)
    assert live[run].content[-1].name == "notes__write_note"
    await member.ask("POST", f"/runs/{run}/calls/toolu_1/leave", {"decision": "once"})
    done = (await member.events(f"/runs/{run}/events"))[-1][2]["message"]
    results = [block for block in done["content"] if block["type"] == "tool_result"]
    assert [block["content"][0]["text"] for block in results] == ["There are none.", "Noted: milk"]


async def test_the_operator_s_servers_are_everybody_s_and_cannot_be_removed(tmp_path: Path):
    own = ToolServerSettings(name="notes", command=STDIO.command, args=STDIO.args, env=STDIO.env)
    broken = ToolServerSettings(name="broken", command="no-such-program")
    async with open_site(tmp_path, tools=ToolSettings(servers=(own, broken))) as site:
        owner = await site.owner()
        servers = (await owner.ask("GET", "/tools/servers"))["servers"]
        assert [(s["id"], s["name"], s["tools"]) for s in servers] == [
            ("", "notes", 2),
            ("", "broken", 0),
        ]
        assert "no-such-program" in servers[1]["problem"]
