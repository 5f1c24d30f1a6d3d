"""What a gateway adds to a provider's answer: Consigne beside LiteLLM's proxy, in one run.

    python benchmarks/gateway_overhead.py [--litellm ENV/bin/litellm] [--seconds 2]
        [--concurrency 1,32,256]

A fixed upstream on loopback answers both vendors' APIs at once: whole, or as a stream of 20 events
that it sends one by one. Each gateway is one process on one core of its own; the upstream and the
load run on the other. Consigne runs as an operator starts it: authentication, limits, records and
SQLite on. Rows: the dialect that comes in, the kind of upstream it goes out to.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import uvloop
from text_serving import end, free_port, wait_for

EVENTS = 20
KEY = "sk-upstream-key"
MASTER = "sk-litellm-master"
KINDS = ("openai", "anthropic")
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
WORD = "lorem "
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--litellm", type=Path)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--concurrency", default="1,32,256")
    parser.add_argument("--only", choices=["plain", "stream"], default=None)
    parser.add_argument("--upstream", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    uvloop.install()
    if args.upstream:
        asyncio.run(serve_upstream(args.upstream))
        return
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0]})
    levels = [int(level) for level in args.concurrency.split(",")]
    modes = [mode for mode in ("plain", "stream") if args.only in (None, mode)]
    with ExitStack() as stack:
        port = stack.enter_context(upstream())
        gateways = {"Consigne": stack.enter_context(consigne(port, cores[-1]))}
        if args.litellm:
            gateways["LiteLLM"] = stack.enter_context(litellm(args.litellm, port, cores[-1]))
        for mode in modes:
            table(mode, port, gateways, levels, args.seconds)


def table(
    mode: str,
    port: int,
    gateways: dict[str, tuple[int, int, str]],
    levels: list[int],
    seconds: float,
) -> None:
    """Measure one mode and print its table."""
    print(f"\n{mode}\n")
    print(
        "| in | out | at once | gateway | added median, ms | added p99, ms | req/s | CPU ms/req |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for level in levels:
        for dialect in KINDS:
            base = run(port, KEY, dialect, "tiny", mode, level, seconds / 2)
            name = f"| {dialect} | | {level} | directly: {base['median']:.2f} ms"
            print(f"{name}, p99 {base['p99']:.2f} | | | {base['rate']:.0f} | |", flush=True)
            for out in KINDS:
                for gateway, (address, pid, key) in gateways.items():
                    before = cpu(pid)
                    found = run(address, key, dialect, f"tiny-{out}", mode, level, seconds)
                    spent = 1000 * (cpu(pid) - before) / found["all"]
                    added = [found[name] - base[name] for name in ("median", "p99")]
                    print(
                        f"| {dialect} | {out} | {level} | {gateway} | {added[0]:.2f} | "
                        f"{added[1]:.2f} | {found['rate']:.0f} | {spent:.2f} |",
                        flush=True,
                    )
    for gateway, (_, pid, _) in gateways.items():
        print(f"\n{gateway}: {rss(pid) / 2**20:.0f} MiB resident")


def run(
    port: int, key: str, dialect: str, model: str, mode: str, level: int, seconds: float
) -> dict[str, float]:
    """Put a server under load; return times in ms and the rate."""
    return asyncio.run(_run(port, request(port, key, dialect, model, mode), level, seconds))


def request(port: int, key: str, dialect: str, model: str, mode: str) -> bytes:
    """Return the bytes of one request."""
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": 64,
        "messages": [{"role": "user", "content": "Say something in Latin. " * 8}],
    }
    if mode == "stream":
        body["stream"] = True
    encoded = json.dumps(body).encode()
    head = (
        f"POST {PATHS[dialect]} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"authorization: Bearer {key}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(encoded)}\r\n"
    )
    if dialect == "anthropic":
        head += "anthropic-version: 2023-06-01\r\n"
    return head.encode() + b"\r\n" + encoded


class Caller(asyncio.Protocol):
    """One connection that asks again and again."""

    def __init__(self, asked: bytes, times: list[float], until: list[float]) -> None:
        self.asked = asked
        self.times = times
        self.until = until
        self.done = asyncio.get_running_loop().create_future()
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        """Ask for the first time."""
        self.transport = transport
        self._ask()

    def _ask(self) -> None:
        self.buffer = b""
        self.began = time.perf_counter()
        self.transport.write(self.asked)

    def data_received(self, data: bytes) -> None:
        """Ask again when the answer is whole."""
        self.buffer += data
        if not self._whole():
            return
        now = time.perf_counter()
        if b" 200 " not in self.buffer[:16]:
            self.done.set_exception(RuntimeError(self.buffer.decode("utf-8", "replace")))
            return
        self.times.append(now - self.began)
        if now < self.until[0]:
            self._ask()
        elif not self.done.done():
            self.transport.close()
            self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail if an answer was due."""
        if not self.done.done():
            self.done.set_exception(RuntimeError(f"hung up: {error}"))

    def _whole(self) -> bool:
        head, mark, body = self.buffer.partition(b"\r\n\r\n")
        if not mark:
            return False
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        return len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n")


async def _run(port: int, asked: bytes, level: int, seconds: float) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    until = [time.perf_counter() + seconds * 0.3]
    await _callers(loop, port, asked, level, times, until)
    warmed = len(times)
    times.clear()
    began = time.perf_counter()
    until[0] = began + seconds
    await _callers(loop, port, asked, level, times, until)
    took = time.perf_counter() - began
    ordered = sorted(times)
    return {
        "median": 1000 * statistics.median(ordered),
        "p99": 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        "rate": len(times) / took,
        "all": warmed + len(times),
    }


async def _callers(
    loop: asyncio.AbstractEventLoop,
    port: int,
    asked: bytes,
    level: int,
    times: list[float],
    until: list[float],
) -> None:
    callers = [
        (await loop.create_connection(lambda: Caller(asked, times, until), "127.0.0.1", port))[1]
        for _ in range(level)
    ]
    await asyncio.gather(*(caller.done for caller in callers))


class Upstream(asyncio.Protocol):
    """Answers each request at once; it reads no more of it than it must."""

    def connection_made(self, transport: Any) -> None:
        """Wait for requests."""
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer when the request is whole."""
        self.buffer += data
        head, mark, body = self.buffer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if not mark or len(body) < (int(length[1]) if length else 0):
            return
        self.buffer = b""
        kind = "anthropic" if b"/messages" in head[:60] else "openai"
        if re.search(rb'"stream": *true', body):
            self.transport.write(STREAM_HEAD)
            self._send(iter(STREAMS[kind]))
        else:
            self.transport.write(WHOLE[kind])

    def _send(self, parts: Iterator[bytes]) -> None:
        part = next(parts, None)
        if part is not None and not self.transport.is_closing():
            self.transport.write(part)
            self.loop.call_soon(self._send, parts)


async def serve_upstream(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(
        Upstream, "127.0.0.1", port, backlog=1024
    )
    await server.serve_forever()


def _openai(choice: dict[str, Any], **more: Any) -> bytes:
    head = {"id": "chatcmpl-1", "created": 1, "model": "tiny"}
    return json.dumps(head | {"choices": [{"index": 0} | choice]} | more).encode()


def _frame(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | fields)}\n\n".encode()


def _chunked(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


def _whole(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def _openai_stream() -> list[bytes]:
    kind = {"object": "chat.completion.chunk"}
    first = _openai({"delta": {"role": "assistant", "content": ""}, "finish_reason": None}, **kind)
    words = [_openai({"delta": {"content": WORD}, "finish_reason": None}, **kind)] * (EVENTS - 2)
    last = _openai({"delta": {}, "finish_reason": "stop"}, **kind, usage=OPENAI_USAGE)
    chunks = [b"data: %b\n\n" % part for part in (first, *words, last)]
    return [*map(_chunked, chunks[:-1]), _chunked(chunks[-1] + b"data: [DONE]\n\n"), b"0\r\n\r\n"]


def _anthropic_stream() -> list[bytes]:
    block = {"type": "text", "text": ""}
    start = MESSAGE | {"content": [], "stop_reason": None}
    word = _frame("content_block_delta", index=0, delta={"type": "text_delta", "text": WORD})
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    frames = [
        _frame("message_start", message=start),
        _frame("content_block_start", index=0, content_block=block),
        *[word] * (EVENTS - 5),
        _frame("content_block_stop", index=0),
        _frame("message_delta", delta=delta, usage={"output_tokens": 18}),
        _frame("message_stop"),
    ]
    return [*map(_chunked, frames), b"0\r\n\r\n"]


OPENAI_USAGE = {"prompt_tokens": 12, "completion_tokens": 18, "total_tokens": 30}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "tiny",
    "content": [{"type": "text", "text": WORD * 18}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 12, "output_tokens": 18},
}
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
STREAMS = {"openai": _openai_stream(), "anthropic": _anthropic_stream()}
_ANSWER = {"message": {"role": "assistant", "content": WORD * 18}, "finish_reason": "stop"}
WHOLE = {
    "openai": _whole(_openai(_ANSWER, object="chat.completion", usage=OPENAI_USAGE)),
    "anthropic": _whole(json.dumps(MESSAGE).encode()),
}


@contextmanager
def upstream() -> Iterator[int]:
    """Run the upstream in a process of its own."""
    port = free_port()
    process = subprocess.Popen([sys.executable, __file__, "--upstream", str(port)])
    try:
        _until_open(port)
        yield port
    finally:
        end(process)


def _until_open(port: int) -> None:
    import socket

    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on {port}")


@contextmanager
def consigne(port: int, core: int) -> Iterator[tuple[int, int, str]]:
    """Run Consigne with the upstream as two providers; give its port, process and key."""
    listen = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "consigne.toml"
        config.write_text(
            "[models]\ndefault = 'tiny-openai'\n"
            + "".join(
                f"[[providers]]\nname = '{kind}'\nkind = '{kind}'\napi_key = '{KEY}'\n"
                f"base_url = 'http://127.0.0.1:{port}{'/v1' if kind == 'openai' else ''}'\n"
                f"models = [{{id = 'tiny-{kind}', upstream = 'tiny', context = 8192}}]\n"
                for kind in KINDS
            )
        )
        command = [sys.executable, "-m", "consigne", "--data-dir", folder]
        log = (Path(folder) / "log").open("wb")
        process = subprocess.Popen(
            [*command, "serve", "--port", str(listen)],
            stdout=log,
            stderr=log,
        )
        os.sched_setaffinity(process.pid, {core})
        try:
            wait_for(f"http://127.0.0.1:{listen}/readyz", process)
            made = subprocess.run(
                [*command, "keys", "create", "load"], capture_output=True, text=True, check=True
            )
            key = re.search(r"sk-csn-\S+", made.stdout)
            assert key, made.stdout
            yield listen, process.pid, key.group()
        finally:
            end(process)
            log.close()


@contextmanager
def litellm(program: Path, port: int, core: int) -> Iterator[tuple[int, int, str]]:
    """Run LiteLLM's proxy with the same upstream; give its port, process and key."""
    listen = free_port()
    with tempfile.TemporaryDirectory() as folder:
        models = [
            {
                "model_name": f"tiny-{kind}",
                "litellm_params": {
                    "model": f"{kind}/tiny",
                    "api_base": f"http://127.0.0.1:{port}{'/v1' if kind == 'openai' else ''}",
                    "api_key": KEY,
                },
            }
            for kind in KINDS
        ]
        config = Path(folder) / "config.yaml"  # JSON is YAML
        config.write_text(
            json.dumps(
                {
                    "model_list": models,
                    "general_settings": {"master_key": MASTER},
                    # Else it asks an OpenAI upstream for Responses where Messages come in.
                    "litellm_settings": {"use_chat_completions_url_for_anthropic_messages": True},
                    "router_settings": {"disable_cooldowns": True},
                }
            )
        )
        log = (Path(folder) / "log").open("wb")
        process = subprocess.Popen(
            [program, "--config", config, "--host", "127.0.0.1", "--port", str(listen)],
            stdout=log,
            stderr=log,
            env=os.environ
            | {
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "LITELLM_MODE": "PRODUCTION",
                "LITELLM_LOG": "ERROR",
            },
        )
        os.sched_setaffinity(process.pid, {core})
        try:
            wait_for(f"http://127.0.0.1:{listen}/health/liveliness", process)
            yield listen, process.pid, MASTER
        finally:
            end(process)
            log.close()


def cpu(pid: int) -> float:
    """Return the processor time of a process so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


if __name__ == "__main__":
    main()
