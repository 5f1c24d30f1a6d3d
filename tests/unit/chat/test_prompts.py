"""Prompts: their places are found and filled, and shared ones are the workspace's to use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.chat.prompts import Place, PromptChange, Prompts, filled, places_of
from consigne.chat.sweeping import ChatSweep
from consigne.domain.errors import InvalidRequest, NotFound
from support.chat import Chat
from support.clock import held_clock


def test_places_have_defaults_and_choices():
    text = "To {{name}}, in {{language:English|French}}, {{tone=calm}}. Dear {{name}}"
    assert places_of(text) == (
        Place("name"),
        Place("language", "English", ("English", "French")),
        Place("tone", "calm"),
    )
    assert filled(text, {"name": "Ada"}) == "To Ada, in English, calm. Dear Ada"


@pytest.mark.parametrize("text", ["{{}}", "{{1}}", "{{=x}}", "{{" + "a" * 41 + "}}"])
def test_a_place_needs_a_name(text: str):
    with pytest.raises(InvalidRequest, match="no place to fill in"):
        places_of(text)


@given(st.text(alphabet="ab {}|=:é", max_size=60))
def test_any_text_is_read_or_refused_and_filled_text_has_no_places(text: str):
    try:
        places = places_of(text)
    except InvalidRequest:
        return
    said = filled(text, {place.name: "v" for place in places})
    assert len(places) == 0 or "v" in said


async def test_what_was_deleted_is_gone_for_good_after_a_day(chat: Chat):
    prompts = Prompts(chat.db)
    with held_clock() as clock:
        made = await prompts.create(chat.caller, "Reply", "Answer", shared=False)
        await prompts.delete(chat.caller, made.id)
        clock.move(days=2)
        await ChatSweep(chat.db).sweep()
        with pytest.raises(NotFound):
            await prompts.restore(chat.caller, made.id)


async def test_a_shared_prompt_is_used_by_all_and_changed_by_its_maker(chat: Chat, make_member):
    prompts = Prompts(chat.db)
    other = await make_member("ada@example.org")
    made = await prompts.create(chat.caller, " Reply\n", "Answer {{who}}", shared=False)
    assert (made.name, made.places) == ("Reply", (Place("who"),))
    assert await prompts.list(other) == ()
    await prompts.change(chat.caller, made.id, PromptChange(shared=True))
    (seen,) = await prompts.list(other)
    assert (seen.mine, seen.shared) == (False, True)
    for act in (prompts.delete, prompts.restore):
        with pytest.raises(NotFound):
            await act(other, made.id)
    with pytest.raises(NotFound):
        await prompts.change(other, made.id, PromptChange(name="Mine"))
    await prompts.delete(chat.caller, made.id)
    assert await prompts.list(chat.caller) == await prompts.list(other) == ()
    await prompts.restore(chat.caller, made.id)
    assert len(await prompts.list(other)) == 1
