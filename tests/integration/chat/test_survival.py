"""Answers survive their readers, and everything survives the end of the server."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.server import ServerProcess
from support.site import Json, parse

pytestmark = pytest.mark.slow
STORY = "Tell me a long story about a lighthouse keeper, her cat, and a storm."


class Browser:
    """A page that is signed in."""

    def __init__(self, server: ServerProcess, cookies: httpx.Cookies | None = None) -> None:
        self.http = httpx.Client(
            base_url=server.url, cookies=cookies, headers={"origin": server.url}, timeout=60
        )
        if cookies is None:
            self.ask("POST", "/session", {"token": server.login_token})

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def ask(self, method: str, path: str, body: Json | None = None) -> Any:
        response = self.http.request(method, f"/api{path}", json=body)
        assert response.is_success, response.text
        return response.json() if response.content else None

    def send(self, conversation: Json, text: str) -> Json:
        body = {"text": text, "parent_id": None, "client_id": str(uuid.uuid4())}
        sent: Json = self.ask("POST", f"/conversations/{conversation['id']}/messages", body)
        return sent

    def messages(self, conversation: Json, *leaves: str) -> dict[str, Json]:
        """Return the messages of the branches that end there."""
        path = f"/conversations/{conversation['id']}?around="
        threads = [self.ask("GET", path + leaf) for leaf in leaves]
        return {message["id"]: message for thread in threads for message in thread["messages"]}

    @contextmanager
    def events(self, run_id: str, after: int = 0) -> Iterator[Iterator[tuple[int, str, Json]]]:
        path = f"/api/runs/{run_id}/events?after={after}"
        with self.http.stream("GET", path) as response:
            assert response.status_code == 200
            yield _parsed(response)

    def read(
        self, run_id: str, *, after: int = 0, characters: int = 10**9
    ) -> tuple[int, str, Json | None]:
        """Read until so much was said: the last number, what was said, the message if done."""
        said, number = "", 0
        with self.events(run_id, after) as events:
            for number, kind, body in events:
                if kind == "done":
                    return number, said, body["message"]
                said += body["text"] if kind == "delta" else ""
                if len(said) >= characters:
                    return number, said, None
        raise AssertionError("the stream ended without its end")


def _parsed(response: httpx.Response) -> Iterator[tuple[int, str, Json]]:
    rest = ""
    for chunk in response.iter_text():
        *records, rest = (rest + chunk).split("\n\n")
        for record in records:
            if "data:" in record:
                yield parse(record)


def plain_text(message: Json) -> str:
    return "".join(block["text"] for block in message["content"])


@pytest.fixture
def start(make_data_dir: Callable[[], Path]) -> Iterator[Callable[[], ServerProcess]]:
    """Start the server, each time on the same data."""
    data_dir, started = make_data_dir(), []

    def start() -> ServerProcess:
        started.append(ServerProcess(data_dir))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.kill()


def test_killing_the_server_in_mid_answer_loses_nothing_that_was_seen(
    start: Callable[[], ServerProcess],
):
    server, cookies, conversation = start(), None, {}
    seen: list[tuple[Json, int, str]] = []
    for characters in (1, 300):
        with Browser(server, cookies) as browser:
            cookies = browser.http.cookies
            conversation = conversation or browser.ask("POST", "/conversations", {})
            sent = browser.send(conversation, STORY)
            number, said, done = browser.read(sent["run"]["id"], characters=characters)
            assert done is None, "the answer was too short to be cut"
            seen.append((sent, number, said))
            unread = browser.send(conversation, "And this?")
            server.kill()
        server = start()
        with Browser(server, cookies) as browser:
            ends = [cut["answer"]["id"] for cut in (*(sent for sent, _, _ in seen), unread)]
            messages = browser.messages(conversation, *ends)
        for sent, _, said in seen:
            assert plain_text(messages[sent["message"]["id"]]) == STORY
            assert messages[sent["answer"]["id"]]["state"] == "interrupted"
            assert plain_text(messages[sent["answer"]["id"]]).startswith(said)
        assert plain_text(messages[unread["message"]["id"]]) == "And this?"
        assert messages[unread["answer"]["id"]]["state"] == "interrupted"
    sent, number, _ = seen[-1]
    cut = messages[sent["answer"]["id"]]
    with Browser(server, cookies) as browser:
        with browser.events(sent["run"]["id"], after=number) as events:
            ((_, kind, body),) = events
        assert (kind, body["message"]) == ("done", cut)
        more = browser.ask("POST", f"/messages/{cut['id']}/continue", {})["run"]["id"]
        number, said, _ = browser.read(more, characters=20)
        browser.ask("POST", f"/runs/{more}/stop")
        _, rest, done = browser.read(more, after=number)
        assert done is not None
        assert plain_text(done).startswith(plain_text(cut) + said + rest)
        assert done["state"] == "stopped"
    assert server.stop() == 0


def test_an_answer_goes_on_when_its_reader_leaves_and_the_server_closes_in_order(
    start: Callable[[], ServerProcess],
):
    server = start()
    with Browser(server) as browser:
        conversation = browser.ask("POST", "/conversations", {})
        sent = browser.send(conversation, "Name three colours.")
        _, said, _ = browser.read(sent["run"]["id"], characters=1)
        _, whole, done = browser.read(sent["run"]["id"])
        assert done is not None
        assert done["state"] == "complete"
        assert plain_text(done).startswith(said)
        assert whole in ("", plain_text(done))
        listed = browser.ask("GET", "/conversations")["conversations"]
        assert [(c["title"], c["running"]) for c in listed] == [("Name three colours", False)]
        open_one = browser.send(conversation, STORY)
        with browser.events(open_one["run"]["id"]) as events:
            assert next(events)[1] == "start"
            assert server.stop() == 0
            *_, (_, kind, body) = events
    assert (kind, body["message"]["state"]) == ("done", "interrupted")
