"""An assistant that names tools is offered no others, and only those that are on."""

from collections.abc import Sequence

import pytest

from consigne.chat.assistants import Assistants, NewAssistant
from consigne.chat.tools.base import ChatTool, Words, said
from support.chat import Chat


def tool(name: str, *, research: bool = False) -> ChatTool:
    async def run(call: object):
        return said("done")

    return ChatTool(
        name=name,
        title=Words(name, name),
        description=name,
        input_schema={"type": "object", "properties": {}},
        run=run,
        read_only=True,
        research=research,
    )


@pytest.mark.parametrize(
    ("named", "mode", "offered"),
    [
        ((), "", ["a", "web_search"]),
        (("a", "off", "gone"), "", ["a"]),
        (("a",), "research", ["a"]),
        (("web_search",), "research", ["web_search", "plan"]),
        (("gone",), "", []),
    ],
)
async def test_only_the_tools_it_names_are_offered(
    chat: Chat, named: Sequence[str], mode: str, offered: list[str]
):
    chat.toolbox.add(tool("a"), tool("off"), tool("web_search"), tool("plan", research=True))
    await chat.toolbox.switch(chat.caller, "off", on=False)
    made = await Assistants(chat.db).create(
        chat.caller, NewAssistant("Helper", model="capable", tools=named)
    )
    sent = await chat.send(await chat.new(), "Go", model=made.id, mode=mode)
    await chat.done(sent.run.id)
    asked = next(r for r in chat.gateway.requests if r.model == "capable" and r.messages)
    assert [each.name for each in asked.tools] == offered
