"""The continuous-batching loop: requests come in between steps, tokens leave once a step."""

import logging
from collections import deque
from typing import Any, Final

import msgspec

from consigne.domain.errors import ConsigneError, EngineFailed, InvalidRequest
from consigne.domain.events import Event, MessageStop, StopReason
from consigne.domain.usage import Usage
from consigne.engines.worker.channel import Channel
from consigne.engines.worker.generation import Generation
from consigne.engines.worker.loading import TextModel
from consigne.engines.worker.preparing import Prepared, count, prepare
from consigne.engines.worker.protocol import (
    Cancel,
    Count,
    Counted,
    Emitted,
    Generate,
    Rejected,
    ToWorker,
)
from consigne.engines.worker.trials import Trials

_TRIAL_POLL_S: Final = 0.005
"""How often an otherwise idle loop looks for a grammar's verdict."""

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
        self._trials = Trials(model.folder, len(model.table))
        self._on_trial: dict[int, Prepared] = {}
        self._running: dict[int, _Running] = {}
        self._out: list[tuple[int, tuple[Event, ...]]] = []

    def run(self) -> None:
        """Serve.

        Raises:
            Closed: The host has gone.
            RuntimeError: The engine broke; its requests have been told.
        """
        pipeline = self._pipeline
        while True:
            for message in self._channel.receive(self._patience()):
                self._handle(message)
            if self._trials.pending:
                self._judge()
            while self._waiting and len(self._running) < self._max_running:
                self._admit(self._waiting.popleft())
            if pipeline.has_non_finished_requests():
                self._step()
                self._collect()
            if self._out:
                self._channel.send(Emitted(tuple(self._out)))
                self._out.clear()

    def _patience(self) -> float | None:
        """Return how long to wait for messages: for ever when there is nothing to do."""
        if self._pipeline.has_non_finished_requests() or (
            self._waiting and len(self._running) < self._max_running
        ):
            return 0.0
        return _TRIAL_POLL_S if self._trials.pending else None

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
        elif self._on_trial.pop(number, None) is None:
            self._waiting = deque(one for one in self._waiting if one.number != number)

    def _count(self, message: Count) -> None:
        try:
            tokens = count(self._model, message.request)
        except Exception as error:  # noqa: BLE001 - one request's fault is not the others'
            self._reject(message.number, error)
        else:
            self._channel.send(Counted(message.number, tokens))

    def _admit(self, message: Generate) -> None:
        try:
            prepared = prepare(self._model, message.request)
        except Exception as error:  # noqa: BLE001 - one request's fault is not the others'
            self._reject(message.number, error)
            return
        grammar = prepared.prompt.grammar
        if grammar is None or not prepared.limit or self._trials.passed(grammar):
            self._start(message.number, prepared)
        else:
            self._on_trial[message.number] = prepared
            self._trials.submit(message.number, grammar)

    def _judge(self) -> None:
        for verdict in self._trials.verdicts():
            prepared = self._on_trial.pop(verdict.number, None)
            if prepared is None:
                continue  # cancelled meanwhile
            if verdict.fault is None:
                self._start(verdict.number, prepared)
            else:
                fault = f"The answer's format can't be enforced: {verdict.fault}"
                self._reject(verdict.number, InvalidRequest(fault))

    def _start(self, number: int, prepared: Prepared) -> None:
        request = prepared.request
        usage = Usage(input_tokens=len(prepared.tokens))
        parser = self._model.prompter.parser(request)
        generation = Generation(request, parser, self._model.table, usage, prepared.prompt.stop)
        if not prepared.limit:
            self._out.append((number, (generation.start(), MessageStop(prepared.full, usage))))
            return
        handle = self._pipeline.add_request(number, _tensor(prepared.tokens), prepared.config)
        self._running[number] = _Running(handle, generation, prepared.full)
        self._out.append((number, (generation.start(),)))

    def _step(self) -> None:
        try:
            self._pipeline.step()
        except RuntimeError:
            for number in self._running:
                self._reject(number, EngineFailed("The engine could not go on; it starts anew."))
            raise

    def _collect(self) -> None:
        """Turn the step's new tokens into events."""
        import openvino_genai

        going_on = openvino_genai.GenerationFinishReason.NONE
        at_limit = openvino_genai.GenerationFinishReason.LENGTH
        finished: list[int] = []
        for number, running in self._running.items():
            handle, generation = running.handle, running.generation
            outputs = handle.read() if handle.can_read() else None
            if not outputs or not outputs[0].generated_ids:
                if handle.get_status() == openvino_genai.GenerationStatus.IGNORED:
                    finished.append(number)
                    self._reject(number, EngineFailed("The engine's attention cache is full."))
                continue
            output = outputs[0]
            events = generation.take(output.generated_ids, output.generated_log_probs)
            if generation.stopped:
                handle.stop()
            elif output.finish_reason == going_on:
                if events:
                    self._out.append((number, tuple(events)))
                continue
            reason = running.full if output.finish_reason == at_limit else "end_turn"
            finished.append(number)
            self._out.append((number, (*events, *generation.finish(reason))))
        for number in finished:
            del self._running[number]

    def _reject(self, number: int, error: Exception) -> None:
        if not isinstance(error, ConsigneError):
            _log.error("A request failed", exc_info=error)
            error = EngineFailed("The engine could not prepare the request.")
        self._channel.send(Rejected(number, error.code, error.message, error.param))


def _tensor(tokens: Any) -> Any:
    import openvino

    return openvino.Tensor(tokens.reshape(1, -1))
