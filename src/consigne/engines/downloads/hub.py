"""Models of the Hugging Face hub: an OpenVINO folder, or one GGUF file that is converted."""

import errno
import hashlib
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from consigne.domain.errors import ModelBroken, OperatorError
from consigne.engines.downloads.child import Outcome, Prepared, Unchanged
from consigne.engines.downloads.folders import (
    check_config,
    choose_gguf,
    is_openvino,
    openvino_files,
)
from consigne.engines.downloads.sources import Facts, HubSource, label
from consigne.engines.downloads.steps import (
    StepReport,
    convert_gguf,
    describe,
    describe_image,
    require_space,
    sha256_of,
)
from consigne.engines.image_folders import INDEX, image_files, is_image_model

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_POLL_S = 0.2
_CHUNK = 2**18
"""Bytes that are written at once: what a cut can lose, and the steps of the progress."""
_PAPERS = ("LICENSE", "LICENSE.md", "LICENSE.txt", "NOTICE", "README.md")


class RemoteFile(msgspec.Struct, frozen=True):
    """A file of a repository, as the hub describes it."""

    path: str
    size: int
    sha256: str
    """Of large files; empty for small ones."""
    git_blob: str
    """Git's SHA-1 of the file as a blob, for small files."""

    @property
    def key(self) -> str:
        """What its content is known by, whatever revision it belongs to."""
        return self.sha256 or self.git_blob or self.path.replace("/", "-")


def prepare_hub(
    source: HubSource, work_dir: Path, installed_source: str, report: StepReport
) -> Outcome:
    """Download what the model needs, check it against the hub's hashes, convert a GGUF.

    Raises:
        OperatorError: The hub can't be reached or refuses; the message says what to do.
        ModelNotSupported: The repository holds no form of a model that runs here.
        ModelBroken: What came is not what the hub describes.
    """
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    from huggingface_hub import HfApi, constants

    constants.DOWNLOAD_CHUNK_SIZE = _CHUNK
    api = HfApi(library_name="consigne")
    blobs = work_dir / "blobs"
    blobs.mkdir(exist_ok=True)
    with _explained(source, api.endpoint):
        revision, remote = _describe(api, source)
        if installed_source == f"{label(source)}@{revision}":
            return Unchanged()
        chosen = _choose(source, remote)
        _require_space(blobs, chosen)
        _download(api, source.repo, revision, chosen, blobs, report)
    known = _verify(chosen, blobs, report)
    out = work_dir / "model"
    said = _assemble(chosen, blobs, out, report, title=source.repo.split("/")[1])
    if (out / INDEX).is_file():
        manifest = describe_image(out, source, revision=revision, report=report, known=known)
    else:
        manifest = describe(out, source, said=said, revision=revision, report=report, known=known)
    return Prepared(str(out), manifest)


def _describe(api: "HfApi", source: HubSource) -> tuple[str, list[RemoteFile]]:
    info = api.model_info(source.repo, revision=source.revision, files_metadata=True, timeout=20)
    files = [
        RemoteFile(
            path=file.rfilename,
            size=file.size or 0,
            sha256=file.lfs.sha256 if file.lfs else "",
            git_blob="" if file.lfs else file.blob_id or "",
        )
        for file in info.siblings or ()
    ]
    return info.sha or source.revision, files


def _choose(source: HubSource, remote: Sequence[RemoteFile]) -> list[RemoteFile]:
    """Return the files to download, the small ones first."""
    names = [file.path for file in remote]
    where = f"hf:{source.repo}"
    if not source.file and is_image_model(names):
        wanted = set(image_files(names, where))
    elif not source.file and is_openvino(names):
        wanted = set(openvino_files(names, where))
    else:
        wanted = {choose_gguf(names, source.file, where), *_PAPERS}
    return sorted((file for file in remote if file.path in wanted), key=lambda file: file.size)


def _require_space(blobs: Path, chosen: Sequence[RemoteFile]) -> None:
    here = sum(path.stat().st_size for path in blobs.iterdir())
    total = sum(file.size for file in chosen)
    converted = sum(file.size for file in chosen if file.path.endswith(".gguf"))
    require_space(blobs, max(0, total - here) + converted * 5 // 4)


def _download(
    api: "HfApi",
    repo: str,
    revision: str,
    chosen: Sequence[RemoteFile],
    blobs: Path,
    report: StepReport,
) -> None:
    with _watched(blobs, sum(file.size for file in chosen), report):
        for file in chosen:
            _fetch(api, repo, revision, file, blobs / file.key)
            if file.path == "config.json":
                check_config(blobs / file.key, f"hf:{repo}")


def _fetch(api: "HfApi", repo: str, revision: str, file: RemoteFile, blob: Path) -> None:
    """Download one file, going on where an earlier run was cut.

    The client's own ``hf_hub_download`` begins a cut file again when its process has ended.
    """
    from huggingface_hub.file_download import hf_hub_url, http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    if blob.is_file():
        return
    part = blob.with_suffix(".part")
    url = hf_hub_url(repo, file.path, revision=revision, endpoint=api.endpoint)
    with part.open("ab") as target:
        begun = target.tell()
        if begun > file.size:
            target.truncate(begun := 0)
        headers = build_hf_headers(library_name="consigne")
        http_get(url, target, resume_size=begun, headers=headers, expected_size=file.size)
    part.rename(blob)


@contextmanager
def _watched(folder: Path, total: int, report: StepReport) -> Iterator[None]:
    """Report the bytes that have come, by the size of the files, finished and unfinished."""
    ended = threading.Event()
    reached = 0

    def count() -> int:
        nonlocal reached
        found = 0
        for path in folder.iterdir():
            try:
                found += path.stat().st_size
            except FileNotFoundError:  # moved to its final name meanwhile
                continue
        reached = max(reached, min(found, total))
        return reached

    def watch() -> None:
        while not ended.wait(_POLL_S):
            report("download", count(), total)

    watcher = threading.Thread(target=watch, daemon=True)
    report("download", count(), total)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
    report("download", total, total)


def _verify(chosen: Sequence[RemoteFile], blobs: Path, report: StepReport) -> dict[str, str]:
    """Check each file against the hub's hash; return the SHA-256 of those that have one."""
    total, done = sum(file.size for file in chosen), 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        report("verify", done, total)

    for file in chosen:
        blob = blobs / file.key
        if file.sha256:
            whole = sha256_of(blob, advance) == file.sha256
        else:
            whole = not file.git_blob or _git_blob(blob) == file.git_blob
            advance(file.size)
        if not whole:
            blob.unlink()
            raise ModelBroken(
                f"{file.path} is not what the hub describes: it was damaged on the way, or "
                "changed by a proxy. It was deleted; pull again to download it anew."
            )
    return {file.path: file.sha256 for file in chosen if file.sha256}


def _git_blob(path: Path) -> str:
    content = path.read_bytes()
    digest = hashlib.sha1(f"blob {len(content)}\0".encode(), usedforsecurity=False)
    digest.update(content)
    return digest.hexdigest()


def _assemble(
    chosen: Sequence[RemoteFile], blobs: Path, out: Path, report: StepReport, *, title: str
) -> Facts:
    shutil.rmtree(out, ignore_errors=True)
    gguf = next((file for file in chosen if file.path.endswith(".gguf")), None)
    said = Facts(name=title)
    if gguf:
        said = convert_gguf(blobs / gguf.key, out, report)
    else:
        out.mkdir()
    for file in chosen:
        if file is not gguf and not (out / file.path).exists():
            (out / file.path).parent.mkdir(parents=True, exist_ok=True)
            os.link(blobs / file.key, out / file.path)
    return said


@contextmanager
def _explained(source: HubSource, endpoint: str) -> Iterator[None]:
    """Turn the hub client's errors into one sentence each that says what to do."""
    from huggingface_hub import errors

    # The root of the errors of the client's HTTP library, whichever that is.
    http_error: type[Exception] = errors.HfHubHTTPError.__mro__[1]
    try:
        yield
    except errors.GatedRepoError:
        raise OperatorError(
            f"{label(source)} asks for consent to its terms. Open {endpoint}/{source.repo}, "
            f"accept them, make a token at {endpoint}/settings/tokens, and pull again with "
            "HF_TOKEN=… in the environment."
        ) from None
    except errors.RevisionNotFoundError:
        raise OperatorError(f"{source.repo} has no revision '{source.revision}'.") from None
    except errors.RepositoryNotFoundError:
        raise OperatorError(
            f"The hub {endpoint} has no repository {source.repo} that you may read. Check its "
            "name; if it is private, give a token that may read it in HF_TOKEN."
        ) from None
    except errors.OfflineModeIsEnabled:
        raise OperatorError(
            "HF_HUB_OFFLINE is set, so the hub is not asked. Unset it and pull again."
        ) from None
    except errors.HfHubHTTPError as error:
        raise OperatorError(_refused(error.response.status_code, endpoint)) from None
    except errors.HFValidationError as error:
        raise OperatorError(f"'{source.repo}' is no name of a repository: {error}") from None
    except (errors.LocalEntryNotFoundError, http_error, ConnectionError) as error:
        raise OperatorError(_unreachable(endpoint, error)) from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OperatorError(
                "The disk is full. Free some space and pull again: the download goes on where "
                "it stopped."
            ) from None
        raise


def _refused(status: int, endpoint: str) -> str:
    match status:
        case 401:
            return f"The hub {endpoint} refuses the token in HF_TOKEN. Make a new one, or unset it."
        case 403:
            return f"The token in HF_TOKEN may not read this repository of {endpoint}."
        case 429:
            return f"The hub {endpoint} asks to slow down. Wait some minutes and pull again."
        case _:
            return f"The hub {endpoint} answered with status {status}. Pull again later."


def _unreachable(endpoint: str, error: Exception) -> str:
    cause = str(error.__cause__ or error).strip().splitlines() or [type(error).__name__]
    return (
        f"The Hugging Face hub {endpoint} can't be reached ({cause[0]}). Check the network and "
        "proxy (HTTPS_PROXY), or name a mirror in HF_ENDPOINT; then pull again: the download "
        "goes on where it stopped."
    )
