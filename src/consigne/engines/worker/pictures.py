"""The loop of an image model: one picture after the other, in the order of arrival."""

import logging
from collections import deque
from collections.abc import Sequence

import msgspec

from consigne.domain.errors import ConsigneError, EngineFailed
from consigne.domain.images import (
    ImageEvent,
    ImageMade,
    ImagePartial,
    ImageProgress,
    ImageRequest,
    ImagesStart,
    ImagesStop,
    ImageTraits,
    ImageUsage,
)
from consigne.domain.languages import language_of
from consigne.engines.drawing import Plan, plan
from consigne.engines.instructions import Cell
from consigne.engines.worker import scenes
from consigne.engines.worker.canvas import Pixels, from_png, size_of, to_png
from consigne.engines.worker.channel import Channel
from consigne.engines.worker.painter import Judgement, Painter, Preview
from consigne.engines.worker.parts import Part
from consigne.engines.worker.protocol import Cancel, Draw, Drawn, Rejected, ToWorker

_log = logging.getLogger(__name__)


class _Abandoned(Exception):
    """Nobody waits for these pictures any more."""


class ImageLoop:
    """Serves one image model over a channel, until the host goes away.

    While a picture is drawn, the channel is read at each step: who has gone is let go within one.
    """

    def __init__(self, channel: Channel, painter: Painter, traits: ImageTraits) -> None:
        self._channel = channel
        self._painter = painter
        self._traits = traits
        self._waiting: deque[Draw] = deque()
        self._at_work = 0
        self._abandoned = False

    def run(self) -> None:
        """Serve.

        Raises:
            Closed: The host has gone.
        """
        while True:
            self._take(self._channel.receive(0.0 if self._waiting else None))
            if self._waiting:
                self._draw(self._waiting.popleft())

    def _take(self, messages: list[ToWorker]) -> None:
        for message in messages:
            match message:
                case Draw():
                    self._waiting.append(message)
                case Cancel(number) if number == self._at_work:
                    self._abandoned = True
                case Cancel(number):
                    self._waiting = deque(d for d in self._waiting if d.number != number)
                case _:
                    raise AssertionError(f"an image model can't {message}")

    def _draw(self, order: Draw) -> None:
        self._at_work, self._abandoned = order.number, False
        try:
            self._pictures(order)
        except _Abandoned:
            pass
        except Exception as error:  # noqa: BLE001 - one request's fault is not the others'
            if not isinstance(error, ConsigneError):
                _log.error("A picture failed", exc_info=error)
                error = EngineFailed("The engine could not draw this picture.")
            self._channel.send(Rejected(order.number, error.code, error.message, error.param))
        finally:
            self._at_work = 0

    def _pictures(self, order: Draw) -> None:
        request = order.request
        at_hand = None if request.source is None else size_of(request.source)
        todo = plan(request, self._traits, at_hand)
        judged = self._painter.judge(todo.prompt)
        # Who starts from a picture wants that one changed.
        cells = judged.cells if request.source is None else ()
        todo = _sized(todo, request, len(cells))
        self.say(order, _start(request.model, todo, judged, len(cells)))
        source = mask = part = None
        if request.source is not None and request.mask is not None:
            part = Part(request.source, request.mask, todo)
            source, mask = part.source, part.mask
        elif request.source is not None:
            source = from_png(request.source, todo.drawn_width, todo.drawn_height)
        steps_done = 0
        for index in range(todo.n):
            sheet = _Sheet(self, order, todo, index, cells, part)
            seed = todo.seed_of(index)
            if cells:
                self._paint_cells(todo, seed, cells, sheet)
            elif source is not None and todo.strength == 0:
                sheet.finish(source)  # nothing of it is given up
            else:
                sheet.finish(self._painter.paint(todo, seed, source, mask, sheet.on_step))
            steps_done += sheet.steps
            png = sheet.as_png()
            self.say(order, ImageMade(index, png, seed, todo.width, todo.height))
        pixels_drawn = todo.n * max(1, len(cells)) * todo.drawn_width * todo.drawn_height
        usage = ImageUsage(todo.n, steps_done, pixels_drawn, judged.input_tokens)
        self.say(order, ImagesStop(usage))

    def _paint_cells(self, todo: Plan, seed: int, cells: Sequence[Cell], sheet: "_Sheet") -> None:
        for at, cell in enumerate(cells):
            one = msgspec.structs.replace(todo, prompt=cell.caption)
            pixels = self._painter.paint(one, scenes.seed_of(seed, at), None, None, sheet.on_step)
            sheet.finish(pixels)

    def is_abandoned(self) -> bool:
        """Read what has come meanwhile, and say whether nobody waits for the present work."""
        self._take(self._channel.receive(0.0))
        return self._abandoned

    def say(self, order: Draw, event: ImageEvent) -> None:
        """Send an event of the present work."""
        self._channel.send(Drawn(order.number, event))


class _Sheet:
    """One picture on its way, of one part or several."""

    def __init__(
        self,
        loop: ImageLoop,
        order: Draw,
        todo: Plan,
        index: int,
        cells: Sequence[Cell],
        part: Part | None,
    ) -> None:
        self.steps = 0
        self._loop = loop
        self._order = order
        self._plan = todo
        self._index = index
        self._shown = 0
        self._cells = cells
        self._part = part
        self._done: list[Pixels] = []
        self._before = 0
        """Steps of the parts that are whole."""

    def finish(self, pixels: Pixels | None) -> None:
        """Take a part that is whole.

        Raises:
            _Abandoned: It is not, since nobody waits for it.
        """
        if pixels is None:
            raise _Abandoned
        self._done.append(self._finished(pixels))
        self._before = self.steps

    def as_png(self, growing: Pixels | None = None) -> bytes:
        """Return the picture as far as it is, with a part that is not whole."""
        parts = self._done if growing is None else [*self._done, self._finished(growing)]
        width, height = self._plan.width, self._plan.height
        if len(self._cells) < 2:
            return to_png(parts[-1], width, height)
        together = scenes.together(parts, len(self._cells))
        return to_png(scenes.within(together, width, height), width, height)

    def _finished(self, pixels: Pixels) -> Pixels:
        if self._part is not None:
            return self._part.put(pixels) if self._plan.strength else self._part.whole
        if not self._cells:
            return pixels
        cell = self._cells[len(self._done)]
        return scenes.tinted(pixels, cell.tint, cell.ground) if cell.tint else pixels

    def on_step(self, step: int, steps: int, preview: Preview) -> bool:
        """Tell of a step that is done; say whether to stop."""
        self.steps = step = self._before + step
        steps *= max(1, len(self._cells))
        if self._loop.is_abandoned():
            return True
        self._loop.say(self._order, ImageProgress(self._index, step, steps))
        todo = self._plan
        # Unfinished states are spread evenly over the steps before the last.
        if self._shown < todo.partials and step * (todo.partials + 1) >= steps * (self._shown + 1):
            if step < steps:
                png = self.as_png(preview())
                self._loop.say(self._order, ImagePartial(self._index, self._shown, png))
            self._shown += 1
        return False


def _sized(todo: Plan, request: ImageRequest, cells: int) -> Plan:
    """Return the plan with room for all parts, where no size was asked for."""
    if cells < 2 or request.width is not None or request.height is not None:
        return todo
    columns, rows = scenes.grid(cells)
    return msgspec.structs.replace(todo, width=todo.width * columns, height=todo.height * rows)


def _start(model: str, todo: Plan, judged: Judgement, cells: int) -> ImagesStart:
    return ImagesStart(
        model=model,
        width=todo.width,
        height=todo.height,
        steps=todo.steps,
        seed=todo.seed,
        guidance=todo.guidance,
        confidence=judged.confidence,
        known=judged.known,
        cells=max(1, cells),
        left_out=judged.left_out,
        language=language_of(todo.prompt),
    )
