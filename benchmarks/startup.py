"""How long a second start takes: until the page answers, the model is ready, the first token.

    python benchmarks/startup.py [--rounds 5] [--data-dir DIR]

The model must be installed already in the data folder (``consigne models pull starter``).
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from text_serving import end, free_port


def main() -> None:
    """Start the service several times and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data-dir", type=Path)
    args = parser.parse_args()
    command = [sys.executable, "-m", "consigne"]
    if args.data_dir:
        command += ["--data-dir", str(args.data_dir)]
    created = subprocess.run(
        [*command, "keys", "create", f"startup-{time.time_ns()}"],
        capture_output=True,
        text=True,
        check=True,
    )
    key = re.search(r"sk-csn-\S+", created.stdout)
    assert key, created.stdout
    rounds = [one_start(command, key.group()) for _ in range(args.rounds)]
    print("| | median s | min | max |\n| --- | --- | --- | --- |")
    for name in rounds[0]:
        values = [figures[name] for figures in rounds]
        middle = statistics.median(values)
        print(f"| {name} | {middle:.3f} | {min(values):.3f} | {max(values):.3f} |")


def one_start(command: list[str], key: str) -> dict[str, float]:
    """Start once; seconds from the command to each thing that a user waits for."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    began = time.perf_counter()
    process = subprocess.Popen(
        [*command, "serve", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},  # as installed: compiled once
    )
    try:
        page = until_ok(f"{url}/") - began
        ready = until_ok(f"{url}/readyz") - began
        return {
            "page answers": page,
            "model loaded and warm": ready,
            "then first token of a short prompt": first_token(url, key),
        }
    finally:
        end(process)


def until_ok(url: str) -> float:
    """Ask until the answer is 200; return the moment."""
    deadline = time.perf_counter() + 60
    while time.perf_counter() < deadline:
        try:
            if urllib.request.urlopen(url, timeout=10).status == 200:
                return time.perf_counter()
        except (urllib.error.URLError, ConnectionError):
            # Seldom enough to leave the two cores to the start itself.
            time.sleep(0.03)
    raise SystemExit(f"{url} did not answer")


def first_token(url: str, key: str) -> float:
    """Return the seconds from a streaming request to its first text."""
    body = {
        "model": "",
        "stream": True,
        "max_tokens": 8,
        "messages": [{"role": "user", "content": "Say hello."}],
    }
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    request = urllib.request.Request(
        f"{url}/v1/chat/completions", json.dumps(body).encode(), headers
    )
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as answer:
        for line in answer:
            if line.startswith(b"data: {"):
                choices = json.loads(line[6:])["choices"]
                if choices and choices[0]["delta"].get("content"):
                    return time.perf_counter() - began
    raise SystemExit("no text came")


if __name__ == "__main__":
    main()
