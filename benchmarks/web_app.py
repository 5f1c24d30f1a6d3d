"""What the web app's API takes for an organisation of a thousand people.

    python benchmarks/web_app.py [--users 1000] [--messages 200000] [--requests 300] [--clients 8]
        [--database postgresql://…] [--keep FOLDER]

Seeds people, conversations and messages (one conversation has 10,000), then opens lists and
conversations, searches and sends over HTTP, as random people, one request at a time and then as
``--clients`` at once. A scripted model answers at once: what is measured is all but the model.
Server and client share this process, so the client's part (about 1 ms) is in the figures. The
queries of each page are counted in the server; the last line says which has the most. What is kept
in a folder or a database is used again, with everybody signed in anew.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import event, func, insert, select

from consigne.api.app import create_app
from consigne.api.app_routes.access import COOKIE
from consigne.api.services import Engines, open_services
from consigne.business.identity import Identity
from consigne.business.secret import hash_secret, new_secret
from consigne.chat.repository import encode_content
from consigne.domain import sources
from consigne.domain.errors import ModelNotFound
from consigne.domain.events import Event, MessageStart, MessageStop, TextDelta, TextStart
from consigne.domain.ids import new_id
from consigne.domain.messages import Request, TextBlock
from consigne.domain.models import Modality, Model
from consigne.domain.usage import Usage
from consigne.engines.library import ModelLibrary
from consigne.engines.pool import EnginePool
from consigne.gateway.traffic import Traffic
from consigne.settings import DatabaseSettings, Settings
from consigne.store.db import Database
from consigne.store.tables import (
    ConversationRow,
    MembershipRow,
    MessageRow,
    SessionRow,
    UserRow,
)

Row = dict[str, Any]
LONGEST = 10_000
PER_CONVERSATION = 20
MODEL = Model("scripted", "Scripted", "text", 1_700_000_000, 8192, starter=True)


class ScriptedModel:
    """Answers a sentence at once."""

    def __init__(self) -> None:
        self.traffic = Traffic(1)

    def models(self) -> list[Model]:
        """Return the only model."""
        return [MODEL]

    def resolve(self, name: str, modality: Modality = "text") -> Model:
        """Return the only model."""
        if modality != "text":
            raise ModelNotFound(f"There is no model for {modality}.")
        return MODEL

    def default_model(self, modality: Modality = "text") -> Model | None:
        """Return the only model."""
        return MODEL if modality == "text" else None

    async def count_tokens(self, request: Request) -> int:
        """Return the number of words."""
        return sum(len(message.text.split()) for message in request.messages)

    async def generate(self, request: Request) -> AsyncIterator[Event]:
        """Say yes."""
        yield MessageStart("msg_1", MODEL.id, Usage(10, 0, 0))
        yield TextStart(0)
        yield TextDelta(0, "Yes, of course.")
        yield MessageStop("end_turn", Usage(10, 0, 4))


class Words:
    """Sentences of made-up words that are as unequally common as a language's."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        sounds = [a + b for a in "bcdfglmnprstv" for b in "aeiou"]
        self.all = ["".join(self._random.choices(sounds, k=n % 3 + 2)) for n in range(20_000)]
        self._weights = [1 / (rank + 2) for rank in range(len(self.all))]

    def text(self, count: int) -> str:
        """Return some words."""
        return " ".join(self._random.choices(self.all, self._weights, k=count))

    def common(self) -> str:
        """Return one of the hundred most common words."""
        return self._random.choice(self.all[:100])

    def rare(self) -> str:
        """Return a rare word."""
        return self._random.choice(self.all[1000:])


class Person:
    """One of the users: their session and their conversations."""

    def __init__(self, number: int, known: str = "") -> None:
        self.id = known or new_id("user")
        self.number = number
        self.secret = new_secret()
        self.conversations: list[tuple[str, str]] = []
        """Each with its last message."""


async def seed(db: Database, users: int, messages: int, words: Words) -> list[Person]:
    """Store everybody and all they wrote."""
    owner = (await _owner(db)).caller
    people = [Person(number) for number in range(users)]
    now = sources.now()
    base = {"organisation_id": owner.organisation_id}
    async with db.session() as session:
        await session.execute(
            insert(UserRow),
            [
                {"id": p.id, "name": f"P{p.number}", "email": f"{p.id}@x.test", "created_at": now}
                for p in people
            ],
        )
        members = [base | {"user_id": p.id, "role": "member", "created_at": now} for p in people]
        await session.execute(insert(MembershipRow), members)
        sessions = [
            base
            | {
                "id": new_id("sess"),
                "user_id": p.id,
                "secret_hash": hash_secret(p.secret),
                "created_at": now,
                "expires_at": now + timedelta(days=30),
            }
            for p in people
        ]
        await session.execute(insert(SessionRow), sessions)
    left = messages
    base["workspace_id"] = owner.workspace_id
    count = LONGEST
    while left > 0:
        person = people[0] if count == LONGEST else random.choice(people)
        count = min(count, left)
        await _write(db, base, person, count, words)
        left -= count
        count = PER_CONVERSATION
        if left % 20_000 == 0:
            print(f"{messages - left:,} messages", file=sys.stderr)
    return people


async def again(db: Database) -> list[Person]:
    """Return everybody of a database that was seeded before, each signed in anew."""
    owner = (await _owner(db)).caller
    now = sources.now()
    last = select(ConversationRow.user_id, ConversationRow.id, ConversationRow.head_id)
    counted = (
        select(MessageRow.conversation_id)
        .group_by(MessageRow.conversation_id)
        .order_by(func.count().desc())
        .limit(1)
    )
    async with db.session() as session:
        longest = await session.scalar(counted)
        if longest is None:
            return []
        people: dict[str, Person] = {}
        for user, conversation, head in await session.execute(last):
            person = people.setdefault(user, Person(len(people), user))
            kept = (conversation, head or "")
            person.conversations.insert(0 if conversation == longest else LONGEST, kept)
        sessions = [
            {
                "id": new_id("sess"),
                "organisation_id": owner.organisation_id,
                "user_id": person.id,
                "secret_hash": hash_secret(person.secret),
                "created_at": now,
                "expires_at": now + timedelta(days=30),
            }
            for person in people.values()
        ]
        await session.execute(insert(SessionRow), sessions)
    # The one with the longest conversation comes first, and so does that conversation.
    return sorted(people.values(), key=lambda person: person.conversations[0][0] != longest)


async def _owner(db: Database) -> Any:
    identity = Identity(db)
    return await identity.sign_in(await identity.create_login_link())


async def _write(db: Database, base: Row, person: Person, count: int, words: Words) -> None:
    when = sources.now() - timedelta(minutes=random.randrange(500_000))
    conversation, title = new_id("conv"), words.text(5)
    ids = [new_id("msg") for _ in range(count)]
    rows = [
        {
            "id": own,
            "organisation_id": base["organisation_id"],
            "conversation_id": conversation,
            "parent_id": ids[at - 1] if at else None,
            "role": "assistant" if at % 2 else "user",
            "content": encode_content((TextBlock(words.text(120 if at % 2 else 20)),)),
            "state": "complete",
            "left_out": 0,
            "created_at": when,
        }
        for at, own in enumerate(ids)
    ]
    kept = {
        "id": conversation,
        "user_id": person.id,
        "title": title,
        "title_by": "rule",
        "title_folded": title,
        "model": MODEL.id,
        "head_id": ids[-1],
        "created_at": when,
        "updated_at": when,
    }
    async with db.session() as session:
        await session.execute(insert(ConversationRow), [base | kept])
        await session.execute(insert(MessageRow), rows)
    person.conversations.append((conversation, ids[-1]))


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[tuple[FastAPI, str]]:
    """Serve the whole application on loopback; yields it and its address."""
    model: Any = ScriptedModel()
    engines = Engines(ModelLibrary(settings.models_dir), EnginePool(settings.engine), model)
    async with open_services(settings, engines) as services:
        app = create_app(services)
        config = uvicorn.Config(app, "127.0.0.1", 0, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - it has no event to await
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield app, f"http://127.0.0.1:{port}"
        server.should_exit = True
        await task
    await engines.pool.close()


class Pages:
    """What people do, each by its name; every call is another person's."""

    def __init__(self, people: Sequence[Person], words: Words) -> None:
        self._active = [person for person in people if person.conversations]
        self._longest = people[0]
        self._words = words

    def all(self) -> dict[str, Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]]:
        """Return all of them."""
        return {
            "who am I": lambda http: self._get(http, "/session"),
            "list, recent": lambda http: self._get(http, "/conversations?place=recent"),
            "list, pinned": lambda http: self._get(http, "/conversations?place=pinned&limit=200"),
            "list, folders": lambda http: self._get(http, "/folders"),
            "open a conversation": self._open,
            "open one of 10,000 messages": self._open_longest,
            "its earlier messages": self._earlier,
            "search a common word": lambda http: self._search(http, self._words.common()),
            "search a rare word": lambda http: self._search(http, self._words.rare()),
            "search as one types": lambda http: self._search(http, self._words.rare()[:3]),
            "search, 10,000 of one's own": self._search_longest,
            "send": self._send,
        }

    def _person(self) -> Person:
        return random.choice(self._active)

    async def _get(
        self, http: httpx.AsyncClient, path: str, person: Person | None = None
    ) -> httpx.Response:
        cookie = f"{COOKIE}={(person or self._person()).secret}"
        return await http.get(f"/api{path}", headers={"cookie": cookie})

    async def _open(self, http: httpx.AsyncClient) -> httpx.Response:
        person = self._person()
        conversation, _ = random.choice(person.conversations)
        return await self._get(http, f"/conversations/{conversation}", person)

    async def _open_longest(self, http: httpx.AsyncClient) -> httpx.Response:
        conversation, _ = self._longest.conversations[0]
        return await self._get(http, f"/conversations/{conversation}", self._longest)

    async def _earlier(self, http: httpx.AsyncClient) -> httpx.Response:
        conversation, last = self._longest.conversations[0]
        path = f"/conversations/{conversation}?before={last}"
        return await self._get(http, path, self._longest)

    async def _search(self, http: httpx.AsyncClient, query: str) -> httpx.Response:
        return await self._get(http, f"/search?query={query}")

    async def _search_longest(self, http: httpx.AsyncClient) -> httpx.Response:
        return await self._get(http, f"/search?query={self._words.common()}", self._longest)

    async def _send(self, http: httpx.AsyncClient) -> httpx.Response:
        person = self._person()
        at = random.randrange(len(person.conversations))
        conversation, last = person.conversations[at]
        body = {"text": self._words.text(20), "parent_id": last, "client_id": new_id("sent")}
        cookie = {"cookie": f"{COOKIE}={person.secret}"}
        path = f"/api/conversations/{conversation}/messages"
        reply = await http.post(path, json=body, headers=cookie)
        if reply.status_code == 201:
            person.conversations[at] = (conversation, reply.json()["answer"]["id"])
        return reply


_counter: ContextVar[list[str] | None] = ContextVar("queries", default=None)


def count_queries(db: Database) -> None:
    """Note each statement with the request that it belongs to."""

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        counted = _counter.get()
        if counted is not None and not statement.startswith("BEGIN"):
            counted.append(statement)

    event.listen(db._engine.sync_engine, "before_cursor_execute", note)


async def queries(app: FastAPI, page: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> list[str]:
    """Return the statements of one request."""
    counted: list[str] = []
    token = _counter.set(counted)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1"
    ) as http:
        await page(http)
    done = list(counted)
    _counter.reset(token)
    return done


async def timed(
    http: httpx.AsyncClient,
    page: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]],
    requests: int,
    clients: int,
) -> list[float]:
    """Return how long each request took, in milliseconds."""
    took: list[float] = []
    left = iter(range(requests))

    async def client() -> None:
        for _ in left:
            began = time.perf_counter()
            reply = await page(http)
            took.append((time.perf_counter() - began) * 1000)
            # Two of the clients may have sent below the same answer: the second is told so.
            if reply.status_code != 409:
                reply.raise_for_status()
            if reply.request.method == "POST" and reply.is_success:
                # The answer to what was sent is written beside the next requests otherwise.
                run = reply.json()["run"]["id"]
                cookie = reply.request.headers["cookie"]
                await http.get(f"/api/runs/{run}/events", headers={"cookie": cookie})

    await asyncio.gather(*(client() for _ in range(clients)))
    return took


async def measure(args: argparse.Namespace, folder: Path) -> None:
    """Seed, measure and print the table."""
    words = Words(1)
    random.seed(2)
    settings = Settings(data_dir=folder, database=DatabaseSettings(url=args.database))
    db = await Database.open(settings.database_target)
    began = time.perf_counter()
    people = await again(db)
    if not people:
        people = await seed(db, args.users, args.messages, words)
        print(f"seeded in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    await db.close()
    most = ("", 0)
    print(f"| page | queries | p50, ms | p95, ms | p50 of {args.clients} at once | p95 |")
    print("| --- | --- | --- | --- | --- | --- |")
    async with served(settings) as (app, url), httpx.AsyncClient(base_url=url) as http:
        count_queries(app.state.services.db)
        for name, page in Pages(people, words).all().items():
            statements = await queries(app, page)
            if args.explain:
                print("\n".join([name, *statements]), file=sys.stderr)
            most = max(most, (name, len(statements)), key=lambda found: found[1])
            alone = await timed(http, page, args.requests, 1)
            together = await timed(http, page, args.requests, args.clients)
            figures = [f"{at(took, q):.1f}" for took in (alone, together) for q in (50, 95)]
            print(f"| {name} | {len(statements)} | {' | '.join(figures)} |", flush=True)
    print(f"most queries: {most[1]} ({most[0]})")


def at(took: Sequence[float], percentile: int) -> float:
    """Return a percentile."""
    return statistics.quantiles(took, n=100)[percentile - 1]


def main() -> None:
    """Measure in a folder that is gone afterwards, unless it is to be kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--database", default="")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--explain", action="store_true", help="print each page's statements")
    args = parser.parse_args()
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
        asyncio.run(measure(args, args.keep))
        return
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(args, Path(folder)))


if __name__ == "__main__":
    main()
