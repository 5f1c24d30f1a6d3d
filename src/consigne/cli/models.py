"""``consigne models``: install, list and remove models."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from consigne.cli.context import settings_of
from consigne.domain.errors import ModelNotFound, OperatorError

if TYPE_CHECKING:
    from consigne.engines.base import InstalledModel, Manifest
    from consigne.engines.downloads.progress import Report
    from consigne.engines.library import ModelLibrary


@click.group()
def models() -> None:
    """Install, list and remove models."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def list_models(ctx: click.Context, as_json: bool) -> None:
    """List the installed models."""
    library = _library(ctx)
    installed = library.list()
    if as_json:
        _print_json([_public(model.manifest) for model in installed])
        return
    for name, fault in library.faults().items():
        click.echo(f"consigne: {library.models_dir / name} is no model: {fault}.", err=True)
    if not installed:
        click.echo("No model is installed. Begin with: consigne models pull starter")
        _show_built_in(ctx)
        return
    from consigne.cli.tables import print_table

    print_table(
        ("name", "kind", "size", "context", "licence", "languages"),
        [_row(model.manifest) for model in installed],
        right=(2, 3),
    )
    _show_built_in(ctx)


def _show_built_in(ctx: click.Context) -> None:
    installed = {model.id for model in _library(ctx).list()}
    for model in _with_built_in(ctx).list():
        if model.id not in installed:
            click.echo(f"Besides, {model.id} comes with Consigne ({model.manifest.modality}).")


@models.command()
@click.argument("model_id", metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def info(ctx: click.Context, model_id: str, as_json: bool) -> None:
    """Show what is known of an installed model."""
    model = _with_built_in(ctx).get(model_id) or _installed(_library(ctx), model_id)
    manifest = model.manifest
    if as_json:
        _print_json({**_public(manifest), "path": str(model.path), "files": manifest.files})
        return
    from consigne.cli.tables import print_fields

    can = [name for name, value in _capabilities(manifest).items() if value]
    print_fields(
        {
            "name": f"{manifest.id} ({manifest.name})",
            "kind": manifest.modality,
            "from": manifest.source,
            "folder": str(model.path),
            "size": _size(manifest.size_bytes),
            "context": f"{manifest.context:,} tokens" if manifest.context else "",
            "draws": _draws(manifest),
            "parameters": f"{manifest.parameters / 1e6:,.0f} M" if manifest.parameters else "",
            "licence": manifest.license,
            "languages": ", ".join(manifest.languages),
            "can": ", ".join(can).replace("_", " "),
        }
    )


@models.command()
@click.argument("source")
@click.option("--id", "model_id", default="", help="Name to call the model by.")
@click.pass_context
def pull(ctx: click.Context, source: str, model_id: str) -> None:
    """Bring a model to this machine.

    SOURCE is "starter" (small, English), "minilm" (embeddings), a name of "suggest --images", or
    "hf:OWNER/REPO[:FILE][@REVISION]" of the Hugging Face hub: an OpenVINO folder, one GGUF, or an
    image model. A download that was cut goes on where it stopped.
    """
    from consigne.gateway.image_catalogue import image_entry

    if entry := image_entry(source):
        source = source.replace(entry.id, entry.source) if source == entry.id else source
        click.echo(
            f"{entry.name}: about {_size(entry.size_bytes)}, licence {entry.license} "
            f"({entry.license_url})",
            err=True,
        )
    _say_installed(pull_with_progress(source, _library(ctx), model_id=model_id))


@models.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--id", "model_id", default="", help="Name to call the model by.")
@click.pass_context
def add(ctx: click.Context, path: Path, model_id: str) -> None:
    """Install a model from this disk: an OpenVINO folder, or a GGUF file."""
    from consigne.engines import downloads

    library = _library(ctx)
    facts = downloads.Facts(id=model_id)
    installed = _with_progress(
        path.name, lambda report: downloads.add(path, library, progress=report, facts=facts)
    )
    _say_installed(installed)


@models.command()
@click.argument("model_id", metavar="NAME")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def remove(ctx: click.Context, model_id: str, yes: bool) -> None:
    """Delete an installed model from the disk."""
    library = _library(ctx)
    model = library.get(model_id)
    if model is None and _with_built_in(ctx).get(model_id):
        raise OperatorError(f"{model_id} comes with Consigne and can't be removed.")
    if model is not None and not yes:
        size = _size(model.manifest.size_bytes)
        click.confirm(f"Delete {model_id} ({size}) from {model.path}?", abort=True)
    library.remove(model_id)
    click.echo(f"Removed {model_id}.")


@models.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--images", is_flag=True, help="Models that make pictures.")
@click.pass_context
def suggest(ctx: click.Context, as_json: bool, images: bool) -> None:
    """Show models that are worth having on this machine."""
    from consigne.cli.suggestions import show, show_images

    if images:
        show_images(_library(ctx), as_json=as_json)
        return
    show(_library(ctx), as_json=as_json)


def pull_with_progress(
    source: str, library: "ModelLibrary", *, model_id: str = ""
) -> "InstalledModel":
    """Bring a model and show on standard error how far it has come.

    Raises:
        OperatorError: What stands in the way, and what to do.
        Conflict: It is being installed already, or its name is another model's.
        KeyboardInterrupt: After everything that was begun has been stopped.
    """
    import msgspec

    from consigne.engines import downloads
    from consigne.gateway import catalogue

    facts = catalogue.facts_of(source)
    if model_id:
        facts = msgspec.structs.replace(facts, id=model_id)
    return _with_progress(
        source, lambda report: downloads.pull(source, library, progress=report, facts=facts)
    )


def _with_progress(
    name: str, work: "Callable[[Report], Coroutine[Any, Any, InstalledModel]]"
) -> "InstalledModel":
    from consigne.cli.progress import shown

    with shown(name) as report:
        return asyncio.run(work(report))


def _library(ctx: click.Context) -> "ModelLibrary":
    from consigne.engines.library import ModelLibrary

    return ModelLibrary(settings_of(ctx).models_dir)


def _with_built_in(ctx: click.Context) -> "ModelLibrary":
    from consigne.engines.library import BUILT_IN, ModelLibrary

    return ModelLibrary(settings_of(ctx).models_dir, BUILT_IN)


def _installed(library: "ModelLibrary", model_id: str) -> "InstalledModel":
    if found := library.get(model_id):
        return found
    names = ", ".join(model.id for model in library.list()) or "none"
    raise ModelNotFound(f"No model '{model_id}' is installed. Installed: {names}.")


def _say_installed(model: "InstalledModel") -> None:
    click.echo(f"{model.id} is installed ({_size(model.manifest.size_bytes)}).")


def _size(count: int) -> str:
    from consigne.engines.downloads.steps import size

    return size(count)


def _row(manifest: "Manifest") -> tuple[str, ...]:
    return (
        manifest.id,
        manifest.modality,
        _size(manifest.size_bytes),
        f"{manifest.context:,}" if manifest.context else "",
        manifest.license or "unknown",
        ", ".join(manifest.languages) or "unknown",
    )


def _draws(manifest: "Manifest") -> str:
    traits = manifest.image
    if traits is None:
        return ""
    edits = ", also from pictures" if traits.edits else ""
    return f"{traits.width}x{traits.height} pixels in {traits.steps} steps{edits}"


def _public(manifest: "Manifest") -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(manifest)
    del fields["files"]
    return fields


def _capabilities(manifest: "Manifest") -> dict[str, bool]:
    import msgspec

    found: dict[str, bool] = msgspec.to_builtins(manifest.capabilities)
    return found


def _print_json(value: object) -> None:
    import msgspec

    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
