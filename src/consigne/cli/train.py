"""``consigne train``: make models from data."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from consigne.training.images.loop import Report

_LINE_EVERY = 10.0
"""Seconds between two lines of progress where there is no terminal."""


@click.group()
def train() -> None:
    """Train models, from data to weights (needs the extra "train")."""


@train.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file of the training (default: all 300 objects, hours on one core).",
)
@click.option(
    "--stage",
    "stages",
    multiple=True,
    help="Stage to run, may be repeated (default: all, in order).",
)
def images(folder: Path, config_path: Path | None, stages: tuple[str, ...]) -> None:
    """Train the image model in FOLDER, from artwork to exported weights.

    Stages: prepare, latents, text, autoencoder, denoiser, classifier, score, export. Each goes on
    where it was cut, by Ctrl-C or by anything else; a finished one takes no time, but scores and
    the export are made anew.
    """
    from consigne.training.images import config
    from consigne.training.images import stages as rooms

    unknown = [name for name in stages if name not in rooms.STAGES]
    if unknown:
        raise click.BadParameter(
            f"there is no stage {unknown[0]!r}; the stages are {', '.join(rooms.STAGES)}",
            param_hint="--stage",
        )
    settings = config.load(config_path)
    rooms.check_extra()
    from consigne.training.images import loop

    stop = loop.Stop()
    shown = _Lines()
    with rooms.work(settings, folder) as place, stop.listening():
        for stage in rooms.STAGES:
            if stages and stage not in stages:
                continue
            click.echo(f"{stage}: …", err=True)
            try:
                result = rooms.run(place, stage, shown, stop)
            except loop.Interrupted:
                click.echo(f"\n{stage}: stopped, its state is saved.", err=True)
                raise click.Abort from None
            click.echo(f"{stage}: {result}")


class _Lines:
    """Shows reports: one line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._said = -_LINE_EVERY

    def __call__(self, report: "Report") -> None:
        """Show one report."""
        ended = report.seconds >= report.budget_seconds
        now = time.monotonic()
        if not self._terminal and not ended and now - self._said < _LINE_EVERY:
            return
        self._said = now
        left = max(0.0, report.budget_seconds - report.seconds) / 60
        line = (
            f"{report.stage}: step {report.step}, loss {report.loss:.3f}, "
            f"{report.samples_per_second:.0f} samples/s, {left:.1f} min left. {report.detail}"
        )
        click.echo(f"\r\x1b[K{line}" if self._terminal else line, err=True, nl=not self._terminal)
        if self._terminal and ended:
            click.echo(err=True)
