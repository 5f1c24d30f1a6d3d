"""Secrets that Consigne gives out: 256 random bits each, of which only the SHA-256 is kept."""

import base64
import hashlib

from consigne.domain import sources


def new_secret(prefix: str = "") -> str:
    """Return a new secret: the prefix, then 43 characters of URL-safe base 64."""
    return prefix + base64.urlsafe_b64encode(sources.random_bytes(32)).rstrip(b"=").decode()


def hash_secret(secret: str) -> bytes:
    """Return what is kept of a secret.

    A plain hash is enough: nobody guesses 256 random bits, however fast the hash.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
