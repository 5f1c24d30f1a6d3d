"""``consigne bench``: measure a server's speed under load."""

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click

from consigne.cli.context import settings_of
from consigne.domain.errors import OperatorError

if TYPE_CHECKING:
    from consigne.cli.load import Level, Target


class Numbers(click.ParamType[list[int]]):
    """Whole numbers above zero, separated by commas."""

    name = "N,N,…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[int]:
        """Return the numbers."""
        if isinstance(value, list):
            return value
        parts = str(value).split(",")
        if not all(part.strip().isdigit() and int(part) > 0 for part in parts):
            self.fail(f"{value!r} is no list of whole numbers such as 1,8,32", param, ctx)
        return [int(part) for part in parts]


@click.command()
@click.option("--url", default="", help="Server to load (default: the one running here).")
@click.option("--key", default="", help="API key.")
@click.option("-m", "--model", default="", help="Model (default: the server's first).")
@click.option(
    "--dialect", type=click.Choice(["openai", "anthropic"]), default="openai", show_default=True
)
@click.option("--concurrency", type=Numbers(), default="1,8,32", show_default=True)
@click.option(
    "--requests", type=click.IntRange(1), help="Requests at each (default: twice the concurrency)."
)
@click.option("--prompt-tokens", type=Numbers(), default="16", show_default=True)
@click.option("--max-tokens", type=click.IntRange(1), default=128, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def bench(
    ctx: click.Context,
    /,
    concurrency: list[int],
    requests: int | None,
    prompt_tokens: list[int],
    max_tokens: int,
    as_json: bool,
    **options: str,
) -> None:
    """Measure a server's speed under load, in the OpenAI or Anthropic dialect.

    Reports the time to the first token, the time between tokens, and tokens per second, all
    streams together and for one; and what the measuring itself cost.
    """
    import uvloop

    target = _target(ctx, **options)
    results: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for asked in prompt_tokens:
            for streams in concurrency:
                level = runner.run(_measure(target, streams, requests, asked, max_tokens))
                results.append(_as_result(level, asked))
    if as_json:
        _print_json(target, max_tokens, results)
    else:
        _print_table(target, results)
    if all(result["errors"] == result["requests"] for result in results):
        raise OperatorError(f"Every request failed: {results[0]['error']}")


async def _measure(
    target: "Target", streams: int, requests: int | None, asked: int, max_tokens: int
) -> "Level":
    from consigne.cli.load import measure

    return await measure(
        target,
        concurrency=streams,
        requests=requests or 2 * streams,
        prompt_tokens=asked,
        max_tokens=max_tokens,
    )


def _target(ctx: click.Context, *, url: str, key: str, model: str, dialect: Any) -> "Target":
    from consigne.cli.client import running_server
    from consigne.cli.load import Target

    if url:
        url = url.rstrip("/").removesuffix("/v1")
        return Target(url, key or "none", model or asyncio.run(_first_model(url, key)), dialect)
    server = running_server(settings_of(ctx).data_dir)
    if server is None:
        raise OperatorError(
            "No server runs here. Start one (consigne serve), or name another with --url."
        )
    return Target(server.url, key or server.key, model, dialect)


async def _first_model(url: str, key: str) -> str:
    import msgspec

    from consigne.cli.http_stream import Connection

    connection = Connection(url, {"authorization": f"Bearer {key or 'none'}"})
    try:
        _, listed = await connection.get("/v1/models")
        return str(msgspec.json.decode(listed)["data"][0]["id"])
    except (OSError, msgspec.MsgspecError, LookupError, TypeError):
        raise OperatorError(
            f"The server at {url} does not list its models; name one with --model."
        ) from None
    finally:
        connection.close()


def _as_result(level: "Level", asked: int) -> dict[str, Any]:
    import msgspec

    return {"asked_prompt_tokens": asked, **msgspec.to_builtins(level)}


def _print_json(target: "Target", max_tokens: int, results: list[dict[str, Any]]) -> None:
    import msgspec

    body = {
        "url": target.url,
        "model": target.model,
        "dialect": target.dialect,
        "max_tokens": max_tokens,
        "results": results,
    }
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(body), indent=2) + b"\n")


def _print_table(target: "Target", results: list[dict[str, Any]]) -> None:
    from consigne.cli.tables import print_table

    click.echo(f"{target.url}, model {target.model or '(default)'}, {target.dialect} dialect\n")
    head = ("prompt", "streams", "tokens/s", "of one", "first token p50", "p95")
    print_table(
        (*head, "between p50", "p95", "errors", "client CPU"),
        [_row(result) for result in results],
        right=range(10),
    )
    click.echo("\nTimes in milliseconds; client CPU in microseconds for each token.")
    if not all(result["counted_by_server"] for result in results):
        click.echo("The server did not count its tokens: events with text were counted instead.")
    for result in results:
        if result["error"]:
            click.echo(f"First error at {result['concurrency']} streams: {result['error']}")


def _row(result: dict[str, Any]) -> tuple[str, ...]:
    times = ("ttft_p50_s", "ttft_p95_s", "itl_p50_s", "itl_p95_s")
    return (
        f"{result['prompt_tokens']:.0f}",
        str(result["concurrency"]),
        f"{result['tokens_per_s']:.1f}",
        f"{result['stream_tokens_per_s_p50']:.1f}",
        *("–" if result[name] is None else f"{result[name] * 1e3:.1f}" for name in times),
        str(result["errors"]),
        f"{result['client_cpu_us_per_token']:.0f}",
    )
