"""``python -m consigne`` is ``consigne``, and this its entry."""

import sys
from collections.abc import Sequence

_WITH_VALUE = ("--data-dir", "--config")
_HELP = {"-h", "--help"}
_INTERRUPTED = 130


def main() -> None:
    """Run the command line; what ``serve`` needs longest begins before the rest is imported."""
    try:
        if _serves(sys.argv[1:]):
            from consigne.engines.process import start_ahead

            start_ahead()
        from consigne.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    run()


def _serves(arguments: Sequence[str]) -> bool:
    rest = iter(arguments)
    for each in rest:
        if each in _WITH_VALUE:
            next(rest, None)
        elif not each.startswith("-"):
            return each == "serve" and not _HELP.intersection(arguments)
    return False


if __name__ == "__main__":
    main()
