"""Research on the real server: a scripted upstream plays a capable model, a little web is read."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doubles.upstream import DONE, OPENAI_USAGE, Reply, ScriptedUpstream, chunk, chunks, stream
from doubles.web_world import WebWorld
from integration.chat.test_survival import Browser
from support.server import ServerProcess
from support.site import Json

pytestmark = pytest.mark.slow
REPORT = "# Ar-Men\n\nAr-Men was first lit on 31 August 1881 [1]. Keepers feared it [1]."


def calls(name: str, **arguments: Any) -> Reply:
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"index": 0, "id": f"call_{name}", "type": "function", "function": function}
    return stream(
        chunk({"role": "assistant", "content": ""}),
        chunk({"tool_calls": [call]}),
        chunk({}, "tool_calls"),
        chunk(usage=OPENAI_USAGE),
        DONE,
    )


class Capable(ScriptedUpstream):
    """Researches as a capable model does; titles are asked of it beside the answer."""

    async def answer(self, request: Any) -> Any:
        body = await request.json()
        if "Write a title" in json.dumps(body["messages"]):
            self.replies.insert(0, stream(*chunks("A lighthouse")))
        return await super().answer(request)


def environment(upstream: ScriptedUpstream, world: WebWorld) -> dict[str, str]:
    provider = {"name": "lab", "kind": "openai", "base_url": f"{upstream.url}/v1", "api_key": "k"}
    provider |= {"models": [{"id": "capable", "context": 100_000}]}
    return {
        "CONSIGNE_PROVIDERS": json.dumps([provider]),
        "CONSIGNE_TOOLS__SEARCH__KIND": "searxng",
        "CONSIGNE_TOOLS__SEARCH__URL": world.url,
        "CONSIGNE_TOOLS__WEB_PAGES": "true",
        "CONSIGNE_TOOLS__PRIVATE_ADDRESSES": "true",
    }


def researched(server: ServerProcess) -> tuple[list[str], Json]:
    """Ask for a report; return the kinds of the run's events, and the answer."""
    with Browser(server) as browser:
        assert browser.ask("GET", "/tools")["research"]
        conversation = browser.ask("POST", "/conversations", {"model": "capable"})
        body = {
            "text": "Report on Ar-Men.",
            "parent_id": None,
            "client_id": "1",
            "mode": "research",
        }
        sent = browser.ask("POST", f"/conversations/{conversation['id']}/messages", body)
        with browser.events(sent["run"]["id"]) as events:
            seen = list(events)
    return [kind for _, kind, _ in seen], seen[-1][2]["message"]


async def test_a_report_is_planned_searched_read_and_written_with_its_sources(
    make_data_dir: Callable[[], Path],
):
    async with WebWorld().serve() as world:
        upstream = Capable(
            calls("plan", steps=["When was Ar-Men lit? Search, then read."]),
            calls("web_search", query="Ar-Men lighthouse"),
            calls("read_web_page", url=f"{world.url}/ar-men"),
            stream(*chunks(REPORT)),
        )
        async with upstream.serve():
            server = ServerProcess(make_data_dir(), environ=environment(upstream, world))
            try:
                kinds, answer = await asyncio.to_thread(researched, server)
            finally:
                assert await asyncio.to_thread(server.stop) == 0, server.log_path.read_text()
    assert answer["state"] == "complete", answer
    assert kinds.count("tool_use") == kinds.count("tool_result") == 3
    results = [block for block in answer["content"] if block["type"] == "tool_result"]
    assert not any(block["is_error"] for block in results), results
    assert "first lit on 31 August 1881" in results[2]["content"][0]["text"]
    assert answer["content"][-1] == {"type": "text", "text": REPORT}
    assert answer["sources"][0]["url"] == f"{world.url}/ar-men"
    [first, *_] = [body for body in upstream.requests if body.get("tools")]
    assert first["tool_choice"]["function"]["name"] == "plan"
    assert "report" in first["messages"][0]["content"]
