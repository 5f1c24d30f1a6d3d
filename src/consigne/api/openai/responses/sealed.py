"""Text that clients carry for us from one request to the next: reasoning, and compactions.

The dialect calls these fields ``encrypted_content`` and lets clients treat them as opaque. Ours
are packed, not encrypted: they hold nothing that the client was not shown or may not read.
"""

import base64
import binascii
import zlib

from consigne.api.openai.shared import refuse

PREFIX = "csn1."
LONGEST = 4 * 2**20
"""Most bytes that a packed text may unpack to."""


def seal(text: str) -> str:
    """Return a text packed for the client to carry."""
    return PREFIX + base64.urlsafe_b64encode(zlib.compress(text.encode())).decode()


def unseal(packed: str, param: str) -> str:
    """Return the text that a client carried.

    Raises:
        InvalidField: It was not packed here.
    """
    unpacker = zlib.decompressobj()
    try:
        content = base64.b64decode(packed.removeprefix(PREFIX), b"-_", validate=True)
        text = unpacker.decompress(content, LONGEST).decode()
    except (ValueError, binascii.Error, zlib.error):
        text = ""
    if not packed.startswith(PREFIX) or not unpacker.eof:
        refuse(param, "this was not made here and can't be read; leave the item out")
    return text
