"""The continuous-batching loop: requests come in between steps, tokens leave once a step."""

import logging
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from consigne.domain.errors import ConsigneError, EngineFailed, InvalidRequest
from consigne.domain.events import Event, MessageStop, StopReason
from consigne.domain.messages import Request
from consigne.domain.usage import Usage
from consigne.engines.worker.admission import Admission
from consigne.engines.worker.channel import Channel
from consigne.engines.worker.following import Followers
from consigne.engines.worker.generation import Generation, Top
from consigne.engines.worker.loading import TextModel
from consigne.engines.worker.plain import PlainModel
from consigne.engines.worker.prefixes import Prefixes, Text
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
from consigne.engines.worker.scoring import Scorer
from consigne.engines.worker.sizes import BLOCK_TOKENS, MAX_BATCHED_TOKENS
from consigne.engines.worker.trials import Trials

_TRIAL_POLL_S: Final = 0.005
"""How often an otherwise idle loop looks for a grammar's verdict."""

_PLAIN_IDLE_S: Final = 60.0
"""Seconds without a use for it after which the model's plain form is given up."""

_log = logging.getLogger(__name__)


class _Running(msgspec.Struct):
    """A request in the engine."""

    handle: Any
    generation: Generation
    full: StopReason
    """Why it stops when it reaches its limit of tokens."""
    followed: bool = False
    """Whether its tokens are told once they were read again, with their rivals."""
    generated: list[int] = []
    abandoned: bool = False
    """Whether nobody waits for it any more."""
    ended: StopReason | None = None
    """Why the engine stopped, once it has."""


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
        self._plain = PlainModel(model.folder, model.vocabulary, model.device)
        self._scorer = Scorer(self._plain, model.vocabulary, model.stop_tokens)
        self._followers = Followers(self._plain)
        self._trials = Trials(model.folder, len(model.table))
        self._on_trial: dict[int, Prepared] = {}
        self._running: dict[int, _Running] = {}
        self._trailing: dict[int, _Running] = {}  # the engine is done with them, not the followers
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
            if (number := self._followers.next) is not None:
                self._follow(number)
            elif not messages and self._plain.loaded and self._idle and not self._trials.pending:
                self._plain.unload()
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
        return _PLAIN_IDLE_S if self._plain.loaded else None

    @property
    def _idle(self) -> bool:
        """Whether there is nothing to compute."""
        working = self._waiting or self._scorer.busy or self._followers.any
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

    def _follow(self, number: int) -> None:
        """Read some of an answer's tokens once more, and tell them with their rivals."""
        running = self._running.get(number) or self._trailing[number]
        try:
            read = self._followers.step(number)
        except Exception as error:  # noqa: BLE001 - one request's fault is not the others'
            self._cancel(number)
            self._reject(number, error)
            return
        if read is not None:
            logprobs = [token.logprob for token in read.told]
            tops = [token.top for token in read.told]
            reason = running.ended if read.whole else None
            self._tell(number, running, reason, read.tokens, logprobs, tops)

    def _cancel(self, number: int) -> None:
        self._scorer.cancel(number)
        self._followers.cancel(number)
        self._trailing.pop(number, None)
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
            if message.request.logprobs:
                self._plain.check_memory()
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
        generation = Generation(
            request,
            parser,
            model.table,
            usage,
            prepared.prompt.stop,
            leads=model.leads and not _goes_on(request),
        )
        if not prepared.limit:
            self._out.append((number, (generation.start(), MessageStop(prepared.full, usage))))
            return
        handle = self._pipeline.add_request(number, _tensor(prepared.tokens), prepared.config)
        self._running[number] = _Running(handle, generation, prepared.full, bool(request.logprobs))
        if request.logprobs:
            top, whole = request.logprobs, request.whole
            self._followers.follow(number, prepared.tokens, top, whole=whole)
        self._out.append((number, (generation.start(),)))

    def _step(self) -> None:
        self._admission.step()
        try:
            self._pipeline.step()
        except RuntimeError:
            for number in (*self._running, *self._trailing):
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
                self._followers.cancel(number)
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
        reason: StopReason | None = None
        if output.finish_reason != self._going_on:
            reason = running.full if output.finish_reason == self._at_limit else "end_turn"
        if not running.followed:
            self._tell(number, running, reason, tokens, output.generated_log_probs)
            return
        self._followers.more(number, tokens, ended=reason is not None)
        if reason is not None:
            running.ended = reason
            self._trailing[number] = running
            self._leave(number)

    def _tell(
        self,
        number: int,
        running: _Running,
        reason: StopReason | None,
        tokens: Sequence[int],
        logprobs: Sequence[float],
        tops: Sequence[Top] = (),
    ) -> None:
        """Pass an answer's next tokens on; ``reason`` is why they are its last, where they are."""
        generation = running.generation
        events = generation.take(tokens, logprobs, tops)
        if generation.stopped and number in self._running:
            running.handle.stop()
        if reason is None and not generation.stopped:
            if events:
                self._out.append((number, tuple(events)))
            return
        self._followers.cancel(number)
        if self._trailing.pop(number, None) is None:
            self._leave(number)
        self._out.append((number, (*events, *generation.finish(reason or "end_turn"))))

    def _reject(self, number: int, error: Exception) -> None:
        if not isinstance(error, ConsigneError):
            _log.error("A request failed", exc_info=error)
            error = EngineFailed("The engine could not prepare the request.")
        self._channel.send(Rejected(number, error.code, error.message, error.param))


def _tensor(tokens: Any) -> Any:
    import openvino

    return openvino.Tensor(tokens.reshape(1, -1))


def _goes_on(request: Request) -> bool:
    """Say whether the answer goes on where a text in the prompt ends."""
    return request.raw_prompt is not None or request.messages[-1].role == "assistant"
