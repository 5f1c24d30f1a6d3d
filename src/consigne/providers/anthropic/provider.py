"""The provider for servers that speak Anthropic's API."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import msgspec

from consigne.domain.embeddings import Embeddable, Embeddings
from consigne.domain.errors import ConsigneError, Unsupported
from consigne.domain.events import Event
from consigne.domain.images import ImageEvent, ImageRequest
from consigne.domain.messages import Request
from consigne.providers.anthropic import requests
from consigne.providers.anthropic.events import (
    EventReader,
    Frame,
    TokenCount,
    Unreadable,
    WholeMessage,
    whole,
)
from consigne.providers.base import Deployment, check_capabilities
from consigne.providers.batches import Events
from consigne.providers.cloud_tokens import CloudToken
from consigne.providers.faults import Fault, Troubles
from consigne.providers.pool import Pool
from consigne.providers.upstream import Upstream
from consigne.settings import ProviderSettings

VERSION = "2023-06-01"
"""The version spoken: the one under which sampling can be set; ``headers`` may name another."""
_MESSAGES = "/v1/messages"
_frames = msgspec.json.Decoder(Frame)
_messages = msgspec.json.Decoder(WholeMessage)
_counts = msgspec.json.Decoder(TokenCount)


class AnthropicProvider:
    """Generates through ``POST /v1/messages`` of a server elsewhere."""

    def __init__(
        self,
        settings: ProviderSettings,
        deployments: Sequence[Deployment],
        key: str,
        pool: Pool,
        token: CloudToken | None = None,
    ) -> None:
        self.deployments = deployments
        headers = {"anthropic-version": VERSION}
        if key:
            headers["x-api-key"] = key
        self._upstream = Upstream(settings, pool, headers, key, token)

    @property
    def troubles(self) -> Troubles:
        """What went wrong with it."""
        return self._upstream.teller.troubles

    def generate(self, deployment: Deployment, request: Request) -> AsyncIterator[Event]:
        """Generate an answer (see ``Provider.generate``)."""
        return Events(self._batches(deployment, request))

    async def _batches(
        self, deployment: Deployment, request: Request
    ) -> AsyncGenerator[Sequence[Event], None]:
        check_capabilities(deployment, request)
        body = requests.body(request, deployment)
        if request.whole:
            yield await self._whole(deployment, body)
            return
        reader = EventReader(deployment.model.id)
        upstream = self._upstream
        source = await upstream.stream(_MESSAGES, body, deployment.upstream)
        try:
            done = False
            while not done:
                if not (datas := await source.read()):
                    raise upstream.teller.cut()
                found: list[Event] = []
                try:
                    done = self._read(reader, datas, found)
                except ConsigneError:
                    # What came before an error is told before it.
                    if found:
                        yield found
                    raise
                if done:
                    source.let_end()
                if found:
                    yield found
        finally:
            source.close()

    async def count_tokens(self, deployment: Deployment, request: Request) -> int:
        """Return how many tokens the prompt has, as the provider counts."""
        check_capabilities(deployment, request)
        body = requests.prompt(request, deployment)
        path = f"{_MESSAGES}/count_tokens"
        found = await self._upstream.ask(path, body, _counts, deployment.upstream)
        return found.input_tokens

    async def embed(
        self, deployment: Deployment, texts: Sequence[Embeddable], dimensions: int | None = None
    ) -> Embeddings:
        """Refuse: this API makes no vectors.

        Raises:
            Unsupported: Always.
        """
        raise Unsupported("This provider's API makes no vectors.", param="model")

    def draw(self, deployment: Deployment, request: ImageRequest) -> AsyncIterator[ImageEvent]:
        """Refuse: this API makes no pictures.

        Raises:
            Unsupported: Always.
        """
        raise Unsupported("This provider's API makes no pictures.", param="model")

    async def _whole(self, deployment: Deployment, body: object) -> Sequence[Event]:
        upstream = self._upstream
        message = await upstream.ask(_MESSAGES, body, _messages, deployment.upstream)
        try:
            return whole(message, deployment.model.id)
        except Unreadable:
            raise upstream.teller.unreadable() from None

    def _read(self, reader: EventReader, datas: Sequence[bytes], found: list[Event]) -> bool:
        """Add the events of what came; say whether the answer is whole."""
        teller = self._upstream.teller
        try:
            for data in datas:
                frame = _frames.decode(data)
                if frame.type == "error":
                    raise teller.in_stream(frame.error or Fault())
                reader.read(frame, found)
        except (msgspec.MsgspecError, RecursionError, Unreadable):
            raise teller.unreadable() from None
        return reader.finished
