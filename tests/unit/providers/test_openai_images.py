"""Pictures in OpenAI's API: what is sent, what is refused, what comes back."""

import base64
import io

import pytest
from PIL import Image

from consigne.domain.errors import Unsupported
from consigne.domain.images import ImageMade, ImageRequest, ImagesStart, ImagesStop
from consigne.domain.models import Model
from consigne.providers.base import Deployment
from consigne.providers.openai import images

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
