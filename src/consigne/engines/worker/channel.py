"""The worker's end of the socket: blocking writes, reads that wait or don't."""

import select
import socket
from typing import Final

from consigne.engines.worker.protocol import Frames, FromWorker, ToWorker, for_worker, pack

_READ_BYTES: Final = 2**18


class Closed(Exception):
    """The host has gone."""


class Channel:
    """Messages from and to the host, in the worker's one thread."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(True)
        self._socket = sock
        self._frames = Frames()
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def receive(self, patience: float | None) -> list[ToWorker]:
        """Return the messages that have come; wait ``patience`` seconds for one, or for ever.

        Raises:
            Closed: The host has closed its end.
        """
        messages: list[ToWorker] = []
        timeout = None if patience is None else int(patience * 1000)
        while not messages and self._poll.poll(timeout):
            try:
                data = self._socket.recv(_READ_BYTES)
            except ConnectionError as error:
                raise Closed from error
            if not data:
                raise Closed
            messages.extend(for_worker(body) for body in self._frames.feed(data))
        return messages

    def send(self, message: FromWorker) -> None:
        """Send a message.

        Raises:
            Closed: The host has closed its end.
        """
        try:
            self._socket.sendall(pack(message))
        except ConnectionError as error:
            raise Closed from error
