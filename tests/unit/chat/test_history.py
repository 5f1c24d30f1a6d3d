"""What the model is shown of a conversation: all that fits, and always the last question."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from consigne.chat import history
from consigne.chat.guidance import Guidance
from consigne.chat.tools.picture_parts import Part, as_block
from consigne.chat.values import StoredMessage
from consigne.domain.messages import (
    ContentBlock,
    ImageBlock,
    Message,
    Request,
    Role,
    TextBlock,
    ThinkingBlock,
    Tool,
    ToolResultBlock,
    ToolUseBlock,
)
from consigne.domain.models import Model
from doubles.chat_gateway import ChatGateway
from support.chat import Chat
from support.clock import Clock

ROOMY = Model("tiny", "Tiny", "text", 0, 100_000)


def message(role: Role, *content: ContentBlock | str) -> StoredMessage:
    return StoredMessage(
        id="msg_1",
        parent_id=None,
        role=role,
        content=tuple(TextBlock(c) if isinstance(c, str) else c for c in content),
        model=None,
        state="complete",
        stop_reason=None,
        error=None,
        usage=None,
        left_out=0,
        created_at=Clock().now,
        run_id=None,
    )


async def shown(model: Model, *branch: StoredMessage) -> list[tuple[str, str]]:
    built = await history.build(ChatGateway(), model, branch)
    return [(m.role, m.text) for m in built.request.messages]


async def test_the_whole_branch_is_shown_where_it_fits():
    branch = [message("user", "a"), message("assistant", "b"), message("user", "c")]
    assert await shown(ROOMY, *branch) == [("user", "a"), ("assistant", "b"), ("user", "c")]


async def test_thinking_and_empty_answers_are_not_shown_and_roles_alternate():
    branch = [
        message("user", "a"),
        message("assistant", ThinkingBlock("hm")),
        message("user", "b"),
        message("assistant", ThinkingBlock("hm"), "c"),
        message("user", "d"),
        message("assistant"),
    ]
    assert await shown(ROOMY, *branch) == [
        ("user", "a\n\nb"),
        ("assistant", "c"),
        ("user", "d"),
    ]


async def test_a_question_that_a_picture_answered_is_no_part_of_the_next():
    """A model without tools is shown neither; one with tools is shown both."""
    call = ToolUseBlock("call_1", "make_picture", {"prompt": "a cat"})
    made = ToolResultBlock("call_1", (TextBlock("Made img_1."),))
    branch = [
        message("user", "Draw me a cat"),
        message("assistant", call, made),
        message("user", "What do cats eat?"),
    ]
    assert await shown(ROOMY, *branch) == [("user", "What do cats eat?")]
    told = message("assistant", call, made, "It may be wrong.")
    assert len(await shown(ROOMY, branch[0], told, branch[2])) == 3
    able = Guidance(tools=(Tool("make_picture", {"type": "object"}),))
    built = await history.build(ChatGateway(), ROOMY, branch, able)
    assert len(built.request.messages) == 3, "the result is told before the question"


async def test_a_marked_part_is_for_no_model_and_a_sent_picture_is_for_one_that_sees():
    part = as_block(Part("img_1", "AAAA"))
    sent = ImageBlock("image/png", data=b"png")
    branch = [
        message("user", "Make it blue", part),
        message("assistant", "Done"),
        message("user", "b", sent),
    ]
    built = await history.build(ChatGateway(), ROOMY, branch)
    assert [m.content for m in built.request.messages] == [
        (TextBlock("Make it blue"),),
        (TextBlock("Done"),),
        (TextBlock("b"), sent),
    ]


@given(
    sizes=st.lists(st.tuples(st.integers(1, 400), st.integers(0, 400)), min_size=1, max_size=12),
    context=st.integers(40, 2000),
)
async def test_the_fewest_oldest_turns_are_left_out_whole(
    sizes: list[tuple[int, int]], context: int
):
    """Words count as tokens here."""
    branch = []
    for number, (asked, answered) in enumerate(sizes):
        branch.append(message("user", f"{number} " + "w " * asked))
        branch.append(message("assistant", f"{number} " + "w " * answered))
    branch = branch[:-1]
    counter, model = ChatGateway(), msgspec.structs.replace(ROOMY, context=context)
    built = await history.build(counter, model, branch)
    kept = built.request.messages
    room = context - min(1024, context // 4)
    assert built.left_out == len(branch) - len(kept)
    assert built.left_out % 2 == 0
    assert kept[-1].text == branch[-1].text
    assert await counter.count_tokens(built.request) <= room or len(kept) == 1
    if built.left_out:
        turn = tuple(Message(m.role, m.content) for m in branch[built.left_out - 2 :][:2])
        one_more = msgspec.structs.replace(built.request, messages=turn + kept)
        assert await counter.count_tokens(one_more) > room


async def test_what_was_left_out_is_said_in_the_answer(chat: Chat):
    conversation = await chat.new()
    answer = None
    for number in range(4):
        answer = await chat.ask(conversation, f"{number} " + "word " * 500, answer)
    assert answer.left_out == 2
    assert (await chat.message(conversation, answer.id)).left_out == 2
    assert len(chat.gateway.requests[-1].messages) == 5
    assert chat.gateway.requests[-1].messages[0].text.startswith("1 ")


async def test_what_can_t_fit_is_not_even_counted():
    class Counting(ChatGateway):
        longest = 0

        async def count_tokens(self, request: Request) -> int:
            self.longest = max(self.longest, len(request.messages))
            return await super().count_tokens(request)

    gateway, words = Counting(), "some words that fill a line " * 10
    branch = [message(role, words) for _ in range(500) for role in ("user", "assistant")]
    small = Model("tiny", "Tiny", "text", 0, 1000)
    built = await history.build(gateway, small, branch)
    assert gateway.longest < 100
    assert await super(Counting, gateway).count_tokens(built.request) <= 750
    assert len(built.request.messages) + built.left_out == 1000
    one_more = msgspec.structs.replace(branch[0], content=(TextBlock(words * 2),))
    assert (await history.build(gateway, small, [*branch[-3:], one_more])).left_out == 0
