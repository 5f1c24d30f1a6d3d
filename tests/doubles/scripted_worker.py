"""A worker process without a model: it answers by what the request's first message says.

Started as the real one is, with the number of its socket as its last argument.
"""

import os
import signal
import socket
import sys
import time

from consigne.domain.events import BlockStop, Event, MessageStart, MessageStop, TextDelta, TextStart
from consigne.domain.messages import Request
from consigne.domain.usage import Usage
from consigne.engines.worker.channel import Channel, Closed
from consigne.engines.worker.protocol import (
    Cancel,
    Count,
    Counted,
    Embed,
    Embedded,
    Emitted,
    Generate,
    Load,
    Loaded,
    LoadFailed,
    Rejected,
)

USAGE = Usage(5, 2, 1)


def _answer(text: str) -> tuple[Event, ...]:
    start = MessageStart("msg_1", "tiny", USAGE)
    return (start, TextStart(0), TextDelta(0, text), BlockStop(0), MessageStop("end_turn", USAGE))


class _Script:
    """``echo …`` answers at once, ``hold`` begins and goes on when another request is cancelled,
    ``die`` begins and dies, ``refuse`` is refused, ``cancelled`` lists what was cancelled."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.cancelled: list[int] = []

    def serve(self) -> None:
        while True:
            for message in self.channel.receive(None):
                match message:
                    case Generate():
                        self.generate(message.number, message.request)
                    case Count():
                        self.channel.send(Counted(message.number, 42))
                    case Embed():
                        rows = b"\x00\x00\x80\x3f\x00\x00\x00\x00" * len(message.texts)
                        self.channel.send(Embedded(message.number, 2, rows, 3))
                    case Cancel():
                        self.cancelled.append(message.number)

    def generate(self, number: int, request: Request) -> None:
        said = request.messages[0].text
        begin = (MessageStart("msg_1", "tiny", USAGE), TextStart(0), TextDelta(0, "begun"))
        match said.split():
            case ["hold"]:
                self.channel.send(Emitted(((number, begin),)))
            case ["die"]:
                self.channel.send(Emitted(((number, begin),)))
                os.kill(os.getpid(), signal.SIGKILL)
            case ["refuse"]:
                self.channel.send(
                    Rejected(number, "context_length_exceeded", "Too long.", "messages")
                )
            case ["cancelled"]:
                self.channel.send(Emitted(((number, _answer(str(self.cancelled))),)))
            case _:
                self.channel.send(Emitted(((number, _answer(said)),)))


def main() -> None:
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    try:
        (load,) = channel.receive(None)
        assert isinstance(load, Load)
        match load.model_id:
            case "broken":
                channel.send(LoadFailed("model_broken", "The model is broken."))
                return
            case "fatal":
                os._exit(3)
            case "slow":
                time.sleep(60)
        channel.send(Loaded(load.context))
        _Script(channel).serve()
    except Closed:
        return


if __name__ == "__main__":
    main()
