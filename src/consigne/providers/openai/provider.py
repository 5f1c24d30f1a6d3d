"""The provider for servers of the OpenAI kind."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import msgspec

from consigne.domain.embeddings import Embeddable, Embeddings
from consigne.domain.errors import ConsigneError, Unsupported
from consigne.domain.events import Event
from consigne.domain.images import ImageEvent, ImageRequest
from consigne.domain.messages import Request
from consigne.providers.base import Deployment, check_capabilities
from consigne.providers.batches import Events
from consigne.providers.cloud_tokens import CloudToken
from consigne.providers.faults import Fault, Troubles
from consigne.providers.openai import images, requests
from consigne.providers.openai.events import EventReader, Unreadable, whole
from consigne.providers.openai.wire import Chunk, Vectors
from consigne.providers.pool import Pool
from consigne.providers.upstream import Upstream
from consigne.settings import ProviderSettings

_COMPLETIONS = "/chat/completions"
_chunks = msgspec.json.Decoder(Chunk)
_vectors = msgspec.json.Decoder(Vectors)


class OpenAIProvider:
    """Generates through ``POST /chat/completions`` of a server elsewhere."""

    def __init__(
        self,
        settings: ProviderSettings,
        deployments: Sequence[Deployment],
        key: str,
        pool: Pool,
        token: CloudToken | None = None,
    ) -> None:
        self.deployments = deployments
        credentials = {"authorization": f"Bearer {key}"} if key else {}
        self._upstream = Upstream(settings, pool, credentials, key, token)
        self._dialect = requests.Dialect(settings.max_tokens_field, frozenset(settings.extensions))

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
        body = requests.body(request, deployment, self._dialect)
        if request.whole:
            yield await self._whole(deployment, body)
            return
        reader = EventReader(deployment.model.id)
        upstream = self._upstream
        source = await upstream.stream(_COMPLETIONS, body, deployment.upstream)
        try:
            done = False
            while not done and (datas := await source.read()):
                found: list[Event] = []
                try:
                    done = self._read(reader, datas, found)
                except ConsigneError:
                    # What came before an error is told before it.
                    if found:
                        yield found
                    raise
                if done and reader.finished:
                    found += reader.end()
                    source.let_end()
                if found:
                    yield found
            if not reader.finished:
                raise upstream.teller.cut()
            if not done:
                yield reader.end()
        finally:
            source.close()

    async def count_tokens(self, deployment: Deployment, request: Request) -> int:
        """Refuse: this API counts tokens only while it answers.

        Raises:
            Unsupported: Always.
        """
        raise Unsupported(
            f"{deployment.model.id} runs at a provider whose API can't count tokens ahead; each "
            "answer's usage says how many there were.",
            param="model",
        )

    async def embed(
        self, deployment: Deployment, texts: Sequence[Embeddable], dimensions: int | None = None
    ) -> Embeddings:
        """Return one vector for each text, of so many dimensions where that is said."""
        body: dict[str, object] = {"model": deployment.upstream, "input": list(texts)}
        body |= {"encoding_format": "float"}
        body |= {} if dimensions is None else {"dimensions": dimensions}
        upstream = self._upstream
        found = await upstream.ask("/embeddings", body, _vectors, deployment.upstream)
        ordered = sorted(found.data, key=lambda vector: vector.index)
        if [vector.index for vector in ordered] != list(range(len(texts))):
            raise upstream.teller.unreadable()
        used = found.usage.prompt_tokens if found.usage else 0
        return Embeddings(tuple(vector.embedding for vector in ordered), used)

    async def draw(
        self, deployment: Deployment, request: ImageRequest
    ) -> AsyncIterator[ImageEvent]:
        """Make pictures, or change one (``/images/generations``, ``/images/edits``).

        They come whole, all at once.
        """
        body = images.body(request, deployment)
        upstream, decoder, name = self._upstream, images.decoder, deployment.upstream
        if request.source is None:
            found = await upstream.ask("/images/generations", body, decoder, name)
        else:
            form = await asyncio.to_thread(images.form, body, request.source, request.mask)
            found = await upstream.ask_form("/images/edits", form, decoder, name)
        try:
            events = images.events(found, request, deployment.model.id)
        except images.UnreadableError:
            raise upstream.teller.unreadable() from None
        for event in events:
            yield event

    async def _whole(self, deployment: Deployment, body: object) -> Sequence[Event]:
        upstream = self._upstream
        chunk = await upstream.ask(_COMPLETIONS, body, _chunks, deployment.upstream)
        try:
            return whole(chunk, deployment.model.id)
        except Unreadable:
            raise upstream.teller.unreadable() from None

    def _read(self, reader: EventReader, datas: Sequence[bytes], found: list[Event]) -> bool:
        """Add the events of what came; say whether the stream is at its end."""
        teller = self._upstream.teller
        try:
            for data in datas:
                if data == b"[DONE]":
                    return True
                if not data:
                    continue
                chunk = _chunks.decode(data)
                if chunk.error is not None:
                    fault = chunk.error
                    raise teller.in_stream(Fault(fault) if isinstance(fault, str) else fault)
                reader.read(chunk, found)
        except (msgspec.MsgspecError, RecursionError, Unreadable):
            raise teller.unreadable() from None
        return False
