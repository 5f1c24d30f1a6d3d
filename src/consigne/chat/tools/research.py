"""What research needs beside the web: a plan that its reader sees."""

from typing import Annotated

import msgspec
from msgspec import Meta

from consigne.chat.tools.base import Call, ChatTool, Outcome, Words, args_of, said, schema_of


class PlanArgs(msgspec.Struct, frozen=True):
    """How the report comes about."""

    steps: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=500)]],
        Meta(min_length=1, max_length=20, description="Questions to answer, and how, in order."),
    ]


async def _plan(call: Call) -> Outcome:
    steps = args_of(call, PlanArgs).steps
    lines = [f"{number}. {step}" for number, step in enumerate(steps, 1)]
    return said("\n".join([*lines, "", "The reader sees this plan. Go on with its first step."]))


PLAN = ChatTool(
    name="plan",
    title=Words("Plan", "Plan"),
    description="Write down, or change, the plan of the research.",
    input_schema=schema_of(PlanArgs),
    run=_plan,
    read_only=True,
    research=True,
)
