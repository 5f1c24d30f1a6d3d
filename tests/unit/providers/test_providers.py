"""Providers open with their keys, and say what is missing."""

import pytest

from consigne.domain.errors import OperatorError
from consigne.providers.providers import Providers
from support.providing import settings_for


def test_a_key_that_is_not_there_is_named() -> None:
    settings = settings_for("openai", "http://up", api_key="", api_key_env="UP_KEY")
    with pytest.raises(OperatorError, match="UP_KEY, which is not set"):
        Providers([settings], environ={})
    assert len(list(Providers([settings], environ={"UP_KEY": "k"}))) == 1


def test_a_key_that_no_header_can_carry_is_refused() -> None:
    with pytest.raises(OperatorError, match="wrong character"):
        Providers([settings_for("anthropic", "http://up", api_key="a\nb")], environ={})


def test_models_say_where_they_run() -> None:
    (provider,) = Providers([settings_for("openai", "http://up")], environ={})
    models = {each.model.id: each.model for each in provider.deployments}
    assert models["far"].where == models["far"].owner == "openai-up"
    assert models["far"].capabilities.thinking
    assert not models["blind"].capabilities.tools
    assert models["vectors"].modality == "embedding"


def test_only_anthropics_api_reads_documents_at_their_addresses() -> None:
    for kind, reads in (("openai", False), ("anthropic", True)):
        (provider,) = Providers([settings_for(kind, "http://up")], environ={})  # type: ignore[arg-type]
        models = {each.model.id: each.model.capabilities for each in provider.deployments}
        assert models["far"].document_urls is reads
        assert not models["blind"].document_urls
