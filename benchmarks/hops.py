"""What the way from HTTP to the engine costs: the engine alone beside Consigne over HTTP.

    python benchmarks/hops.py --data-dir DIR [--streams 1,8,32] [--rounds 3]

Both run the same installed model with the same settings, the same number of tokens for the same
number of requests; the rounds alternate. The ratio is HTTP over alone (1.00: the hops are free).
"""

import argparse
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from text_serving import end, free_port, load, wait_for

PROMPT_TOKENS = 16
MAX_TOKENS = 128
MODEL = "smollm2-135m-instruct"


def main() -> None:
    """Run all rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--streams", default="1,8,32")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    streams = [int(count) for count in args.streams.split(",")]
    alone: list[dict[int, float]] = []
    served: list[dict[int, float]] = []
    for number in range(1, args.rounds + 1):
        print(f"round {number}/{args.rounds}", file=sys.stderr)
        alone.append(engine_alone(args.data_dir / "models" / MODEL, streams))
        served.append(over_http(args.data_dir, streams))
    print("| streams | engine alone, tokens/s | over HTTP, tokens/s | ratio |")
    print("| --- | --- | --- | --- |")
    for count in streams:
        before = statistics.median(figures[count] for figures in alone)
        after = statistics.median(figures[count] for figures in served)
        print(f"| {count} | {before:.0f} | {after:.0f} | {after / before:.2f} |")


def engine_alone(folder: Path, streams: list[int]) -> dict[int, float]:
    """Return tokens a second of the bare pipeline, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return dict(pool.apply(_engine_alone, (str(folder), streams)))


def _engine_alone(folder: str, streams: list[int]) -> dict[int, float]:
    import numpy as np
    import openvino
    import openvino_genai

    from consigne.engines.worker.loading import load_text
    from consigne.settings import EngineSettings

    pipeline = load_text(MODEL, Path(folder), 2048, EngineSettings()).pipeline
    random = np.random.default_rng(0)
    numbers = iter(range(1, 10**6))

    def run(count: int, tokens: int) -> float:
        config = openvino_genai.GenerationConfig(max_new_tokens=tokens, ignore_eos=True)
        config.do_sample = False
        handles: list[Any] = []
        for _ in range(count):
            prompt = random.integers(1000, 40000, (1, PROMPT_TOKENS + 16))
            handles.append(pipeline.add_request(next(numbers), openvino.Tensor(prompt), config))
        began = time.perf_counter()
        while pipeline.has_non_finished_requests():
            pipeline.step()
        return count * tokens / (time.perf_counter() - began)

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
        load(url, key.group(), MODEL, "1", str(PROMPT_TOKENS), 8, 1)
        return {
            count: load(url, key.group(), MODEL, str(count), str(PROMPT_TOKENS), MAX_TOKENS, count)[
                "tokens_per_s"
            ]
            for count in streams
        }
    finally:
        end(process)


if __name__ == "__main__":
    main()
