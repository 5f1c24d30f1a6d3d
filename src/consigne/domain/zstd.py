"""The module of zstd: the standard library's, or the same for an older Python."""

import sys
from types import ModuleType


def zstd() -> ModuleType:
    """Return the module, imported when first needed."""
    if sys.version_info >= (3, 14):
        from compression import zstd as module
    else:
        from backports import zstd as module
    return module
