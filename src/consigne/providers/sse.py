"""Server-sent events from bytes as the network cuts them (WHATWG HTML, section 9.2)."""

import re

MAX_EVENT_BYTES = 32 * 2**20
"""Bytes beyond which an event that has not ended is an error."""
_BOM = b"\xef\xbb\xbf"
_NAMED = re.compile(rb"(?:^|(?<=\n))event:[^\n]*\ndata: ([^\n]*)\n\n")


class SseParser:
    """Collects the data of events; gives the same for any split of the bytes.

    Names, ids and comments are passed over: both vendors repeat the name inside the data. As the
    standard says, an event that the end of the stream cuts off is none.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False
        self._after_return = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of the events that end within ``chunk``.

        Raises:
            ValueError: An event is larger than ``MAX_EVENT_BYTES``.
        """
        if self._after_return and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_return = False
        buffer = self._rest + chunk if self._rest else chunk
        if not self._begun:
            if len(buffer) < len(_BOM) and _BOM.startswith(buffer):
                self._rest = buffer
                return []
            buffer, self._begun = buffer.removeprefix(_BOM), True
        if b"\r" in chunk:
            # The line feed that may follow a trailing return belongs to the same end of line.
            self._after_return = buffer.endswith(b"\r")
            buffer = buffer.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if simple := _all_simple(buffer):
            self._rest = b""
            return simple
        *frames, self._rest = buffer.split(b"\n\n")
        found: list[bytes] = []
        for frame in frames:
            lines = frame.split(b"\n")
            line = lines[-1]
            # Nearly all are a line of data, alone or after one of the event's name.
            if line.startswith(b"data: ") and (
                len(lines) == 1 or (len(lines) == 2 and lines[0].startswith(b"event:"))
            ):
                found.append(line[6:])
            elif data := _data_of(lines):
                found.append(b"\n".join(data))
        if len(self._rest) > MAX_EVENT_BYTES:
            raise ValueError("an event is too large")
        return found


def _all_simple(buffer: bytes) -> list[bytes]:
    """Return the data of all events, if each is whole and one line of it, alone or after its name.

    Where as many were found as account for every line feed, there is nothing else.
    """
    if not buffer.endswith(b"\n\n"):
        return []
    if buffer.startswith(b"data: "):
        found = buffer[6:-2].split(b"\n\ndata: ")
        return found if buffer.count(b"\n") == 2 * len(found) else []
    found = _NAMED.findall(buffer)
    return found if buffer.count(b"\n") == 3 * len(found) else []


def _data_of(lines: list[bytes]) -> list[bytes]:
    """Return the data of each line of an event that has any."""
    found: list[bytes] = []
    for line in lines:
        if line.startswith(b"data:"):
            found.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line == b"data":
            found.append(b"")
    return found
