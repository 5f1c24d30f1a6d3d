"""Forms are read the same however the network cuts them, and a broken one is the caller's fault."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from consigne.api import multipart
from consigne.domain.errors import InvalidRequest, UnsupportedMediaType

FORM = (
    b"--b0\r\nContent-Disposition: form-data; name=purpose\r\n\r\nbatch\r\n"
    b'--b0\r\nContent-Disposition: form-data; name="file"; filename="\xc3\xa9 \\"x\\".jsonl"\r\n'
    b"Content-Type: application/jsonl\r\n\r\n\r\n--b\r\n--b0x\r\n\r\n"
    b'--b0\r\ncontent-disposition: form-data; name="note"\r\n\r\nh\xc3\xa9\r\n--b0--\r\n'
)
READ = (
    {"purpose": "batch", "note": "hé"},
    ('é "x".jsonl', "application/jsonl", b"\r\n--b\r\n--b0x\r\n"),
)


def request(chunks: Sequence[bytes], kind: str = "multipart/form-data; boundary=b0") -> Request:
    messages: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
    ]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Message:
        return messages.pop(0)

    scope = {"type": "http", "headers": [(b"content-type", kind.encode())]}
    return Request(scope, receive)


async def store(part: multipart.FilePart) -> Any:
    return part.filename, part.media_type, b"".join([chunk async for chunk in part.chunks])


def read(chunks: Sequence[bytes], **more: Any) -> Any:
    return asyncio.run(multipart.read(request(chunks, **more), "file", store))


@settings(max_examples=200)
@given(cuts=st.lists(st.integers(0, len(FORM)), max_size=12))
def test_any_cut_gives_the_same_form(cuts: list[int]):
    edges = [0, *sorted(cuts), len(FORM)]
    chunks = [FORM[a:b] for a, b in itertools.pairwise(edges)]
    assert read(chunks) == READ


def test_byte_by_byte():
    assert read([FORM[i : i + 1] for i in range(len(FORM))]) == READ


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "breaks off"),
        (FORM[:-10], "breaks off"),
        (b"no boundary here", "can't be read"),
        (FORM.replace(b'name="file"', b'name="fil"'), "Field required"),
        (FORM.replace(b'"note"', b'"file"'), "Only one file"),
        (FORM.replace(b'; name="note"', b""), "no name"),
        (FORM.replace(b"\r\n\r\nh\xc3\xa9", b"\r\n\r\n\xff"), "not UTF-8"),
        (FORM.replace(b"batch\r\n", b"b" * 70_000 + b"\r\n"), "too long"),
        (FORM.replace(b"name=purpose", b"name=" + b"p" * 20_000), "can't be read"),
    ],
)
def test_a_broken_form_says_what_is_wrong(body: bytes, said: str):
    with pytest.raises(InvalidRequest, match=said):
        read([body])


@pytest.mark.parametrize("kind", ["application/json", "text/plain; boundary=b0", ""])
def test_other_media_types_are_refused(kind: str):
    with pytest.raises(UnsupportedMediaType, match="multipart/form-data"):
        read([FORM], kind=kind)


def test_a_form_without_a_boundary_is_refused():
    with pytest.raises(InvalidRequest, match="boundary"):
        read([FORM], kind="multipart/form-data")


@settings(max_examples=300)
@given(data=st.data())
def test_no_bytes_break_the_reader(data: st.DataObject):
    body = bytearray(FORM)
    for _ in range(data.draw(st.integers(0, 6))):
        place = data.draw(st.integers(0, len(body) - 1))
        if data.draw(st.booleans()):
            body[place] = data.draw(st.integers(0, 255))
        else:
            del body[place : place + data.draw(st.integers(1, 30))]
        if not body:
            break
    # Anything else than a refusal fails the test.
    with suppress(InvalidRequest):
        read([bytes(body)])
