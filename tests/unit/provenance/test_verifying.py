"""What a file says of itself: signed here, elsewhere, changed, stripped, or nothing."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import c2pa
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from consigne.domain.errors import ConsigneError, InvalidRequest, OperatorError, RequestTooLarge
from consigne.domain.images import PictureFormat
from consigne.provenance import credentials, pictures, signing, verifying, watermark

ORIGIN = signing.Origin("img_1", "consigne-icons", datetime(2026, 11, 28, tzinfo=UTC))


@pytest.fixture(scope="module")
def ours() -> credentials.Credentials:
    return credentials.make("Acme")


def _signed(kind: PictureFormat, keys: credentials.Credentials, *, edited: bool = False) -> bytes:
    picture = watermark.embed(Image.linear_gradient("L").convert("RGB").resize((128, 128)))
    origin = signing.Origin(ORIGIN.picture_id, ORIGIN.model, ORIGIN.made_at, edited=edited)
    return signing.sign(pictures.encode(picture, kind, None), kind, origin, keys)


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
def test_what_was_signed_here_is_told(kind: PictureFormat, ours: credentials.Credentials) -> None:
    data = _signed(kind, ours, edited=kind == "png")
    found = verifying.verify(data, ours.root)
    assert (found.verdict, found.ours, found.generated, found.marked) == (
        "intact",
        True,
        True,
        True,
    )
    assert (found.model, found.picture_id) == ("consigne-icons", "img_1")
    assert found.made_at == "2026-11-28T00:00:00Z"
    assert "Acme" in found.signer
    assert "vouched for by nobody" in found.signer
    elsewhere = verifying.verify(data, credentials.make("Other").root)
    assert (elsewhere.verdict, elsewhere.ours) == ("intact", False)


def test_one_changed_byte_shows(ours: credentials.Credentials) -> None:
    data = bytearray(_signed("jpeg", ours))
    data[-40] ^= 1
    found = verifying.verify(bytes(data), ours.root)
    assert found.verdict == "changed"
    assert found.problems


def test_what_another_program_did_and_signed_since_is_told(ours: credentials.Credentials) -> None:
    other = credentials.make("Elsewhere")
    actions = [
        {"action": "c2pa.opened", "parameters": {"ingredientIds": ["ours"]}},
        {"action": "c2pa.cropped"},
    ]
    manifest: dict[str, Any] = {
        "claim_generator_info": [{"name": "Editor", "version": "9"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }
    told = c2pa.Context.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    builder = c2pa.Builder(msgspec.json.encode(manifest).decode(), context=told)
    ingredient = msgspec.json.encode({"relationship": "parentOf", "instance_id": "ours"}).decode()
    before = _signed("jpeg", ours)
    builder.add_ingredient(ingredient, "image/jpeg", io.BytesIO(before))
    cropped = pictures.encode(pictures.read(before).crop((9, 9, 90, 90)), "jpeg", None)
    info = c2pa.C2paSignerInfo(b"es256", other.chain.encode(), other.key.encode(), None)
    after = io.BytesIO()
    with c2pa.Signer.from_info(info) as signer:
        builder.sign(signer, "image/jpeg", io.BytesIO(cropped), after)
    found = verifying.verify(after.getvalue(), ours.root)
    assert (found.verdict, found.ours, found.trusted) == ("changed", None, False)
    assert (found.model, found.picture_id) == ("consigne-icons", "img_1")
    assert found.changes == ("Editor 9 (opened, cropped)",)
    assert "Acme" in found.signer


def test_saving_anew_strips_the_credentials_and_leaves_the_mark(
    ours: credentials.Credentials,
) -> None:
    again = pictures.encode(pictures.read(_signed("png", ours)), "jpeg", 80)
    assert verifying.verify(again, ours.root).verdict == "stripped"
    plain = pictures.to_png(Image.new("RGB", (64, 64), "green"))
    assert verifying.verify(plain, ours.root).verdict == "unmarked"


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    bomb = pictures.to_png(Image.new("1", (10_000, 10_000)))
    assert len(bomb) < 200_000
    with pytest.raises(RequestTooLarge, match="10000x10000"):
        pictures.read(bomb)


@pytest.mark.parametrize(
    ("picture", "saved", "colour"),
    [
        (Image.fromarray(np.full((8, 8), 20_000, np.uint16)), {}, (78, 78, 78)),
        (Image.new("RGB", (8, 8), (10, 200, 30)).quantize(), {}, (10, 200, 30)),
        (Image.new("1", (8, 8), 1), {}, (255, 255, 255)),
        (Image.new("LA", (8, 8), (7, 255)), {}, (7, 7, 7, 255)),
        (Image.new("RGB", (8, 8), (1, 2, 3)), {"transparency": (1, 2, 3)}, (1, 2, 3, 0)),
    ],
)
def test_every_kind_of_png_keeps_its_colours(
    picture: Image.Image, saved: dict[str, Any], colour: tuple[int, ...]
) -> None:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", **saved)
    assert pictures.read(buffer.getvalue()).getpixel((4, 4)) == colour


def test_a_large_picture_to_start_from_is_made_smaller_and_its_mask_alike() -> None:
    wide = Image.new("RGB", (3 * pictures.SOURCE_SIDE, 30))
    assert pictures.at_most(wide).size == (pictures.SOURCE_SIDE, 10)
    hole = Image.linear_gradient("L").point(lambda value: 255 if value > 99 else 0)
    assert pictures.at_most(hole, 100).getextrema() == (0, 255)
    assert set(pictures.at_most(hole, 100).tobytes()) == {0, 255}
    assert pictures.at_most(hole) is hole


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF"])
)
def test_rubbish_is_refused_in_one_sentence(tail: bytes, head: bytes) -> None:
    with pytest.raises(ConsigneError) as caught:
        pictures.read(head + tail)
    assert isinstance(caught.value, InvalidRequest | RequestTooLarge)
    assert "\n" not in caught.value.message


def test_the_self_made_certificate_is_kept_and_private(tmp_path: Path) -> None:
    first = credentials.ensure(tmp_path / "own", "Acme")
    assert credentials.ensure(tmp_path / "own", "Else") == first
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "own").iterdir())
    (tmp_path / "chain.pem").write_text(first.chain)
    (tmp_path / "key.pem").write_text(first.key)
    loaded = credentials.load(tmp_path / "chain.pem", tmp_path / "key.pem")
    assert loaded == first
    with pytest.raises(OperatorError, match="provenance"):
        credentials.load(tmp_path / "chain.pem", tmp_path / "chain.pem")
