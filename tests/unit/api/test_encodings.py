"""Packed bodies: what is packed is read, a bomb is not; answers come packed where that helps."""

import gzip
import itertools
import json
import zlib
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from consigne.api import encodings
from consigne.api.encodings import Coding, Unpacker, accepted, compress
from consigne.domain.zstd import zstd
from doubles.scripted import START, ScriptedGateway, stop, text
from support.dialects import client

MESSAGE: dict[str, Any] = {
    "model": "tiny",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hello"}],
}
BODY = json.dumps(MESSAGE).encode()
CODINGS: list[Coding] = ["gzip", "zstd"]
LONG = ScriptedGateway(START, *text("a long answer " * 400), stop())


def unpack_all(coding: Coding, pieces: list[bytes]) -> bytes:
    unpacker, whole = Unpacker(coding), b""
    for piece in pieces:
        unpacker.feed(piece)
        while found := unpacker.next():
            assert len(found) <= encodings.PIECE_BYTES
            whole += found
    assert unpacker.whole
    return whole


@settings(max_examples=60)
@given(
    body=st.binary(max_size=5000),
    repeat=st.integers(1, 60),
    cuts=st.lists(st.integers(0, 5000), max_size=6),
    coding=st.sampled_from(CODINGS),
)
def test_any_split_of_a_packed_body_unpacks_to_the_same(
    body: bytes, repeat: int, cuts: list[int], coding: Coding
) -> None:
    packed = compress(body * repeat, coding) + compress(b"second part", coding)
    bounds = [0, *sorted(min(cut, len(packed)) for cut in cuts), len(packed)]
    pieces = [packed[a:b] for a, b in itertools.pairwise(bounds)]
    assert unpack_all(coding, pieces) == body * repeat + b"second part"


@given(data=st.binary(min_size=1, max_size=300), coding=st.sampled_from(CODINGS))
def test_damaged_input_is_said_to_be_so(data: bytes, coding: Coding) -> None:
    unpacker = Unpacker(coding)
    unpacker.feed(data)
    try:
        while unpacker.next():
            pass
    except HTTPException as error:
        assert error.status_code == 400  # noqa: PT017 - most input is damaged, not all


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
@pytest.mark.parametrize("coding", CODINGS)
async def test_a_packed_request_is_read(path: str, coding: Coding) -> None:
    body = BODY if path == "/v1/messages" else BODY.replace(b'"max_tokens": 9, ', b"")
    async with client(ScriptedGateway()) as http:
        headers = {"content-encoding": coding}
        answer = await http.post(path, content=compress(body, coding), headers=headers)
        assert answer.status_code == 200
        twice = {"content-encoding": coding, "idempotency-key": "packed"}
        first = await http.post(path, content=compress(body, coding), headers=twice)
        again = await http.post(path, content=body, headers={"idempotency-key": "packed"})
        assert again.content == first.content, "the same request, however it was packed"


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("damage", ["cut", "wrong", "plain"])
async def test_a_damaged_body_is_refused(coding: Coding, damage: str) -> None:
    packed = compress(BODY, coding)
    sent = {"cut": packed[:-6], "wrong": packed[:8] + b"\xff" * 20 + packed[28:], "plain": BODY}
    async with client(ScriptedGateway()) as http:
        answer = await http.post(
            "/v1/messages", content=sent[damage], headers={"content-encoding": coding}
        )
    assert answer.status_code == 400
    assert "compressed body" in answer.json()["error"]["message"]


@pytest.mark.parametrize("header", ["br", "gzip, zstd", "deflate", "\xff"])
async def test_other_codings_are_refused_by_name(header: str) -> None:
    async with client(ScriptedGateway()) as http:
        answer = await http.post(
            "/v1/chat/completions",
            content=BODY,
            headers={"content-encoding": header.encode("latin-1")},
        )
    assert answer.status_code == 415
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_bomb_goes_off_nowhere(coding: Coding) -> None:
    layer = b" " * 1_000_000
    if coding == "gzip":
        packer = zlib.compressobj(9, wbits=31)
        bomb = b"".join(packer.compress(layer) for _ in range(100)) + packer.flush()
    else:
        packer = zstd().ZstdCompressor()
        bomb = b"".join(packer.compress(layer) for _ in range(100)) + packer.flush()
    assert len(bomb) < 200_000
    async with client(ScriptedGateway(), max_body_bytes=200_000) as http:
        for path in ("/v1/messages", "/v1/responses"):
            answer = await http.post(path, content=bomb, headers={"content-encoding": coding})
            assert answer.status_code == 413
            assert "unpacks to over 200,000 bytes" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("gzip, deflate, br, zstd", "gzip zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("zstd;q=0, gzip", "gzip"),
        ("gzip;q=0", None),
        ("identity", None),
        ("br", None),
        ("gzip;q=x", None),
        ("", None),
        ("*", None),
    ],
)
def test_the_client_chooses_the_coding(header: str, coding: str | None) -> None:
    assert accepted(header.encode()) == tuple((coding or "").split())


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_long_answer_comes_packed_to_who_can_read_it(coding: Coding) -> None:
    async with client(LONG) as http:
        plain = await http.post(
            "/v1/messages", json=MESSAGE, headers={"accept-encoding": "identity"}
        )
        assert "content-encoding" not in plain.headers
        async with http.stream(
            "POST", "/v1/messages", json=MESSAGE, headers={"accept-encoding": coding}
        ) as answer:
            raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert int(answer.headers["content-length"]) == len(raw) < len(plain.content) / 4
    unpacked = gzip.decompress(raw) if coding == "gzip" else zstd().decompress(raw)
    assert json.loads(unpacked) == plain.json()


async def test_streams_small_answers_and_those_to_cookies_are_not_packed() -> None:
    accept = {"accept-encoding": "gzip"}
    async with client(LONG) as http:
        for body, headers in (
            (MESSAGE | {"stream": True}, accept),
            (MESSAGE, accept | {"cookie": "a=b"}),
        ):
            answer = await http.post("/v1/messages", json=body, headers=headers)
            assert "content-encoding" not in answer.headers
            assert "a long answer" in answer.text
    async with client(ScriptedGateway()) as http:
        answer = await http.post("/v1/messages", json=MESSAGE, headers=accept)
        assert "content-encoding" not in answer.headers


async def test_a_very_long_answer_is_packed_beside_the_loop() -> None:
    gateway = ScriptedGateway()
    gateway.dimensions = 40_000
    async with client(gateway) as http:
        answer = await http.post("/v1/embeddings", json={"model": "mini", "input": "Hello"})
    assert isinstance(answer, httpx.Response)
    assert answer.headers["content-encoding"] in CODINGS
    assert len(answer.json()["data"][0]["embedding"]) == 40_000
