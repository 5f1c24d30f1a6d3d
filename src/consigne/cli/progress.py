"""Show a model's installation: a bar on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from consigne.engines.downloads.progress import Phase, Progress, Report

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

WORDS: dict[Phase, str] = {
    "download": "Downloading",
    "verify": "Checking",
    "convert": "Converting",
    "install": "Installing",
}
_LINE_EVERY = 0.25
"""Without a terminal: one line at each quarter."""


@contextmanager
def shown(name: str) -> Iterator[Report]:
    """Show on standard error what is reported to the function that this gives."""
    if sys.stderr.isatty():
        with _bar() as bar:
            yield _on_bar(bar, name)
    else:
        yield _in_lines(name)


def _bar() -> "Bar":
    from rich import progress as rich
    from rich.console import Console

    return rich.Progress(
        rich.TextColumn("{task.description}"),
        rich.BarColumn(bar_width=28),
        rich.DownloadColumn(),
        rich.TransferSpeedColumn(),
        rich.TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
    )


def _on_bar(bar: "Bar", name: str) -> Report:
    tasks = {}

    def report(progress: Progress) -> None:
        phase = progress.phase
        if phase not in tasks:
            tasks[phase] = bar.add_task(f"{WORDS[phase]} {name}", total=None)
        bar.update(tasks[phase], completed=progress.done_bytes, total=progress.total_bytes or None)

    return report


def _in_lines(name: str) -> Report:
    said: dict[Phase, float] = {}

    def report(progress: Progress) -> None:
        share = progress.done_bytes / progress.total_bytes if progress.total_bytes else 0.0
        if share < said.get(progress.phase, 0.0):
            return
        said[progress.phase] = (share // _LINE_EVERY + 1) * _LINE_EVERY
        of = f" {progress.total_bytes / 1e6:.0f} MB" if progress.total_bytes else ""
        print(f"{WORDS[progress.phase]} {name}:{of} {share:.0%}", file=sys.stderr, flush=True)

    return report
