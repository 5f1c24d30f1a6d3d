"""``consigne ask``: one question, one answer."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from consigne.cli.context import settings_of
from consigne.domain.errors import OperatorError

if TYPE_CHECKING:
    from consigne.cli.client import Client
    from consigne.domain.events import Answer
    from consigne.domain.messages import Request


@click.command()
@click.argument("question", required=False)
@click.option("-m", "--model", default="", help="Model to ask (default: the service's own).")
@click.option("-s", "--system", default="", help="Instructions that stand above the question.")
@click.option("--schema", type=click.Path(path_type=Path), help="JSON Schema file: answer in JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer with its usage.")
@click.option("--max-tokens", type=click.IntRange(1), help="Longest answer, in tokens.")
@click.option("--temperature", type=click.FloatRange(0, 2), help="0 always takes the likeliest.")
@click.option("--seed", type=int, help="The same seed gives the same answer.")
@click.option("--think", is_flag=True, help="Let the model think first, if it can.")
@click.pass_context
def ask(ctx: click.Context, /, question: str | None, as_json: bool, **options: Any) -> None:
    """Ask one question and print the answer.

    Text that is piped in is added to the question, or is the question itself:

    \b
        consigne ask "What is a consigne?"
        git diff | consigne ask "Summarise this change in one line"
    """
    from consigne.cli.client import connect

    request = _request(_prompt(question), **options)
    client = connect(settings_of(ctx))
    asyncio.run(_ask(client, request, as_json=as_json))


def _prompt(question: str | None) -> str:
    # A terminal is not read: nobody would know that it waits.
    piped = "" if sys.stdin is None or sys.stdin.isatty() else _piped()
    prompt = "\n\n".join(part for part in (question, piped) if part and part.strip())
    if not prompt:
        raise OperatorError('Ask something: consigne ask "What is a consigne?"')
    return prompt


def _piped() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise OperatorError("What was piped in is not text in UTF-8.") from None


def _request(
    prompt: str,
    *,
    model: str,
    system: str,
    schema: Path | None,
    max_tokens: int | None,
    temperature: float | None,
    seed: int | None,
    think: bool,
) -> "Request":
    from consigne.domain.messages import Message, OutputFormat, Request, Sampling, TextBlock

    output = OutputFormat("json_schema", _schema(schema)) if schema else OutputFormat()
    return Request(
        model=model,
        messages=(Message("user", (TextBlock(prompt),)),),
        system=(TextBlock(system),) if system else (),
        output=output,
        sampling=Sampling(temperature=temperature, seed=seed),
        max_tokens=max_tokens,
        thinking=think,
    )


def _schema(path: Path) -> dict[str, Any]:
    import msgspec

    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise OperatorError(f"Can't read the schema {path}: {error.strerror}.") from None
    except msgspec.MsgspecError as error:
        raise OperatorError(f"The schema {path} is no JSON object: {error}.") from None


async def _ask(connection: Any, request: "Request", *, as_json: bool) -> None:
    async with connection as client:
        answer = await _stream(client, request, show=not as_json)
    if as_json:
        import msgspec

        body = msgspec.json.format(msgspec.json.encode(_public(answer)), indent=2)
        click.echo(body.decode())
    elif answer.stop_reason in ("max_tokens", "context_full"):
        click.echo("consigne: the answer was cut at its longest length.", err=True)


async def _stream(client: "Client", request: "Request", *, show: bool) -> "Answer":
    from consigne.domain.errors import from_code
    from consigne.domain.events import AnswerBuilder, Failed, TextDelta

    builder, ended = AnswerBuilder(), True
    try:
        async for event in client.generate(request):
            if isinstance(event, Failed):
                raise from_code(event.code, event.message)
            builder.add(event)
            if show and isinstance(event, TextDelta):
                ended = event.text.endswith("\n")
                sys.stdout.write(event.text)
                sys.stdout.flush()
    finally:
        if not ended:
            sys.stdout.write("\n")
            sys.stdout.flush()
    return builder.answer()


def _public(answer: "Answer") -> dict[str, Any]:
    import msgspec

    return {
        "id": answer.id,
        "model": answer.model,
        "text": answer.message.text,
        "content": answer.message.content,
        "stop_reason": answer.stop_reason,
        "usage": msgspec.to_builtins(answer.usage),
    }
