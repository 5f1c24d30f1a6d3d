"""The application, wired in one function."""

from fastapi import FastAPI, Response

from consigne import __version__
from consigne.api import (
    anthropic,
    app_routes,
    body_marks,
    errors,
    metrics,
    middleware,
    openai,
    openapi,
    text_marks,
)
from consigne.api.body_limits import body_limits
from consigne.api.direct import Application
from consigne.api.services import Services
from consigne.api.within import Within
from consigne.chat.tools import python_package
from consigne.web import python_frame, static


def create_app(services: Services) -> FastAPI:
    """Return the application that serves both dialects, the web app and its own API."""
    app = Application(
        title="Consigne",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    app.include_router(anthropic.router)
    app.include_router(openai.router)
    app.include_router(app_routes.router)
    openapi.install(app)
    _health(app, services)
    app.include_router(metrics.router)
    app.router.routes.extend(static.routes(services.shares.leads))
    python = python_package.installed(services.settings.data_dir)
    app.router.routes.extend(python_frame.routes(python, services.settings.server.public_url))
    errors.install(app)
    settings = services.settings
    disclosure = text_marks.value_of(settings.provenance)
    member = body_marks.value_of(settings.provenance)
    limits = body_limits(settings)
    middleware.install(app, settings.server, limits, disclosure, member, services.usage)
    services.batches.answer_through(Within(app, services.usage))
    return app


def _health(app: FastAPI, services: Services) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        return Response("ok\n", media_type="text/plain")

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        """Say whether the default model is loaded: 200 when it is, 503 until then."""
        model = services.gateway.default_model()
        state = services.gateway.state(model.id) if model else "no model installed"
        return Response(f"{state}\n", 200 if state == "ready" else 503, media_type="text/plain")
