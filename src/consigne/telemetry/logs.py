"""Logging: one line an event, on standard error."""

import logging

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure(level: str) -> None:
    """Send the log of this process to standard error at ``level``."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S%z")
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    # Every query and every request is their own business; ours is said by our own loggers.
    for noisy in ("alembic", "asyncio", "httpx", "sqlalchemy", "uvicorn"):
        logging.getLogger(noisy).setLevel(max(LEVELS[level], logging.WARNING))
    # What it warns of is a caller's mistake, which the caller is told.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
