"""Stage *prepare*: openly licensed artwork, drawn to arrays of premultiplied RGBA.

The packages come from the npm registry at preparation time, at fixed versions, and stay in the
work folder. ``pictures.npy`` is uint8 [picture, y, x, 4]; ``pictures.json`` says each one's object
and package; ``labels.json`` holds emojibase's labels in both languages.
"""

import io
import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from consigne.domain.errors import OperatorError
from consigne.training.images.config import ImageTraining
from consigne.training.images.files import replaced
from consigne.training.images.vocabulary import plain_code

PACKAGES = {
    "@iconify-json/twemoji": "1.2.5",
    "@iconify-json/noto": "1.2.9",
    "@iconify-json/fluent-emoji-flat": "1.2.6",
    "@iconify-json/noto-v1": "1.2.5",
    "@iconify-json/openmoji": "1.2.29",
    "@lobehub/fluent-emoji-3d": "1.1.0",
    "emojibase-data": "17.0.0",
}
_DRAWN_AT = 256
_SKIN_TONES = ("1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff")
_LEFT_OUT = (2, 9)
"""emojibase's groups of hair parts and flags."""

Picture = npt.NDArray[np.uint8]


def fetch(folder: Path) -> Path:
    """Install the artwork's packages below a folder and return their place."""
    place = folder / "node_modules"
    wanted = [f"{name}@{version}" for name, version in PACKAGES.items()]
    if all((place / name / "package.json").exists() for name in PACKAGES):
        return place
    npm = shutil.which("npm")
    if npm is None:
        raise OperatorError("Preparing the artwork needs npm: install Node.js, then try again.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    done = subprocess.run(
        [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", *wanted],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise OperatorError(f"npm could not install the artwork: {last}")
    return place


def prepare(config: ImageTraining, packages: Path, folder: Path) -> int:
    """Draw all artwork and write the arrays; return how many pictures there are."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = _labels(packages / "emojibase-data")
    codes = {row["code"] for row in labels}
    pictures: list[Picture] = []
    index: list[dict[str, str]] = []
    sources = [*(style.package for style in config.styles), config.foreign]
    codes_of = _codes_of_names(packages / package for package in sources)
    for package in sources:
        seen: set[str] = set()
        for code, image in _images(packages / package, codes_of):
            if code in codes and code not in seen:
                seen.add(code)
                pictures.append(_resized(image, config.pictures.size))
                index.append({"code": code, "package": package})
    with replaced(folder / "labels.json") as path:
        path.write_text(json.dumps(labels, ensure_ascii=False), "utf-8")
    with replaced(folder / "pictures.npy") as path, path.open("wb") as file:
        np.save(file, np.stack(pictures))
    with replaced(folder / "pictures.json") as path:
        path.write_text(json.dumps(index), "utf-8")
    return len(pictures)


def _labels(package: Path) -> list[dict[str, Any]]:
    french = {
        plain_code(row["hexcode"]): row["label"]
        for row in json.loads((package / "fr" / "data.json").read_text("utf-8"))
    }
    found = []
    for row in json.loads((package / "en" / "data.json").read_text("utf-8")):
        code = plain_code(row["hexcode"])
        if code in french and row.get("group") is not None and row["group"] not in _LEFT_OUT:
            found.append(
                {"code": code, "emoji": row["emoji"], "en": row["label"], "fr": french[code]}
            )
    return found


def _codes_of_names(packages: Iterable[Path]) -> dict[str, str]:
    """Return the code of each icon name that any package knows: not all packages tell them."""
    found: dict[str, str] = {}
    for package in packages:
        characters = package / "chars.json"
        if characters.exists():
            for code, name in json.loads(characters.read_text("utf-8")).items():
                found.setdefault(name, code)
    return found


def _images(package: Path, codes_of: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """Give each picture of a package as (code, RGBA image)."""
    from PIL import Image

    icons = package / "icons.json"
    if not icons.exists():
        for path in sorted((package / "assets").glob("*.webp")):
            yield plain_code(path.stem), Image.open(path).convert("RGBA")
        return
    data = json.loads(icons.read_text("utf-8"))
    characters = json.loads((package / "chars.json").read_text("utf-8"))
    if not characters:
        characters = {codes_of[name]: name for name in data["icons"] if name in codes_of}
    for code, name in characters.items():
        entry = data.get("aliases", {}).get(name, {}).get("parent", name)
        if entry in data["icons"] and not any(tone in code for tone in _SKIN_TONES):
            yield plain_code(code), _drawn(data, data["icons"][entry])


def _drawn(data: dict[str, Any], icon: dict[str, Any]) -> Any:
    import resvg_py
    from PIL import Image

    def of(key: str, otherwise: int) -> Any:
        return icon.get(key, data.get(key, otherwise))

    width, height = of("width", 16), of("height", 16)
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{of("left", 0)} {of("top", 0)} {width} {height}" '
        f'width="{width}" height="{height}">{icon["body"]}</svg>'
    )
    png = bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg, width=_DRAWN_AT, height=_DRAWN_AT, skip_system_fonts=True
        )
    )
    return Image.open(io.BytesIO(png)).convert("RGBA")


def _resized(image: Any, size: int) -> Picture:
    """Return a square picture, premultiplied, so that edges do not darken."""
    from PIL import Image

    if image.width != image.height:
        side = max(image.size)
        square = Image.new("RGBA", (side, side))
        square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
        image = square
    array = np.asarray(image).astype(np.float32) / 255
    array[..., :3] *= array[..., 3:]
    planes = [
        np.asarray(Image.fromarray(array[..., k]).resize((size, size), Image.Resampling.LANCZOS))
        for k in range(4)
    ]
    return (np.stack(planes, -1) * 255 + 0.5).clip(0, 255).astype(np.uint8)


class Artwork:
    """The prepared pictures, read as they are needed."""

    def __init__(self, folder: Path) -> None:
        self.pixels: Picture = np.load(folder / "pictures.npy", mmap_mode="r")
        index = json.loads((folder / "pictures.json").read_text("utf-8"))
        self.rows = {(row["code"], row["package"]): at for at, row in enumerate(index)}
        self.packages = [row["package"] for row in index]

    def on(self, rows: list[int], rgb: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return pictures on coloured backgrounds ([n, 3], 0 to 1) as [n, 3, y, x] in -1 to 1."""
        art = np.stack([self.pixels[row] for row in rows]).astype(np.float32) / 255
        mixed = art[..., :3] + rgb[:, None, None] * (1 - art[..., 3:])
        return np.ascontiguousarray((mixed * 2 - 1).transpose(0, 3, 1, 2))
