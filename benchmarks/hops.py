"""What the way from HTTP to the engine costs: the engine alone beside Consigne over HTTP.

    python benchmarks/hops.py --data-dir DIR [--streams 1,8,32] [--rounds 5]

Both run the same installed model with the same settings and answer the same questions, all asked at
once; they take turns, and each goes first in every second round. The ratio is HTTP over alone (1.00
means free hops): the median of the rounds' own ratios, as a machine's pace drifts from round to
round, with the lowest and the highest beside it.
"""

import argparse
import asyncio
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
from text_serving import end, free_port, wait_for

from consigne.cli.http_stream import Connection

MAX_TOKENS = 128
MODEL = "smollm2-135m-instruct"
_WRITTEN = re.compile(rb'"completion_tokens":(\d+)')


def question(number: int) -> str:
    """Return one of many short prompts; both ways are asked the same ones."""
    return f"Tell me a long story about {number} friends and what they did on day {number * 7}."


def main() -> None:
    """Run all rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--streams", default="1,8,32")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    streams = [int(count) for count in args.streams.split(",")]
    alone: list[dict[int, float]] = []
    served: list[dict[int, float]] = []
    for number in range(1, args.rounds + 1):
        print(f"round {number}/{args.rounds}", file=sys.stderr)
        if number % 2 == 0:
            served.append(over_http(args.data_dir, streams))
        alone.append(engine_alone(args.data_dir / "models" / MODEL, streams))
        if number % 2 == 1:
            served.append(over_http(args.data_dir, streams))
    print("| streams | engine alone, tokens/s | over HTTP, tokens/s | ratio | lowest to highest |")
    print("| --- | --- | --- | --- | --- |")
    for count in streams:
        before = statistics.median(figures[count] for figures in alone)
        after = statistics.median(figures[count] for figures in served)
        ratios = [b[count] / a[count] for a, b in zip(alone, served, strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        ratio = statistics.median(ratios)
        print(f"| {count} | {before:.0f} | {after:.0f} | {ratio:.2f} | {spread} |")


def engine_alone(folder: Path, streams: list[int]) -> dict[int, float]:
    """Return tokens a second of the bare pipeline, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return dict(pool.apply(_engine_alone, (str(folder), streams)))


def _engine_alone(folder: str, streams: list[int]) -> dict[int, float]:
    import openvino

    from consigne.domain.messages import Message, Request, Sampling, TextBlock
    from consigne.engines.worker.loading import load_text
    from consigne.engines.worker.preparing import prepare
    from consigne.settings import EngineSettings

    model = load_text(MODEL, Path(folder), 2048, EngineSettings())
    numbers = iter(range(1, 10**6))

    def run(count: int, tokens: int) -> float:
        handles: list[Any] = []
        began = time.perf_counter()
        for each in range(count):
            asked = Message("user", (TextBlock(question(each)),))
            greedy = Sampling(temperature=0.0)
            ready = prepare(model, Request(MODEL, (asked,), sampling=greedy, max_tokens=tokens))
            prompt = openvino.Tensor(ready.tokens.reshape(1, -1))
            handles.append(model.pipeline.add_request(next(numbers), prompt, ready.config))
        while model.pipeline.has_non_finished_requests():
            model.pipeline.step()
        seconds = time.perf_counter() - began
        return sum(len(h.read_all()[0].generated_ids) for h in handles) / seconds

    run(1, 8)
    return {count: run(count, MAX_TOKENS) for count in streams}


def over_http(data_dir: Path, streams: list[int]) -> dict[int, float]:
    """Return tokens a second of the whole service, asked by the load generator."""
    command = [sys.executable, "-m", "consigne", "--data-dir", str(data_dir)]
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with Path(os.devnull).open("wb") as nowhere:
        process = subprocess.Popen(
            [*command, "serve", "--port", str(port)], stdout=nowhere, stderr=nowhere
        )
    try:
        wait_for(f"{url}/readyz", process)
        name = f"hops-{port}-{os.getpid()}-{time.time_ns()}"
        created = subprocess.run(
            [*command, "keys", "create", name], capture_output=True, text=True, check=True
        )
        key = re.search(r"sk-csn-\S+", created.stdout)
        assert key, created.stdout
        asyncio.run(_asked(url, key.group(), 1, 8))
        return {
            count: asyncio.run(_asked(url, key.group(), count, MAX_TOKENS)) for count in streams
        }
    finally:
        end(process)


async def _asked(url: str, key: str, count: int, max_tokens: int) -> float:
    """Stream ``count`` answers at once; return tokens a second."""

    async def one(number: int) -> int:
        body = {
            "model": MODEL,
            "messages": [{"role": "user", "content": question(number)}],
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        connection = Connection(url, {"authorization": f"Bearer {key}"})
        try:
            _, answer = await connection.post("/v1/chat/completions", msgspec.json.encode(body))
        finally:
            connection.close()
        return int(_WRITTEN.findall(answer)[-1])

    began = time.perf_counter()
    written = await asyncio.gather(*(one(number) for number in range(count)))
    return sum(written) / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
