"""What a model of our own understands of an instruction: the objects it knows, and how surely."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from consigne.domain.errors import ModelBroken
from consigne.engines.image_folders import OWN
from consigne.engines.instructions import Vocabulary
from consigne.engines.worker.painter import Judgement


class _Understanding(msgspec.Struct, frozen=True):
    model: str
    tokenizer: str
    length: int
    padding: int
    threshold: float


class _About(msgspec.Struct, frozen=True):
    """The part of ``consigne.json`` that is needed here."""

    understanding: _Understanding | None = None
    objects: tuple[dict[str, Any], ...] = ()


class Understanding:
    """Reads an instruction with the model's own text encoder and the heads trained on it."""

    def __init__(
        self, folder: Path, about: _Understanding, objects: int, vocabulary: Vocabulary
    ) -> None:
        import openvino
        import openvino_tokenizers

        core = openvino.Core()
        core.add_extension(str(_extension(openvino_tokenizers)))
        self._tokenize = core.compile_model(folder / about.tokenizer, "CPU")
        self._read = core.compile_model(folder / about.model, "CPU")
        self._about = about
        self._objects = objects
        self._vocabulary = vocabulary

    def judge(self, prompt: str) -> Judgement:
        """Say whether what the instruction asks for is among the objects that were learned.

        Where it names them otherwise than the model takes it (several things, another colour), the
        judgement holds what to draw instead.
        """
        best, confidence, tokens = self._recognised(prompt)
        known = best is not None
        reading = self._vocabulary.read(prompt)
        if not reading.cells:
            return Judgement(confidence, known, tokens)
        if reading.rewritten or best != reading.cells[0].thing:
            found = {cell: self._recognised(cell.caption) for cell in reading.cells}
            if all(thing == cell.thing for cell, (thing, _, _) in found.items()):
                surely = min(share for _, share, _ in found.values())
                return Judgement(surely, True, tokens, reading.cells, reading.left_out)
        return Judgement(confidence, known, tokens, (), reading.left_out)

    def _recognised(self, text: str) -> tuple[int | None, float, int]:
        """Return the object that a text asks for, if it is known; how surely; the text's tokens."""
        about = self._about
        found = np.asarray(self._tokenize([text])["input_ids"], dtype=np.int64)[0]
        ids = np.full((1, about.length), about.padding, dtype=np.int64)
        kept = found[: about.length]
        ids[0, : len(kept)] = kept
        shares = np.asarray(self._read(ids)["object"])[0]
        best = int(shares.argmax())
        confidence = float(shares[: self._objects].max())
        known = best < self._objects and confidence >= about.threshold
        return (best if known else None), round(confidence, 4), len(kept)


def load_understanding(model_id: str, folder: Path) -> Understanding | None:
    """Return what a model understands, if it can tell.

    Raises:
        ModelBroken: What it says of itself can't be read.
    """
    if not (folder / OWN).is_file():
        return None
    try:
        said = (folder / OWN).read_bytes()
        about = msgspec.json.decode(said, type=_About)
        if about.understanding is None:
            return None
        vocabulary = Vocabulary(msgspec.json.decode(said, type=dict[str, Any]))
        return Understanding(folder, about.understanding, len(about.objects), vocabulary)
    except (OSError, KeyError, TypeError, msgspec.MsgspecError, RuntimeError) as error:
        raise ModelBroken(f"The {OWN} of {model_id} can't be used: {error}") from error


def _extension(package: Any) -> Path:
    folder = Path(package.__file__).parent
    found = [path for path in folder.rglob("*openvino_tokenizers.*") if path.suffix != ".py"]
    return next(path for path in found if path.suffix in (".so", ".dylib", ".dll"))
