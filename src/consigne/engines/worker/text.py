"""The continuous-batching loop: requests come in between steps, tokens leave once a step."""

import logging
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from consigne.domain.errors import ConsigneError, ContextTooLong, InvalidRequest, Unsupported
from consigne.domain.events import Event, MessageStop, StopReason
from consigne.domain.messages import Request
from consigne.domain.usage import Usage
from consigne.engines.worker import sampling
from consigne.engines.worker.channel import Channel
from consigne.engines.worker.generation import Generation
from consigne.engines.worker.loading import TextModel
from consigne.engines.worker.protocol import (
    Cancel,
    Count,
    Counted,
    Emitted,
    Generate,
    Rejected,
    ToWorker,
)

if TYPE_CHECKING:
    from consigne.engines.prompts import Prompt

_log = logging.getLogger(__name__)


class _Running(msgspec.Struct):
    """A request in the engine."""

    handle: Any
    generation: Generation
    full: StopReason
    """Why it stops when it reaches its limit of tokens."""


class TextLoop:
    """Serves one text model over a channel, until the host goes away."""

    def __init__(self, channel: Channel, model: TextModel, max_running: int) -> None:
        self._channel = channel
        self._model = model
        self._pipeline = model.pipeline
        self._max_running = max_running
        self._waiting: deque[Generate] = deque()
        self._running: dict[int, _Running] = {}
        self._out: list[tuple[int, tuple[Event, ...]]] = []

    def run(self) -> None:
        """Serve.

        Raises:
            Closed: The host has gone.
        """
        pipeline = self._pipeline
        while True:
            busy = bool(self._waiting) or pipeline.has_non_finished_requests()
            for message in self._channel.receive(wait=not busy):
                self._handle(message)
            while self._waiting and len(self._running) < self._max_running:
                self._admit(self._waiting.popleft())
            if pipeline.has_non_finished_requests():
                pipeline.step()
                self._collect()
            if self._out:
                self._channel.send(Emitted(tuple(self._out)))
                self._out.clear()

    def _handle(self, message: ToWorker) -> None:
        match message:
            case Generate():
                self._waiting.append(message)
            case Cancel():
                self._cancel(message.number)
            case Count():
                self._count(message)
            case _:
                raise AssertionError(f"a text model can't {message}")

    def _cancel(self, number: int) -> None:
        if running := self._running.pop(number, None):
            running.handle.cancel()
            return
        self._waiting = deque(one for one in self._waiting if one.number != number)

    def _count(self, message: Count) -> None:
        try:
            tokens = len(self._tokens(self._prompt(message.request), message.request))
        except ConsigneError as error:
            self._reject(message.number, error)
        else:
            self._channel.send(Counted(message.number, tokens))

    def _reject(self, number: int, error: ConsigneError) -> None:
        self._channel.send(Rejected(number, error.code, error.message, error.param))

    def _admit(self, message: Generate) -> None:
        try:
            self._start(message.number, message.request)
        except ConsigneError as error:
            self._reject(message.number, error)

    def _start(self, number: int, request: Request) -> None:
        prompt = self._prompt(request)
        tokens = self._tokens(prompt, request)
        room = self._room(len(tokens))
        limit = room if request.max_tokens is None else min(request.max_tokens, room)
        config = self._config(request, prompt, limit)
        generation = Generation(
            request,
            self._model.prompter.parser(request),
            self._model.table,
            Usage(input_tokens=len(tokens)),
            prompt.stop,
        )
        full: StopReason = "max_tokens" if limit == request.max_tokens else "context_full"
        if limit <= 0:
            stop = MessageStop("max_tokens", Usage(input_tokens=len(tokens)))
            self._out.append((number, (generation.start(), stop)))
            return
        handle = self._pipeline.add_request(number, _tensor(tokens), config)
        self._running[number] = _Running(handle, generation, full)
        self._out.append((number, (generation.start(),)))

    def _prompt(self, request: Request) -> "Prompt":
        prompt: Prompt = self._model.prompter.render(request)
        return prompt

    def _tokens(self, prompt: "Prompt", request: Request) -> np.ndarray:
        encode = self._model.tokenizer.encode
        raw = request.raw_prompt is not None
        pieces = [
            encode(segment, add_special_tokens=raw).input_ids.data[0] for segment in prompt.segments
        ]
        return np.concatenate(pieces) if pieces else np.empty(0, np.int64)

    def _room(self, prompt_tokens: int) -> int:
        context = self._model.context
        if prompt_tokens == 0:
            raise InvalidRequest("The prompt is empty: there is nothing to answer.")
        if prompt_tokens >= context:
            raise ContextTooLong(
                f"The prompt has {prompt_tokens} tokens; the model {self._model.model_id} reads "
                f"at most {context}, of which at least one is for the answer."
            )
        return context - prompt_tokens

    def _config(self, request: Request, prompt: "Prompt", limit: int) -> Any:
        import openvino_genai

        config = openvino_genai.GenerationConfig()
        config.max_new_tokens = max(limit, 1)
        sampling.apply(sampling.resolve(request.sampling, self._model.defaults), config)
        if request.logprobs is not None:
            if request.logprobs > 0:
                raise Unsupported(
                    "Models here tell the log-probability of each token they chose, "
                    "not of the others; ask without top_logprobs.",
                    param="top_logprobs",
                )
            config.logprobs = 1
        if prompt.grammar is not None:
            from consigne.engines.prompts import structured_output

            config.structured_output_config = structured_output(prompt.grammar)
        return config

    def _collect(self) -> None:
        """Turn the step's new tokens into events."""
        import openvino_genai

        going_on = openvino_genai.GenerationFinishReason.NONE
        at_limit = openvino_genai.GenerationFinishReason.LENGTH
        finished: list[int] = []
        for number, running in self._running.items():
            if not running.handle.can_read():
                continue
            output = running.handle.read()[0]
            generation = running.generation
            events = generation.take(output.generated_ids, output.generated_log_probs)
            if generation.stopped:
                running.handle.stop()
            elif output.finish_reason == going_on:
                if events:
                    self._out.append((number, tuple(events)))
                continue
            reason = running.full if output.finish_reason == at_limit else "end_turn"
            finished.append(number)
            self._out.append((number, (*events, *generation.finish(reason))))
        for number in finished:
            del self._running[number]


def _tensor(tokens: np.ndarray) -> Any:
    import openvino

    return openvino.Tensor(tokens.reshape(1, -1))
