"""Messages arrive whole and in order, however the socket cuts the bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.domain.events import MessageStart, MessageStop, TextDelta, TextStart, TokenLogprob
from consigne.domain.messages import Message, Request, TextBlock, Tool
from consigne.domain.usage import Usage
from consigne.engines.worker import protocol
from consigne.engines.worker.protocol import (
    Cancel,
    Count,
    Counted,
    Embed,
    Embedded,
    Emitted,
    Frames,
    Generate,
    Load,
    Loaded,
    LoadFailed,
    Rejected,
)
from consigne.settings import EngineSettings

REQUEST = Request(
    model="tiny",
    messages=(Message("user", (TextBlock("Bonjour é 😀"),)),),
    tools=(Tool("look", {"type": "object", "properties": {"x": {"enum": [1, None, "a"]}}}),),
    stop=("\n",),
)
TO_WORKER = [
    Load("/models/tiny", "tiny", "text", 2048, EngineSettings(threads=2)),
    Generate(1, REQUEST),
    Count(2, REQUEST),
    Cancel(1),
    Embed(3, ("a", "b")),
]
FROM_WORKER = [
    Loaded(2048, {"import": 0.2}),
    LoadFailed("model_broken", "It is."),
    Emitted(
        (
            (1, (MessageStart("msg_1", "tiny", Usage(3, 1)), TextStart(0))),
            (
                2,
                (
                    TextDelta(0, "é", (TokenLogprob(b"\xc3", -0.5),)),
                    MessageStop("end_turn", Usage()),
                ),
            ),
        )
    ),
    Rejected(1, "invalid_request", "No.", "seed"),
    Counted(2, 5),
    Embedded(3, 2, b"\0" * 16, 4),
]


@given(st.lists(st.integers(1, 60), max_size=30))
def test_messages_come_out_as_they_went_in(cuts: list[int]) -> None:
    stream = b"".join(protocol.pack(message) for message in TO_WORKER)
    frames, bodies = Frames(), []
    for cut in [*cuts, len(stream)]:
        piece, stream = stream[:cut], stream[cut:]
        bodies += frames.feed(piece)
    assert [protocol.for_worker(body) for body in bodies] == TO_WORKER


def test_answers_come_out_as_they_went_in() -> None:
    bodies = Frames().feed(b"".join(protocol.pack(message) for message in FROM_WORKER))
    assert [protocol.for_host(body) for body in bodies] == FROM_WORKER


def test_a_frame_that_claims_to_be_endless_is_refused() -> None:
    with pytest.raises(ValueError, match="a frame of"):
        Frames().feed(b"\xff\xff\xff\xff")
