"""The continuous-batching loop: requests come in between steps, tokens leave once a step."""

import logging
from typing import Any, Final

import msgspec

from consigne.domain.errors import ConsigneError, EngineFailed, InvalidRequest
from consigne.domain.events import Event, MessageStop, StopReason
from consigne.domain.usage import Usage
from consigne.engines.worker.admission import Admission
from consigne.engines.worker.channel import Channel
from consigne.engines.worker.generation import Generation
from consigne.engines.worker.loading import MAX_BATCHED_TOKENS, TextModel
from consigne.engines.worker.prefixes import BLOCK_TOKENS, Prefixes, Text
from consigne.engines.worker.preparing import Prepared, count, prepare, scored
from consigne.engines.worker.protocol import (
    Cancel,
    Count,
    Counted,
    Emitted,
    Generate,
    Rejected,
    Score,
    ScoredPrompt,
    ToWorker,
)
from consigne.engines.worker.scoring import IDLE_S, Scorer
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
    generated: list[int] = []
    abandoned: bool = False
    """Whether nobody waits for it any more."""


class TextLoop:
    """Serves one text model over a channel, until the host goes away."""

    def __init__(self, channel: Channel, model: TextModel, max_running: int) -> None:
        import openvino_genai

        self._going_on = openvino_genai.GenerationFinishReason.NONE
        self._at_limit = openvino_genai.GenerationFinishReason.LENGTH
        self._ignored = openvino_genai.GenerationStatus.IGNORED
        self._channel = channel
        self._model = model
        self._pipeline = model.pipeline
        self._max_running = max_running
        prefixes = Prefixes(model.cache_tokens // BLOCK_TOKENS, model.context)
        self._prefixes = prefixes
        self._admission = Admission(prefixes, model.cache_tokens, MAX_BATCHED_TOKENS)
        self._waiting: dict[int, tuple[Prepared, Text]] = {}
        self._scorer = Scorer(model.folder, model.vocabulary, model.stop_tokens, model.device)
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
            messages = self._channel.receive(self._patience())
            for message in messages:
                self._handle(message)
            if self._scorer.busy:
                self._score()
            elif not messages and self._scorer.loaded and self._idle and not self._trials.pending:
                self._scorer.unload()
            if self._trials.pending:
                self._judge()
            if self._waiting:
                self._admit()
            if pipeline.has_non_finished_requests():
                self._step()
                self._collect()
            if self._out:
                self._channel.send(Emitted(tuple(self._out)))
                self._out.clear()

    def _patience(self) -> float | None:
        """Return how long to wait for messages: for ever when there is nothing to do."""
        if not self._idle:
            return 0.0
        if self._trials.pending:
            return _TRIAL_POLL_S
        return IDLE_S if self._scorer.loaded else None

    @property
    def _idle(self) -> bool:
        """Whether there is nothing to compute."""
        working = self._waiting or self._scorer.busy
        return not working and not self._pipeline.has_non_finished_requests()

    def _handle(self, message: ToWorker) -> None:
        match message:
            case Generate():
                self._take(message)
            case Cancel():
                self._cancel(message.number)
            case Count():
                self._count(message)
            case Score():
                self._take_text(message)
            case _:
                raise AssertionError(f"a text model can't {message}")

    def _take_text(self, message: Score) -> None:
        try:
            self._scorer.submit(scored(self._model, message.number, message.request))
        except Exception as error:  # noqa: BLE001 - one request's fault is not the others'
            self._reject(message.number, error)

    def _score(self) -> None:
        number = self._scorer.current
        try:
            found = self._scorer.step()
        except Exception as error:  # noqa: BLE001 - one request's fault is not the others'
            self._reject(number, error)
            return
        if found is not None:
            self._channel.send(ScoredPrompt(number, found.tokens, found.next, found.ends))

    def _cancel(self, number: int) -> None:
        self._scorer.cancel(number)
        if running := self._running.get(number):
            running.abandoned = True
            self._drop(number, running)
        elif self._on_trial.pop(number, None) is None:
            self._waiting.pop(number, None)

    def _drop(self, number: int, running: _Running) -> bool:
        """Take an abandoned request out of the engine, if the cache allows it now."""
        if not self._admission.may_leave(number):
            return False
        running.handle.cancel()
        self._leave(number)
        return True

    def _leave(self, number: int) -> None:
        self._admission.leave(number, self._running.pop(number).generated)

    def _count(self, message: Count) -> None:
        try:
            tokens = count(self._model, message.request)
        except Exception as error:  # noqa: BLE001 - one request's fault is not the others'
            self._reject(message.number, error)
        else:
            self._channel.send(Counted(message.number, tokens))

    def _take(self, message: Generate) -> None:
        try:
            prepared = prepare(self._model, message.request)
        except Exception as error:  # noqa: BLE001 - one request's fault is not the others'
            self._reject(message.number, error)
            return
        grammar = prepared.prompt.grammar
        if grammar is None or not prepared.limit or self._trials.passed(grammar):
            self._wait(message.number, prepared)
        else:
            self._on_trial[message.number] = prepared
            self._trials.submit(message.number, grammar)

    def _wait(self, number: int, prepared: Prepared) -> None:
        self._waiting[number] = (prepared, self._prefixes.text(prepared.tokens))

    def _admit(self) -> None:
        """Start the requests that may enter the engine now, in the order they came."""
        used = self._pipeline.get_metrics().cache_usage / 100.0
        for number, (prepared, text) in list(self._waiting.items()):
            if len(self._running) >= self._max_running:
                break
            if self._admission.may_enter(text, used):
                del self._waiting[number]
                self._start(number, prepared, text)

    def _judge(self) -> None:
        for verdict in self._trials.verdicts():
            prepared = self._on_trial.pop(verdict.number, None)
            if prepared is None:
                continue  # cancelled meanwhile
            if verdict.fault is None:
                self._wait(verdict.number, prepared)
            else:
                fault = f"The answer's format can't be enforced: {verdict.fault}"
                self._reject(verdict.number, InvalidRequest(fault))

    def _start(self, number: int, prepared: Prepared, text: Text) -> None:
        model, request = self._model, prepared.request
        cached = self._admission.enter(number, text) if prepared.limit else 0
        usage = Usage(input_tokens=len(prepared.tokens), cached_input_tokens=cached)
        parser = model.prompter.parser(request)
        generation = Generation(request, parser, model.table, usage, prepared.prompt.stop)
        if not prepared.limit:
            self._out.append((number, (generation.start(), MessageStop(prepared.full, usage))))
            return
        handle = self._pipeline.add_request(number, _tensor(prepared.tokens), prepared.config)
        self._running[number] = _Running(handle, generation, prepared.full)
        self._out.append((number, (generation.start(),)))

    def _step(self) -> None:
        self._admission.step()
        try:
            self._pipeline.step()
        except RuntimeError:
            for number in self._running:
                self._reject(number, EngineFailed("The engine could not go on; it starts anew."))
            raise

    def _collect(self) -> None:
        """Turn the step's new tokens into events."""
        for number, running in list(self._running.items()):
            if running.handle.can_read() and (outputs := running.handle.read()):
                output = outputs[0]
                if output.generated_ids:
                    self._advance(number, running, output)
                    continue
            if running.abandoned:
                self._drop(number, running)
            elif running.handle.get_status() == self._ignored:
                self._leave(number)
                self._reject(number, EngineFailed("The engine's attention cache is full."))

    def _advance(self, number: int, running: _Running, output: Any) -> None:
        """Take a request's new tokens (``openvino_genai.GenerationOutput``)."""
        tokens = output.generated_ids
        if not running.generated:
            self._admission.begin(number)
        running.generated += tokens
        if running.abandoned:
            self._drop(number, running)
            return
        generation = running.generation
        events = generation.take(tokens, output.generated_log_probs)
        if generation.stopped:
            running.handle.stop()
        elif output.finish_reason == self._going_on:
            if events:
                self._out.append((number, tuple(events)))
            return
        reason = running.full if output.finish_reason == self._at_limit else "end_turn"
        self._leave(number)
        self._out.append((number, (*events, *generation.finish(reason))))

    def _reject(self, number: int, error: Exception) -> None:
        if not isinstance(error, ConsigneError):
            _log.error("A request failed", exc_info=error)
            error = EngineFailed("The engine could not prepare the request.")
        self._channel.send(Rejected(number, error.code, error.message, error.param))


def _tensor(tokens: Any) -> Any:
    import openvino

    return openvino.Tensor(tokens.reshape(1, -1))
