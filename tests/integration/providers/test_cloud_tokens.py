"""Tokens of the clouds: the clouds' own libraries, asking services of theirs on this machine."""

import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from consigne.domain.errors import OperatorError, UpstreamFailed
from consigne.domain.messages import TextBlock
from consigne.providers.cloud_tokens import Bearer, CloudToken, open_token
from consigne.settings import load_settings
from doubles.upstream import ScriptedUpstream, body, completion, message, text_block
from support.providing import Kind, answer_of, ask, provider_at


class TokenService:
    """Gives out numbered tokens as a cloud does; ``failing`` makes it refuse."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.failing = False
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        """Answer as Google's token service and as a Microsoft machine's identity do."""
        form = dict(await request.post())
        self.asked.append({**request.query, **{name: str(form[name]) for name in form}})
        if self.failing:
            return web.json_response({"error": "invalid_grant"}, status=400)
        token = f"token-{len(self.asked)}"
        ends = str(int(time.time()) + 3600)
        return web.json_response(
            {"access_token": token, "expires_in": 3600, "expires_on": ends, "token_type": "Bearer"}
        )

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["TokenService"]:
        """Serve on a free port of this machine."""
        app = web.Application()
        app.router.add_route("*", "/token", self.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/token"
        try:
            yield self
        finally:
            await runner.cleanup()


def google_account(folder: Path, token_uri: str) -> Path:
    """Write the file of a service account whose tokens come from ``token_uri``."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "account.json"
    fields = {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "1",
        "private_key": key.decode(),
        "client_email": "consigne@p.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": token_uri,
    }
    path.write_text(json.dumps(fields), "utf-8")
    return path


async def test_google_gives_a_token_for_the_service_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        TokenService().serve() as tokens,
        ScriptedUpstream(body(completion("Bonjour"))).serve() as server,
    ):
        account = google_account(tmp_path, tokens.url)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
        async with provider_at("openai", server.url, api_key="", credentials="google") as (
            provider,
            model,
        ):
            for _ in range(2):
                answer = await answer_of(provider.generate(model, ask(whole=True)))
                assert answer.message.content == (TextBlock("Bonjour"),)
    assert [each["authorization"] for each in server.headers] == ["Bearer token-1"] * 2
    claims = tokens.asked[0]["assertion"].split(".")[1]
    told = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert told["scope"] == "https://www.googleapis.com/auth/cloud-platform"


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
async def test_microsoft_gives_a_token_for_the_machines_identity(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = completion("Hi") if kind == "openai" else message(text_block("Hi"))
    async with (
        TokenService().serve() as tokens,
        ScriptedUpstream(body(whole)).serve() as server,
    ):
        monkeypatch.setenv("IDENTITY_ENDPOINT", tokens.url)
        monkeypatch.setenv("IDENTITY_HEADER", "secret")
        async with provider_at(kind, server.url, api_key="", credentials="azure") as (
            provider,
            model,
        ):
            await answer_of(provider.generate(model, ask(whole=True)))
    assert server.headers[0]["authorization"] == "Bearer token-1"
    assert "x-api-key" not in server.headers[0]
    assert tokens.asked[0]["resource"] == "https://cognitiveservices.azure.com"


async def test_amazon_signs_a_token_for_the_region_of_the_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    for host in ("bedrock-runtime.eu-west-3.amazonaws.com", "bedrock-mantle.eu-west-3.api.aws"):
        token = await open_token("aws", f"https://{host}/openai/v1").get()
        assert token.startswith("bedrock-api-key-")
        signed = base64.b64decode(token.removeprefix("bedrock-api-key-")).decode()
        fields = parse_qs(signed.partition("?")[2])
        assert fields["X-Amz-Credential"][0].endswith("/eu-west-3/bedrock/aws4_request")
        assert fields["X-Amz-Expires"] == ["1800"]


def test_amazon_needs_a_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(OperatorError, match="AWS_DEFAULT_REGION"):
        open_token("aws", "https://models.example.com/v1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert open_token("aws", "https://models.example.com/v1")


async def test_a_refused_token_is_not_used_again_and_no_token_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refused = body({"error": {"message": "expired"}}, status=401)
    async with (
        TokenService().serve() as tokens,
        ScriptedUpstream(refused, body(completion("Bonjour"))).serve() as server,
    ):
        account = google_account(tmp_path, tokens.url)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
        async with provider_at("openai", server.url, api_key="", credentials="google") as (
            provider,
            model,
        ):
            with pytest.raises(UpstreamFailed, match="refuses this service's own account"):
                await answer_of(provider.generate(model, ask(whole=True)))
            await answer_of(provider.generate(model, ask(whole=True)))
            assert server.headers[1]["authorization"] == "Bearer token-2"
        tokens.failing = True
        async with provider_at("openai", server.url, api_key="", credentials="google") as (
            provider,
            model,
        ):
            with pytest.raises(UpstreamFailed, match="has no credentials for the provider"):
                await answer_of(provider.generate(model, ask(whole=True)))
    assert "invalid_grant" in caplog.text
    assert len(server.requests) == 2


async def test_a_token_is_renewed_before_it_ends_and_kept_while_renewing_fails() -> None:
    now, made, broken = [0.0], [0], [False]

    def fetch() -> Bearer:
        if broken[0]:
            raise RuntimeError("the cloud is away")
        made[0] += 1
        return Bearer(f"token-{made[0]}", now[0] + 3600)

    token = CloudToken(fetch, clock=lambda: now[0])
    assert await token.get() == "token-1"
    now[0] = 3000.0
    assert await token.get() == "token-1"
    now[0] = 3400.0
    broken[0] = True
    assert await token.get() == "token-1"
    broken[0] = False
    assert await token.get() == "token-2"


def test_credentials_and_a_key_exclude_each_other() -> None:
    provider = {
        "name": "a",
        "kind": "openai",
        "base_url": "https://a.openai.azure.com/openai/v1",
        "api_key": "k",
        "credentials": "azure",
    }
    with pytest.raises(OperatorError, match="credentials or a key, not both"):
        load_settings({"providers": [provider]}, environ={})


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "azure.identity", None)
    with pytest.raises(OperatorError, match=r"pip install 'consigne\[clouds\]'"):
        open_token("azure", "https://a.openai.azure.com/openai/v1")
