"""Seconds per picture: Consigne over HTTP beside diffusers on torch, taking turns in one run.

    python benchmarks/images.py default            # the packaged model at 128 pixels
    python benchmarks/images.py default --work WORK  # beside the weights that it was exported from
    python benchmarks/images.py large --cache DIR  # Stable Diffusion 1's shape at 512 pixels

Consigne answers ``POST /v1/images/generations`` with the whole file: drawn in the worker, marked,
signed, stored, encoded. diffusers runs in this process, up to the PNG, in each of the precisions
asked for. Ratios are diffusers' fastest round over Consigne's, as whatever else runs on a machine
only adds; above 1 Consigne is ahead. Needs the extra ``train``.
"""

import argparse
import base64
import contextlib
import io
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from images_models import PACKAGED, default_architecture, large_model, trained
from text_serving import end, free_port, wait_for

from consigne.engines.machine import this_machine

PROMPT = "a red fox, flat style, white background"
Draw = Callable[[int], float]
"""Draws with a seed and returns the seconds that it took."""


def main() -> None:
    """Run all rounds and print the table."""
    args = arguments()
    original = None
    name, folder = "consigne-icons", PACKAGED
    if args.model == "large":
        original, folder = large_model(args.cache, args.weights)
        name = folder.name
    said = json.loads((PACKAGED / "consigne.json").read_text())
    size = args.size or (said["size"] if original is None else 512)
    steps = args.steps or (said["steps"] if original is None else 4)
    guidance = said["guidance"] if args.guidance is None else args.guidance
    asked = {"size": size, "steps": steps, "guidance": guidance}
    with consigne_server(args, name, folder) as (url, key):
        ways: dict[str, Draw] = {"Consigne": served(url, key, name, asked)}
        for precision in filter(None, args.precisions.split(",")):
            ways[f"diffusers {precision}"] = with_diffusers(original, precision, asked, args)
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(args.rounds + 1):
            for way, draw in ways.items():
                took = draw(number)
                print(f"round {number}/{args.rounds}: {way} {took:.2f} s", file=sys.stderr)
                if number:  # the first warms up
                    seconds[way].append(took)
    report(args, name, asked, seconds)


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=("default", "large"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--size", type=int, help="pixels a side")
    parser.add_argument("--guidance", type=float, help="1 computes one direction instead of two")
    parser.add_argument("--precisions", default="float32,bfloat16", help="of diffusers")
    parser.add_argument("--weights", default="int8", choices=("fp16", "int8"), help="as exported")
    parser.add_argument("--precision", default="auto", help="Consigne's own engine.precision")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "images-cache")
    parser.add_argument("--work", type=Path, help="the default model's work folder of training")
    parser.add_argument("--json", type=Path, help="also write every figure here")
    return parser.parse_args()


@contextlib.contextmanager
def consigne_server(args: argparse.Namespace, name: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Serve the model with Consigne, from a data folder made for the purpose."""
    with tempfile.TemporaryDirectory(prefix="consigne-images-") as place:
        command = [sys.executable, "-m", "consigne", "--data-dir", place]
        if folder != PACKAGED:
            subprocess.run([*command, "models", "add", str(folder), "--id", name], check=True)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        chosen = {
            "CONSIGNE_ENGINE__THREADS": str(args.threads),
            "CONSIGNE_ENGINE__PRECISION": args.precision,
        }
        with (Path(place) / "serve.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "serve", "--port", str(port)],
                stdout=log,
                stderr=log,
                env=os.environ | chosen,
            )
        try:
            wait_for(f"{url}/readyz", process)
            created = subprocess.run(
                [*command, "keys", "create", "images"], capture_output=True, text=True, check=True
            )
            key = re.search(r"sk-csn-\S+", created.stdout)
            assert key, created.stdout
            yield url, key.group()
        finally:
            end(process)


def served(url: str, key: str, model: str, asked: dict[str, Any]) -> Draw:
    """Return how a picture is drawn over HTTP."""

    def draw(seed: int) -> float:
        body = {"model": model, "prompt": PROMPT, "seed": seed, **asked}
        body["size"] = f"{asked['size']}x{asked['size']}"
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        request = urllib.request.Request(
            f"{url}/v1/images/generations", json.dumps(body).encode(), headers
        )
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=600) as answer:
            content = json.load(answer)
        took = time.perf_counter() - began
        assert base64.b64decode(content["data"][0]["b64_json"]).startswith(b"\x89PNG")
        return took

    return draw


def with_diffusers(
    folder: Path | None, precision: str, asked: dict[str, Any], args: argparse.Namespace
) -> Draw:
    """Return how a picture is drawn with diffusers in this process."""
    import torch
    from diffusers import StableDiffusionPipeline

    torch.set_num_threads(args.threads)
    kind = getattr(torch, precision)
    if args.model == "default":
        pipeline = (trained(args.work) if args.work else default_architecture()).to(kind)
    else:
        pipeline = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=kind)
    pipeline.set_progress_bar_config(disable=True)

    def draw(seed: int) -> float:
        began = time.perf_counter()
        with torch.inference_mode():
            drawn = pipeline(
                PROMPT,
                width=asked["size"],
                height=asked["size"],
                num_inference_steps=asked["steps"],
                guidance_scale=asked["guidance"],
                generator=torch.Generator().manual_seed(seed),
            )
        drawn.images[0].save(io.BytesIO(), "PNG")
        return time.perf_counter() - began

    return draw


def report(
    args: argparse.Namespace, name: str, asked: dict[str, Any], seconds: dict[str, list[float]]
) -> None:
    """Print the fastest round of each way, the medians, and the ratios of the fastest."""
    machine = this_machine()
    print(
        f"\n{name}, {asked['size']} px, {asked['steps']} steps, guidance {asked['guidance']:g}; "
        f"{args.threads} threads of {machine.cpu} ({', '.join(machine.features)})\n"
    )
    print("| | seconds a picture, fastest | median | slowest | ratio |")
    print("| --- | --- | --- | --- | --- |")
    ours = min(seconds["Consigne"])
    for way, values in seconds.items():
        figures = f"{min(values):.2f} | {statistics.median(values):.2f} | {max(values):.2f}"
        ratio = "–" if way == "Consigne" else f"{min(values) / ours:.2f}"
        print(f"| {way} | {figures} | {ratio} |")
    if args.json:
        figures = {"model": name, **asked, "threads": args.threads, "seconds": seconds}
        args.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
