"""The bodies of requests about conversations, as their clients send them."""

from typing import Annotated

from pydantic import Field, TypeAdapter

from consigne.api.limits import Body
from consigne.api.openai.responses.schemas import Item
from consigne.api.openai.shared import Metadata

MAX_ITEMS = 20
"""Most items that may be added at a time, as the reference says."""


class CreateBody(Body):
    """The body of ``POST /v1/conversations``."""

    items: Annotated[list[Item], Field(max_length=MAX_ITEMS)] | None = None
    metadata: Metadata | None = None


class UpdateBody(Body):
    """The body that replaces metadata: a conversation's, or a stored chat completion's."""

    metadata: Metadata | None


class ItemsBody(Body):
    """The body of ``POST /v1/conversations/{id}/items``."""

    items: Annotated[list[Item], Field(min_length=1, max_length=MAX_ITEMS)]


create_body: TypeAdapter[CreateBody] = TypeAdapter(CreateBody)
update_body: TypeAdapter[UpdateBody] = TypeAdapter(UpdateBody)
items_body: TypeAdapter[ItemsBody] = TypeAdapter(ItemsBody)
