"""Files inside bodies: base 64 and data URLs."""

import base64
import binascii

from consigne.api.errors import InvalidField


def from_base64(encoded: str, param: str) -> bytes:
    """Return the bytes that ``encoded`` stands for.

    Raises:
        InvalidField: It is not base 64.
    """
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidField("This is not base 64", param=param) from None


def from_data_url(url: str, param: str) -> tuple[str, bytes]:
    """Return the media type and the bytes of a ``data:`` URL.

    Raises:
        InvalidField: It is not one in base 64.
    """
    head, comma, encoded = url.removeprefix("data:").partition(",")
    if not comma or not head.endswith(";base64"):
        raise InvalidField("This is not a data URL in base 64", param=param)
    return head.removesuffix(";base64").partition(";")[0], from_base64(encoded, param)
