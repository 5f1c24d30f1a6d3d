"""What the host and a worker say to each other: length-prefixed MessagePack frames.

A frame is four bytes of length (little-endian) and then one message. The host speaks first, with
``Load``; the worker answers ``Loaded`` or ``LoadFailed``, and then every message concerns one
request, named by the number that the host gave it.
"""

import struct
from typing import Literal

import msgspec

from consigne.domain.events import Event, TokenLogprob
from consigne.domain.images import ImageEvent, ImageRequest, ImageTraits
from consigne.domain.messages import Request
from consigne.settings import EngineSettings

MAX_FRAME_BYTES = 2**30
"""A longer frame means that the two sides lost step."""

_LENGTH = struct.Struct("<I")


class Load(msgspec.Struct, frozen=True, tag="load", array_like=True):
    """Load the model in this folder."""

    path: str
    model_id: str
    modality: Literal["text", "embedding", "image"]
    context: int
    """Most tokens of prompt and answer together."""
    settings: EngineSettings
    traits: ImageTraits | None = None
    """Of an image model."""


class Generate(msgspec.Struct, frozen=True, tag="generate", array_like=True):
    """Answer this request."""

    number: int
    request: Request


class Cancel(msgspec.Struct, frozen=True, tag="cancel", array_like=True):
    """Nobody waits for this request any more."""

    number: int


class Count(msgspec.Struct, frozen=True, tag="count", array_like=True):
    """Count the tokens of this request's prompt."""

    number: int
    request: Request


class Score(msgspec.Struct, frozen=True, tag="score", array_like=True):
    """Tell how likely this request's prompt is; its ``logprobs`` says how many others to tell."""

    number: int
    request: Request


class Embed(msgspec.Struct, frozen=True, tag="embed", array_like=True):
    """Turn these texts into vectors."""

    number: int
    texts: tuple[str, ...]


class Draw(msgspec.Struct, frozen=True, tag="draw", array_like=True):
    """Make these pictures."""

    number: int
    request: ImageRequest


ToWorker = Load | Generate | Cancel | Count | Score | Embed | Draw


class Loaded(msgspec.Struct, frozen=True, tag="loaded", array_like=True):
    """The model is ready and warm."""

    context: int
    """Most tokens of prompt and answer together, as the cache allows."""
    seconds: dict[str, float] = {}
    """How long each phase of the load took."""


class LoadFailed(msgspec.Struct, frozen=True, tag="load_failed", array_like=True):
    """The model can't be loaded, and why; the worker ends."""

    code: str
    message: str


class Emitted(msgspec.Struct, frozen=True, tag="emitted", array_like=True):
    """The events of one engine step, of all requests that had any."""

    batch: tuple[tuple[int, tuple[Event, ...]], ...]


class Rejected(msgspec.Struct, frozen=True, tag="rejected", array_like=True):
    """A request failed, and why (an error of ``domain.errors``)."""

    number: int
    code: str
    message: str
    param: str | None = None


class Counted(msgspec.Struct, frozen=True, tag="counted", array_like=True):
    """How many tokens a prompt has."""

    number: int
    tokens: int


class ScoredPrompt(msgspec.Struct, frozen=True, tag="scored", array_like=True):
    """How likely each token of a prompt is, and what is likeliest to follow."""

    number: int
    tokens: tuple[TokenLogprob, ...]
    next: tuple[TokenLogprob, ...]
    ends: bool


class Embedded(msgspec.Struct, frozen=True, tag="embedded", array_like=True):
    """Vectors as rows of little-endian float32, and the tokens read."""

    number: int
    dimensions: int
    rows: bytes
    input_tokens: int


class Drawn(msgspec.Struct, frozen=True, tag="drawn", array_like=True):
    """How far the pictures of one request have come."""

    number: int
    event: ImageEvent


FromWorker = Loaded | LoadFailed | Emitted | Rejected | Counted | ScoredPrompt | Embedded | Drawn

_encoder = msgspec.msgpack.Encoder()
_to_worker = msgspec.msgpack.Decoder(ToWorker)
_from_worker = msgspec.msgpack.Decoder(FromWorker)


def pack(message: ToWorker | FromWorker) -> bytes:
    """Return a message as one frame."""
    return frame(_encoder.encode(message))


def frame(body: bytes) -> bytes:
    """Return a body as one frame."""
    return _LENGTH.pack(len(body)) + body


def for_worker(body: bytes) -> ToWorker:
    """Decode a frame's body on the worker's side."""
    message: ToWorker = _to_worker.decode(body)
    return message


def for_host(body: bytes) -> FromWorker:
    """Decode a frame's body on the host's side."""
    message: FromWorker = _from_worker.decode(body)
    return message


class Frames:
    """Cut a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take more bytes and return the bodies of the frames that are whole now.

        Raises:
            ValueError: A frame claims to be longer than ``MAX_FRAME_BYTES``.
        """
        buffer = self._buffer
        buffer += data
        bodies: list[bytes] = []
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if length > MAX_FRAME_BYTES:
                raise ValueError(f"a frame of {length} bytes")
            end = start + _LENGTH.size + length
            if len(buffer) < end:
                break
            bodies.append(bytes(buffer[start + _LENGTH.size : end]))
            start = end
        del buffer[:start]
        return bodies
