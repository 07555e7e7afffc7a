"""The page's server as an ASGI application.

| request | answer |
|---|---|
| `GET /`, `/page/…`, `/samples/…` | the page, its parts, the bundled photos |
| `GET /options` | the models offered and the limits |
| `POST /jobs?name=…&model=…[&strength=…]`, with the file as the body | a new job's token |
| `GET /jobs/TOKEN` | the job's progress |
| `GET /jobs/TOKEN/tiles/PICTURE/LEVEL/COLUMN/ROW` | a tile of "before", "enlarged" or "after" |
| `GET /jobs/TOKEN/file` | the upscaled file |
| `DELETE /jobs/TOKEN` | no content; the job ends and its files are deleted |

Paths are built only from numbers and from names in fixed sets. A refusal is `{"error": sentence}`.
"""

import asyncio
import contextlib
import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from jaxsr.demo.guard import Guard
from jaxsr.demo.jobs import Queue
from jaxsr.demo.models import Offer
from jaxsr.demo.submission import submit
from jaxsr.demo.upload import Limits, TooLarge
from jaxsr.demo.view import TILE
from jaxsr.errors import InputError

PAGE = Path(__file__).parent / "page"
SAMPLES = Path(__file__).parents[1] / "samples"


def create_app(queue: Queue, *, offers: dict[str, Offer], limits: Limits, hosts: Sequence[str]) -> Starlette:
    """Make the application.

    Args:
      queue: gets the jobs; whoever made it closes it.
      offers: the models, by name.
      limits: limits on the pictures.
      hosts: host names to which it answers; "*" for any.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app):
        sweeper = asyncio.create_task(_sweep(queue, 60 * limits.keep_minutes))
        # A second Ctrl-C cancels this, which is no failure to print.
        with contextlib.suppress(asyncio.CancelledError):
            yield
        sweeper.cancel()

    app = Starlette(
        routes=[
            Route("/", lambda _: FileResponse(PAGE / "index.html")),
            Route("/options", _options),
            Route("/jobs", submit, methods=["POST"]),
            Route("/jobs/{token}", _status),
            Route("/jobs/{token}", _drop, methods=["DELETE"]),
            Route("/jobs/{token}/file", _file),
            Route("/jobs/{token}/tiles/{picture}/{level}/{column}/{row}", _tile),
            Mount("/page", StaticFiles(directory=PAGE)),
            Mount("/samples", StaticFiles(directory=SAMPLES)),
        ],
        middleware=[
            Middleware(Guard),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False),
        ],
        exception_handlers={
            InputError: lambda _, error: JSONResponse(
                {"error": str(error)}, 413 if isinstance(error, TooLarge) else 400
            ),
            HTTPException: lambda _, error: JSONResponse({"error": error.detail}, error.status_code),
        },
        lifespan=lifespan,
    )
    # A redirect would use the host name that the request states.
    app.router.redirect_slashes = False
    app.state.queue, app.state.offers, app.state.limits, app.state.receiving = queue, offers, limits, 0
    return app


async def _sweep(queue, seconds):
    while True:
        await asyncio.sleep(min(15.0, seconds / 2))
        queue.drop_unseen(seconds)


async def _options(request: Request) -> Response:
    models = [
        {"name": offer.name, "scale": offer.scale, "strength": offer.has_strength}
        for offer in request.app.state.offers.values()
    ]
    samples = sorted(path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("*.[jp][pn]g"))
    limits = dataclasses.asdict(request.app.state.limits)
    return JSONResponse({"models": models, "limits": limits, "samples": samples})


def _job(request):
    job = request.app.state.queue.find(request.path_params["token"])
    if job is None:
        minutes = request.app.state.limits.keep_minutes
        raise HTTPException(
            404, f"this picture was deleted: it was cancelled, or nobody asked for it for {minutes:g} minutes"
        )
    return job


async def _status(request: Request) -> Response:
    job = _job(request)
    status = {name: getattr(job, name) for name in ("state", "stage", "done", "total", "error", "note", "strength")}
    status |= {"name": job.source.name, "model": job.offer.name, "ahead": request.app.state.queue.ahead(job)}
    if job.state == "done":
        pictures = {
            name: {"width": pyramid.width, "height": pyramid.height, "levels": pyramid.levels, "tile": TILE}
            for name, pyramid in job.pyramids.items()
        }
        status |= {"file": job.result.name, "bytes": job.result.stat().st_size, "pictures": pictures}
    return JSONResponse(status)


async def _tile(request: Request) -> Response:
    job, place = _job(request), request.path_params
    pyramid = job.pyramids.get(place["picture"]) if job.state == "done" else None
    numbers = [place[name] for name in ("level", "column", "row")]
    if pyramid is not None and all(re.fullmatch("[0-9]{1,6}", number) for number in numbers):
        tile = pyramid.folder / place["level"] / f"{place['column']}_{place['row']}{pyramid.suffix}"
        if tile.is_file() and not tile.is_symlink():
            return FileResponse(tile)
    raise HTTPException(404, "no such tile")


async def _file(request: Request) -> Response:
    job = _job(request)
    if job.state != "done":
        raise HTTPException(404, "this picture is not finished yet")
    return FileResponse(job.result, filename=job.result.name)


async def _drop(request: Request) -> Response:
    await run_in_threadpool(request.app.state.queue.drop, _job(request))
    return Response(status_code=204)
