"""LangChain's own standard integration tests, on both vendors' integrations."""

import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests
from report import KEY, URL, tell


class TestOpenAI(ChatModelIntegrationTests):
    """``ChatOpenAI``."""

    @property
    def chat_model_class(self) -> type:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        given = {"base_url": f"{URL}/v1", "api_key": KEY, "max_retries": 0}
        return {"model": "capable-openai", "stream_usage": True, **given}

    @property
    def supports_json_mode(self) -> bool:
        return False

    @property
    def supports_model_override(self) -> bool:
        return False


class TestAnthropic(ChatModelIntegrationTests):
    """``ChatAnthropic``."""

    @property
    def chat_model_class(self) -> type:
        return ChatAnthropic

    @property
    def chat_model_params(self) -> dict[str, Any]:
        given = {"base_url": URL, "api_key": KEY, "max_retries": 0, "max_tokens": 64}
        return {"model": "capable-anthropic", **given}

    @property
    def supports_model_override(self) -> bool:
        return False


class Teller:
    """Tells of each test as it ends."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell of a test that ran or failed on the way; skipped ones are not for this client."""
        if report.skipped or (report.when != "call" and not report.failed):
            return
        openai = "TestOpenAI" in report.nodeid
        client = "LangChain, ChatOpenAI" if openai else "LangChain, ChatAnthropic"
        name = report.nodeid.rpartition("::")[2].removeprefix("test_")
        title = f"standard test `{name}`"
        why = str(report.longreprtext)[-3000:] if report.failed else ""
        tell(client, "langchain-openai" if openai else "langchain-anthropic", title, why)


if __name__ == "__main__":
    # Without the terminal's dots, which would stand before the lines of what is told.
    options = ["-p", "no:terminal", "-p", "no:cacheprovider", "-W", "ignore", "--asyncio-mode=auto"]
    # The integrations keep their connections for all their models: one loop for all tests.
    scopes = [f"asyncio_default_{of}_loop_scope=session" for of in ("test", "fixture")]
    options += [option for scope in scopes for option in ("-o", scope)]
    options += ["--noconftest", "-c", "/dev/null", f"--rootdir={Path(__file__).parent}"]
    pytest.main([__file__, *options, *sys.argv[1:]], plugins=[Teller()])
