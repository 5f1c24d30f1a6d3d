"""A small server of tools, made with the official SDK: ``python -m doubles.mcp_notes [PORT]``.

Over the standard streams without a port, over HTTP on loopback with one.
"""

import sys

from mcp.server import MCPServer
from mcp.types import ToolAnnotations

server = MCPServer("notes")
written: list[str] = []


@server.tool(title="Read notes", annotations=ToolAnnotations(read_only_hint=True))
def read_notes() -> str:
    """Read all notes."""
    return "\n".join(written) or "There are none."


@server.tool(title="Write a note")
def write_note(text: str) -> str:
    """Write a note."""
    if not text:
        raise ValueError("A note needs words.")
    written.append(text)
    return f"Noted: {text}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run(transport="streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run()
