"""The guard before every request: security headers on answers, and no requests from the pages of other sites."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    # The visitor's own file, which is shown while it is being upscaled, has a blob: address.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    # No part of a picture may stay in the browser's cache.
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware that refuses changes requested by other sites' pages, and adds headers to all answers."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_with_headers(message: Message):
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        foreign = scope["type"] == "http" and scope["method"] not in ("GET", "HEAD") and _is_foreign(scope)
        app = JSONResponse({"error": "this request comes from another site"}, 403) if foreign else self._app
        await app(scope, receive, send_with_headers)


def _is_foreign(scope):
    """Whether a browser states that the request comes from another origin. Other programs do not state an origin."""
    headers = Headers(scope=scope)
    # Pages cannot forge it, and unlike the origin it holds behind a proxy too.
    if site := headers.get("sec-fetch-site"):
        return site != "same-origin"
    own = f"{scope['scheme']}://{headers.get('host', '')}"
    return headers.get("origin", own) != own
