"""The head of an answer: written in one pass, and nothing in it that could begin another."""

import asyncio
import logging
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl

from consigne.api.exchange import Exchange


class Wire:
    """Where it is written to."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False


def exchange(wire: Any) -> Exchange:
    log = logging.getLogger("test")
    return Exchange(
        scope={"type": "http", "method": "GET", "http_version": "1.1"},
        transport=wire,
        flow=FlowControl(wire),
        logger=log,
        access_logger=log,
        access_log=False,
        default_headers=[(b"server", b"test")],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=True,
        on_response=lambda: None,
    )


async def head(name: bytes, value: bytes) -> bytes:
    wire = Wire()
    headers = [(name, value), (b"content-length", b"0")]
    message = {"type": "http.response.start", "status": 200, "headers": headers}
    await exchange(wire).send(message)
    return wire.written


@pytest.mark.parametrize("value", [b"plain", b"", b"with\ttabs", "caf\xe9".encode("latin-1")])
async def test_a_head_is_written_as_it_was_given(value: bytes) -> None:
    assert await head(b"X-Given", value) == (
        b"HTTP/1.1 200 OK\r\nserver: test\r\nx-given: " + value + b"\r\ncontent-length: 0\r\n\r\n"
    )


@pytest.mark.parametrize(
    "value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb", b"a\r\n", b"\x00", b"\x1b[0m", b"\x7f"]
)
async def test_a_value_with_control_characters_is_refused(value: bytes) -> None:
    with pytest.raises(RuntimeError, match="control character"):
        await head(b"x-given", value)


@pytest.mark.parametrize("name", [b"x given", b"x:given", b"x\r\ngiven", b"x\x00", b"(x)"])
async def test_a_name_with_wrong_characters_is_refused(name: bytes) -> None:
    with pytest.raises(RuntimeError, match="wrong character"):
        await head(name, b"value")
