"""What a gateway adds to a provider's answer: Consigne beside LiteLLM's proxy and Portkey's.

    python benchmarks/gateway_overhead.py [--litellm ENV/bin/litellm] [--portkey] [--seconds 2]
        [--rounds 1] [--concurrency 1,32,256] [--open-streams 1000] [--json FILE]

A fixed upstream on loopback answers both vendors' APIs at once: whole, or as a stream of 20 events
that it sends one by one. Each gateway is one process on one core of its own; the upstream and the
load run on the other. Consigne runs as an operator starts it, its keys in SQLite, and the key that
is used has limits on requests and tokens. ``in`` is the dialect that comes in, ``out`` the kind of
upstream it goes out to. With ``--rounds`` each cell is measured so often, the gateways in turn:
figures are medians, and a ratio is the median of the rounds' own. ``--portkey`` installs Portkey's
gateway by npm in a temporary folder; Messages to an OpenAI upstream are beyond it.
``--open-streams`` asks Consigne for so many streams at once, of which each holds still but for one
event a second until all are open.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvloop
from gateway_load import open_streams, request, run
from gateway_peers import KEY, KINDS, Gateway, chosen
from gateway_upstream import HELD, upstream

MODES = {"plain": False, "stream": True}
ENDS = {"openai": b"[DONE]", "anthropic": b"message_stop"}
HOLD_S = 10.0


def main() -> None:
    """Run everything and print the tables."""
    args = arguments()
    uvloop.install()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0]})
    found: dict[str, Any] = {"load": os.getloadavg()[0], "rows": []}
    with ExitStack() as stack:
        port = stack.enter_context(upstream())
        gateways = {
            name: stack.enter_context(start(port, cores[-1]))
            for name, start in chosen(args.litellm, with_portkey=args.portkey).items()
        }
        for mode in [mode for mode in MODES if args.only in (None, mode)]:
            for level in [int(level) for level in args.concurrency.split(",") if level]:
                found["rows"] += measure(mode, level, port, gateways, args)
        found["rss"] = {name: gateway.rss() for name, gateway in gateways.items()}
        report(found)
        if args.open_streams:
            found["open_streams"] = hold(args.open_streams, port, gateways["Consigne"])
            print(f"\n{args.open_streams} open streams: {json.dumps(found['open_streams'])}")
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--litellm", type=Path, help="the program of LiteLLM's proxy")
    parser.add_argument("--portkey", action="store_true", help="measure Portkey's gateway, too")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each cell")
    parser.add_argument("--rounds", type=int, default=1, help="of each cell")
    parser.add_argument("--concurrency", default="1,32,256", help="empty for none")
    parser.add_argument("--only", choices=[*MODES])
    parser.add_argument("--open-streams", type=int, default=0)
    parser.add_argument("--json", type=Path, help="where to write all figures")
    return parser.parse_args()


def measure(
    mode: str, level: int, port: int, gateways: dict[str, Gateway], args: argparse.Namespace
) -> list[dict[str, Any]]:
    """Measure all gateways in turn in each pair of dialect and upstream."""
    rows = []
    stream = MODES[mode]
    for dialect in KINDS:
        key = {"authorization": f"Bearer {KEY}"}
        asked = request(port, dialect, "tiny", key, stream=stream)
        base = run(port, asked, level, args.seconds / 2)
        for out in KINDS:
            able = {name: each for name, each in gateways.items() if each.can(dialect, out)}
            rounds = []
            for _ in range(args.rounds):
                print(f"{mode} {level} {dialect} {out}", file=sys.stderr)
                rounds.append(
                    {
                        name: _one(gateway, dialect, out, stream, base, level, args.seconds)
                        for name, gateway in able.items()
                    }
                )
            cell = {"mode": mode, "level": level, "in": dialect, "out": out, "direct": base}
            rows.append(cell | _medians(rounds))
    return rows


def _medians(rounds: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    ours, *peers = rounds[0]
    found: dict[str, Any] = {
        name: {figure: statistics.median(each[name][figure] for each in rounds) for figure in told}
        for name, told in rounds[0].items()
    }
    ratios = {
        peer: sorted(each[ours]["rate"] / each[peer]["rate"] for each in rounds) for peer in peers
    }
    return found | {"ratios": ratios}


def _one(
    gateway: Gateway,
    dialect: str,
    out: str,
    stream: bool,
    base: dict[str, float],
    level: int,
    seconds: float,
) -> dict[str, float]:
    model, headers = gateway.model(out), gateway.headers(out)
    asked = request(gateway.port, dialect, model, headers, stream=stream)
    before = gateway.cpu()
    found = run(gateway.port, asked, level, seconds)
    return {
        "median_added_ms": found["median"] - base["median"],
        "p99_added_ms": found["p99"] - base["p99"],
        "rate": found["rate"],
        "cpu_ms": 1000 * (gateway.cpu() - before) / found["all"],
    }


def report(found: dict[str, Any]) -> None:
    """Print the table of all rows, and what memory each gateway holds."""
    names = list(found["rss"])
    peers = names[1:]
    columns = ["mode, at once", "in → out"]
    columns += [f"{name}: median, p99 added, ms" for name in names]
    columns += [f"{name}, req/s" for name in names]
    columns += [f"ratio to {name}" for name in peers]
    columns += [f"CPU ms/req, {name}" for name in names]
    print(f"load average {found['load']:.1f}\n\n| {' | '.join(columns)} |")
    print("|" + " --- |" * len(columns))
    for row in found["rows"]:
        has = {name: row.get(name) for name in names}
        mode = "whole" if row["mode"] == "plain" else "streamed"
        told = [f"{mode}, {row['level']}", f"{row['in']} → {row['out']}"]
        told += [_of(has[n], "{median_added_ms:.2f}, {p99_added_ms:.2f}") for n in names]
        told += [_of(has[n], "{rate:.0f}") for n in names]
        told += [_ratio(row["ratios"].get(peer)) for peer in peers]
        told += [_of(has[n], "{cpu_ms:.2f}") for n in names]
        print(f"| {' | '.join(told)} |", flush=True)
    for name, rss in found["rss"].items():
        print(f"\n{name}: {rss / 2**20:.0f} MiB resident")


def _ratio(found: list[float] | None) -> str:
    if not found:
        return ""
    middle = f"{statistics.median(found):.1f}"
    return f"{middle} ({found[0]:.1f} to {found[-1]:.1f})" if len(found) > 1 else middle


def _of(found: dict[str, float] | None, form: str) -> str:
    return form.format(**found) if found else ""


def hold(count: int, port: int, gateway: Gateway) -> dict[str, float]:
    """Hold ``count`` streams open in Consigne at once."""
    pairs = [(dialect, out) for dialect in KINDS for out in KINDS]
    asked = [
        (
            request(
                gateway.port,
                dialect,
                gateway.model(out),
                gateway.headers(out),
                stream=True,
                text=HELD,
            ),
            ENDS[dialect],
        )
        for dialect, out in (pairs[i % len(pairs)] for i in range(count))
    ]

    def release() -> None:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/release", data=b"").close()

    def look() -> tuple[int, float]:
        return gateway.rss(), gateway.cpu()

    return asyncio.run(open_streams(gateway.port, asked, HOLD_S, release, look))


if __name__ == "__main__":
    main()
