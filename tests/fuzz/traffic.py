"""What the official SDKs send, recorded from the SDKs themselves."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import anthropic
import openai

PIXEL = base64.b64encode(
    bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")
).decode()
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "weather", "description": "Tell the weather.", "parameters": SCHEMA}


class Sent(NamedTuple):
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def recorded() -> list[Sent]:
    """Return the requests of the SDKs' calls."""
    sent: list[Sent] = []
    with _recorder(sent) as url:
        for call in [*_anthropic_calls(url), *_openai_calls(url)]:
            with suppress(anthropic.APIError, openai.APIError):
                call()
    return sent


@contextmanager
def _recorder(sent: list[Sent]) -> Iterator[str]:
    class Recorder(BaseHTTPRequestHandler):
        def _record(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            left = ("host", "content-length", "connection", "accept-encoding", "authorization")
            headers = {n.lower(): v for n, v in self.headers.items() if n.lower() not in left}
            sent.append(Sent(self.command, self.path, headers, body))
            self.send_response(400)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_POST = _record  # noqa: N815 - the names that the base class calls

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _anthropic_calls(url: str) -> list[Any]:
    client = anthropic.Anthropic(base_url=url, api_key="sk-csn-test", max_retries=0)
    hello = [{"role": "user", "content": "Hello"}]
    tool = {"name": "weather", "description": "Tell the weather.", "input_schema": SCHEMA}
    image = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    history = [
        {"role": "user", "content": [{"type": "text", "text": "Weather in Paris?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Look it up.", "signature": "x"},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "P"}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "Sunny"}],
        },
    ]
    document = {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "Once."},
        "title": "Tale",
        "citations": {"enabled": True},
    }

    given = [
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}, "context": "Old"},
    ]

    def send(**fields: Any) -> Any:
        return lambda: client.messages.create(**({"model": "tiny", "max_tokens": 9} | fields))

    return [
        send(messages=hello),
        send(messages=hello, stream=True, stop_sequences=["END"], metadata={"user_id": "u"}),
        send(messages=history, tools=[tool], tool_choice={"type": "any"}),
        send(
            messages=[{"role": "user", "content": [{"type": "image", "source": image}]}],
            system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        ),
        send(messages=[{"role": "user", "content": [document]}], thinking={"type": "adaptive"}),
        send(
            messages=hello,
            output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
            extra_headers={"anthropic-version": "2023-06-01"},
            extra_body={"temperature": 0.5, "top_p": 0.9, "top_k": 5},
        ),
        send(messages=[{"role": "user", "content": given}]),
        send(messages=_searched()),
        lambda: client.beta.messages.create(
            model="tiny",
            max_tokens=9,
            messages=hello,
            mcp_servers=[{"type": "url", "name": "notes", "url": "https://notes.example/mcp"}],
            tools=[{"type": "mcp_toolset", "mcp_server_name": "notes"}],
        ),
        lambda: client.messages.batches.create(
            requests=[
                {
                    "custom_id": "a",
                    "params": {"model": "tiny", "max_tokens": 9, "messages": hello},
                }
            ]
        ),
        lambda: client.messages.count_tokens(model="tiny", messages=history, tools=[tool]),
        lambda: client.models.list(limit=5),
        lambda: client.models.retrieve("tiny"),
    ]


def _searched() -> list[Any]:
    """Return a conversation with what was run for an answer."""
    call = {"id": "srvtoolu_1", "name": "web_search", "input": {"query": "weather"}}
    page = {"type": "web_search_result", "title": "A", "url": "https://a.example"}
    asked = {"id": "mcptoolu_1", "name": "read", "server_name": "notes", "input": {}}
    blocks = [
        {"type": "server_tool_use"} | call,
        {
            "type": "web_search_tool_result",
            "tool_use_id": "srvtoolu_1",
            "content": [page | {"encrypted_content": "csn1.QQ=="}],
        },
        {"type": "mcp_tool_use"} | asked,
        {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "content": "None."},
        {"type": "text", "text": "Sunny [1]."},
    ]
    return [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": "And tomorrow?"},
    ]


def _openai_calls(url: str) -> list[Any]:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="sk-csn-test", max_retries=0)
    hello = [{"role": "user", "content": "Hello"}]
    call = {"name": "weather", "arguments": '{"city": "Paris"}'}
    history = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": call}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"},
    ]
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    named = {"name": "place", "schema": SCHEMA, "strict": True}
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "function_call", "call_id": "call_1"} | call,
        {"type": "function_call_output", "call_id": "call_1", "output": "Sunny"},
    ]

    files = [
        {"type": "input_file", "file_data": "data:text/plain;base64,T25jZS4=", "filename": "n"},
        {"type": "input_file", "file_id": "file-1"},
        {"type": "input_image", "file_id": "file-1"},
    ]

    told = {"server_label": "notes", "name": "read", "arguments": "{}", "output": "None."}
    run = [
        {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "w"}},
        {"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "notes", "tools": []},
        {"type": "mcp_call", "id": "mcp_1"} | told,
    ]
    written = {"id": "call_2", "type": "custom", "custom": {"name": "run", "input": "1"}}

    def chat(**fields: Any) -> Any:
        return lambda: client.chat.completions.create(**({"model": "tiny"} | fields))

    def respond(**fields: Any) -> Any:
        return lambda: client.responses.create(**({"model": "tiny"} | fields))

    return [
        chat(messages=hello, temperature=0.2, top_p=0.9, seed=7, stop=["END"], user="u"),
        chat(messages=hello, stream=True, stream_options={"include_usage": True}, n=2),
        chat(
            messages=history,
            tools=[{"type": "function", "function": FUNCTION}],
            tool_choice={"type": "function", "function": {"name": "weather"}},
            parallel_tool_calls=False,
        ),
        chat(messages=[{"role": "user", "content": [picture]}], max_completion_tokens=5),
        chat(
            messages=[*hello, {"role": "assistant", "tool_calls": [written]}],
            tools=[{"type": "custom", "custom": {"name": "run", "format": {"type": "text"}}}],
            tool_choice={"type": "custom", "custom": {"name": "run"}},
            verbosity="low",
        ),
        respond(
            input=[*run, *hello],
            tools=[
                {"type": "mcp", "server_label": "notes", "server_url": "https://notes.example"},
                {"type": "web_search", "filters": {"allowed_domains": ["a.example"]}},
            ],
            max_tool_calls=2,
        ),
        chat(
            messages=hello,
            response_format={"type": "json_schema", "json_schema": named},
            logprobs=True,
            logit_bias={"5": 1},
            reasoning_effort="low",
        ),
        respond(input="Hello", instructions="Be brief.", metadata={"a": "b"}),
        respond(
            input=items,
            tools=[{"type": "function", "strict": None} | FUNCTION, {"type": "web_search"}],
            stream=True,
            store=False,
            include=["reasoning.encrypted_content"],
        ),
        respond(
            input="Hello",
            text={"format": {"type": "json_schema"} | named, "verbosity": "low"},
            reasoning={"effort": "low"},
            truncation="auto",
        ),
        respond(input=[{"role": "user", "content": files}], top_logprobs=2),
        lambda: client.completions.create(
            model="tiny", prompt=["a", "b"], echo=True, logprobs=3, best_of=2, max_tokens=4
        ),
        lambda: client.conversations.create(items=hello, metadata={"a": "b"}),
        lambda: client.uploads.create(
            filename="n.txt", purpose="user_data", bytes=3, mime_type="text/plain"
        ),
        lambda: client.batches.create(
            input_file_id="file-1", endpoint="/v1/responses", completion_window="24h"
        ),
        lambda: client.files.list(limit=3, order="asc", purpose="batch"),
        lambda: client.embeddings.create(model="mini", input=["a", "b"]),
        lambda: client.embeddings.create(model="mini", input="a", encoding_format="float"),
        lambda: client.models.list(),
        lambda: client.models.retrieve("tiny"),
    ]
