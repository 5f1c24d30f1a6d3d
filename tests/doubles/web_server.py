"""A scripted stand-in for the server's ``/api/``, for states that a real model reaches rarely.

What it answers is chosen by a word in the question (see ``SCRIPTS``); ``WebServer`` holds all its
state in memory and can be told to drop its event streams. ``python -m doubles.web_server PORT``,
from ``tests/``, serves it for a look by hand; sign in at ``/#token=let-me-in``.
"""

import asyncio
import contextlib
import itertools
import json
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from consigne.web.static import routes
from doubles.web_answers import IMAGES, PAINTER, SCRIPTS, STARTER, SUGGESTIONS, Script, script_for
from doubles.web_library import library_routes

Json = dict[str, Any]
TOKEN = "let-me-in"
USER = {
    "user": {"id": "user_1", "name": "Camille Roy", "email": "camille@example.org"},
    "organisation": {"id": "org_1", "name": "Atelier Roy"},
    "role": "owner",
}


@dataclass
class Run:
    """One generation: numbered events, and a bell for whoever waits for the next."""

    id: str
    message: Json
    events: list[tuple[str, Json]] = field(default_factory=list)
    bell: asyncio.Condition = field(default_factory=asyncio.Condition)
    stopped: bool = False

    @property
    def over(self) -> bool:
        return bool(self.events) and self.events[-1][0] == "done"

    async def add(self, kind: str, data: Json) -> None:
        async with self.bell:
            self.events.append((kind, data))
            self.bell.notify_all()


class WebServer:
    """All the state, and the switches that tests turn."""

    def __init__(self) -> None:
        self.scripts = dict(SCRIPTS)
        self.signed_in: set[str] = set()
        self.conversations: dict[str, Json] = {}
        self.deleted: dict[str, Json] = {}
        self.messages: dict[str, Json] = {}
        self.runs: dict[str, Run] = {}
        self.sent: dict[str, Json] = {}
        self.pulls: dict[str, Json] = {}
        self.models = [dict(STARTER), dict(PAINTER)]
        self.offline = False
        """While set, event streams break and new ones are refused."""
        self.pull_delay = 0.05
        self.pulls_held = False
        """Whether pulls wait halfway until ``go_on`` is set, as scripts do where they say so."""
        self.go_on = threading.Event()
        self.clock = datetime.now(UTC)
        self._ids = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._ids):04d}"

    def now(self) -> str:
        self.clock = max(datetime.now(UTC), self.clock + timedelta(milliseconds=1))
        return self.clock.isoformat().replace("+00:00", "Z")

    def conversation(self, title: str = "", *, days_ago: float = 0) -> Json:
        when = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat().replace("+00:00", "Z")
        made = {
            "id": self.new_id("conv"),
            "title": title,
            "model": None,
            "head_id": None,
            "created_at": when,
            "updated_at": when,
            "running": False,
            "pinned": False,
            "archived": False,
            "folder_id": None,
        }
        self.conversations[made["id"]] = made
        return made

    def message(self, conversation: Json, parent: str | None, role: str, text: str) -> Json:
        made = {
            "id": self.new_id("msg"),
            "conversation": conversation["id"],
            "parent_id": parent,
            "role": role,
            "content": [{"type": "text", "text": text}] if text else [],
            "model": STARTER["id"] if role == "assistant" else None,
            "state": "complete",
            "stop_reason": "end_turn" if role == "assistant" else None,
            "error": None,
            "usage": None,
            "left_out": 0,
            "created_at": self.now(),
            "run_id": None,
        }
        self.messages[made["id"]] = made
        conversation["head_id"] = made["id"]
        return made

    def exchange(self, title: str, question: str, answer: str, *, days_ago: float = 0) -> Json:
        """Store a finished conversation of one question and its answer."""
        made = self.conversation(title, days_ago=days_ago)
        asked = self.message(made, None, "user", question)
        self.message(made, asked["id"], "assistant", answer)
        return made

    def stands(self, conversation: Json, place: str) -> bool:
        """Say whether a conversation stands at a place of the list; there are no folders here."""
        if place == "archived" or conversation["archived"]:
            return bool(conversation["archived"]) and place == "archived"
        return not place or (place == "pinned") == conversation["pinned"]

    def leaf(self, message_id: str) -> str:
        """Return the newest leaf below a message."""
        below = [m["id"] for m in self.messages.values() if m["parent_id"] == message_id]
        return self.leaf(below[-1]) if below else message_id

    def thread(self, conversation: Json, around: str = "") -> Json:
        """Return a whole branch: the head's, or the newest through a message."""
        leaf = self.leaf(around) if around else conversation["head_id"]
        branch: list[Json] = []
        at = leaf
        while at is not None:
            branch.insert(0, self.messages[at])
            at = branch[0]["parent_id"]
        versions: dict[str, list[str]] = {}
        for message in self.messages.values():
            if message["conversation"] == conversation["id"]:
                versions.setdefault(message["parent_id"] or "", []).append(message["id"])
        return {
            "conversation": conversation,
            "leaf_id": leaf,
            "messages": branch,
            "versions": {parent: ids for parent, ids in versions.items() if len(ids) > 1},
            "earlier": False,
            "later": False,
        }

    def start(self, answer: Json, script: Script) -> Run:
        run = Run(self.new_id("run"), answer)
        self.runs[run.id] = run
        answer |= {"run_id": run.id, "state": "running", "error": None, "stop_reason": None}
        self.conversations[answer["conversation"]]["running"] = True
        self.spawn(self._generate(run, script))
        return run

    def spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _told(self, ended: Callable[[], bool]) -> None:
        """Wait until a test, in another thread, says that it goes on, or it has ended."""
        while not (self.go_on.is_set() or ended()):  # noqa: ASYNC110 - an event of a thread
            await asyncio.sleep(0.01)

    async def _generate(self, run: Run, script: Script) -> None:
        answer, said = run.message, "".join(b["text"] for b in run.message["content"])
        await run.add("start", {"message_id": answer["id"], "model": answer["model"], "text": said})
        await asyncio.sleep(script.first)
        for number, chunk in enumerate(script.chunks):
            if number == script.held:
                await self._told(lambda: run.stopped)
            if run.stopped:
                break
            said += chunk
            answer["content"] = [{"type": "text", "text": said}]
            await run.add("delta", {"text": chunk})
            await asyncio.sleep(script.delay)
        conversation = self.conversations.get(answer["conversation"], {})
        state = "stopped" if run.stopped else script.ending
        answer |= {"state": state, "stop_reason": "cancelled" if run.stopped else "end_turn"}
        answer["usage"] = {"input_tokens": 31, "cached_input_tokens": 0, "output_tokens": 64}
        if state == "failed":
            answer["error"] = {"code": "engine_crashed", "message": "The model's process ended."}
        conversation |= {"running": False, "updated_at": self.now()}
        if script.title:
            conversation["title"] = script.title
            await run.add("title", {"title": script.title})
        await run.add("done", {"message": answer})

    async def stream(self, run: Run, after: int) -> AsyncIterator[str]:
        while not self.offline:
            async with run.bell:
                while len(run.events) <= after and not self.offline:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(run.bell.wait(), 0.2)
                ready = list(enumerate(run.events[after:], after + 1))
            for number, (kind, data) in ready:
                if self.offline:
                    return
                yield f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
                after = number
            if run.over and after >= len(run.events):
                return

    async def pull(self, pull: Json) -> None:
        total = pull["total_bytes"]

        def ended() -> bool:
            return bool(pull["state"] != "running")

        for step in range(41):
            if step == 20 and self.pulls_held:
                await self._told(ended)
            if ended():
                return
            done = total * step // 40
            pull |= {"done_bytes": done, "bytes_per_s": 9.4e6, "seconds_left": (40 - step) * 2}
            pull["phase"] = "download" if step < 36 else "verify" if step < 38 else "install"
            await asyncio.sleep(self.pull_delay)
        found = next(s for s in SUGGESTIONS + IMAGES if s["source"] == pull["source"])
        pull |= {"state": "done", "model": found["id"]}
        base = PAINTER if found in IMAGES else STARTER
        known = {k: found[k] for k in ("id", "name", "size_bytes")}
        self.models.append({**base, **known, "starter": False, "state": "idle"})


def refused(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)


def create_app(web: WebServer) -> FastAPI:
    """Return the app: the page, and ``/api/`` on ``web``'s state."""
    app = FastAPI()
    app.router.routes.extend(routes())

    @app.middleware("http")
    async def guard(request: Request, forward: Any) -> Response:
        path = request.url.path
        known = request.cookies.get("consigne_session") in web.signed_in
        if (
            path.startswith("/api/")
            and not known
            and (path, request.method)
            != (
                "/api/session",
                "POST",
            )
        ):
            return refused(401, "not_authenticated", "Sign in first.")
        reply: Response = await forward(request)
        return reply

    _session_routes(app, web)
    _model_routes(app, web)
    _list_routes(app, web)
    _conversation_routes(app, web)
    _run_routes(app, web)
    library_routes(app)
    return app


def _session_routes(app: FastAPI, web: WebServer) -> None:
    @app.get("/api/session")
    async def session() -> Json:
        return USER

    @app.post("/api/session")
    async def sign_in(body: Json) -> Response:
        if body.get("token") != TOKEN:
            return refused(401, "not_authenticated", "This link was used or has expired.")
        secret = web.new_id("secret")
        web.signed_in.add(secret)
        reply = JSONResponse(USER)
        reply.set_cookie("consigne_session", secret, httponly=True, samesite="strict")
        return reply

    @app.delete("/api/session", status_code=204)
    async def sign_out(request: Request) -> None:
        web.signed_in.discard(request.cookies.get("consigne_session", ""))


def _model_routes(app: FastAPI, web: WebServer) -> None:
    @app.get("/api/models")
    async def models() -> Json:
        paints = next(m["id"] for m in reversed(web.models) if m["modality"] == "image")
        default = {"default": web.models[0]["id"], "paints": paints, "changes_pictures": False}
        return default | {"models": web.models}

    @app.get("/api/models/suggestions")
    async def suggestions() -> Json:
        have = {model["id"] for model in web.models}
        found = [{**s, "installed": s["id"] in have} for s in SUGGESTIONS]
        machine = {"memory_bytes": 24 * 2**30, "cores": 2}
        images = [{**s, "installed": s["id"] in have} for s in IMAGES]
        return {
            "as_of": "2026-11-23",
            "machine": machine,
            "suggestions": found,
            "images_as_of": "2026-11-28",
            "images": images,
        }

    @app.get("/api/models/pulls")
    async def pulls() -> Json:
        return {"pulls": list(web.pulls.values())}

    @app.post("/api/models/pulls", status_code=202)
    async def pull(body: Json) -> Json:
        size = next(s["size_bytes"] for s in SUGGESTIONS + IMAGES if s["source"] == body["source"])
        made = {
            "id": web.new_id("pull"),
            "source": body["source"],
            "model": None,
            "state": "running",
            "phase": "download",
            "done_bytes": 0,
            "total_bytes": size,
            "bytes_per_s": 0,
            "seconds_left": None,
            "error": None,
        }
        web.pulls[made["id"]] = made
        web.spawn(web.pull(made))
        return made

    @app.delete("/api/models/pulls/{pull_id}", status_code=204)
    async def cancel(pull_id: str) -> None:
        web.pulls[pull_id]["state"] = "cancelled"

    @app.get("/api/models/pulls/events")
    async def events() -> Response:
        async def changes() -> AsyncIterator[str]:
            told: dict[str, str] = {}
            while True:
                for pull in list(web.pulls.values()):
                    line = json.dumps(pull)
                    if told.get(pull["id"]) != line:
                        told[pull["id"]] = line
                        yield f"event: pull\ndata: {line}\n\n"
                await asyncio.sleep(0.03)

        return StreamingResponse(changes(), media_type="text/event-stream")


def _list_routes(app: FastAPI, web: WebServer) -> None:
    @app.get("/api/conversations")
    async def listed(query: str = "", limit: int = 50, cursor: str = "0", place: str = "") -> Json:
        found = [
            c
            for c in web.conversations.values()
            if query.lower() in c["title"].lower() and web.stands(c, place)
        ]
        found.sort(key=lambda c: c["updated_at"], reverse=True)
        start = int(cursor)
        more = str(start + limit) if len(found) > start + limit else None
        return {"conversations": found[start : start + limit], "next_cursor": more}

    @app.get("/api/folders")
    async def folders() -> Json:
        return {"folders": []}

    @app.get("/api/projects")
    async def projects() -> Json:
        return {"projects": []}

    @app.get("/api/search")
    async def search(query: str) -> Json:
        titled = [c for c in web.conversations.values() if query.lower() in c["title"].lower()]
        return {"conversations": titled, "messages": [], "more": False}


def _conversation_routes(app: FastAPI, web: WebServer) -> None:
    @app.post("/api/conversations", status_code=201)
    async def create(body: Json) -> Json:
        return web.conversation() | {"model": body.get("model")}

    @app.get("/api/conversations/{conv}")
    async def read(conv: str, around: str = "") -> Response:
        if conv not in web.conversations:
            return refused(404, "not_found", "There is no such conversation.")
        return JSONResponse(web.thread(web.conversations[conv], around))

    @app.patch("/api/conversations/{conv}")
    async def change(conv: str, body: Json) -> Json:
        if "head_id" in body:
            body["head_id"] = web.leaf(body["head_id"])
        web.conversations[conv] |= body
        return web.conversations[conv]

    @app.delete("/api/conversations/{conv}", status_code=204)
    async def delete(conv: str) -> None:
        web.deleted[conv] = web.conversations.pop(conv)

    @app.post("/api/conversations/{conv}/restore")
    async def restore(conv: str) -> Json:
        web.conversations[conv] = web.deleted.pop(conv)
        return web.conversations[conv]

    @app.post("/api/conversations/{conv}/messages", status_code=201)
    async def send(conv: str, body: Json) -> Response:
        if body["client_id"] in web.sent:
            return JSONResponse(web.sent[body["client_id"]], 201)
        if "refuse" in body["text"]:
            return refused(529, "overloaded", "The service has more to do than it can queue.")
        conversation = web.conversations[conv]
        asked = web.message(conversation, body["parent_id"], "user", body["text"])
        conversation["title"] = conversation["title"] or body["text"].split("\n")[0][:60]
        answer = web.message(conversation, asked["id"], "assistant", "")
        run = web.start(answer, script_for(body["text"], web.scripts))
        reply = {"message": asked, "answer": answer, "run": {"id": run.id}}
        web.sent[body["client_id"]] = reply
        return JSONResponse(reply, 201)


def _run_routes(app: FastAPI, web: WebServer) -> None:
    @app.post("/api/messages/{asked_id}/answers", status_code=201)
    async def again(asked_id: str) -> Json:
        asked = web.messages[asked_id]
        answer = web.message(web.conversations[asked["conversation"]], asked_id, "assistant", "")
        run = web.start(answer, script_for("again " + asked["content"][0]["text"], web.scripts))
        return {"answer": answer, "run": {"id": run.id}}

    @app.post("/api/messages/{answer_id}/continue", status_code=201)
    async def go_on(answer_id: str) -> Json:
        answer = web.messages[answer_id]
        run = web.start(answer, script_for("continue", web.scripts))
        return {"answer": answer, "run": {"id": run.id}}

    @app.get("/api/runs/{run_id}/events")
    async def events(run_id: str, request: Request, after: int = 0) -> Response:
        if web.offline:
            return refused(503, "overloaded", "Not now.")
        after = int(request.headers.get("last-event-id") or after)
        return StreamingResponse(
            web.stream(web.runs[run_id], after), media_type="text/event-stream"
        )

    @app.post("/api/runs/{run_id}/stop", status_code=202)
    async def stop(run_id: str) -> Json:
        web.runs[run_id].stopped = True
        return {}


@contextlib.contextmanager
def serve(web: WebServer, port: int = 0) -> Iterator[str]:
    """Serve on loopback in a thread of its own; yields the base URL."""
    config = uvicorn.Config(
        create_app(web), host="127.0.0.1", port=port, log_level="warning", lifespan="off"
    )
    server = uvicorn.Server(config)
    started = threading.Event()
    original = server.startup

    async def startup(sockets: Any = None) -> None:
        await original(sockets)
        started.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(60), "the stand-in did not start"
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(60)


if __name__ == "__main__":
    uvicorn.run(create_app(WebServer()), host="127.0.0.1", port=int(sys.argv[1]))
