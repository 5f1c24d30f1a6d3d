"""The entry of the command ``consigne``. Each subcommand's code is imported when it is called."""

import importlib
import os
import sys
from pathlib import Path
from typing import Any, ClassVar

import click

from consigne import __version__
from consigne.cli.context import GlobalOptions
from consigne.domain.errors import ConsigneError

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group that knows its subcommands by name and imports one only when it is called."""

    summaries: ClassVar[dict[str, str]] = {
        "serve": "Start the service: the web chat and the API.",
        "ask": "Ask one question and print the answer.",
        "chat": "Talk with a model in the terminal.",
        "image": "Make a picture from plain words.",
        "verify": "Say who made a picture, with what, and whether it was changed since.",
        "models": "Install, list and remove models.",
        "keys": "Make and revoke API keys.",
        "usage": "Say what was used, by whom, and what it cost.",
        "users": "Make users and sign-in links.",
        "feedback": "Read what people think of the answers.",
        "tools": "Bring what tools of the chat need.",
        "doctor": "Check this installation and say how to mend it.",
        "bench": "Measure a server's speed under load.",
        "train": "Train models, from data to weights.",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the subcommands' names, in the order of the help."""
        return list(self.summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a subcommand, imported now."""
        if cmd_name not in self.summaries:
            return None
        module = importlib.import_module(f"consigne.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of subcommands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Folder of the database, models and files (default: the system's place for data).",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Settings file (default: consigne.toml here or in the data folder).",
)
@click.version_option(__version__, message="consigne %(version)s")
@click.pass_context
def cli(ctx: click.Context, data_dir: Path | None, config: Path | None) -> None:
    """Your organisation's own generative-AI service: chatbot, API and models.

    \b
    Begin with:  consigne serve
    """
    ctx.obj = GlobalOptions(data_dir, config)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code.

    0: done. 1: the command's own finding (``doctor``). 2: an error, said in one line on standard
    error. 130: interrupted.
    """
    sys.exit(run(arguments))


def _for_the_terminal(error: ConsigneError) -> str:
    """Return an error's sentence with the command where the API's sentence names a call."""
    return error.message.replace("GET /v1/models lists", "consigne models list shows")


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        result: Any = cli.main(arguments, prog_name="consigne", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code if error.exit_code > 1 else EXIT_ERROR
    except (click.Abort, KeyboardInterrupt):
        click.echo(err=True)
        return EXIT_INTERRUPTED
    except ConsigneError as error:
        click.echo(f"consigne: {_for_the_terminal(error)}", err=True)
        return EXIT_ERROR
    except BrokenPipeError:
        # The reader of our output has gone (``consigne … | head``); that is no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
    return result if isinstance(result, int) else 0
