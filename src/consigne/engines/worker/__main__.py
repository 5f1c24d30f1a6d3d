"""``python -m consigne.engines.worker FD``: serve one model over the socket ``FD``."""

from consigne.engines.worker.main import main

main()
