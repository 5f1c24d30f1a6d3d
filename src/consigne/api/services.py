"""Everything the routes stand on, opened in one place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from consigne.settings import Settings

if TYPE_CHECKING:
    from consigne.batches.batches import Batches
    from consigne.business.answers import KeptAnswers
    from consigne.business.files import Files
    from consigne.business.identity import Identity
    from consigne.business.keys import Keys
    from consigne.business.limits import Limiter
    from consigne.business.pictures import Pictures
    from consigne.business.uploads import Uploads
    from consigne.business.usage import UsageLog
    from consigne.business.usage_report import UsageReport
    from consigne.chat.artifacts import Artifacts
    from consigne.chat.assistants import Assistants
    from consigne.chat.conversations import Conversations
    from consigne.chat.feedback import Feedback
    from consigne.chat.folders import Folders
    from consigne.chat.grounding import Grounding
    from consigne.chat.guiding import Guiding
    from consigne.chat.importing import Importing
    from consigne.chat.made_files import MadeFiles
    from consigne.chat.personal import Personal
    from consigne.chat.projects import Projects
    from consigne.chat.prompts import Prompts
    from consigne.chat.runs import Runs
    from consigne.chat.schedules import Schedules
    from consigne.chat.scheduling import Scheduling
    from consigne.chat.search import Search
    from consigne.chat.shares import Shares
    from consigne.chat.skills import Skills
    from consigne.chat.sweeping import ChatSweep
    from consigne.chat.temporary import Temporary
    from consigne.chat.tools.fetching import Fetcher
    from consigne.chat.tools.picturing import Picturing
    from consigne.chat.tools.servers import ToolServers
    from consigne.chat.tools.toolbox import Toolbox
    from consigne.chat.transfers import Transfers
    from consigne.chat.whereabouts import Whereabouts
    from consigne.documents.attachments import Attachments
    from consigne.documents.library import Documents
    from consigne.engines.library import ModelLibrary
    from consigne.engines.pool import EnginePool
    from consigne.gateway.gateway import Gateway
    from consigne.gateway.pulls import Pulls
    from consigne.jobs.runtime import Jobs
    from consigne.records.records import Records
    from consigne.store.db import Database


class Services(msgspec.Struct, frozen=True):
    """What ``request.app.state.services`` holds."""

    settings: Settings
    library: "ModelLibrary"
    pool: "EnginePool"
    gateway: "Gateway"
    db: "Database"
    identity: "Identity"
    keys: "Keys"
    limiter: "Limiter"
    answers: "KeptAnswers"
    conversations: "Conversations"
    documents: "Documents"
    grounding: "Grounding"
    folders: "Folders"
    search: "Search"
    chat_sweep: "ChatSweep"
    runs: "Runs"
    toolbox: "Toolbox"
    artifacts: "Artifacts"
    made_files: "MadeFiles"
    tool_servers: "ToolServers"
    pulls: "Pulls"
    files: "Files"
    uploads: "Uploads"
    attachments: "Attachments"
    batches: "Batches"
    records: "Records"
    feedback: "Feedback"
    assistants: "Assistants"
    personal: "Personal"
    prompts: "Prompts"
    schedules: "Schedules"
    scheduling: "Scheduling"
    skills: "Skills"
    temporary: "Temporary"
    transfers: "Transfers"
    whereabouts: "Whereabouts"
    importing: "Importing"
    pictures: "Pictures"
    projects: "Projects"
    shares: "Shares"
    usage: "UsageLog"
    usage_report: "UsageReport"
    jobs: "Jobs"


class Engines(msgspec.Struct, frozen=True):
    """What generates: the models on disk, the processes they run in, the way to them."""

    library: "ModelLibrary"
    pool: "EnginePool"
    gateway: "Gateway"


@asynccontextmanager
async def open_engines(settings: Settings) -> AsyncIterator[Engines]:
    """Open the engines; the default model's process starts at once and loads beside all else."""
    from consigne.engines.library import BUILT_IN, ModelLibrary
    from consigne.engines.pool import EnginePool
    from consigne.engines.process import discard_ahead
    from consigne.gateway.gateway import Gateway
    from consigne.gateway.opening import open_providers

    library = ModelLibrary(settings.models_dir, BUILT_IN)
    async with open_providers(settings) as providers:
        pool = EnginePool(settings.engine)
        gateway = Gateway(settings.models, library, pool, providers, settings.batches)
        gateway.preload()
        await asyncio.sleep(0)  # the model's process is on its way
        discard_ahead()
        try:
            yield Engines(library, pool, gateway)
        finally:
            await pool.close()


@asynccontextmanager
async def open_services(settings: Settings, engines: Engines) -> AsyncIterator[Services]:
    """Open everything that the routes stand on, and close it in the opposite order.

    What is slow to import is imported in a thread, so that the loop goes on meanwhile.

    Raises:
        OperatorError: The data folder can't be used.
    """
    await asyncio.to_thread(_import_store)
    async with AsyncExitStack() as stack:
        yield await _open_store(settings, engines, stack)


def _import_store() -> None:
    import consigne.batches.batches
    import consigne.business.answers
    import consigne.business.guard
    import consigne.business.identity
    import consigne.business.keys
    import consigne.business.pictures
    import consigne.business.uploads
    import consigne.business.usage_report
    import consigne.chat.conversations
    import consigne.chat.feedback
    import consigne.chat.folders
    import consigne.chat.guiding
    import consigne.chat.importing
    import consigne.chat.projects
    import consigne.chat.prompts
    import consigne.chat.runs
    import consigne.chat.scheduling
    import consigne.chat.search
    import consigne.chat.shares
    import consigne.chat.sweeping
    import consigne.chat.temporary
    import consigne.chat.tools.opening
    import consigne.chat.transfers
    import consigne.chat.whereabouts
    import consigne.gateway.pulls
    import consigne.records.records
    import consigne.store.db  # noqa: F401 - imported for its effect on the module cache


async def _open_store(settings: Settings, engines: Engines, stack: AsyncExitStack) -> Services:
    from consigne.business.answers import KeptAnswers
    from consigne.business.identity import Identity
    from consigne.business.keys import Keys
    from consigne.business.limits import Limiter
    from consigne.business.picture_copies import PictureCopies
    from consigne.business.pictures import Pictures
    from consigne.business.usage import UsageLog
    from consigne.business.usage_report import UsageReport
    from consigne.chat.artifacts import Artifacts
    from consigne.chat.conversations import Conversations
    from consigne.chat.feedback import Feedback
    from consigne.chat.folders import Folders
    from consigne.chat.grounding import Grounding
    from consigne.chat.guiding import Guiding
    from consigne.chat.importing import Importing
    from consigne.chat.made_files import MadeFiles
    from consigne.chat.personal import Personal
    from consigne.chat.projects import Projects
    from consigne.chat.prompts import Prompts
    from consigne.chat.schedules import Schedules
    from consigne.chat.search import Search
    from consigne.chat.shares import Shares
    from consigne.chat.skills import Skills
    from consigne.chat.sweeping import ChatSweep
    from consigne.chat.tools.opening import open_toolbox
    from consigne.chat.tools.own_tools import OwnTools
    from consigne.chat.tools.picturing import Picturing
    from consigne.chat.tools.servers import ToolServers
    from consigne.chat.transfers import Transfers
    from consigne.chat.whereabouts import Whereabouts
    from consigne.documents.attachments import Attachments
    from consigne.documents.library import Documents
    from consigne.documents.retrieval import Retrieval
    from consigne.gateway.pulls import Pulls
    from consigne.jobs.runtime import Jobs
    from consigne.records.records import Records
    from consigne.store.db import Database

    db = await Database.open(settings.database_target)
    stack.push_async_callback(db.close)
    usage = UsageLog(db, settings.usage)
    stack.push_async_callback(usage.close)
    personal, skills = Personal(db), Skills(db, settings.data_dir / "skills")
    conversations, jobs = Conversations(db), Jobs(settings.jobs_path)
    files, uploads, batches = await _open_files(settings, engines, db, jobs, stack)
    documents = Documents(db, files.objects, engines.gateway, jobs)
    tool_servers = ToolServers(db, settings.tools)
    pictures = Pictures(db, files.objects, settings)
    own = OwnTools(personal, skills)
    made = MadeFiles(db, files.objects)
    toolbox = open_toolbox(settings, db, own, made, tool_servers, (pictures, engines.gateway))
    guide = Guiding(personal, skills, engines.gateway)
    grounding = Grounding(documents, Retrieval(db, engines.gateway))
    helpers = guide, toolbox, grounding, Picturing(pictures), usage
    chats = await _open_chats(db, engines, stack, *helpers)
    runs, temporary, assistants = chats
    records = Records(db, settings.records)
    stack.push_async_callback(records.close)
    await records.open()
    pulls = Pulls(engines.library)
    stack.push_async_callback(pulls.close)
    return Services(
        settings=settings,
        library=engines.library,
        pool=engines.pool,
        gateway=engines.gateway,
        db=db,
        identity=Identity(db),
        keys=Keys(db, settings.limits),
        limiter=Limiter(),
        answers=KeptAnswers(db, settings.idempotency),
        conversations=conversations,
        documents=documents,
        grounding=grounding,
        folders=Folders(db),
        search=Search(db),
        chat_sweep=ChatSweep(db),
        runs=runs,
        toolbox=toolbox,
        artifacts=Artifacts(db),
        made_files=made,
        tool_servers=tool_servers,
        pulls=pulls,
        files=files,
        uploads=uploads,
        attachments=Attachments(files, _fetcher(settings)),
        batches=batches,
        records=records,
        feedback=Feedback(db),
        assistants=assistants,
        personal=personal,
        prompts=Prompts(db),
        schedules=Schedules(db),
        scheduling=_open_scheduling(db, runs, conversations, jobs, stack),
        skills=skills,
        temporary=temporary,
        transfers=Transfers(db),
        whereabouts=Whereabouts(db),
        importing=Importing(db, files.objects, jobs),
        pictures=pictures,
        projects=Projects(db),
        shares=Shares(db, PictureCopies(db, files.objects), enabled=settings.sharing.public_links),
        usage=usage,
        usage_report=UsageReport(db, settings.usage),
        jobs=jobs,
    )


def _fetcher(settings: Settings) -> "Fetcher | None":
    if not settings.files.fetch_urls:
        return None
    from consigne.chat.tools.fetching import Fetcher

    return Fetcher(anywhere=settings.tools.private_addresses)


async def _open_chats(
    db: "Database",
    engines: Engines,
    stack: AsyncExitStack,
    guide: "Guiding",
    toolbox: "Toolbox",
    grounding: "Grounding",
    picturing: "Picturing",
    usage: "UsageLog",
) -> "tuple[Runs, Temporary, Assistants]":
    from consigne.chat.assistants import Assistants
    from consigne.chat.runs import Runs
    from consigne.chat.temporary import Temporary

    runs = Runs(db, engines.gateway, guide, toolbox, grounding, picturing, usage)
    await runs.recover()
    stack.push_async_callback(runs.close)
    temporary = Temporary(db, engines.gateway, guide, grounding, usage)
    stack.push_async_callback(temporary.close)
    return runs, temporary, Assistants(db)


def _open_scheduling(
    db: "Database",
    runs: "Runs",
    conversations: "Conversations",
    jobs: "Jobs",
    stack: AsyncExitStack,
) -> "Scheduling":
    from consigne.chat.scheduling import Scheduling

    scheduling = Scheduling(db, runs, conversations, jobs)
    stack.push_async_callback(scheduling.close)
    return scheduling


async def _open_files(
    settings: Settings, engines: Engines, db: "Database", jobs: "Jobs", stack: AsyncExitStack
) -> "tuple[Files, Uploads, Batches]":
    from consigne.batches.batches import Batches
    from consigne.business.files import Files
    from consigne.business.uploads import Uploads
    from consigne.store.objects import Objects

    where = settings.files.store_url, settings.objects_dir
    files = Files(db, await asyncio.to_thread(Objects.open, *where))
    batches = Batches(db, files, jobs, engines.gateway.traffic)
    stack.push_async_callback(batches.close)
    return files, Uploads(db, files), batches
