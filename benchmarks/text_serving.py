"""Consigne over HTTP beside llama.cpp's servers: same machine, same GGUF, same load generator.

Each peer runs in an interpreter of its own, named on the command line. Every server is started
alone, warmed up, loaded at each concurrency with short and long prompts, and stopped; the rounds
are interleaved so that a busy neighbour slows all alike. Ratios are Consigne over the better peer.

    python benchmarks/text_serving.py --gguf SmolLM2-135M-Instruct.Q4_1.gguf \
        --xllamacpp ~/peers/xllamacpp/bin/python --llama-cpp-python ~/peers/llama/bin/python
"""

import argparse
import contextlib
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CONTEXT = 2048
PEER_MODEL = "smollm2"


def main() -> None:
    """Run all rounds and print the table."""
    args = arguments()
    launchers = {"consigne": consigne_server}
    if args.xllamacpp:
        launchers["xllamacpp"] = xllamacpp_server
    if args.llama_cpp_python:
        launchers["llama-cpp-python"] = llama_cpp_server
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in launchers}
    for round_number in range(1, args.rounds + 1):
        for name, launch in launchers.items():
            print(f"round {round_number}/{args.rounds}: {name}", file=sys.stderr)
            results[name].append(one_round(args, launch))
    report(args, results)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--xllamacpp", type=Path, help="interpreter that has xllamacpp")
    parser.add_argument("--llama-cpp-python", type=Path, help="one with llama-cpp-python[server]")
    parser.add_argument("--concurrency", default="1,8,32")
    parser.add_argument("--prompt-tokens", default="16,900")
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--requests-per-stream", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path, help="also write every figure here")
    return parser.parse_args()


def one_round(args: argparse.Namespace, launch: Any) -> dict[str, Any]:
    """Start one server, load it, stop it."""
    with launch(args) as (url, key, model):
        figures = {}
        load(url, key, model, "1", "16", 16, 1)
        for prompt in args.prompt_tokens.split(","):
            for streams in args.concurrency.split(","):
                requests = args.requests_per_stream * int(streams)
                figures[f"{prompt}/{streams}"] = load(
                    url, key, model, streams, prompt, args.max_tokens, requests
                )
        return figures


def load(
    url: str, key: str, model: str, streams: str, prompt: str, max_tokens: int, requests: int
) -> dict[str, Any]:
    """Run the load generator once and return its figures."""
    command = [sys.executable, "-m", "consigne", "bench", "--url", url, "--key", key]
    command += ["--model", model, "--concurrency", streams, "--requests", str(requests)]
    command += ["--prompt-tokens", prompt, "--max-tokens", str(max_tokens), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the load generator failed:\n{done.stderr}")
    return json.loads(done.stdout)["results"][0]


@contextlib.contextmanager
def consigne_server(args: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """Serve the GGUF with Consigne, from a data folder made for the purpose."""
    data_dir = Path(tempfile.gettempdir()) / "consigne-benchmark"
    command = [sys.executable, "-m", "consigne", "--data-dir", str(data_dir)]
    listed = subprocess.run(
        [*command, "models", "list"], check=False, capture_output=True, text=True
    )
    if PEER_MODEL not in listed.stdout:
        subprocess.run([*command, "models", "add", str(args.gguf), "--id", PEER_MODEL], check=True)
    port = free_port()
    log = (data_dir / "serve.log").open("wb")
    process = subprocess.Popen([*command, "serve", "--port", str(port)], stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz", process)
        created = subprocess.run(
            [*command, "keys", "create", f"benchmark-{time.time_ns()}"],
            capture_output=True,
            text=True,
            check=True,
        )
        key = re.search(r"sk-csn-\S+", created.stdout)
        assert key, created.stdout
        yield f"http://127.0.0.1:{port}", key.group(), PEER_MODEL
    finally:
        end(process)


@contextlib.contextmanager
def xllamacpp_server(args: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """Serve the GGUF with xllamacpp, one slot for each stream."""
    port = free_port()
    streams = max(map(int, args.concurrency.split(",")))
    script = HERE / "peers" / "xllamacpp_server.py"
    numbers = map(str, (port, streams, CONTEXT, args.threads))
    yield from peer(port, [str(args.xllamacpp), str(script), str(args.gguf), *numbers])


@contextlib.contextmanager
def llama_cpp_server(args: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """Serve the GGUF with llama-cpp-python's server."""
    port = free_port()
    command = [str(args.llama_cpp_python), "-m", "llama_cpp.server", "--model", str(args.gguf)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--n_ctx", str(CONTEXT)]
    command += ["--n_threads", str(args.threads), "--n_threads_batch", str(args.threads)]
    yield from peer(port, [*command, "--model_alias", PEER_MODEL])


def peer(port: int, command: list[str]) -> Iterator[tuple[str, str, str]]:
    """Run a peer's server until the round is over."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/v1/models", process)
            yield f"http://127.0.0.1:{port}", "none", PEER_MODEL
        finally:
            end(process)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers 200, at most two minutes."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):  # not open yet, or too busy to answer
            if urllib.request.urlopen(url, timeout=5).status == 200:
                return
        time.sleep(0.05)
    raise SystemExit(f"the server at {url} did not come up")


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a server that was started here."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def report(args: argparse.Namespace, results: dict[str, list[dict[str, Any]]]) -> None:
    """Print medians over the rounds, and the ratios."""
    for title, figure, better in (
        ("Tokens a second, all streams together", "tokens_per_s", max),
        ("Time to first token, median, in seconds", "ttft_p50_s", min),
    ):
        print(f"\n### {title}\n")
        peers = [name for name in results if name != "consigne"]
        print("| prompt | streams | " + " | ".join(results) + " | ratio |")
        print("|" + " --- |" * (len(results) + 3))
        for prompt in args.prompt_tokens.split(","):
            for streams in args.concurrency.split(","):
                row = {
                    name: statistics.median(r[f"{prompt}/{streams}"][figure] for r in rounds)
                    for name, rounds in results.items()
                }
                cells = " | ".join(f"{value:.3g}" for value in row.values())
                ratio = "–"
                if peers:
                    best = better(row[name] for name in peers)
                    quotient = row["consigne"] / best if better is max else best / row["consigne"]
                    ratio = f"{quotient:.2f}"
                print(f"| {prompt} | {streams} | {cells} | {ratio} |")


if __name__ == "__main__":
    main()
