"""The certificate that pictures are signed with: the operator's, or one made when first needed."""

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from consigne.domain import sources
from consigne.domain.errors import OperatorError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

SELF_MADE: Final = "self-made, vouched for by nobody"
"""Part of the name of certificates that were made here, so that nobody takes them for more."""
_LIFE: Final = timedelta(days=3650)
_CHAIN, _KEY = "chain.pem", "key.pem"


class Credentials(msgspec.Struct, frozen=True):
    """A certificate chain, the leaf first, and the leaf's private key, both as PEM."""

    chain: str
    key: str
    algorithm: str
    """In C2PA's names: ``es256``, ``ps256``…"""

    @property
    def root(self) -> str:
        """The chain's last certificate."""
        marker = "-----BEGIN CERTIFICATE-----"
        return marker + self.chain.rsplit(marker, 1)[1]


def load(certificate: Path, key: Path) -> Credentials:
    """Read the operator's own.

    Raises:
        OperatorError: A file can't be read, or its key is of a kind that C2PA has not.
    """
    try:
        chain, secret = certificate.read_text("ascii"), key.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(
            f"The certificate of [provenance] can't be read: {error}. Give PEM files."
        ) from None
    return Credentials(chain, secret, _algorithm(secret))


def ensure(folder: Path, organisation: str) -> Credentials:
    """Return the self-made ones of a folder, made now if there are none.

    Raises:
        OperatorError: The folder can't be written.
    """
    chain, key = folder / _CHAIN, folder / _KEY
    try:
        if not (chain.is_file() and key.is_file()):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            made = make(organisation)
            _write(key, made.key)
            _write(chain, made.chain)
        return Credentials(chain.read_text("ascii"), key.read_text("ascii"), "es256")
    except OSError as error:
        raise OperatorError(f"The certificate's folder {folder} can't be used: {error}.") from None


def make(organisation: str) -> Credentials:
    """Return a new chain of two: an authority of our own, and what signs."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name = _name(organisation, f"Authority ({SELF_MADE})")
    leaf_name = _name(organisation, f"Content credentials ({SELF_MADE})")
    root = _certificate(root_name, root_name, root_key, root_key, authority=True)
    leaf = _certificate(
        leaf_name,
        root_name,
        leaf_key,
        root_key,
        extra=(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]),),
    )
    pem = serialization.Encoding.PEM
    secret = leaf_key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain = leaf.public_bytes(pem) + root.public_bytes(pem)
    return Credentials(chain.decode(), secret.decode(), "es256")


def _certificate(
    subject: "x509.Name",
    issuer: "x509.Name",
    key: "EllipticCurvePrivateKey",
    signer: "EllipticCurvePrivateKey",
    *,
    authority: bool = False,
    extra: "tuple[x509.ExtensionType, ...]" = (),
) -> "x509.Certificate":
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    now = sources.now()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(_usage(authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False
        )
    )
    for extension in extra:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(signer, hashes.SHA256())


def _usage(authority: bool) -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(organisation: str, common: str) -> "x509.Name":
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation[:64] or "Consigne"),
            x509.NameAttribute(NameOID.COMMON_NAME, common[:64]),
        ]
    )


def _algorithm(secret: str) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(secret.encode(), None)
    except (ValueError, TypeError) as error:
        raise OperatorError(f"The private key of [provenance] can't be read: {error}.") from None
    match key:
        case ec.EllipticCurvePrivateKey():
            return {256: "es256", 384: "es384", 521: "es512"}.get(key.curve.key_size, "es256")
        case ed25519.Ed25519PrivateKey():
            return "ed25519"
        case rsa.RSAPrivateKey():
            return "ps256"
        case _:
            raise OperatorError("The private key of [provenance] is of no kind that C2PA knows.")


def _write(path: Path, text: str) -> None:
    """Write a file that its owner alone may read, whole or not at all."""
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    part.rename(path)
