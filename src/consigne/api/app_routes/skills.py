"""Skills: texts that tell a model how something is done, read when they fit."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes.access import Person
from consigne.api.app_routes.replies import reply
from consigne.api.app_routes.schemas import In, Out
from consigne.api.auth import services_of
from consigne.chat.skill_bundles import LARGEST_ZIP
from consigne.chat.skills import Skill as Found
from consigne.domain.errors import InvalidRequest, RequestTooLarge

router = APIRouter(prefix="/skills", tags=["Skills"])

SkillId = Annotated[str, Field(max_length=100)]


class SkillPatch(In):
    """Only what is given changes; who shares a skill administers."""

    enabled: bool | None = None
    shared: bool | None = None


class Skill(Out):
    """A skill."""

    id: str
    name: str
    description: str
    body: str
    files: list[str]
    source: Literal["operator", "upload"]
    enabled: bool
    shared: bool
    mine: bool


class SkillList(Out):
    """All skills."""

    skills: list[Skill]


@router.get("", response_model=SkillList)
async def list_skills(request: Request, caller: Person) -> Response:
    """List your skills, your workspace's and the operator's, by name."""
    return reply({"skills": [_body(s) for s in await services_of(request).skills.list(caller)]})


@router.post(
    "",
    status_code=201,
    response_model=Skill,
    openapi_extra={"requestBody": {"required": True, "content": {"application/zip": {}}}},
)
async def upload_skill(request: Request, caller: Person) -> Response:
    """Take a skill as a zip with a SKILL.md; one of the same name of yours is replaced."""
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > LARGEST_ZIP:
            raise RequestTooLarge(f"A skill's zip has {LARGEST_ZIP:,} bytes at most.")
    return reply(_body(await services_of(request).skills.upload(caller, bytes(data))), 201)


@router.patch("/{skill_id}", response_model=Skill)
async def change_skill(
    request: Request, caller: Person, skill_id: SkillId, body: SkillPatch
) -> Response:
    """Switch a skill on or off for yourself, or share one that you uploaded."""
    skills = services_of(request).skills
    found: Found | None = None
    if body.shared is not None:
        found = await skills.share(caller, skill_id, shared=body.shared)
    if body.enabled is not None:
        found = await skills.switch(caller, skill_id, enabled=body.enabled)
    if found is None:
        raise InvalidRequest("Give enabled or shared.", param="enabled")
    return reply(_body(found))


@router.delete("/{skill_id}", status_code=204)
async def delete_skill(request: Request, caller: Person, skill_id: SkillId) -> Response:
    """Delete a skill that you uploaded; it can be restored for a day."""
    await services_of(request).skills.delete(caller, skill_id)
    return Response(status_code=204)


@router.post("/{skill_id}/restore", response_model=Skill)
async def restore_skill(request: Request, caller: Person, skill_id: SkillId) -> Response:
    """Undo a deletion."""
    return reply(_body(await services_of(request).skills.restore(caller, skill_id)))


def _body(skill: Found) -> dict[str, object]:
    fields: dict[str, object] = {name: getattr(skill, name) for name in skill.__struct_fields__}
    return fields | {"files": sorted(skill.files)}
