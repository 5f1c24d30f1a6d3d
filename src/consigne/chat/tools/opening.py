"""The one place where the tools of the chat are listed."""

from consigne.chat.tools.builtin import CALCULATOR, DATE
from consigne.chat.tools.research import PLAN
from consigne.chat.tools.toolbox import Toolbox
from consigne.chat.tools.web import web_tools
from consigne.settings import Settings
from consigne.store.db import Database


def open_toolbox(settings: Settings, db: Database) -> Toolbox:
    """Return the tools of this service, as its operator set them up."""
    toolbox = Toolbox(db)
    toolbox.add(CALCULATOR, DATE, *web_tools(settings.tools))
    if settings.tools.search.kind:
        toolbox.add(PLAN)
    return toolbox
