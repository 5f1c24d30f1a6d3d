"""The gateways that are measured, each a process on one core of its own before one upstream."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from gateway_upstream import until_open
from text_serving import end, free_port, wait_for

KEY = "sk-upstream-key"
MASTER = "sk-litellm-master"
KINDS = ("openai", "anthropic")
PORTKEY = "1.15.2"
HONO_NODE_SERVER = "1.3.3"
TICKS = os.sysconf("SC_CLK_TCK")
_LOOPBACK_ONLY = """
const net = require("net");
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  const listeners = rest.filter((each) => typeof each === "function");
  return listen.call(this, Number(port), "127.0.0.1", ...listeners);
};
"""
"""Portkey's gateway listens on all of a machine's addresses and has no setting for it."""


class Gateway(NamedTuple):
    """One that runs."""

    port: int
    pid: int
    model: Callable[[str], str]
    """Its name for the model at an upstream of this kind."""
    headers: Callable[[str], dict[str, str]]
    """What a request to that upstream carries."""

    def can(self, dialect: str, kind: str) -> bool:
        """Say whether it takes this dialect for an upstream of this kind."""
        portkey = "x-portkey-provider" in self.headers(kind)
        return not (portkey and (dialect, kind) == ("anthropic", "openai"))

    def cpu(self) -> float:
        """Return the processor time of its process so far, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss(self) -> int:
        """Return the resident memory of its process, in bytes."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0


def _base(port: int, kind: str) -> str:
    return f"http://127.0.0.1:{port}{'/v1' if kind == 'openai' else ''}"


def _named(kind: str) -> str:
    return f"tiny-{kind}"


def _bearer(key: str) -> Callable[[str], dict[str, str]]:
    return lambda _: {"authorization": f"Bearer {key}"}


@contextmanager
def _running(
    command: list[Any], core: int, log: Path, environ: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=os.environ | (environ or {})
        )
        os.sched_setaffinity(process.pid, {core})
        try:
            yield process
        finally:
            end(process)


@contextmanager
def consigne(port: int, core: int) -> Iterator[Gateway]:
    """Run Consigne as an operator starts it; its key has limits on requests and tokens."""
    listen = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "consigne.toml"
        config.write_text(
            "[models]\ndefault = 'tiny-openai'\n"
            + "".join(
                f"[[providers]]\nname = '{kind}'\nkind = '{kind}'\napi_key = '{KEY}'\n"
                f"base_url = '{_base(port, kind)}'\n"
                f"models = [{{id = '{_named(kind)}', upstream = 'tiny', context = 8192}}]\n"
                for kind in KINDS
            )
        )
        command = [sys.executable, "-m", "consigne", "--data-dir", folder]
        log = Path(folder) / "log"
        with _running([*command, "serve", "--port", str(listen)], core, log) as process:
            wait_for(f"http://127.0.0.1:{listen}/readyz", process)
            limits = ["--requests-per-minute", "100000000", "--tokens-per-minute", "2000000000"]
            made = subprocess.run(
                [*command, "keys", "create", "load", *limits],
                capture_output=True,
                text=True,
                check=True,
            )
            key = re.search(r"sk-csn-\S+", made.stdout)
            assert key, made.stdout
            yield Gateway(listen, process.pid, _named, _bearer(key.group()))


@contextmanager
def litellm(program: Path, port: int, core: int) -> Iterator[Gateway]:
    """Run LiteLLM's proxy with a master key and without a database."""
    listen = free_port()
    with tempfile.TemporaryDirectory() as folder:
        models = [
            {
                "model_name": _named(kind),
                "litellm_params": {
                    "model": f"{kind}/tiny",
                    "api_base": _base(port, kind),
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
        command = [program, "--config", config, "--host", "127.0.0.1", "--port", str(listen)]
        environ = {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
        }
        with _running(command, core, Path(folder) / "log", environ) as process:
            wait_for(f"http://127.0.0.1:{listen}/health/liveliness", process)
            yield Gateway(listen, process.pid, _named, _bearer(MASTER))


@contextmanager
def portkey(port: int, core: int) -> Iterator[Gateway]:
    """Install Portkey's gateway in a temporary folder by npm and run it: it keeps nothing."""
    listen = free_port()
    with tempfile.TemporaryDirectory() as folder:
        package = {
            "private": True,
            "dependencies": {"@portkey-ai/gateway": PORTKEY},
            # With the newest that it admits, every stream ends in "TypeError: immutable".
            "overrides": {"@hono/node-server": HONO_NODE_SERVER},
        }
        (Path(folder) / "package.json").write_text(json.dumps(package))
        install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(install, cwd=folder, check=True, capture_output=True)
        (Path(folder) / "loopback.cjs").write_text(_LOOPBACK_ONLY)
        program = Path(folder) / "node_modules/@portkey-ai/gateway/build/start-server.js"
        command = ["node", "--require", Path(folder) / "loopback.cjs", program, "--headless"]
        environ = {"NODE_ENV": "production"}
        log = Path(folder) / "log"
        with _running([*command, f"--port={listen}"], core, log, environ) as process:
            until_open(listen)
            yield Gateway(listen, process.pid, lambda _: "tiny", lambda kind: _to(port, kind))


def _to(port: int, kind: str) -> dict[str, str]:
    return {
        "authorization": f"Bearer {KEY}",
        "x-portkey-provider": kind,
        "x-portkey-custom-host": f"http://127.0.0.1:{port}/v1",
    }


def chosen(
    program: Path | None, *, with_portkey: bool
) -> "dict[str, Callable[[int, int], AbstractContextManager[Gateway]]]":
    """Return the gateways to measure, Consigne first, each to be called with port and core."""
    found: dict[str, Callable[[int, int], AbstractContextManager[Gateway]]] = {"Consigne": consigne}
    if program:
        found["LiteLLM"] = lambda port, core: litellm(program, port, core)
    if with_portkey:
        found["Portkey"] = portkey
    return found
