"""What a file says of its making: its credentials, whether they hold, the mark in its pixels."""

import io
import logging
from typing import Any, Literal

import msgspec

from consigne.provenance import pictures
from consigne.provenance.signing import ASSERTION, EDITED, GENERATED

_NOT_OURS = {"signingCredential.untrusted", "signingCredential.invalid", "claimSignature.mismatch"}
log = logging.getLogger(__name__)

Verdict = Literal["intact", "changed", "stripped", "foreign", "unmarked"]
"""``intact``: made with Consigne, not a byte was changed since; ``changed``: made with Consigne,
and changed since; ``stripped``: the pixels bear Consigne's mark, the credentials are gone;
``foreign``: credentials of another maker; ``unmarked``: nothing tells where it is from."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What could be found out."""

    verdict: Verdict
    ours: bool | None = None
    """Whether this installation's certificate signed it; ``None`` where nothing is signed."""
    signer: str = ""
    """The name in the certificate."""
    trusted: bool = False
    """Whether the certificate is this installation's, or of a public authority it trusts."""
    generator: str = ""
    """The program that made the claim."""
    model: str = ""
    made_at: str = ""
    picture_id: str = ""
    generated: bool | None = None
    """Whether the credentials say that a trained model made it, or a part of it."""
    mark: float = 0.0
    """How strongly the pixels bear the mark, in standard deviations beyond chance."""
    marked: bool = False
    problems: tuple[str, ...] = ()
    """What the check of the credentials found, in C2PA's own codes."""


def verify(data: bytes, root: str = "") -> Finding:
    """Find out where a picture is from.

    Args:
        data: The file.
        root: The certificate (PEM) at the root of this installation's own chain.

    Raises:
        InvalidRequest: It is no picture, or a damaged one.
        RequestTooLarge: It is too large to be looked at.
    """
    from consigne.provenance import watermark

    picture = pictures.read(data, "file")
    mark = watermark.strength(picture)
    marked = mark > watermark.THRESHOLD
    store = _credentials(data, picture.format or "", root)
    if store is None:
        return Finding(
            verdict="stripped" if marked else "unmarked", mark=round(mark, 1), marked=marked
        )
    manifest: dict[str, Any] = store["manifests"][store["active_manifest"]]
    about = _assertion(manifest, ASSERTION)
    state = str(store.get("validation_state", "Invalid"))
    agent = (manifest.get("claim_generator_info") or [{}])[0]
    made_here = bool(about) and agent.get("name") == "Consigne"
    whole = state in ("Valid", "Trusted")
    verdict: Verdict = ("intact" if whole else "changed") if made_here else "foreign"
    signer = manifest.get("signature_info") or {}
    kinds = _source_types(manifest)
    problems = _problems(store)
    return Finding(
        verdict=verdict,
        ours=not (problems & _NOT_OURS) if root else None,
        signer=", ".join(str(signer[k]) for k in ("issuer", "common_name") if signer.get(k)),
        trusted=state == "Trusted",
        generator=" ".join(str(agent[k]) for k in ("name", "version") if agent.get(k)),
        model=str(about.get("model", "")),
        made_at=str(about.get("made_at", "") or signer.get("time", "")),
        picture_id=str(about.get("id", "")),
        generated=bool(kinds & {GENERATED, EDITED}) if kinds else None,
        mark=round(mark, 1),
        marked=marked,
        problems=tuple(sorted(problems)),
    )


def _credentials(data: bytes, kind: str, root: str) -> dict[str, Any] | None:
    import c2pa

    trust: dict[str, Any] = {"verify": {"verify_trust": bool(root)}}
    if root:
        trust["trust"] = {"user_anchors": root}
    media = {"PNG": "image/png", "WEBP": "image/webp"}.get(_kind(data, kind), "image/jpeg")
    try:
        context = c2pa.Context.from_dict(trust)
        with c2pa.Reader(media, io.BytesIO(data), context=context) as reader:
            found: dict[str, Any] = msgspec.json.decode(reader.json())
    except c2pa.C2paError as error:
        if "ManifestNotFound" in type(error).__name__ or "no JUMBF" in str(error):
            return None
        log.info("credentials that can't be read: %s", error)
        return None
    return found if found.get("active_manifest") else None


def _kind(data: bytes, told: str) -> str:
    if told:
        return told
    # A picture that was turned upright has lost the name of its form.
    if data.startswith(b"\x89PNG"):
        return "PNG"
    return "WEBP" if data[8:12] == b"WEBP" else "JPEG"


def _assertion(manifest: dict[str, Any], label: str) -> dict[str, Any]:
    for assertion in manifest.get("assertions", ()):
        if assertion.get("label") == label and isinstance(assertion.get("data"), dict):
            found: dict[str, Any] = assertion["data"]
            return found
    return {}


def _source_types(manifest: dict[str, Any]) -> set[str]:
    found = set()
    for label in ("c2pa.actions.v2", "c2pa.actions"):
        for action in _assertion(manifest, label).get("actions", ()):
            found.add(str(action.get("digitalSourceType", "")))
    return found - {""}


def _problems(store: dict[str, Any]) -> set[str]:
    results = store.get("validation_results", {}).get("activeManifest", {}).get("failure", ())
    return {str(each.get("code", "")) for each in results}
