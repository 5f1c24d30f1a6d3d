"""``python -m consigne`` is ``consigne``."""

from consigne.cli.main import main

main()
