"""The stages of the image model's training, in one work folder that any of them can be cut in.

``WORK/artwork``, ``latents.npz``, ``text``, ``autoencoder``, ``denoiser``, ``classifier``,
``score`` and ``export`` hold what each stage leaves. A stage that trains goes on from its
checkpoint until its minutes are used; the others do nothing where their result is there.
"""

import fcntl
import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from consigne.domain.errors import OperatorError
from consigne.training.images.config import ImageTraining
from consigne.training.images.files import replaced

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

    from consigne.training.images.artwork import Artwork
    from consigne.training.images.autoencoder import AutoencoderTrainee
    from consigne.training.images.classifier import ClassifierTrainee
    from consigne.training.images.denoiser import DenoiserTrainee
    from consigne.training.images.latents import Latents
    from consigne.training.images.loop import Listener, Stop, Trainee
    from consigne.training.images.text_encoder import TextTrainee

STAGES = (
    "prepare", "latents", "text", "autoencoder", "denoiser", "classifier", "score", "export",
)  # fmt: skip
_NEEDED = ("torch", "diffusers", "transformers", "optimum", "nncf", "resvg_py", "PIL")
_MAY_CHANGE = (
    "minutes", "first_minutes", "first_objects", "objects", "threads", "checkpoint_seconds",
    "sampling", "together", "batch", "learning_rate",
)  # fmt: skip
"""What may differ between two calls in one work folder."""
_SCORED = 300
"""Pictures of each set."""


def check_extra() -> None:
    """Raise OperatorError where the packages of the extra ``train`` are missing."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise OperatorError(
            f"Training needs {', '.join(missing)}: install the extra, "
            "pip install 'consigne[train]'."
        )


@contextmanager
def work(config: ImageTraining, folder: Path) -> Iterator["Work"]:
    """Give the work folder to one process; its configuration must be the one it began with."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OperatorError(f"Another training is at work in {folder}.") from None
        _check_same(config, folder / "config.json")
        yield Work(config, folder)


def _check_same(config: ImageTraining, path: Path) -> None:
    if path.exists():
        try:
            former = msgspec.json.decode(path.read_bytes(), type=ImageTraining)
        except msgspec.DecodeError as error:
            raise OperatorError(f"{path} cannot be read: {error}.") from None
        changed = sorted(_differences(_fixed(former), _fixed(config)))
        if changed:
            raise OperatorError(
                f"{path.parent} was begun with another configuration ({', '.join(changed)}): "
                "take a new folder."
            )
    with replaced(path) as partial:
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(config)))


def _fixed(config: ImageTraining) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(config)
    return plain


def _differences(former: Any, now: Any, name: str = "") -> Iterator[str]:
    if isinstance(former, dict) and isinstance(now, dict):
        for key in former.keys() | now.keys():
            if key not in _MAY_CHANGE:
                yield from _differences(former.get(key), now.get(key), f"{name}.{key}".strip("."))
    elif former != now:
        yield name


class Work:
    """What the stages share: each part is made or read when it is first needed."""

    def __init__(self, config: ImageTraining, folder: Path) -> None:
        self.config, self.folder = config, folder

    @cached_property
    def artwork(self) -> "Artwork":
        """Return the prepared artwork."""
        from consigne.training.images.artwork import Artwork

        return Artwork(self._present("artwork/pictures.npy", "prepare").parent)

    @cached_property
    def latents(self) -> "Latents":
        """Return the linear latent space."""
        from consigne.training.images import latents

        return latents.load(self.config.pictures, self._present("latents.npz", "latents"))

    @cached_property
    def text(self) -> "TextTrainee":
        """Return the text encoder as far as it is trained."""
        from consigne.training.images import text_encoder

        labels = self._present("artwork/labels.json", "prepare")
        text_encoder.prepare_tokenizer(self.config, labels, self.folder / "text")
        return text_encoder.TextTrainee(self.config, labels, self.folder / "text")

    @cached_property
    def autoencoder(self) -> "AutoencoderTrainee":
        """Return the autoencoder as far as it is trained."""
        from consigne.training.images.autoencoder import AutoencoderTrainee

        return AutoencoderTrainee(self.config, self.artwork, self.latents)

    @cached_property
    def denoiser(self) -> "DenoiserTrainee":
        """Return the denoiser with the trained text encoder."""
        from consigne.training.images.denoiser import DenoiserTrainee

        self.trained("text")
        return DenoiserTrainee(self.config, self.artwork, self.latents, self.text)

    @cached_property
    def classifier(self) -> "ClassifierTrainee":
        """Return the judge as far as it is trained."""
        from consigne.training.images.classifier import ClassifierTrainee

        return ClassifierTrainee(self.config, self.artwork)

    def checkpoint(self, stage: str) -> Path:
        """Return where a stage keeps its state."""
        return self.folder / stage / "checkpoint.pt"

    def trained(self, stage: str) -> None:
        """Give a stage's trainee the state of its checkpoint."""
        getattr(self, stage).restore(self.stored(stage)["trainee"])

    def stored(self, stage: str) -> dict[str, Any]:
        """Return a stage's checkpoint."""
        from consigne.training.images import loop

        return loop.read(self._present(f"{stage}/checkpoint.pt", stage))

    def _present(self, name: str, stage: str) -> Path:
        path = self.folder / name
        if not path.exists():
            raise OperatorError(f"{path} is not there: run the stage {stage} first.")
        return path


def run(place: Work, stage: str, listener: "Listener", stop: "Stop") -> str:
    """Run one stage to its end and return one line on what came of it."""
    import torch

    torch.set_num_threads(place.config.threads)
    done = {
        "prepare": _prepare,
        "latents": _latents,
        "score": _score,
        "export": _export,
    }.get(stage)
    if done is not None:
        return done(place)
    return _train(place, stage, listener, stop)


def _prepare(place: Work) -> str:
    from consigne.training.images import artwork

    folder = place.folder / "artwork"
    if (folder / "pictures.json").exists():
        return "The artwork is prepared."
    packages = artwork.fetch(place.folder / "npm")
    return f"{artwork.prepare(place.config, packages, folder)} pictures."


def _latents(place: Work) -> str:
    from consigne.training.images import latents

    path = place.folder / "latents.npz"
    if not path.exists():
        latents.fit_artwork(place.config, place.artwork).save(path)
    return f"{place.config.pictures.channels} channels for each patch."


def _train(place: Work, stage: str, listener: "Listener", stop: "Stop") -> str:
    from consigne.training.images import loop

    trainee: Trainee = getattr(place, stage)
    steps = loop.train(
        stage,
        trainee,
        place.checkpoint(stage),
        minutes=getattr(place.config, stage).minutes,
        every_seconds=place.config.checkpoint_seconds,
        listener=listener,
        stop=stop,
    )
    return f"{steps} steps. {trainee.detail()}"


def _score(place: Work) -> str:
    from consigne.training.images import drawing, scoring

    artist = _artist(place)
    place.trained("classifier")
    figures = scoring.score(place.config, artist, place.classifier, place.text, _SCORED)
    linear, decoder = place.autoencoder.quality()
    figures["autoencoder"] = {"linear dB": linear, "decoder dB": decoder}
    figures["confidence"] = scoring.threshold(place.text)
    figures["steps"] = {
        stage: {key: value for key, value in place.stored(stage).items() if key != "trainee"}
        for stage in ("text", "autoencoder", "denoiser", "classifier")
    }
    with replaced(place.folder / "score" / "score.json") as path:
        path.write_text(json.dumps(figures, indent=1), "utf-8")
    prompts = scoring.SHEET
    drawing.sheet(artist.draw(prompts, seed=1), prompts, 8, place.folder / "score" / "sheet.png")
    known, new = figures["known phrasings"], figures["phrasings never trained"]
    return (
        f"Top-1 {known['top1']:.1%} with known phrasings, {new['top1']:.1%} with phrasings never "
        f"trained; background {known['background']:.1%}. All figures and the sheet: "
        f"{place.folder / 'score'}"
    )


def _artist(place: Work) -> Any:
    from consigne.training.images.drawing import Artist

    for stage in ("denoiser", "autoencoder"):
        place.trained(stage)
    place.denoiser.averaged()
    place.autoencoder.averaged()
    return Artist(place.config, place.text, place.denoiser.net, place.autoencoder.model)


def pipeline(place: Work) -> "StableDiffusionPipeline":
    """Return what was trained as a diffusers pipeline, in full precision."""
    from consigne.training.images import export

    _artist(place)
    return export.pipeline(place.autoencoder.model, place.text, place.denoiser.net)


def _export(place: Work) -> str:
    from consigne.training.images import export, scoring

    folder = place.folder / "export"
    export.export(
        place.config,
        pipeline(place),
        place.text,
        folder,
        threshold=scoring.threshold(place.text)["threshold"],
        eight_bits=True,
    )
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return f"{folder}: {size / 1e6:.0f} MB."
