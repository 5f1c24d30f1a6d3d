"""Fuzz the API: requests from its own document, and the official SDKs' requests, mutated.

    PYTHONPATH=src:tests python -m fuzz.run --requests 20000 [--seed 1]
    PYTHONPATH=src:tests python -m fuzz.run --url http://127.0.0.1:8000 --key sk-csn-… --model NAME

Without ``--url`` the server is one of its own in this process, with a scripted model. One request
in ten is made from the document (they take long to make), the others are mutated. It ends with 1
if any answer was wrong: a 5xx, a hang, a trace of the code, an answer other than the document says,
or no answer.
"""

import argparse
import random
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from doubles.scripted import KEY, ScriptedGateway
from fuzz.mutations import mutated
from fuzz.probe import Probe
from fuzz.schema import send_all
from fuzz.traffic import recorded
from support.contract import Contract
from support.dialects import dialects_app, served


def fuzz(probe: Probe, contract: Contract, count: int, seed: int) -> None:
    """Send ``count`` requests through ``probe``."""
    chance, real = random.Random(seed), recorded()
    from_document = count // 10
    for _ in range(count - from_document):
        probe.send(mutated(chance.choice(real), chance))
    send_all(contract.document, from_document, probe.send, seed)


@contextmanager
def target(url: str) -> Iterator[str]:
    """Give the address of the server to try."""
    if url:
        yield url
        return
    with served(ScriptedGateway()) as own:
        yield own


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
    with target(args.url) as url, Probe(url, contract, key=args.key, model=args.model) as probe:
        fuzz(probe, contract, args.requests // 10, args.seed)
        before = _peak_mib()
        fuzz(probe, contract, args.requests - args.requests // 10, args.seed + 1)
        alive = probe.alive()
    seconds = time.monotonic() - started
    total = sum(probe.counts.values())
    print(f"{total} requests in {seconds:.0f} s, slowest {probe.slowest:.2f} s")
    print("statuses:", dict(sorted(probe.counts.items())))
    print(f"memory at most after a tenth {before:.0f} MiB, at the end {_peak_mib():.0f} MiB")
    print(f"answers an ordinary request: {alive}; problems: {len(probe.problems)}")
    for problem in probe.problems[:30]:
        print(problem)
    return 0 if alive and not probe.problems else 1


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
