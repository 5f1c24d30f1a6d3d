"""Bearer tokens for models on the clouds, from the credentials that each cloud's own tools find.

Amazon Bedrock, Microsoft Foundry and Google's Vertex AI speak OpenAI's API (the first two also
Anthropic's) to who brings a token that soon ends. Each cloud's own library makes it from what it
finds on the machine: environment variables, files of its command line, the machine's identity.
"""

import asyncio
import re
import time
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from consigne.domain.errors import OperatorError

Cloud = Literal["aws", "azure", "google"]

EARLY_S: Final = 300.0
"""Seconds before its end in which a token is renewed."""
FETCH_S: Final = 60.0
"""Seconds that a cloud's library may look for credentials."""
_AWS_TOKEN: Final = timedelta(minutes=30)
_AZURE_SCOPE: Final = "https://cognitiveservices.azure.com/.default"
_GOOGLE_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_AWS_HOST: Final = re.compile(r"bedrock[a-z-]*\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)")


class Bearer(msgspec.Struct, frozen=True):
    """A token, and when it ends."""

    text: str
    ends: float
    """Seconds since 1970."""


class NoCredentials(Exception):
    """The cloud's library made no token; its words say why."""


class CloudToken:
    """Keeps one token, and renews it before it ends; ``fetch`` runs in a thread."""

    def __init__(self, fetch: Callable[[], Bearer], clock: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._clock = clock
        self._kept = Bearer("", 0.0)
        self._fetching = asyncio.Lock()

    async def get(self) -> str:
        """Return a token that is valid now.

        Raises:
            NoCredentials: None could be had.
        """
        if not self._lasts(EARLY_S):
            async with self._fetching:
                if not self._lasts(EARLY_S):
                    await self._renew()
        return self._kept.text

    def forget(self, text: str) -> None:
        """Do not use a token again that was refused."""
        if self._kept.text == text:
            self._kept = Bearer("", 0.0)

    def _lasts(self, seconds: float) -> bool:
        return self._kept.ends - self._clock() > seconds

    async def _renew(self) -> None:
        try:
            async with asyncio.timeout(FETCH_S):
                self._kept = await asyncio.to_thread(self._fetch)
        except Exception as error:  # noqa: BLE001 - three libraries, each with errors of its own
            if not self._lasts(0.0):
                raise NoCredentials(" ".join(f"{type(error).__name__}: {error}".split())) from None


def open_token(cloud: Cloud, base_url: str) -> CloudToken:
    """Return the tokens of a cloud, for a server of it.

    Raises:
        OperatorError: The cloud's library is not installed, or Amazon's region is not known.
    """
    try:
        match cloud:
            case "aws":
                fetch = _aws(base_url)
            case "azure":
                fetch = _azure()
            case "google":
                fetch = _google()
    except ImportError:
        raise OperatorError(
            f'credentials = "{cloud}" needs a library that is not installed: '
            "pip install 'consigne[clouds]'"
        ) from None
    return CloudToken(fetch)


def _aws(base_url: str) -> Callable[[], Bearer]:
    from aws_bedrock_token_generator import provide_token
    from botocore.session import Session

    found = _AWS_HOST.fullmatch(urlsplit(base_url).hostname or "")
    region = found.group(1) if found else Session().get_config_variable("region")
    if not region:
        raise OperatorError(
            f"The address {base_url} tells no region of Amazon; set AWS_DEFAULT_REGION."
        )

    def fetch() -> Bearer:
        ends = time.time() + _AWS_TOKEN.total_seconds()
        return Bearer(provide_token(region=region, expiry=_AWS_TOKEN), ends)

    return fetch


def _azure() -> Callable[[], Bearer]:
    from azure.identity import DefaultAzureCredential

    credential = DefaultAzureCredential()

    def fetch() -> Bearer:
        token = credential.get_token(_AZURE_SCOPE)
        return Bearer(token.token, float(token.expires_on))

    return fetch


def _google() -> Callable[[], Bearer]:
    import google.auth
    from google.auth.transport.requests import Request

    def fetch() -> Bearer:
        credentials, _ = google.auth.default(scopes=[_GOOGLE_SCOPE])
        credentials.refresh(Request())  # type: ignore[no-untyped-call, unused-ignore]
        if credentials.token is None or credentials.expiry is None:
            raise NoCredentials("Google's library found an account, and made no token for it.")
        return Bearer(credentials.token, credentials.expiry.replace(tzinfo=UTC).timestamp())

    return fetch
