"""``consigne image``: a picture from plain words, or from another picture."""

import asyncio
import math
import os
import re
import sys
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from consigne.cli.context import settings_of
from consigne.cli.picture_files import PIPED, read_picture
from consigne.domain.errors import OperatorError

if TYPE_CHECKING:
    from consigne.cli.drawing import Order, Step
    from consigne.settings import Settings

_FORMS = {".png": "png", ".webp": "webp", ".jpg": "jpeg", ".jpeg": "jpeg"}
_SIZE = re.compile(r"([1-9][0-9]{0,4})(?:x([1-9][0-9]{0,4}))?")


@click.command()
@click.argument("prompt")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("picture.png"),
              show_default=True,
              help="File to write: .png, .webp or .jpg; - writes PNG to the pipe.")  # fmt: skip
@click.option("-m", "--model", default="", help="Model to draw with (default: the service's own).")
@click.option("--n", type=click.IntRange(1, 10), default=1, help="How many pictures.")
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), help="The same seed gives the same picture."
)
@click.option("--size", default="", help="Pixels: 512, or 768x512.")
@click.option("--steps", type=click.IntRange(1, 150), help="More take longer and show more detail.")
@click.option("--guidance", type=click.FloatRange(0, 30), help="How closely to follow the words.")
@click.option("--negative", default="", help="What must not be there.")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    help="Picture to start from; - is the standard input.",
)
@click.option("--mask", type=click.Path(path_type=Path),
              help="Picture of that size: what is transparent is drawn anew.")  # fmt: skip
@click.option("--strength", type=click.FloatRange(0, 1), help="Share of --from to give up.")
@click.option("--force", is_flag=True, help="Write over files that exist.")
@click.pass_context
def image(ctx: click.Context, /, output: Path, force: bool, **options: Any) -> None:
    """Make a picture from plain words, in English or French.

    \b
        consigne image "a red fox, flat style" -o fox.png
        consigne image "blue background" --from fox.png -o blue.png --strength 0.6
        consigne image "a cat" -o - | consigne verify -
    """
    order = _order(output, **options)
    paths = _paths(output, order.n, force=force)
    asyncio.run(_draw(settings_of(ctx), order, paths))


def _order(
    output: Path, *, source: Path | None, mask: Path | None, size: str, **options: Any
) -> "Order":
    from consigne.cli.drawing import Order

    form = "png" if output == PIPED else _FORMS.get(output.suffix.lower())
    if form is None:
        raise OperatorError(f"'{output.name}' must end in .png, .webp, .jpg or .jpeg.")
    if mask is not None and source is None:
        raise OperatorError("--mask needs --from: the picture that it lies on.")
    for name in ("guidance", "strength"):
        if (share := options[name]) is not None and math.isnan(share):
            raise OperatorError(f"--{name} is no number.")
    found = _SIZE.fullmatch(size) if size else None
    if size and found is None:
        raise OperatorError(f"'{size}' is no size: write 512 or 768x512.")
    return Order(
        form=form,
        size=f"{found[1]}x{found[2] or found[1]}" if found else "",
        source=None if source is None else read_picture(source),
        mask=None if mask is None else read_picture(mask),
        **options,
    )


def _paths(output: Path, n: int, *, force: bool) -> list[Path]:
    if output == PIPED:
        if n > 1:
            raise OperatorError("The standard output takes one picture: name a file for --n.")
        if sys.stdout.isatty():
            raise OperatorError("A terminal shows no pictures: name a file, or pipe it on.")
        return [output]
    paths = [output]
    if n > 1:
        paths = [output.with_stem(f"{output.stem}-{at}") for at in range(1, n + 1)]
    if not output.parent.is_dir():
        raise OperatorError(f"There is no folder {output.parent}.")
    if not os.access(output.parent, os.W_OK | os.X_OK):
        raise OperatorError(f"Nothing can be written in {output.parent}: permission denied.")
    for path in paths:
        if path.is_dir():
            raise OperatorError(f"{path} is a folder. Choose another name.")
        if path.exists() and not force:
            raise OperatorError(f"{path} exists already. Choose another name, or add --force.")
    return paths


async def _draw(settings: "Settings", order: "Order", paths: list[Path]) -> None:
    from consigne.cli.drawing import Drawn, Notice, draw

    said, written = "", list[Path]()
    try:
        with _Bar(order.n) as bar:
            async with aclosing(draw(settings, order)) as events:  # type: ignore[type-var]
                async for event in events:
                    match event:
                        case Drawn():
                            _write(paths[event.index], event.data)
                            written.append(paths[event.index])
                        case Notice():
                            said = event.text
                        case _:
                            bar(event)
    finally:  # what is whole is kept, and told, also where the rest failed or was interrupted
        for path in written:
            if path != PIPED:
                click.echo(str(path))
    if said:
        click.echo(f"consigne: {said}", err=True)


class _Bar:
    """A bar on a terminal; nothing elsewhere."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._bar: Any = None

    def __enter__(self) -> "_Bar":
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("Loading the model", total=None)
        return self

    def __call__(self, step: "Step") -> None:
        """Show a step that is done."""
        if self._bar is not None:
            done = step.index * step.steps + step.step
            what = "Drawing" if self._n == 1 else f"Drawing {step.index + 1} of {self._n}"
            self._bar.update(
                self._task, description=what, completed=done, total=self._n * step.steps
            )

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    if path == PIPED:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise OperatorError(f"Can't write {path}: {error.strerror}.") from None
    finally:
        with suppress(OSError):
            part.unlink()
