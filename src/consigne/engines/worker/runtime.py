"""The import of OpenVINO in two halves: what loads a model, and, beside that, the rest.

Importing ``openvino`` takes 0.1 s, most of it for numpy and seventeen sets of operations that no
pipeline needs. The pipeline's own library asks for the package's name and its compiled module.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

_RUNTIME: Final = "openvino"
_TOKENIZERS: Final = "openvino_tokenizers"


def import_pipeline() -> None:
    """Import ``openvino_genai`` and, of what it stands on, only what a pipeline needs.

    Follow it with ``import_all`` before anything else of OpenVINO is used.
    """
    if _RUNTIME in sys.modules or sys.platform != "linux":
        return
    runtime, tokenizers = _hollow(_RUNTIME), _hollow(_TOKENIZERS)
    library = Path(tokenizers.__path__[0], "lib", "libopenvino_tokenizers.so")
    if not library.is_file():
        return
    tokenizers._ext_path = library  # where the pipeline's library looks for it
    sys.modules |= {_RUNTIME: runtime, _TOKENIZERS: tokenizers}
    try:
        compiled = importlib.import_module("openvino._pyopenvino")
        runtime.get_version = compiled.get_version
        importlib.import_module("openvino_genai")
    except (ImportError, AttributeError):  # another release, which wants more of it
        import_all()


def import_all() -> None:
    """Import ``openvino`` whole, once, where ``import_pipeline`` left most of it out."""
    for name in (_RUNTIME, _TOKENIZERS):
        if isinstance(sys.modules.get(name), _Hollow):
            del sys.modules[name]
    importlib.import_module(_RUNTIME)


class _Hollow(ModuleType):
    """A package of which nothing was run yet."""

    __path__: list[str]
    _ext_path: Path
    get_version: Any


def _hollow(name: str) -> _Hollow:
    module = _Hollow(name)
    module.__spec__ = spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.submodule_search_locations
    module.__path__ = list(spec.submodule_search_locations)
    module.__file__ = spec.origin
    return module
