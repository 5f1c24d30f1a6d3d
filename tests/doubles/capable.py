"""A provider's server that plays a capable model: it obeys its prompts, in both wire formats.

A line ``!call NAME {json}`` in a user's turn is a call of that tool, ``!say TEXT`` an answer. Any
other prompt that comes with tools or a schema is answered by filling the schema from its words.
"""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from doubles import capable_wire
from doubles.capable_wire import Turn
from support.filling import fill


class CapableModel:
    """Reads a request of either kind, decides, and answers plain or as a stream."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, dict[str, Any]]] = []
        """Paths with bodies, as they came."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request as a capable model would."""
        body = await request.json()
        self.requests.append((request.path, body))
        anthropic = request.path.endswith("/messages")
        if request.path.endswith("/count_tokens"):
            return web.json_response({"input_tokens": len(json.dumps(body)) // 4})
        turn = decide(capable_wire.read(body))
        if not body.get("stream"):
            made = capable_wire.message(turn) if anthropic else capable_wire.completion(turn)
            return web.json_response(made)
        stream = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await stream.prepare(request)
        for part in capable_wire.frames(turn) if anthropic else capable_wire.chunks(turn):
            await stream.write(part)
        await stream.write_eof()
        return stream


def decide(asked: capable_wire.Asked) -> Turn:
    """Return what a capable model would say or call."""
    lines = asked.prompt.splitlines()
    calls = [line.removeprefix("!call ").split(" ", 1) for line in lines if line[:6] == "!call "]
    said = [line.removeprefix("!say ") for line in lines if line.startswith("!say ")]
    if asked.results:
        return Turn(text=said[0] if said else f"The tool says: {asked.results[-1]}")
    if calls:
        known = {tool["name"]: tool for tool in asked.tools}
        return Turn(calls=[(known[name]["name"], json.loads(given)) for name, given in calls])
    if said:
        return Turn(text=said[0])
    if asked.schema is not None:
        return Turn(text=json.dumps(fill(asked.schema, asked.prompt)))
    wanted = [tool for tool in asked.tools if asked.forced in ("", tool["name"])]
    named = [tool for tool in wanted if _is_about(asked.prompt, tool["name"])]
    if wanted and asked.may_call and (named or asked.must_call or "tool" in asked.prompt.lower()):
        return Turn(
            calls=[
                (tool["name"], fill(tool["schema"], asked.prompt)) for tool in named or wanted[:1]
            ]
        )
    return Turn(text=f"You said: {asked.prompt.strip()[:200]}")


def _is_about(prompt: str, tool: str) -> bool:
    """Say whether a prompt has a tool's name in it, or the thing that ``get_thing`` gets."""
    return tool.lower() in prompt.lower() or (
        tool.startswith("get_") and tool.removeprefix("get_") in prompt.lower().split()
    )


@contextmanager
def capable_upstream() -> Iterator[CapableModel]:
    """Serve a capable model on a loop and a thread of its own."""
    model = CapableModel()
    with served_app(model.answer) as url:
        model.url = url
        yield model


@contextmanager
def served_app(handler: Any) -> Iterator[str]:
    """Serve one handler for every path from a thread of its own; give its base URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> web.AppRunner:
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    runner = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()
