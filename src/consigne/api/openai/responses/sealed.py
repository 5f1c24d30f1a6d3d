"""Text that clients carry for us from one request to the next: reasoning, and compactions.

The dialect calls these fields ``encrypted_content`` and lets clients treat them as opaque. Ours
are packed, not encrypted: they hold nothing that the client was not shown or may not read.
"""

import base64
import binascii
import zlib

import msgspec

from consigne.api.openai.shared import refuse

PREFIX = "csn1."
LONGEST = 4 * 2**20
"""Most bytes that a packed text may unpack to."""


class Sealed(msgspec.Struct, frozen=True, array_like=True):
    """What clients carry."""

    text: str
    signature: str = ""
    """Its author's proof of it, where a model elsewhere wrote it and gave one."""


def seal(text: str, signature: str = "") -> str:
    """Return a text packed for the client to carry."""
    content = msgspec.json.encode(Sealed(text, signature))
    return PREFIX + base64.urlsafe_b64encode(zlib.compress(content)).decode()


def is_sealed(packed: str) -> bool:
    """Say whether this looks like something packed here."""
    return packed.startswith(PREFIX)


def unseal(packed: str, param: str) -> Sealed:
    """Return what a client carried.

    Raises:
        InvalidField: It was not packed here.
    """
    unpacker = zlib.decompressobj()
    try:
        content = base64.b64decode(packed.removeprefix(PREFIX), b"-_", validate=True)
        found = msgspec.json.decode(unpacker.decompress(content, LONGEST), type=Sealed)
    except (ValueError, binascii.Error, zlib.error, msgspec.MsgspecError):
        found = None
    if found is None or not is_sealed(packed):
        refuse(param, "this was not made here and can't be read; leave the item out")
    return found
