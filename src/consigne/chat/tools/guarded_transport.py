"""The transport of httpx for addresses that a model or a person chose."""

import httpx

from consigne.chat.tools.guarded_http import Resolve, pin, resolve


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends requests to public addresses alone; ``anywhere`` lifts that."""

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport | None = None,
        *,
        resolver: Resolve = resolve,
        anywhere: bool = False,
    ) -> None:
        self._inner = inner or httpx.AsyncHTTPTransport(retries=0)
        self._resolve = resolver
        self._anywhere = anywhere

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to the address that was checked.

        Raises:
            Forbidden: The address is not of the public internet, or no web address.
        """
        if not self._anywhere:
            await pin(request, self._resolve)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()
