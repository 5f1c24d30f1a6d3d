"""The OpenAPI document of both dialects and of the web app's own API, and a page that shows it."""

from consigne.api.openapi.routes import install

__all__ = ["install"]
