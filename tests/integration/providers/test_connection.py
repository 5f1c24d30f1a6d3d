"""Our own client of HTTP/1.1, against a server that plays bytes, on both event loops."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from consigne.domain.errors import OperatorError
from consigne.providers.connection import Answer, Broken, HungUp, NotHttp
from consigne.providers.pool import Place, Pool, Unreachable, place_of, target_of
from doubles.raw_server import Player, Proxy, certificate, listening, read_request
from support.waiting import until

Run = Callable[[Coroutine[Any, Any, None]], None]
OK = b"HTTP/1.1 200 OK\r\n"
PLAIN = OK + b"content-length: 5\r\n\r\nhello"
CHUNKED = (
    OK + b"Transfer-Encoding: chunked\r\n\r\n2;ext=1\r\nhe\r\n3\r\nllo\r\n0\r\nx-after: 1\r\n\r\n"
)
UNTIL_THE_END = OK + b"connection: close\r\n\r\nhello"
EARLY = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a test on one of the event loops that the service runs on."""
    return request.param


@asynccontextmanager
async def pool() -> AsyncIterator[Pool]:
    """Give a pool of connections."""
    made = Pool()
    try:
        async with asyncio.timeout(60):
            yield made
    finally:
        await made.close()


async def asked(
    connections: Pool, place: Place, silence_s: float = 5, body: bytes = b"{}"
) -> Answer:
    """Return the answer to a request, once its head is there."""
    connection = connections.take(place) or await connections.open(place, 5)
    head = b"POST / HTTP/1.1\r\nhost: up\r\ncontent-length: %d\r\n\r\n" % len(body)
    answer = connection.ask(head, body, silence_s)
    await answer.head()
    return answer


async def whole(answer: Answer) -> bytes:
    """Return an answer's body."""
    found = b""
    while piece := await answer.read():
        found += piece
    return found


def here(port: int, **fields: Any) -> Place:
    """Return where a server of this machine is."""
    return Place(**({"secure": False, "host": "127.0.0.1", "port": port} | fields))


def test_every_framing_is_read_and_connections_serve_again(run: Run) -> None:
    async def play() -> None:
        answers = (PLAIN, CHUNKED, EARLY + PLAIN, OK + b"content-length: 0\r\n\r\n", PLAIN)
        player = Player(*answers, [UNTIL_THE_END, b""], PLAIN)
        async with listening(player) as port, pool() as connections:
            found = [await whole(await asked(connections, here(port))) for _ in range(7)]
        assert found == [b"hello", b"hello", b"hello", b"", b"hello", b"hello", b"hello"]
        assert player.connections == 2, "one until the server closed it, and one after"
        assert all(body == b"{}" for _, body in player.requests)

    run(play())


@given(
    st.sampled_from([PLAIN, CHUNKED, EARLY + CHUNKED, UNTIL_THE_END]),
    st.lists(st.integers(1, 80), max_size=12),
)
@settings(max_examples=40)
def test_any_split_of_the_bytes_is_the_same_answer(raw: bytes, cuts: list[int]) -> None:
    places = [0, *sorted({min(cut, len(raw)) for cut in cuts}), len(raw)]
    pieces = [raw[a:b] for a, b in pairwise(places) if a < b]

    async def play() -> None:
        async with listening(Player([*pieces, b""])) as port, pool() as connections:
            answer = await asked(connections, here(port))
            assert (answer.status, await whole(answer)) == (200, b"hello")

    asyncio.run(play())


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", HungUp),
        (b"HTTP/1.1 200 OK\r\ncontent-le", Broken),
        (PLAIN[:-1], Broken),
        (CHUNKED[:-4], Broken),
        (CHUNKED[:-30], Broken),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", NotHttp),
        (OK + b"x-endless: " + b"y" * 2**19, NotHttp),
        (OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\nhello", NotHttp),
        (OK + b"content-length: 5\r\ncontent-length: 4\r\n\r\nhello", NotHttp),
        (b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", NotHttp),
    ],
)
def test_what_is_cut_or_no_answer_is_an_error(run: Run, raw: bytes, error: type[Exception]) -> None:
    async def play() -> None:
        async with listening(Player([raw, b""])) as port, pool() as connections:
            with pytest.raises(error) as caught:
                await whole(await asked(connections, here(port)))
            assert type(caught.value) is error
            assert connections.take(here(port)) is None

    run(play())


def test_what_came_before_a_cut_is_read_before_the_error() -> None:
    async def play() -> None:
        async with listening(Player([PLAIN[:-1], b""])) as port, pool() as connections:
            answer = await asked(connections, here(port))
            await until(lambda: not answer._connection.is_open)
            assert await answer.read() == b"hell"
            with pytest.raises(Broken):
                await answer.read()

    asyncio.run(play())


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN + b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes",
        PLAIN + b"more",
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        OK + b"connection: close\r\ncontent-length: 5\r\n\r\nhello",
    ],
)
def test_a_connection_that_nobody_may_trust_serves_no_second_time(raw: bytes) -> None:
    async def play() -> None:
        player = Player(raw, PLAIN)
        async with listening(player) as port, pool() as connections:
            try:
                assert await whole(await asked(connections, here(port))) == b"hello"
            except NotHttp:
                assert raw.endswith(b"more")
            assert await whole(await asked(connections, here(port))) == b"hello"
        assert player.connections == 2

    asyncio.run(play())


def test_silence_ends_a_request_and_a_reader_who_is_slow_does_not(run: Run) -> None:
    async def play() -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(PLAIN[:-1])
            await reader.read()

        async with listening(silent) as port, pool() as connections:
            answer = await asked(connections, here(port), silence_s=0.2)
            looked_at = answer._connection._due
            # What has come is not read: it is the reader who is slow.
            await until(lambda: answer._connection._due > looked_at)
            assert await answer.read() == b"hell"
            with pytest.raises(TimeoutError):
                await answer.read()

    run(play())


def test_the_server_waits_for_a_slow_reader(run: Run) -> None:
    size = 30_000_000

    async def play() -> None:
        written = 0

        async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal written
            await read_request(reader)
            writer.write(OK + b"content-length: %d\r\n\r\n" % size)
            while written < size:
                writer.write(b"x" * 100_000)
                await writer.drain()
                written += 100_000
            await reader.read()

        async with listening(pour) as port, pool() as connections:
            answer = await asked(connections, here(port), body=b"y" * 3_000_000)
            await until(lambda: answer._connection._paused)
            assert written < size
            assert len(await whole(answer)) == size

    run(play())


def test_an_answer_nobody_wants_any_more_is_cut_or_let_end() -> None:
    async def play() -> None:
        player = Player([PLAIN[:-1]], [PLAIN[:-1], PLAIN[-1:]], PLAIN)
        async with listening(player) as port, pool() as connections:
            (await asked(connections, here(port))).close()
            ending = await asked(connections, here(port))
            ending.let_end(5)
            kept = await until(lambda: connections.take(here(port)))
            connections.put(kept)
            assert await whole(await asked(connections, here(port))) == b"hello"
        assert player.connections == 2

    asyncio.run(play())


def test_a_secure_server_must_be_who_it_says(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, tls = certificate(tmp_path, "localhost")

    async def play() -> None:
        async with listening(Player(PLAIN, CHUNKED), tls) as port:
            async with pool() as connections:
                with pytest.raises(Unreachable, match="certificate verify failed"):
                    await asked(connections, here(port, secure=True, host="localhost"))
            monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
            async with pool() as connections:
                with pytest.raises(Unreachable, match="certificate verify failed"):
                    await asked(connections, here(port, secure=True))
                place = here(port, secure=True, host="localhost")
                for _ in range(2):
                    assert await whole(await asked(connections, place)) == b"hello"
                assert len(connections._all) == 1

    run(play())
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)


def test_a_proxy_leads_to_a_secure_server(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, tls = certificate(tmp_path, "far.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))

    async def play() -> None:
        async with listening(Player(PLAIN, CHUNKED), tls) as far, pool() as connections:
            proxy = Proxy(far)
            async with listening(proxy) as port:
                place = Place(True, "far.example", 443, f"http://me:p%40ss@127.0.0.1:{port}")
                for _ in range(2):
                    assert await whole(await asked(connections, place)) == b"hello"
            (head,) = proxy.heads
            assert head.startswith(b"CONNECT far.example:443 HTTP/1.1\r\nhost: far.example:443\r\n")
            assert b"proxy-authorization: Basic bWU6cEBzcw==\r\n" in head
            refusing = Proxy(far, b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            async with listening(refusing) as port:
                with pytest.raises(Unreachable, match=r"refused to connect \(407\)"):
                    await asked(connections, place._replace(proxy=f"http://127.0.0.1:{port}"))

    run(play())


def test_nobody_there_and_nobody_who_answers() -> None:
    async def play() -> None:
        async def mute(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            await reader.read()

        async with listening(mute) as port, pool() as connections:
            with pytest.raises(TimeoutError):
                await connections.open(here(port, secure=True, host="localhost"), 0.1)
        async with pool() as connections:
            with pytest.raises(Unreachable):
                await connections.open(here(port), 5)
            with pytest.raises(Unreachable):
                await connections.open(here(port, host="no.such.host.invalid"), 5)

    asyncio.run(play())


def test_where_an_address_leads_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    assert place_of("https://api.example.com/v1") == Place(True, "api.example.com", 443)
    assert place_of("https://api.example.com/v1").name == "api.example.com"
    assert place_of("http://[::1]:8080/v1").name == "[::1]:8080"
    assert place_of("https://bücher.example").host == "xn--bcher-kva.example"
    url = "https://a.example/a b/é%20c?v=1"
    assert target_of(url, place_of(url)) == "/a%20b/%C3%A9%20c?v=1"
    with pytest.raises(OperatorError, match="no valid host"):
        place_of("https://é..example")
    relayed = place_of("http://a.example:81/v1", "http://proxy:3128")
    assert relayed.relayed
    assert target_of("http://a.example:81/v1", relayed) == "http://a.example:81/v1"


def test_the_environment_names_a_proxy_but_not_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3129")
    monkeypatch.setenv("NO_PROXY", ".inside.example")
    assert place_of("https://api.example.com").proxy == "http://proxy:3128"
    assert place_of("http://api.example.com").proxy == "http://proxy:3129"
    assert place_of("https://api.example.com", "http://own:1").proxy == "http://own:1"
    monkeypatch.setenv("HTTP_PROXY", "proxy:3130")
    assert place_of("http://api.example.com").proxy == "http://proxy:3130"
    assert place_of("https://models.inside.example").proxy == ""
    for here_too in ("http://127.0.0.1:8000", "http://localhost", "http://[::1]:1"):
        assert place_of(here_too).proxy == ""
