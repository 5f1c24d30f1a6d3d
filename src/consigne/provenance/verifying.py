"""What a file says of its making: its credentials, whether they hold, the mark in its pixels."""

import io
import logging
from typing import Any, Final, Literal

import msgspec

from consigne.provenance import pictures
from consigne.provenance.signing import ASSERTION, EDITED, GENERATED

_MOST_CHANGES: Final = 50
"""Links of a chain of credentials that are followed."""
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
    """Whether this installation's certificate signed it; ``None`` where nothing is signed, or where
    another program has signed since."""
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
    changes: tuple[str, ...] = ()
    """What other programs say that they did since, the earliest first: each with its actions."""
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
    store = _credentials(data, root)
    if store is None:
        return Finding(
            verdict="stripped" if marked else "unmarked", mark=round(mark, 1), marked=marked
        )
    made_here, manifest, changes = _making(store)
    about = _assertion(manifest, ASSERTION)
    state = str(store.get("validation_state", "Invalid"))
    whole = state in ("Valid", "Trusted") and not changes
    verdict: Verdict = ("intact" if whole else "changed") if made_here else "foreign"
    signer = manifest.get("signature_info") or {}
    kinds = _source_types(manifest)
    problems = _problems(store)
    return Finding(
        verdict=verdict,
        ours=not (problems & _NOT_OURS) if root and not changes else None,
        signer=", ".join(str(signer[k]) for k in ("issuer", "common_name") if signer.get(k)),
        trusted=state == "Trusted" and not changes,
        generator=_program(manifest),
        model=str(about.get("model", "")),
        made_at=str(about.get("made_at", "") or signer.get("time", "")),
        picture_id=str(about.get("id", "")),
        generated=bool(kinds & {GENERATED, EDITED}) if kinds else None,
        mark=round(mark, 1),
        marked=marked,
        changes=changes,
        problems=tuple(sorted(problems)),
    )


def _making(store: dict[str, Any]) -> tuple[bool, dict[str, Any], tuple[str, ...]]:
    """Return whether Consigne made a picture, by which credentials, and what was done to it since.

    A program that changes a picture signs anew and keeps what it opened as the parent of that.
    """
    manifests: dict[str, Any] = store["manifests"]
    last: dict[str, Any] = manifests[store["active_manifest"]]
    manifest, done = last, list[str]()
    for _ in range(_MOST_CHANGES):
        if _assertion(manifest, ASSERTION) and _program(manifest).split(" ")[0] == "Consigne":
            return True, manifest, tuple(reversed(done))
        actions = [str(each.get("action", "")).removeprefix("c2pa.") for each in _actions(manifest)]
        done.append(f"{_program(manifest)} ({', '.join(actions)})")
        opened = [i for i in manifest.get("ingredients", ()) if i.get("relationship") == "parentOf"]
        before = str(opened[0].get("active_manifest")) if opened else ""
        if before not in manifests:
            break
        manifest = manifests[before]
    return False, last, ()


def _program(manifest: dict[str, Any]) -> str:
    agent = (manifest.get("claim_generator_info") or [{}])[0]
    return " ".join(str(agent[k]) for k in ("name", "version") if agent.get(k))


def _credentials(data: bytes, root: str) -> dict[str, Any] | None:
    import c2pa

    trust: dict[str, Any] = {"verify": {"verify_trust": bool(root)}}
    if root:
        trust["trust"] = {"user_anchors": root}
    try:
        context = c2pa.Context.from_dict(trust)
        with c2pa.Reader(_media_type(data), io.BytesIO(data), context=context) as reader:
            found: dict[str, Any] = msgspec.json.decode(reader.json())
    except c2pa.C2paError as error:
        if "ManifestNotFound" in type(error).__name__ or "no JUMBF" in str(error):
            return None
        log.info("credentials that can't be read: %s", error)
        return None
    return found if found.get("active_manifest") else None


def _media_type(data: bytes) -> str:
    if data.startswith(b"\x89PNG"):
        return "image/png"
    return "image/webp" if data[8:12] == b"WEBP" else "image/jpeg"


def _assertion(manifest: dict[str, Any], label: str) -> dict[str, Any]:
    for assertion in manifest.get("assertions", ()):
        if assertion.get("label") == label and isinstance(assertion.get("data"), dict):
            found: dict[str, Any] = assertion["data"]
            return found
    return {}


def _actions(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    labels = ("c2pa.actions.v2", "c2pa.actions")
    return [each for label in labels for each in _assertion(manifest, label).get("actions", ())]


def _source_types(manifest: dict[str, Any]) -> set[str]:
    return {str(action.get("digitalSourceType", "")) for action in _actions(manifest)} - {""}


def _problems(store: dict[str, Any]) -> set[str]:
    results = store.get("validation_results", {})
    checks = [results.get("activeManifest", {})]
    checks += [each.get("validationDeltas", {}) for each in results.get("ingredientDeltas") or ()]
    return {str(each.get("code", "")) for check in checks for each in check.get("failure", ())}
