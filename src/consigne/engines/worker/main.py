"""The worker's entry: take the socket, load the model, serve until the host goes away."""

import ctypes
import gc
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from consigne.domain.errors import ConsigneError
from consigne.engines.worker.channel import Channel, Closed
from consigne.engines.worker.protocol import Load, Loaded, LoadFailed

if TYPE_CHECKING:
    from consigne.engines.worker.pictures import ImageLoop
    from consigne.engines.worker.text import TextLoop
    from consigne.engines.worker.vectors import EmbeddingLoop

_PR_SET_PDEATHSIG: Final = 1
_log = logging.getLogger(__name__)


def main() -> None:
    """Serve one model over the socket whose number is the first argument.

    A second says what kind of model it will be, so that the engine is imported meanwhile.
    """
    die_with_the_host()
    gc.disable()  # until the model is there: what comes in now stays
    # OpenVINO does without its converter where that is missing: 0.1 s, and no telemetry library.
    sys.modules["openvino.tools.ovc"] = None  # type: ignore[assignment]
    # numpy's own threads wait by spinning, on cores that the model needs.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # the engine's own remarks are no output
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    with socket.socket(fileno=int(sys.argv[1])) as sock:
        try:
            if sys.argv[2:] == ["text"]:
                _import_text()
            _serve(Channel(sock))
            code = 0
        except Closed:
            code = 0
        except BaseException:  # noqa: BLE001 - whatever it is, it is said, and the process ends
            _log.exception("The worker ends")
            code = 1
    # Nothing is left to save: the interpreter need not take the compiled model apart.
    sys.stderr.flush()
    os._exit(code)


def die_with_the_host() -> None:
    """Let the host decide when this process ends: by Ctrl-C never, by the host's death at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # It is in no terminal's foreground: its remarks must not stop it where the terminal says so.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _serve(channel: Channel) -> None:
    load = channel.receive(None)[0]
    assert isinstance(load, Load), load
    try:
        loop = _loop(channel, load)
    except ConsigneError as error:
        _log.warning("%s", error.message)
        _log.debug("The engine's own words", exc_info=error.__cause__)
        channel.send(LoadFailed(error.code, error.message))
        return
    gc.freeze()
    gc.enable()
    loop.run()


def _loop(channel: Channel, load: Load) -> "TextLoop | EmbeddingLoop | ImageLoop":
    match load.modality:
        case "text":
            return _text(channel, load)
        case "embedding":
            return _embedding(channel, load)
        case "image":
            return _image(channel, load)


def _import_text() -> None:
    from consigne.engines.worker.runtime import import_pipeline

    import_pipeline()


def _text(channel: Channel, load: Load) -> "TextLoop":
    from consigne.engines.worker.loading import load_text

    model = load_text(load.model_id, Path(load.path), load.context, load.settings)
    from consigne.engines.worker.text import TextLoop  # it came in beside the model

    channel.send(Loaded(model.context, model.seconds))
    return TextLoop(channel, model, load.settings.max_running)


def _embedding(channel: Channel, load: Load) -> "EmbeddingLoop":
    from consigne.engines.worker.vectors import EmbeddingLoop, load_embedding

    runner = load_embedding(load.model_id, Path(load.path), load.settings.threads)
    channel.send(Loaded(load.context))
    return EmbeddingLoop(channel, runner)


def _image(channel: Channel, load: Load) -> "ImageLoop":
    from consigne.engines.image_folders import read_traits
    from consigne.engines.worker.painter import load_painter
    from consigne.engines.worker.pictures import ImageLoop

    folder = Path(load.path)
    traits = load.traits or read_traits(folder)
    painter = load_painter(load.model_id, folder, traits, load.settings)
    channel.send(Loaded(load.context))
    return ImageLoop(channel, painter, traits)
