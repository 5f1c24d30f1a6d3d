"""An image model's training: one value, read from TOML, whose fields are all optional."""

from pathlib import Path

import msgspec

from consigne.domain.errors import OperatorError


class Style(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One drawing style: where its artwork comes from and the words that ask for it."""

    name: str
    package: str
    english: tuple[str, ...]
    french: tuple[str, ...]
    drawn: bool = True
    """Whether the denoiser learns it; the text encoder knows the words of every style."""


class Pictures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pictures and their linear latents."""

    size: int = 128
    patch: int = 16
    channels: int = 32

    @property
    def grid(self) -> int:
        """Return the side of the latent grid."""
        return self.size // self.patch


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tokenizer and the text encoder; ``minutes`` of wall time."""

    vocabulary: int = 6000
    length: int = 32
    width: int = 192
    layers: int = 3
    heads: int = 4
    batch: int = 256
    learning_rate: float = 2e-3
    minutes: float = 30.0


class Autoencoder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The decoder's refiner; widths at 1/2, 1/4 and 1/8 of the picture's size."""

    widths: tuple[int, int, int] = (32, 64, 96)
    batch: int = 16
    learning_rate: float = 2e-3
    noise: float = 0.2
    """Standard deviation, at most, of noise on the latents: the denoiser's are not exact."""
    minutes: float = 15.0


class Denoiser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The UNet; ``first_objects`` for ``first_minutes``, then all of them."""

    widths: tuple[int, ...] = (128, 288)
    batch: int = 32
    learning_rate: float = 7e-4
    first_objects: int = 80
    first_minutes: float = 20.0
    objects: int = 300
    """How many of the list, from the top, are learned in all."""
    minutes: float = 240.0
    caption_dropout: float = 0.1
    white: float = 0.35
    """Share of pictures on a white background."""
    together: float = 0.0
    """Share of pictures that show two things side by side; 0 draws each alone, as the model that
    comes with the package. May change from call to call."""


class Classifier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The judge of the scores: learns the real art, at ``size`` pixels."""

    size: int = 64
    batch: int = 64
    learning_rate: float = 1.5e-3
    minutes: float = 8.0


class Sampling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How pictures are drawn for scores and sheets; the service's defaults too."""

    steps: int = 20
    guidance: float = 3.0


STYLES = (
    Style("flat", "@iconify-json/twemoji", ("flat",), ("plat", "plate")),
    Style("soft", "@iconify-json/noto", ("soft",), ("doux", "douce")),
    Style("3d", "@lobehub/fluent-emoji-3d", ("3d",), ("3d", "en 3d")),
    Style("bold", "@iconify-json/fluent-emoji-flat", ("bold", "modern"), ("moderne",), drawn=False),
    Style("blob", "@iconify-json/noto-v1", ("blob", "retro"), ("rétro",), drawn=False),
)


class ImageTraining(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides what the image model becomes."""

    seed: int = 0
    threads: int = 1
    styles: tuple[Style, ...] = STYLES
    foreign: str = "@iconify-json/openmoji"
    """Artwork that nothing is trained on: a test set for the classifier alone."""
    pictures: Pictures = Pictures()
    text: Text = Text()
    autoencoder: Autoencoder = Autoencoder()
    denoiser: Denoiser = Denoiser()
    classifier: Classifier = Classifier()
    sampling: Sampling = Sampling()
    checkpoint_seconds: float = 120.0

    @property
    def drawn(self) -> tuple[Style, ...]:
        """Return the styles that the denoiser learns."""
        return tuple(style for style in self.styles if style.drawn)


def load(path: Path | None) -> ImageTraining:
    """Return the configuration in a TOML file, or the default one."""
    if path is None:
        return ImageTraining()
    try:
        return msgspec.toml.decode(path.read_bytes(), type=ImageTraining)
    except FileNotFoundError:
        raise OperatorError(f"There is no file {path}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path} is no configuration of image training: {error}.") from None
