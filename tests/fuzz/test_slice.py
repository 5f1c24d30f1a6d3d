"""A few hundred of the fuzzer's requests; ``fuzz.run`` sends as many as one likes."""

import asyncio
from pathlib import Path

import pytest

from doubles.scripted import ScriptedGateway
from fuzz.probe import Probe
from fuzz.run import fuzz
from fuzz.schema import send_all
from fuzz.traffic import Sent
from support.contract import Contract
from support.dialects import dialects_app
from support.site import open_site
from support.storage import served_storage


# schemathesis makes the boundaries of its forms so.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.slow
def test_no_request_breaks_the_service(tmp_path: Path) -> None:
    contract = Contract.of(dialects_app(ScriptedGateway()))
    with (
        served_storage(tmp_path, ScriptedGateway()) as (url, storage),
        Probe(url, contract, key=storage.secrets["owner"]) as probe,
    ):
        fuzz(probe, contract, 240, seed=7)
        assert probe.problems == []
        assert probe.alive()
        assert sum(probe.counts.values()) > 200
        assert probe.counts[200] > 20
        assert probe.counts[400] > 20


@pytest.mark.slow
async def test_no_request_breaks_the_web_apps_own_api(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        visitor = await site.owner()
        document = Contract.of(site.app).document
        for path in [path for path in document["paths"] if path.endswith("/events")]:
            del document["paths"][path]  # streams without an end
        document["paths"]["/api/session"].pop("delete")
        made: list[Sent] = []
        await asyncio.to_thread(send_all, document, 120, made.append, 7)
        assert len(made) > 60
        for sent in made:
            raw = {name: value.encode("latin-1", "replace") for name, value in sent.headers.items()}
            answer = await visitor.http.request(
                sent.method, sent.path, content=sent.body, headers=raw
            )
            assert answer.status_code < 500, (sent, answer.text)
            assert "Traceback" not in answer.text
            if answer.status_code >= 400:
                assert set(answer.json()["error"]) == {"code", "message"}, (sent, answer.text)
