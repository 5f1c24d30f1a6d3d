"""The image model that comes with the package: what it understands, and that it draws."""

import json
from pathlib import Path

import numpy as np
import openvino
import openvino_genai
import openvino_tokenizers  # noqa: F401 - registers the tokenizer's operations
import pytest

import consigne

FOLDER = Path(consigne.__file__).parent / "image_model"
ABOUT = json.loads((FOLDER / "consigne.json").read_text("utf-8"))
SURE = {"INFERENCE_PRECISION_HINT": "f32"}

pytestmark = pytest.mark.slow


class Reader:
    """Understands texts as ``consigne.json`` says."""

    def __init__(self) -> None:
        core, about = openvino.Core(), ABOUT["understanding"]
        self._tokenize = core.compile_model(FOLDER / about["tokenizer"], "CPU")
        self._model = core.compile_model(FOLDER / about["model"], "CPU", SURE)
        self._about = about

    def __call__(self, text: str) -> tuple[str, str]:
        """Return the object's first English name, or "" when it is beyond the model; the colour."""
        ids = np.full((1, self._about["length"]), self._about["padding"], np.int64)
        found = self._tokenize([text])["input_ids"][0]
        ids[0, : len(found)] = found
        answer = self._model({"input_ids": ids})
        things, colour = answer["object"][0], answer["background"][0].argmax()
        assert len(things) == self._about["classes"]
        assert things.sum() == pytest.approx(1, abs=1e-3)
        best = int(things.argmax())
        known = best < len(ABOUT["objects"]) and things[best] >= self._about["threshold"]
        name = ABOUT["objects"][best]["en"][0] if known else ""
        return name, ABOUT["backgrounds"][colour]["en"]


@pytest.fixture(scope="module")
def read() -> Reader:
    return Reader()


@pytest.mark.parametrize(
    ("text", "thing", "colour"),
    [
        ("a cat on a blue background", "a cat", "blue"),
        ("Dessine-moi un renard, style plat, sur fond vert s'il te plaît", "a fox", "green"),
        ("could you make an image with a snail? yellow backdrop behind it", "a snail", "yellow"),
        ("je voudrais voir un cactus, toile de fond rouge", "a cactus", "red"),
    ],
)
def test_it_understands_both_languages(read: Reader, text: str, thing: str, colour: str) -> None:
    assert read(text) == (thing, colour)


@pytest.mark.parametrize(
    "text", ["democracy", "le budget de l'équipe", "my grandmother", "a djembe, flat style"]
)
def test_it_knows_what_is_beyond_it(read: Reader, text: str) -> None:
    assert read(text)[0] == ""


def test_its_own_captions_name_each_object_it_draws(read: Reader) -> None:
    right = sum(
        read(
            ABOUT["caption"][language].format(object=thing[language][0], style=style, background=b)
        )
        == (thing["en"][0], "blue")
        for thing in ABOUT["objects"]
        for language, style, b in (("en", "flat", "blue"), ("fr", "plat", "bleu"))
    )
    assert right >= 0.98 * 2 * len(ABOUT["objects"])


def test_it_draws_the_background_that_is_asked_for() -> None:
    pipeline = openvino_genai.Text2ImagePipeline(FOLDER, "CPU", **SURE)
    size = ABOUT["size"]
    drawn = pipeline.generate(
        "a red heart, flat style, yellow background",
        width=size,
        height=size,
        num_inference_steps=ABOUT["steps"],
        guidance_scale=ABOUT["guidance"],
        generator=openvino_genai.TorchGenerator(3),
    )
    picture = np.array(drawn.data)[0].astype(float)
    assert picture.shape == (size, size, 3)
    yellow = next(colour["rgb"] for colour in ABOUT["backgrounds"] if colour["en"] == "yellow")
    rim = np.concatenate([picture[:3].reshape(-1, 3), picture[-3:].reshape(-1, 3)])
    assert np.abs(np.median(rim, 0) - yellow).max() < 40
    assert np.abs(picture[size // 2, size // 2] - yellow).max() > 40


def test_what_encodes_a_picture_gives_it_back() -> None:
    core = openvino.Core()
    encode = core.compile_model(FOLDER / "vae_encoder" / "openvino_model.xml", "CPU", SURE)
    decode = core.compile_model(FOLDER / "vae_decoder" / "openvino_model.xml", "CPU", SURE)
    size = ABOUT["size"]
    rows, columns = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    picture = np.stack([rows, columns, -rows])[None].astype(np.float32) * 0.8
    moments = encode(picture)[0]
    again = decode(moments[:, : moments.shape[1] // 2])[0]
    assert np.sqrt(((again - picture) ** 2).mean()) < 0.1


def test_the_package_says_what_it_is_made_of() -> None:
    notice = (FOLDER / "NOTICE.md").read_text("utf-8")
    assert all(licence in notice for licence in ("CC-BY 4.0", "Apache-2.0", "MIT"))
    assert "cannot draw" in (FOLDER / "card.md").read_text("utf-8")
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 60e6
