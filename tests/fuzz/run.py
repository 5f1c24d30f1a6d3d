"""Fuzz the API: requests from its own document, and the official SDKs' requests, mutated.

    PYTHONPATH=src:tests python -m fuzz.run --requests 20000 [--seed 1]
    PYTHONPATH=src:tests python -m fuzz.run --url http://127.0.0.1:8000 --key sk-csn-… --model NAME

Without ``--url`` the server is one of its own, in another process, with a scripted model. One
request in ten is made from the document (they take long to make), the others are mutated. It ends
with 1 if any answer was wrong: a 5xx, a hang, a trace of the code, an answer other than the
document says, or no answer.
"""

import argparse
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from doubles.scripted import KEY, ScriptedGateway
from fuzz.mutations import mutated
from fuzz.probe import Probe
from fuzz.schema import send_all
from fuzz.traffic import recorded
from support.contract import Contract
from support.dialects import dialects_app


def fuzz(probe: Probe, contract: Contract, count: int, seed: int) -> None:
    """Send ``count`` requests through ``probe``."""
    chance, real = random.Random(seed), recorded()
    from_document = count // 10
    for _ in range(count - from_document):
        probe.send(mutated(chance.choice(real), chance))
    document = dict(contract.document)
    document["paths"] = {p: i for p, i in document["paths"].items() if p.startswith("/v1/")}
    send_all(document, from_document, probe.send, seed)


@contextmanager
def target(url: str, key: str) -> Iterator[tuple[str, str, int | None]]:
    """Give the address of the server to try, its key, and its process if it is a child's."""
    if url:
        yield url, key, None
        return
    command = [sys.executable, "-m", "fuzz.server"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        found, own_key = child.stdout.readline().split()
        yield found, own_key, child.pid
        child.stdin.close()


def main() -> int:
    """Fuzz, tell what was found, and return the exit code."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--requests", type=int, default=20_000)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--url", default="")
    asked.add_argument("--key", default=KEY)
    asked.add_argument("--model", default="tiny")
    args = asked.parse_args()
    contract = Contract.of(dialects_app(ScriptedGateway()))
    started = time.monotonic()
    with (
        target(args.url, args.key) as (url, key, pid),
        Probe(url, contract, key=key, model=args.model) as probe,
    ):
        fuzz(probe, contract, args.requests // 10, args.seed)
        before = _resident(pid)
        fuzz(probe, contract, args.requests - args.requests // 10, args.seed + 1)
        after, alive = _resident(pid), probe.alive()
    seconds = time.monotonic() - started
    total = sum(probe.counts.values())
    print(f"{total} requests in {seconds:.0f} s, slowest {probe.slowest:.2f} s")
    print("statuses:", dict(sorted(probe.counts.items())))
    print(f"the server's memory: after a tenth {before}, at the end {after}")
    print(f"answers an ordinary request: {alive}; problems: {len(probe.problems)}")
    for problem in probe.problems[:30]:
        print(problem)
    return 0 if alive and not probe.problems else 1


def _resident(pid: int | None) -> str:
    """Return how much memory a process holds."""
    if pid is None:
        return "not known"
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return f"{pages * resource.getpagesize() / 2**20:.0f} MiB"


if __name__ == "__main__":
    sys.exit(main())
