"""Pictures in OpenAI's API: what is sent, what is refused, what comes back."""

import base64
import io

import pytest
from aiohttp import BodyPartReader, web
from PIL import Image

from consigne.domain.errors import Unsupported
from consigne.domain.images import ImageMade, ImageRequest, ImagesStart, ImagesStop
from consigne.domain.models import Model
from consigne.providers.base import Deployment
from consigne.providers.openai import images
from consigne.settings import ProviderModel
from doubles.capable import served_app
from support.providing import provider_at

DEPLOYMENT = Deployment(Model("pictures", "Pictures", "image", 0, 0), "gpt-image-1")


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (48, 32)).save(buffer, "PNG")
    return buffer.getvalue()


def test_what_is_asked_is_sent_in_the_apis_own_words() -> None:
    request = ImageRequest(model="pictures", prompt="a fox", n=2, width=1024, height=1536)
    assert images.body(request, DEPLOYMENT) == {
        "model": "gpt-image-1",
        "prompt": "a fox",
        "n": 2,
        "size": "1024x1536",
        "output_format": "png",
    }
    older = Deployment(DEPLOYMENT.model, "dall-e-3")
    assert images.body(request, older)["response_format"] == "b64_json"


@pytest.mark.parametrize("field", ["seed", "steps", "guidance", "strength"])
def test_what_the_api_has_no_word_for_is_refused(field: str) -> None:
    request = ImageRequest(model="pictures", prompt="a fox", **{field: 1})  # type: ignore[arg-type]
    with pytest.raises(Unsupported) as caught:
        images.body(request, DEPLOYMENT)
    assert caught.value.param == field


async def test_an_edit_is_sent_as_a_form_with_the_mask_as_the_api_reads_it() -> None:
    sent: dict[str, bytes] = {}

    async def answer(request: web.Request) -> web.Response:
        sent["path"] = request.path.encode()
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            assert isinstance(part, BodyPartReader)
            sent[part.name or ""] = bytes(await part.read())
        text = base64.b64encode(_png()).decode()
        return web.json_response({"data": [{"b64_json": text}]})

    grey = Image.new("L", (48, 32), 0)
    grey.paste(255, (0, 0, 24, 32))
    mask = io.BytesIO()
    grey.save(mask, "PNG")
    model = ProviderModel(id="pictures", context=0, image=True, image_edits=True)
    request = ImageRequest(
        model="pictures",
        prompt="ein “blauer” Hut",
        source=_png(),
        mask=mask.getvalue(),
        strength=0.3,
    )
    with served_app(answer) as url:
        async with provider_at("openai", url, models=(model,)) as (provider, deployment):
            events = [event async for event in provider.draw(deployment, request)]
    assert isinstance(events[1], ImageMade)
    assert sent["path"] == b"/v1/images/edits"
    assert sent["prompt"].decode() == request.prompt
    assert (sent["model"], sent["n"], sent["input_fidelity"]) == (b"pictures", b"1", b"high")
    assert sent["image"] == _png()
    cover = Image.open(io.BytesIO(sent["mask"]))
    assert (cover.mode, cover.size) == ("RGBA", (48, 32))
    alpha = cover.getchannel("A")
    assert (alpha.getpixel((5, 5)), alpha.getpixel((40, 5))) == (0, 255), "the hole is drawn anew"


def test_pictures_come_with_their_size_and_rewritten_words() -> None:
    text = base64.b64encode(_png()).decode()
    answer = images.decoder.decode(
        b'{"data":[{"b64_json":"%b","revised_prompt":"a red fox"}],"usage":{"input_tokens":7}}'
        % text.encode()
    )
    start, made, stop = images.events(
        answer, ImageRequest(model="pictures", prompt="a fox"), "pictures"
    )
    assert isinstance(start, ImagesStart)
    assert isinstance(made, ImageMade)
    assert isinstance(stop, ImagesStop)
    assert (made.width, made.height, made.revised_prompt) == (48, 32, "a red fox")
    assert (stop.usage.images, stop.usage.input_tokens) == (1, 7)


@pytest.mark.parametrize("data", [b'{"data":[]}', b'{"data":[{"b64_json":"!"}]}', b'{"data":[{}]}'])
def test_what_is_no_picture_is_told(data: bytes) -> None:
    request = ImageRequest(model="pictures", prompt="a fox")
    with pytest.raises(images.UnreadableError):
        images.events(images.decoder.decode(data), request, "pictures")
