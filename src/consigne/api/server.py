"""The HTTP server: uvicorn on a socket that is open already."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from consigne.api.connections import Connection
from consigne.api.door import Door

SIGNALS = (signal.SIGINT, signal.SIGTERM)
ACCEPTS = 16
"""Connections that are taken up in one turn of the event loop."""


class Server(uvicorn.Server):
    """Serves until SIGINT or SIGTERM, then returns, so that all that is open closes in order.

    (uvicorn itself raises the signal again, which would end the process at once.)
    """

    def __init__(self, config: uvicorn.Config, door: Door) -> None:
        super().__init__(config)
        self._door = door
        self._more: list[socket.socket] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen on each socket several times.

        The event loop takes up one connection per listener and turn. While many are served a turn
        is long, and the last of some hundred that come at once would wait for seconds.
        """
        given = sockets or []
        self._more = [each.dup() for each in given for _ in range(ACCEPTS - 1)]
        await super().startup([*given, *self._more] if given else sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the readers of runs and pulls have their last event, then close as uvicorn does."""
        await self._door.close()
        await super().shutdown([*sockets, *self._more] if sockets else sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal; a second SIGINT does not wait for open connections."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)


def http_server(door: Door) -> Server:
    """Return the server of the service behind ``door``; call ``serve(sockets=[…])`` on it."""
    config = uvicorn.Config(
        door,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
        timeout_keep_alive=75,
    )
    return Server(config, door)
