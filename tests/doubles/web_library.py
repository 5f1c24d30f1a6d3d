"""What the stand-in says of tools, the library and ratings: there is nothing of them."""

from typing import Any

from fastapi import FastAPI

Json = dict[str, Any]
COLLECTIONS = ("assistants", "prompts", "schedules", "skills")
INSTRUCTIONS = {"about": "", "style": "", "enabled": True, "memory_enabled": True}


def library_routes(app: FastAPI) -> None:
    """Add the routes that the page asks beside the conversation itself."""

    @app.get("/api/tools")
    async def tools() -> Json:
        return {"tools": [], "research": False, "python": None}

    @app.get("/api/tools/servers")
    async def servers() -> Json:
        return {"servers": []}

    @app.get("/api/personal")
    async def personal() -> Json:
        return {"instructions": INSTRUCTIONS, "facts": []}

    @app.get("/api/conversations/{conv}/feedback")
    async def feedback(conv: str) -> Json:
        return {"feedback": []}

    for name in COLLECTIONS:
        app.get(f"/api/{name}")(_none(name))


def _none(name: str) -> Any:
    async def listed() -> Json:
        return {name: []}

    return listed
