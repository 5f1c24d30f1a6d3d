"""What every command shares: the settings, by the global options of the command line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from consigne.settings import Settings, load_settings


class GlobalOptions(msgspec.Struct, frozen=True):
    """The options that come before the subcommand."""

    data_dir: Path | None = None
    config: Path | None = None


def settings_of(ctx: click.Context, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of this invocation; ``overrides`` is what the subcommand's options set.

    Raises:
        OperatorError: A settings file or value that can't be used.
    """
    options = ctx.find_object(GlobalOptions) or GlobalOptions()
    return load_settings({**(overrides or {}), "data_dir": options.data_dir}, config=options.config)
