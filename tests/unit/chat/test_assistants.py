"""Assistants answer in the chat with their instructions, model and settings."""

import msgspec
import pytest

from consigne.chat.assistants import Assistants, NewAssistant, Settings
from consigne.chat.guiding import Guiding
from consigne.chat.personal import Personal
from consigne.chat.runs import Runs
from consigne.chat.skills import Skills
from consigne.domain.errors import InvalidRequest, ModelNotFound, NotFound
from support.chat import Chat

pytestmark = pytest.mark.databases

BAKER = NewAssistant(
    "Baker", instructions="You bake.", model="better", settings=Settings(temperature=0.2)
)


@pytest.fixture
def assistants(chat: Chat, tmp_path) -> Assistants:
    guide = Guiding(Personal(chat.db), Skills(chat.db, tmp_path / "none"))
    chat.runs = Runs(chat.db, chat.gateway, guide)
    return Assistants(chat.db)


async def test_an_assistant_answers_and_is_named_by_the_answer(chat: Chat, assistants: Assistants):
    baker = await assistants.create(chat.caller, BAKER)
    sent = await chat.send(await chat.new(), "Bread?", model=baker.id)
    answer = await chat.done(sent.run.id)
    request = chat.gateway.requests[0]
    assert answer.model == baker.id
    assert (request.model, request.sampling.temperature) == ("better", 0.2)
    assert [block.text for block in request.system] == ["You bake."]
    assert answer.parent_id
    again = await chat.runs.answer_again(chat.caller, answer.parent_id)
    assert (await chat.done(again.run.id)).model == baker.id


async def test_only_a_shared_one_is_another_s_to_use(
    chat: Chat, assistants: Assistants, make_member
):
    baker = await assistants.create(chat.caller, BAKER)
    other = await make_member("ada@example.org")
    with pytest.raises(ModelNotFound):
        await assistants.named(other, baker.id)
    assert await assistants.served(chat.caller) == ()
    await assistants.change(chat.caller, baker.id, msgspec.structs.replace(BAKER, shared=True))
    assert (await assistants.named(other, baker.id)).mine is False
    assert [found.id for found in await assistants.served(other)] == [baker.id]
    with pytest.raises(NotFound):
        await assistants.change(other, baker.id, BAKER)
    await assistants.delete(chat.caller, baker.id)
    with pytest.raises(ModelNotFound):
        await assistants.named(chat.caller, baker.id)
    await assistants.restore(chat.caller, baker.id)
    assert len(await assistants.list(other)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"colour": "gold"},
        {"settings": Settings(temperature=3)},
        {"settings": Settings(max_tokens=0)},
        {"starters": ["a"] * 5},
        {"instructions": "x" * 8001},
    ],
)
async def test_what_makes_no_assistant_is_refused(chat: Chat, assistants: Assistants, wrong):
    with pytest.raises(InvalidRequest):
        await assistants.create(chat.caller, msgspec.structs.replace(BAKER, **wrong))
