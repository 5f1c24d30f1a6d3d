"""Start xllamacpp's own HTTP server on a GGUF (run by the interpreter it is installed in).

Usage: python xllamacpp_server.py GGUF PORT STREAMS CONTEXT_PER_STREAM THREADS
"""

import sys
import threading

import xllamacpp


def main() -> None:
    """Serve until killed."""
    path, port, streams, context, threads = sys.argv[1], *map(int, sys.argv[2:6])
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = streams
    params.n_ctx = streams * context
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.cont_batching = True
    params.warmup = True
    server = xllamacpp.Server(params)
    print(f"listening on {server.listening_address}", flush=True)
    threading.Event().wait()


main()
