"""Write OpenVINO models to disk, with failures as operating-system errors."""

import errno
from pathlib import Path
from typing import Any


def save_model(model: Any, path: Path) -> None:
    """Write ``model`` as ``path`` (.xml) and a .bin beside it, every number as it is.

    Raises:
        OSError: It could not be written; OpenVINO itself does not say why.
    """
    import openvino as ov

    try:
        ov.save_model(model, path, compress_to_fp16=False)
    except RuntimeError:
        raise OSError(errno.EIO, f"{path.name} could not be written; is the disk full?") from None
