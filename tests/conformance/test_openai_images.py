"""``/v1/images`` through OpenAI's own client, on the real server and a real image model."""

import base64
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import openai
import pytest
from PIL import Image

from consigne.api.app import create_app
from consigne.engines.downloads import Facts, add
from consigne.engines.library import ModelLibrary
from consigne.provenance import verifying
from doubles.scripted import ScriptedGateway, scripted_services
from support.contract import Contract
from support.images import image_model_folder
from support.server import ServerProcess

pytestmark = pytest.mark.slow

MODEL = "test-pictures"
SIDE = 128


@pytest.fixture(scope="module")
async def serving(tmp_path_factory: pytest.TempPathFactory, starter_dir: Path) -> ServerProcess:
    data_dir = tmp_path_factory.mktemp("pictures")
    library = ModelLibrary(data_dir / "models")
    library.models_dir.mkdir()
    (library.models_dir / starter_dir.name).symlink_to(starter_dir, target_is_directory=True)
    await add(image_model_folder(), library, facts=Facts(id=MODEL))
    return ServerProcess(data_dir, environ={"CONSIGNE_MODELS__IMAGE": MODEL})


@pytest.fixture(scope="module")
def starter_dir(models_dir: Path) -> Path:
    return models_dir / "smollm2-135m-instruct"


@pytest.fixture(scope="module")
def client(serving: ServerProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{serving.url}/v1", api_key=serving.key, max_retries=0, timeout=60
    ) as made:
        yield made
    assert serving.stop() == 0, serving.log_path.read_text()


def _picture(data: str | None) -> Image.Image:
    assert data
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_pictures_come_signed_and_the_seed_decides(client: openai.OpenAI) -> None:
    def draw(seed: int) -> openai.types.ImagesResponse:
        return client.images.generate(
            prompt="a red fox", n=2, extra_body={"seed": seed, "steps": 2}
        )

    first, again, other = draw(7), draw(7), draw(8)
    assert first.data
    assert again.data
    assert other.data
    assert len(first.data) == 2
    pixels = [_picture(each.b64_json).tobytes() for each in (*first.data, *again.data)]
    assert pixels[:2] == pixels[2:]
    assert _picture(other.data[0].b64_json).tobytes() == pixels[1], "each picture adds 1"
    assert pixels[0] != pixels[1]
    assert (first.size, first.output_format) == (f"{SIDE}x{SIDE}", "png")
    found = verifying.verify(base64.b64decode(first.data[0].b64_json or ""))
    assert (found.verdict, found.model, found.generated) == ("intact", MODEL, True)


@pytest.mark.parametrize("form", ["png", "webp", "jpeg"])
def test_every_form_is_signed_and_addressed(client: openai.OpenAI, form: str) -> None:
    made = client.images.generate(
        model=MODEL,
        prompt="un renard",
        output_format=form,  # type: ignore[arg-type]
        response_format="url",
        extra_body={"steps": 1},
    )
    assert made.data
    url = made.data[0].url
    assert url
    answer = httpx.get(url)
    assert answer.headers["content-type"] == f"image/{form}"
    assert verifying.verify(answer.content).verdict == "intact"
    assert httpx.get(url[:-1] + ("0" if url[-1] != "0" else "1")).status_code == 403
    assert httpx.get(url.partition("?")[0]).status_code == 403


def test_a_stream_shows_the_picture_growing(client: openai.OpenAI) -> None:
    stream = client.images.generate(
        prompt="a fox", stream=True, partial_images=2, extra_body={"steps": 6}
    )
    events = list(stream)
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    assert all(_picture(event.b64_json).size == (SIDE, SIDE) for event in events)


def test_a_picture_is_edited_where_the_mask_says(client: openai.OpenAI) -> None:
    original, mask = _png(SIDE), io.BytesIO()
    cover = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 255))
    cover.paste((0, 0, 0, 0), (0, 0, SIDE, SIDE // 2))
    cover.save(mask, "PNG")
    made = client.images.edit(
        image=("in.png", original),
        mask=("mask.png", mask.getvalue()),
        prompt="make it blue",
        extra_body={"steps": 2, "strength": 1.0},
    )
    assert made.data
    result = base64.b64decode(made.data[0].b64_json or "")
    assert _picture(made.data[0].b64_json).size == (SIDE, SIDE)
    assert verifying.verify(result).generated
    with pytest.deprecated_call():
        varied = client.images.create_variation(
            image=("in.png", original), n=1, extra_body={"strength": 0.0}
        )
    assert varied.data
    for picture, kept in ((made, (0, SIDE // 2)), (varied, (0, 0))):
        assert picture.data
        below = _picture(picture.data[0].b64_json).crop((*kept, SIDE, SIDE))
        spread = max(high - low for low, high in below.getextrema())
        assert spread < 16, "what is kept has its one colour, but for the mark in the pixels"


@pytest.mark.parametrize("stream", [False, True])
def test_answers_are_as_the_document_says(serving: ServerProcess, stream: bool) -> None:
    contract = Contract.of(create_app(scripted_services(ScriptedGateway())))
    path, body = "/v1/images/generations", {"prompt": "a fox", "steps": 2, "stream": stream}
    assert contract.body_is_valid(path, body)
    headers = {"authorization": f"Bearer {serving.key}"}
    answer = httpx.post(f"{serving.url}{path}", json=body, headers=headers)
    contract.check("POST", path, answer)


def test_a_key_for_something_else_draws_nothing(serving: ServerProcess) -> None:
    printed = serving.run("keys", "create", "texts", "--scopes", "generate").stdout
    found = re.search(r"sk-csn-[\w-]+", printed)
    assert found
    url = f"{serving.url}/v1"
    with (
        openai.OpenAI(base_url=url, api_key=found.group(), max_retries=0) as other,
        pytest.raises(openai.PermissionDeniedError),
    ):
        other.images.generate(prompt="a fox")


def test_the_terminal_draws_through_the_server_and_verifies(
    serving: ServerProcess, tmp_path: Path
) -> None:
    fox, blue = tmp_path / "fox.png", tmp_path / "blue.webp"
    serving.run("image", "a fox", "-o", str(fox), "--steps", "2", "--seed", "1")
    piped = serving.piped("image", "a fox", "-o", "-", "--steps", "2")
    assert b"not changed since" in serving.piped("verify", "-", given=piped)
    serving.run("image", "blue", "--from", str(fox), "-o", str(blue), "--n", "2", "--steps", "2")
    assert "not changed since" in serving.run("verify", str(fox)).stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "blue-1.webp",
        "blue-2.webp",
        "fox.png",
    ]
    with fox.open("rb") as file:
        told = httpx.post(f"{serving.url}/api/verify", files={"file": file}).json()
    assert (told["verdict"], told["ours"], told["model"]) == ("intact", True, MODEL)
    rubbish = httpx.post(f"{serving.url}/api/verify", files={"file": b"rubbish"})
    assert rubbish.status_code == 400


def _png(side: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (200, 30, 30)).save(buffer, "PNG")
    return buffer.getvalue()


def _bomb() -> bytes:
    buffer = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("send", "status", "param"),
    [
        (lambda c: c.images.generate(prompt="x", size="4096x64"), 400, "size"),
        (lambda c: c.images.generate(prompt="x", size="big"), 400, "size"),
        (lambda c: c.images.generate(prompt="x", n=11), 400, "n"),
        (lambda c: c.images.generate(prompt="x", model="no-such"), 404, "model"),
        (lambda c: c.images.generate(prompt="x", model="smollm2-135m-instruct"), 400, "model"),
        (lambda c: c.images.generate(prompt="x", background="transparent"), 400, "background"),
        (lambda c: c.images.edit(prompt="x", image=b"rubbish"), 400, "image"),
        (lambda c: c.images.edit(prompt="x", image=[_png(9), _png(9)]), 400, "image"),
        (lambda c: c.images.edit(prompt="x", image=_png(9), mask=_png(8)), 400, "mask"),
        (lambda c: c.images.edit(prompt="x", image=_png(9), mask=_png(9)), 400, "mask"),
        (
            lambda c: c.images.edit(prompt="x", image=_png(9), extra_body={"strength": "nan"}),
            400,
            "strength",
        ),
        (lambda c: c.images.edit(prompt="x", image=_bomb()), 413, "image"),
        (lambda c: c.images.edit(prompt="x", image=_bomb()[:2000]), 413, "image"),
    ],
)
def test_what_cannot_be_is_refused(
    client: openai.OpenAI, send: Callable[[openai.OpenAI], object], status: int, param: str
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        send(client)
    assert caught.value.status_code == status
    assert caught.value.param == param
    assert "pattern" not in caught.value.message, "what to do is said in words"
