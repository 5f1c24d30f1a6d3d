"""TypeScript clients: the vendors' SDKs and the Vercel AI SDK."""

from pathlib import Path

import pytest

from support.clients import NODE
from support.compatibility import Compatibility
from support.server import ServerProcess

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("cases", ["anthropic", "openai", "ai"])
def test_every_feature(
    cases: str, node: Path, consigne: ServerProcess, compatibility: Compatibility, tmp_path: Path
) -> None:
    compatibility.run([node, NODE / f"{cases}.mjs"], consigne, tmp_path)
