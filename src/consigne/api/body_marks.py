"""The mark of generated text inside the answers' own bodies, where the operator wants it there.

Neither dialect has a place for such a mark, and no official client minds a member that it does not
know: it keeps it beside the others. ``ai_disclosure`` is a member of the answer as a whole, and in
streams of the object that stands for it: the message of ``message_start``, the response of the
events that hold one, the first chunk of a chat completion.
"""

import re
from typing import Any, Final

import msgspec
from starlette.types import Message, Send

from consigne.provenance.signing import GENERATED
from consigne.settings import ProvenanceSettings

MEMBER: Final = "ai_disclosure"
_WHOLE: Final = re.compile(
    rb'^data: \{"type":(?:"message_start","message":\{'
    rb'|"response\.(?:created|queued|in_progress|completed|incomplete|failed)",'
    rb'"sequence_number":\d+,"response":\{)',
    re.MULTILINE,
)
_CHUNK: Final = re.compile(rb'^data: \{(?="id":"(?:chat)?cmpl-)', re.MULTILINE)


def value_of(settings: ProvenanceSettings) -> bytes | None:
    """Return the member as it is written, with a comma; ``None`` where there shall be none."""
    if "body" not in settings.text_marks:
        return None
    said = {
        "mode": "machine-generated",
        "provider": settings.organisation,
        "digital_source_type": GENERATED,
    }
    return b'"%b":%b,' % (MEMBER.encode(), msgspec.json.encode(said))


def marked(send: Send, member: bytes) -> Send:
    """Return a ``send`` that writes the member into an answer that is none of an error."""
    return _Marking(send, member).send


class _Marking:
    def __init__(self, send: Send, member: bytes) -> None:
        self._send = send
        self._member = member
        self._start: Message | None = None
        self._kind = b""
        self._chunk_marked = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
            return
        body: bytes = message.get("body", b"")
        if self._start is not None:
            start, self._start = self._start, None
            if body.startswith(b'{"'):
                body = b"{" + self._member + body[1:]
                message = {**message, "body": body}
                start = {**start, "headers": _longer(start["headers"], len(self._member))}
            await self._send(start)
        elif self._kind == b"text/event-stream" and body:
            message = {**message, "body": self._in_events(body)}
        await self._send(message)

    async def _begin(self, message: Message) -> None:
        kinds = [value for name, value in message.get("headers", ()) if name == b"content-type"]
        self._kind = kinds[0].partition(b";")[0] if kinds and message["status"] < 300 else b""
        if self._kind == b"application/json":
            self._start = message  # its length is known with the body's beginning
        else:
            await self._send(message)

    def _in_events(self, body: bytes) -> bytes:
        body = _WHOLE.sub(lambda found: found[0] + self._member, body)
        if not self._chunk_marked:
            body, marked = _CHUNK.subn(lambda found: found[0] + self._member, body, count=1)
            self._chunk_marked = bool(marked)
        return body


def _longer(headers: Any, by: int) -> list[tuple[bytes, bytes]]:
    return [
        (name, str(int(value) + by).encode() if name == b"content-length" else value)
        for name, value in headers
    ]
