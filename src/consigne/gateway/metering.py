"""What each request uses: gathered from all its generations, told once, when it is over.

Whoever takes a request in begins a ``Use`` for it: the API's edge, a batch, a run of the chat. What
runs within finds it as ``current()``, and the gateway adds to it what each generation used. So a
request of many generations (several answers, a tool's rounds) is one use.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Final, Literal, Protocol

from consigne.domain import sources
from consigne.domain.errors import ConsigneError
from consigne.domain.ids import new_id
from consigne.domain.models import Modality
from consigne.domain.usage import Price, Usage

Endpoint = Literal[
    "messages",
    "chat_completions",
    "responses",
    "completions",
    "embeddings",
    "images",
    "chat",
    "title",
    "caption",
    "retrieval",
]
"""What was asked: a path of the API, a run of the chat, or what either had done on the way: a
conversation's title, a picture's caption, the vector of a search."""

_KINDS: dict[str, Modality] = {
    "embeddings": "embedding",
    "retrieval": "embedding",
    "images": "image",
}
OPERATIONS: Final = {
    "messages": "chat",
    "chat_completions": "chat",
    "responses": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
    "images": "generate_content",
    "chat": "chat",
    "title": "chat",
    "caption": "chat",
    "retrieval": "embeddings",
}
"""What OpenTelemetry's conventions for generative AI call it."""
OK: Final = "ok"
CANCELLED: Final = "cancelled"
HERE: Final = "here"
"""The target of what this machine's engines answer."""


class Whose(Protocol):
    """On whose behalf a request is made (``business.caller.Caller``)."""

    @property
    def organisation_id(self) -> str:
        """The organisation."""
        ...

    @property
    def key_id(self) -> str | None:
        """The API key, where one was used."""
        ...

    @property
    def user_id(self) -> str | None:
        """The person, where one is known."""
        ...


class Use:
    """One request: who made it, what answered, what it used. ``leave`` ends it."""

    # What most requests never change stands here once, for all.
    streamed = False
    first = 0.0
    """Seconds until the first token; 0 where there was none."""
    seconds = 0.0
    """Seconds until the end."""
    asked = ""
    """The model as it was named."""
    model = ""
    """The id of the model that answered."""
    target = ""
    """``here``, or the provider that answered."""
    status = OK
    """``ok``, ``cancelled``, or an error's code."""
    parts = 0
    """How many generations there were."""
    begun = False
    """Whether any of them got as far as an answer, or was cancelled before."""
    input = cached = written = output = reasoning = images = 0
    cost: int | None = None
    """In millionths of a micro-unit, of all generations that have a price."""

    def __init__(
        self,
        tell: "Callable[[Use], None]",
        use_id: str,
        endpoint: Endpoint,
        whose: Whose | None = None,
        *,
        batch: bool = False,
    ) -> None:
        self.tell = tell
        self.id = use_id
        self.endpoint = endpoint
        self.kind: Modality = _KINDS.get(endpoint, "text")
        self.whose = whose
        self.batch = batch
        self.at = sources.seconds()
        self.began = perf_counter()
        self._open = 1

    def enter(self) -> None:
        """Keep it open until one more ``leave``."""
        self._open += 1

    def leave(self) -> None:
        """Tell what was used, if nobody else keeps it open and anything was generated."""
        self._open -= 1
        if not self._open and self.parts:
            self.seconds = perf_counter() - self.began
            self.tell(self)

    def end(self, status: str) -> None:
        """Say how it ended, where its generations don't; an error that is known stands."""
        if self.status in (OK, CANCELLED) and status != OK:
            self.status = status

    def apart(self, endpoint: Endpoint) -> "Use":
        """Return a use of its own, of the same caller, for work that the request's answer hides."""
        return Use(self.tell, new_id("use"), endpoint, self.whose, batch=self.batch)


_current: ContextVar[Use | None] = ContextVar("use", default=None)
current = _current.get


class within:  # noqa: N801 - read as a statement; a generator would cost each request more
    """Count what runs within, tasks it starts included, to a use, and leave it at the end."""

    __slots__ = ("_mark", "_use")

    def __init__(self, use: Use) -> None:
        self._use = use

    def __enter__(self) -> Use:
        """Begin."""
        self._mark = _current.set(self._use)
        return self._use

    def __exit__(self, *_: object) -> None:
        """Leave it."""
        _current.reset(self._mark)
        self._use.leave()


@contextmanager
def apart(endpoint: Endpoint) -> Iterator[None]:
    """Count what runs within to a use of its own, if there is one around it."""
    use = _current.get()
    if use is None:
        yield
        return
    with within(use.apart(endpoint)):
        yield


def name_model(name: str) -> None:
    """Note how the request named its model; the first name stands."""
    use = _current.get()
    if use is not None and not use.asked:
        use.asked = name


class Part:
    """One generation, counted to the use around it; where there is none, to nothing."""

    __slots__ = ("_again", "_apart", "_modality", "_model", "_use", "price", "target")

    def __init__(self, modality: Modality, model: str, *, again: bool = False) -> None:
        """Begin to count.

        Args:
            modality: What is made.
            model: The id of the model that makes it.
            again: Whether its prompt is counted already.
        """
        use = _current.get()
        self._apart = use is not None and modality == "embedding" and use.kind != modality
        self._use = use.apart("retrieval") if use is not None and self._apart else use
        self._modality = modality
        self._model = model
        self._again = again
        self.target = HERE
        self.price: Price | None = None

    def by(self, target: str, price: Price | None) -> None:
        """Note who makes it, and what that costs."""
        self.target = target
        self.price = price

    def first(self) -> None:
        """Note that the first token has come."""
        use = self._use
        if use is not None and not use.first:
            use.first = perf_counter() - use.began

    def end(self, status: str, usage: Usage, images: int = 0, *, begun: bool = True) -> None:
        """Count what was used."""
        use = self._use
        if use is None:
            return
        use.parts += 1
        if self._modality == use.kind or not use.model:
            use.model = self._model
            use.target = self.target
        if self._modality == use.kind:
            use.end(status)
            use.begun = use.begun or begun or status == CANCELLED
            if not self._again:
                use.input += usage.input_tokens
                use.cached += usage.cached_input_tokens
                use.written += usage.cache_creation_tokens
            use.output += usage.output_tokens
            use.reasoning += usage.reasoning_tokens
        else:
            usage = Usage()
            use.begun = use.begun or bool(images)
        use.images += images
        if self.price is not None:
            if self._again:
                usage = Usage(output_tokens=usage.output_tokens)
            use.cost = (use.cost or 0) + self.price.of(usage, images)
        if self._apart:
            use.leave()


@contextmanager
def counted(part: Part) -> Iterator[list[Usage]]:
    """Count a call that is answered at once; what it used is put into the list."""
    used: list[Usage] = []
    status = OK
    try:
        yield used
    except BaseException as error:
        status = status_of(error)
        raise
    finally:
        part.end(status, used[0] if used else Usage(), begun=bool(used))


def status_of(error: BaseException) -> str:
    """Return how a generation ended that raised this."""
    if isinstance(error, ConsigneError):
        return error.code
    return ConsigneError.code if isinstance(error, Exception) else CANCELLED
