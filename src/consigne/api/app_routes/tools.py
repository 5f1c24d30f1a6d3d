"""The tools that models may use for a person."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes import tools_schemas as schemas
from consigne.api.app_routes.access import Administrator, Person
from consigne.api.app_routes.replies import reply
from consigne.api.auth import services_of
from consigne.chat.tools.python_package import VERSION

router = APIRouter(prefix="/tools", tags=["Tools"])


@router.get("", response_model=schemas.Tools)
async def list_tools(request: Request, caller: Person) -> Response:
    """List the tools, and which of them are on."""
    switches = await services_of(request).toolbox.switches(caller)
    python = VERSION if any(each.tool.name == "run_python" for each in switches) else None
    names = {each.tool.name for each in switches}
    tools = [
        {
            "name": each.tool.name,
            "title": each.tool.title,
            "group": each.tool.group,
            "read_only": each.tool.read_only,
            "on": each.on,
        }
        for each in switches
        if not each.tool.research
    ]
    return reply({"tools": tools, "research": {"web_search", "plan"} <= names, "python": python})


@router.get("/servers", response_model=schemas.ToolServers)
async def list_servers(request: Request, caller: Person) -> Response:
    """List the servers of tools that the operator or the workspace set up, and how they are."""
    return reply({"servers": await services_of(request).tool_servers.states(caller)})


@router.post("/servers", status_code=201, response_model=schemas.ToolServer)
async def add_server(
    request: Request, caller: Administrator, body: schemas.NewToolServer
) -> Response:
    """Add a server of tools to the workspace; it is asked for its tools first."""
    servers = services_of(request).tool_servers
    return reply(await servers.add(caller, **body.model_dump()), 201)


@router.delete("/servers/{server_id}", status_code=204)
async def remove_server(request: Request, caller: Administrator, server_id: str) -> Response:
    """Remove a server of tools from the workspace."""
    await services_of(request).tool_servers.remove(caller, server_id)
    return Response(status_code=204)


@router.patch("/{name}", status_code=204)
async def switch_tool(
    request: Request, caller: Person, name: str, body: schemas.ToolSwitch
) -> Response:
    """Switch a tool on or off, for whoever is signed in."""
    await services_of(request).toolbox.switch(caller, name, on=body.on)
    return Response(status_code=204)
