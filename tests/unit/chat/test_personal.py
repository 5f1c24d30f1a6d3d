"""What a person lets models know reaches every answer, bounded, and is theirs to change."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.chat.guidance import Room
from consigne.chat.guiding import Guiding
from consigne.chat.personal import MOST_FACTS, Instructions, Personal
from consigne.chat.runs import Runs
from consigne.chat.skills import Skills
from consigne.domain.errors import Conflict, InvalidRequest, NotFound
from doubles.chat_gateway import STARTER
from support.chat import Chat


@pytest.fixture
def personal(chat: Chat, tmp_path) -> Personal:
    personal = Personal(chat.db)
    chat.runs = Runs(chat.db, chat.gateway, Guiding(personal, Skills(chat.db, tmp_path / "none")))
    return personal


async def system(chat: Chat) -> str:
    """Ask something and return the system text that the model got."""
    await chat.ask(await chat.new(), "Hello")
    asked = next(r for r in reversed(chat.gateway.requests) if r.thinking is not False)
    return "\n".join(block.text for block in asked.system)


async def test_instructions_and_facts_reach_the_model_unless_switched_off(
    chat: Chat, personal: Personal
):
    assert await system(chat) == ""
    await personal.instruct(chat.caller, Instructions("I bake.", "Be brief."))
    await personal.remember(chat.caller, "The shop closes at six.")
    told = await system(chat)
    assert all(said in told for said in ("I bake.", "Be brief.", "closes at six"))
    await personal.instruct(chat.caller, Instructions("I bake.", "Be brief.", enabled=False))
    assert "closes at six" in (told := await system(chat))
    assert "I bake." not in told
    await personal.instruct(chat.caller, Instructions("I bake.", memory_enabled=False))
    assert "closes at six" not in await system(chat)


async def test_what_guided_an_answer_is_kept_with_its_run(chat: Chat, personal: Personal):
    from sqlalchemy import select

    from consigne.store.tables import RunRow

    await personal.instruct(chat.caller, Instructions("I bake."))
    await chat.ask(await chat.new(), "Hello")
    async with chat.db.reading() as session:
        kept = await session.scalar(select(RunRow.settings))
    assert "I bake." in msgspec.json.decode(kept)["system"][0]["text"]


async def test_many_facts_take_a_quarter_of_the_context_at_most(chat: Chat, personal: Personal):
    for number in range(MOST_FACTS):
        await personal.remember(chat.caller, f"Fact {number} " + "x" * 200)
    told = await system(chat)
    assert len(told.encode()) <= STARTER.context // 4 * 3 + 1000
    assert f"Fact {MOST_FACTS - 1} " in told
    assert "Fact 0 " not in told
    with pytest.raises(Conflict):
        await personal.remember(chat.caller, "One more")


async def test_a_fact_is_kept_once_reworded_forgotten_and_restored(chat: Chat, personal: Personal):
    fact = await personal.remember(chat.caller, "  Likes\n tea \x00")
    assert fact.text == "Likes tea"
    assert (await personal.remember(chat.caller, "Likes tea")).id == fact.id
    proposed = await personal.remember(chat.caller, "Has a cat", "model")
    assert proposed.source == "model"
    assert (await personal.reword(chat.caller, proposed.id, "Has two cats")).source == "person"
    await personal.forget(chat.caller, fact.id)
    assert [f.text for f in (await personal.known(chat.caller)).facts] == ["Has two cats"]
    await personal.restore(chat.caller, fact.id)
    assert len((await personal.known(chat.caller)).facts) == 2
    with pytest.raises(InvalidRequest):
        await personal.remember(chat.caller, " ")
    await personal.instruct(chat.caller, Instructions(memory_enabled=False))
    with pytest.raises(Conflict, match="switched off"):
        await personal.remember(chat.caller, "Anything", "model")


async def test_facts_are_their_person_s_alone(chat: Chat, personal: Personal, make_member):
    fact = await personal.remember(chat.caller, "Likes tea")
    other = await make_member("ada@example.org")
    assert (await personal.known(other)).facts == ()
    for act in (personal.forget, personal.restore):
        with pytest.raises(NotFound):
            await act(other, fact.id)


@given(st.lists(st.text(max_size=400), max_size=40))
def test_what_is_taken_never_exceeds_its_share(texts: list[str]):
    room = Room(STARTER)
    taken = sum(len(text.encode("utf-8", "replace")) for text in texts if _take(room, text))
    assert taken <= STARTER.context // 4 * 3


def _take(room: Room, text: str) -> bool:
    return room.take(text.encode("utf-8", "replace").decode())
