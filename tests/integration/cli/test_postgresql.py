"""The service on a PostgreSQL, as an operator sets it up."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import openai
import pytest

from consigne.store.db import _server_url
from support.postgresql import Cluster
from support.server import ServerProcess


@pytest.mark.slow
def test_the_service_runs_on_postgresql_and_makes_no_file(
    make_data_dir: Callable[[], Path], cluster: Cluster
) -> None:
    environ = {"CONSIGNE_DATABASE__URL": asyncio.run(cluster.new(empty=True))}
    environ["CONSIGNE_DATABASE__URL"] = environ["CONSIGNE_DATABASE__URL"].replace("+asyncpg", "")
    folder = make_data_dir()
    server = ServerProcess(folder, environ=environ)
    key = server.key
    assert "PostgreSQL answers" in server.run("doctor").stdout
    assert server.stop() == 0
    again = ServerProcess(folder, environ=environ)
    with openai.OpenAI(base_url=f"{again.url}/v1", api_key=key, max_retries=0) as client:
        answer = client.chat.completions.create(
            model="", messages=[{"role": "user", "content": "Say hello."}], max_tokens=4
        )
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0
    assert again.stop() == 0
    assert '"requests": 1' in again.run("usage", "--json").stdout
    assert not (folder / "consigne.db").exists()
    assert "Traceback" not in again.log_path.read_text()


def test_the_url_is_as_libpq_writes_it() -> None:
    url = _server_url("postgresql://ann:secret@db.example.org/consigne?sslmode=verify-full")
    assert url.drivername == "postgresql+asyncpg"
    assert dict(url.query) == {"ssl": "verify-full"}
    assert (url.host, url.database, url.password) == ("db.example.org", "consigne", "secret")
    assert _server_url("postgres://db/consigne").drivername == "postgresql+asyncpg"
