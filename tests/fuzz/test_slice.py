"""A few hundred of the fuzzer's requests; ``fuzz.run`` sends as many as one likes."""

import pytest

from doubles.scripted import ScriptedGateway
from fuzz.probe import Probe
from fuzz.run import fuzz
from support.contract import Contract
from support.dialects import dialects_app, served


@pytest.mark.slow
def test_no_request_breaks_the_service() -> None:
    contract = Contract.of(dialects_app(ScriptedGateway()))
    with served(ScriptedGateway()) as url, Probe(url, contract) as probe:
        fuzz(probe, contract, 320, seed=7)
        assert probe.problems == []
        assert probe.alive()
        assert sum(probe.counts.values()) > 250
        assert probe.counts[200] > 30
        assert probe.counts[400] > 30
