"""Models that lie on this machine's disk."""

import os
import shutil
from pathlib import Path

from consigne.domain.errors import ModelNotSupported
from consigne.engines.downloads.child import Prepared
from consigne.engines.downloads.folders import check_config, choose_gguf, openvino_files
from consigne.engines.downloads.sources import Facts, PathSource
from consigne.engines.downloads.steps import (
    StepReport,
    convert_gguf,
    describe,
    describe_image,
    require_space,
)
from consigne.engines.image_folders import INDEX, image_files


def prepare_path(source: PathSource, work_dir: Path, report: StepReport) -> Prepared:
    """Prepare an OpenVINO folder (hard-linked or copied) or a GGUF file (converted).

    Raises:
        ModelNotSupported: It is neither, or not a text model.
        ModelBroken: It is damaged.
    """
    path, out = Path(source.path), work_dir / "model"
    shutil.rmtree(out, ignore_errors=True)
    if path.is_dir() and (path / INDEX).is_file():
        return _image_model(source, path, out, report)
    if path.is_dir():
        names = openvino_files((entry.name for entry in path.iterdir()), str(path))
        check_config(path / "config.json", str(path))
        require_space(work_dir, sum((path / name).stat().st_size for name in names))
        out.mkdir()
        for name in names:
            _link(path / name, out / name)
        said = Facts()
    elif path.suffix.lower() == ".gguf":
        choose_gguf([path.name], path.name, str(path.parent))
        require_space(work_dir, 2 * path.stat().st_size)
        said = convert_gguf(path, out, report)
    else:
        raise ModelNotSupported(
            f"{path} is no model: give an OpenVINO folder (with openvino_model.xml, or with "
            "model_index.json for images) or a GGUF file."
        )
    return Prepared(str(out), describe(out, source, said=said, report=report))


def _image_model(source: PathSource, path: Path, out: Path, report: StepReport) -> Prepared:
    found = [str(entry.relative_to(path)) for entry in path.rglob("*") if entry.is_file()]
    names = image_files(found, str(path))
    require_space(out.parent, sum((path / name).stat().st_size for name in names))
    for name in names:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        _link(path / name, out / name)
    return Prepared(str(out), describe_image(out, source, report=report))


def _link(origin: Path, target: Path) -> None:
    try:
        os.link(origin.resolve(), target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(origin, target)
