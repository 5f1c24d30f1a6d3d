"""The one place where the tools of the chat are listed."""

from consigne.business.pictures import Pictures
from consigne.chat.artifacts import Artifacts
from consigne.chat.made_files import MadeFiles
from consigne.chat.tools import python_package, python_wheels
from consigne.chat.tools.artifact_tools import artifact_tools
from consigne.chat.tools.builtin import CALCULATOR, DATE
from consigne.chat.tools.own_tools import OwnTools
from consigne.chat.tools.picture_tool import Painter, picture_tool
from consigne.chat.tools.python_tool import python_tool
from consigne.chat.tools.research import PLAN
from consigne.chat.tools.servers import ToolServers
from consigne.chat.tools.toolbox import Toolbox
from consigne.chat.tools.web import web_tools
from consigne.settings import Settings
from consigne.store.db import Database


def open_toolbox(
    settings: Settings,
    db: Database,
    own: OwnTools,
    made: MadeFiles,
    servers: ToolServers | None = None,
    drawing: tuple[Pictures, Painter] | None = None,
) -> Toolbox:
    """Return the tools of this service, as its operator set them up."""
    toolbox = Toolbox(db, made)
    toolbox.add(CALCULATOR, DATE, *web_tools(settings.tools))
    artifacts = Artifacts(db)
    toolbox.add(*artifact_tools(artifacts))
    if python := python_package.installed(settings.data_dir):
        toolbox.add(python_tool(artifacts, made, python_wheels.present(python)))
    if settings.tools.search.kind:
        toolbox.add(PLAN)
    toolbox.add_source(own)
    if drawing is not None:
        toolbox.add(picture_tool(*drawing))
    if servers is not None:
        toolbox.add_source(servers)
    return toolbox
