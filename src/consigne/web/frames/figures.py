"""A backend of matplotlib for Python in the reader's browser: what is shown becomes a file.

The frame that runs Python puts this module beside the program and names it in ``MPLBACKEND``.
"""

from pathlib import Path

from matplotlib._pylab_helpers import Gcf
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

FigureCanvas = FigureCanvasAgg
FigureManager = FigureManagerBase


def show(*_: object, **__: object) -> None:
    """Write every open figure to the working directory, and close it."""
    for manager in Gcf.get_all_fig_managers():
        number = len(list(Path().glob("figure-*.png"))) + 1
        manager.canvas.figure.savefig(f"figure-{number}.png")
        Gcf.destroy(manager)
