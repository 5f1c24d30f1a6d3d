"""C2PA content credentials: who made a picture, with what, and when, signed into the file."""

import io
from datetime import datetime
from typing import Any, Final

import msgspec

from consigne import __version__
from consigne.domain.images import MEDIA_TYPES, PictureFormat
from consigne.provenance.credentials import Credentials

ASSERTION: Final = "org.consigne.picture"
_SOURCES: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED: Final = f"{_SOURCES}trainedAlgorithmicMedia"
EDITED: Final = f"{_SOURCES}compositeWithTrainedAlgorithmicMedia"


class Origin(msgspec.Struct, frozen=True):
    """What the credentials say of a picture; never the instruction, which is its author's."""

    picture_id: str
    model: str
    made_at: datetime
    edited: bool = False
    """Whether it was made from another picture."""


def sign(data: bytes, kind: PictureFormat, origin: Origin, credentials: Credentials) -> bytes:
    """Return the picture's file with credentials; any later change of a byte shows."""
    import c2pa

    context = c2pa.Context.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    info = c2pa.C2paSignerInfo(
        credentials.algorithm.encode(), credentials.chain.encode(), credentials.key.encode(), None
    )
    target = io.BytesIO()
    with c2pa.Signer.from_info(info) as signer:
        builder = c2pa.Builder(_manifest(origin), context=context)
        builder.sign(signer, MEDIA_TYPES[kind], io.BytesIO(data), target)
    return target.getvalue()


def _manifest(origin: Origin) -> str:
    when = origin.made_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    agent = {"name": "Consigne", "version": __version__}
    action: dict[str, Any] = {
        "action": "c2pa.created",
        "when": when,
        "softwareAgent": agent,
        "digitalSourceType": EDITED if origin.edited else GENERATED,
    }
    about = {"id": origin.picture_id, "model": origin.model, "made_at": when}
    manifest = {
        "claim_generator_info": [agent],
        "title": origin.picture_id,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [action]}},
            {"label": ASSERTION, "data": about},
        ],
    }
    return msgspec.json.encode(manifest).decode()
