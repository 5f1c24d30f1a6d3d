"""``consigne chat``: a conversation in the terminal."""

import asyncio
import sys
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from consigne.cli.context import settings_of
from consigne.domain.errors import ConsigneError, ContextTooLong, OperatorError, from_code

if TYPE_CHECKING:
    from consigne.cli.client import Client
    from consigne.domain.events import AnswerBuilder
    from consigne.domain.messages import Message, Request

HELP = """\
/new            begin a new conversation
/model [NAME]   show the models, or go on with another
/system [TEXT]  show or set the instructions above the conversation
/save FILE      write the conversation to a file, as Markdown
/help           show this
/quit           leave (or Ctrl-D)
A line that ends with \\ goes on in the next one. Ctrl-C stops an answer."""


@click.command()
@click.option("-m", "--model", default="", help="Model to talk with (default: the service's own).")
@click.option("-s", "--system", default="", help="Instructions that stand above the conversation.")
@click.option("--think", is_flag=True, help="Let the model think first, if it can.")
@click.pass_context
def chat(ctx: click.Context, model: str, system: str, think: bool) -> None:
    """Talk with a model in the terminal."""
    from consigne.cli.client import connect

    settings = settings_of(ctx)
    connection = connect(settings)
    terminal = sys.stdin.isatty()
    if terminal:
        _begin_history(settings.data_dir / "chat_history")
        click.secho("Ctrl-C stops an answer, Ctrl-D leaves, /help shows the commands.", dim=True)
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        client = runner.run(stack.enter_async_context(connection))
        try:
            Chat(runner, client, model, system, think=think).run(prompt="> " if terminal else "")
        finally:
            runner.run(stack.aclose())


class Chat:
    """The conversation, its commands and its loop."""

    def __init__(
        self, runner: asyncio.Runner, client: "Client", model: str, system: str, *, think: bool
    ) -> None:
        self._runner = runner
        self._client = client
        self._model = model
        self._system = system
        self._think = think
        self._messages: list[Message] = []

    def run(self, prompt: str) -> None:
        """Read lines and answer them until the input ends or the person leaves."""
        while True:
            try:
                line = _read(prompt).strip()
            except EOFError:
                click.echo()
                return
            except KeyboardInterrupt:  # drops the line that was begun, as a shell does
                click.echo()
                continue
            if line in ("/quit", "/exit"):
                return
            try:
                if line.startswith("/"):
                    self._command(line)
                elif line:
                    self._turn(line)
            except ConsigneError as error:
                click.secho(f"consigne: {error.message}", fg="red", err=True)

    def _command(self, line: str) -> None:
        name, _, rest = line.partition(" ")
        rest = rest.strip()
        match name:
            case "/new":
                self._messages.clear()
                click.secho("A new conversation.", dim=True)
            case "/model":
                self._choose_model(rest)
            case "/system":
                self._system = rest or self._system
                click.secho(f"Instructions: {self._system or 'none'}", dim=True)
            case "/save":
                self._save(rest)
            case "/help":
                click.echo(HELP)
            case _:
                raise OperatorError(f"There is no command {name}. See /help")

    def _choose_model(self, name: str) -> None:
        known = self._runner.run(self._client.models())
        if name and name not in known:
            raise OperatorError(f"There is no model {name}. There are: {', '.join(known)}")
        if name:
            self._model = name
            click.secho(f"Going on with {name}.", dim=True)
            return
        for model in known:
            click.echo(f"{'*' if model == self._model else ' '} {model}")

    def _save(self, name: str) -> None:
        if not name:
            raise OperatorError("Name a file: /save FILE")
        parts = [f"**{message.role}**\n\n{message.text}\n" for message in self._messages]
        try:
            Path(name).expanduser().write_text("\n".join(parts), "utf-8")
        except OSError as error:
            raise OperatorError(f"Can't write {name}: {error.strerror}.") from None
        click.secho(f"Saved to {name}.", dim=True)

    def _turn(self, text: str) -> None:
        from consigne.domain.events import AnswerBuilder
        from consigne.domain.messages import Message, TextBlock

        question = Message("user", (TextBlock(text),))
        builder = AnswerBuilder()
        try:
            self._runner.run(self._answer(question, builder))
        except KeyboardInterrupt:
            click.secho("\n[stopped]", dim=True)
        except ConsigneError:
            if builder.content:
                click.echo()
            raise
        written = "".join(b.text for b in builder.content if isinstance(b, TextBlock))
        self._messages.append(question)
        self._messages.append(Message("assistant", (TextBlock(written),)))

    async def _answer(self, question: "Message", builder: "AnswerBuilder") -> None:
        while True:
            try:
                await self._stream(self._request(question), builder)
            except ContextTooLong:
                if not self._messages:
                    raise
                # Whole turns go, the oldest first: half a turn would confuse the model.
                del self._messages[:2]
                click.secho("[the conversation's beginning no longer fits]", dim=True, err=True)
            else:
                return

    async def _stream(self, request: "Request", builder: "AnswerBuilder") -> None:
        from consigne.domain.events import Failed, TextDelta, ThinkingDelta

        async with aclosing(self._client.generate(request)) as events:  # type: ignore[type-var]
            async for event in events:
                match event:
                    case Failed():
                        raise from_code(event.code, event.message)
                    case TextDelta():
                        sys.stdout.write(event.text)
                        sys.stdout.flush()
                    case ThinkingDelta():
                        click.secho(event.thinking, dim=True, nl=False)
                builder.add(event)
        click.echo()

    def _request(self, question: "Message") -> "Request":
        from consigne.domain.messages import Request, TextBlock

        return Request(
            model=self._model,
            messages=(*self._messages, question),
            system=(TextBlock(self._system),) if self._system else (),
            thinking=self._think,
        )


def _read(prompt: str) -> str:
    lines = [input(prompt)]
    while lines[-1].endswith("\\"):
        lines[-1] = lines[-1].removesuffix("\\")
        lines.append(input(". " if prompt else ""))
    return "\n".join(lines)


def _begin_history(path: Path) -> None:
    """Let the arrow keys bring back earlier lines, also those of earlier conversations."""
    import atexit
    import readline
    from contextlib import suppress

    readline.set_history_length(1000)
    with suppress(OSError):
        readline.read_history_file(path)

    def save() -> None:
        with suppress(OSError):
            readline.write_history_file(path)
            path.chmod(0o600)

    atexit.register(save)
