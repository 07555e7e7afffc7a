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
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from jaxsr.demo.guard import Guard
from jaxsr.demo.jobs import PageJob, Queue
from jaxsr.demo.models import Offer
from jaxsr.demo.upload import Limits, TooLarge, check_megapixels, receive, safe_name
from jaxsr.demo.view import TILE
from jaxsr.demo.work import upscale_job
from jaxsr.errors import InputError

PAGE = Path(__file__).parent / "page"
SAMPLES = Path(__file__).parents[1] / "samples"
# Largest number of pictures that are not done.
_MOST_WAITING = 20


def create_app(folder: Path, *, offers: dict[str, Offer], limits: Limits, hosts: Sequence[str]) -> Starlette:
    """Make the application.

    Args:
      folder: private folder of the application. Everything that it writes is there, and is deleted when it ends.
      offers: the models, by name.
      limits: limits on the pictures.
      hosts: host names to which it answers; "*" for any.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app):
        app.state.queue = queue = Queue(folder, partial(upscale_job, offers=offers))
        sweeper = asyncio.create_task(_sweep(queue, 60 * limits.keep_minutes))
        yield
        sweeper.cancel()
        await asyncio.to_thread(queue.close)

    app = Starlette(
        routes=[
            Route("/", lambda _: FileResponse(PAGE / "index.html")),
            Route("/options", _options),
            Route("/jobs", _submit, methods=["POST"]),
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
    app.state.offers, app.state.limits, app.state.receiving = offers, limits, 0
    return app


async def _sweep(queue, seconds):
    while True:
        await asyncio.sleep(min(15.0, seconds / 2))
        queue.drop_unseen(seconds)


async def _options(request: Request) -> Response:
    models = [
        {"name": offer.name, "scale": offer.scale, "strength": offer.strength}
        for offer in request.app.state.offers.values()
    ]
    samples = sorted(path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("*.[jp][pn]g"))
    limits = dataclasses.asdict(request.app.state.limits)
    return JSONResponse({"models": models, "limits": limits, "samples": samples})


async def _submit(request: Request) -> Response:
    queue, limits = request.app.state.queue, request.app.state.limits
    model, strength = _chosen(request.query_params, request.app.state.offers)
    state = request.app.state
    if (waiting := queue.waiting() + state.receiving) >= _MOST_WAITING:
        raise HTTPException(503, f"{waiting} pictures are already waiting; try again in a few minutes")
    # Those that are still arriving have a place too.
    state.receiving += 1
    try:
        return await _received(request, queue, limits, model, strength)
    finally:
        state.receiving -= 1


async def _received(request, queue, limits, model, strength):
    folder = None
    try:
        folder = queue.new_folder()
        # A separate folder, so that the upload's name cannot collide with the names of results.
        source = folder / "upload" / safe_name(request.query_params.get("name", ""))
        source.parent.mkdir()
        length = request.headers.get("content-length", "")
        announced = int(length) if length.isdecimal() else None
        # So that stalled senders do not keep their places.
        async with asyncio.timeout(60 * limits.keep_minutes):
            await receive(request.stream(), source, limits=limits, announced=announced)
        try:
            await run_in_threadpool(check_megapixels, source, limits=limits)
        except InputError as error:
            raise type(error)(str(error).replace(f"{source.parent}/", "")) from error
    except BaseException as error:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, ClientDisconnect):
            return Response(status_code=400)
        if isinstance(error, TimeoutError):
            raise HTTPException(408, f"the picture did not arrive within {limits.keep_minutes:g} minutes") from error
        if isinstance(error, OSError):
            raise HTTPException(507, f"the server cannot store the picture ({error.strerror})") from error
        raise
    job = PageJob(folder, source, model, strength)
    queue.add(job)
    return JSONResponse({"token": job.token}, 201)


def _chosen(parameters, offers):
    """(model, strength) of a request. Raises `InputError` if they are not offered."""
    offer = offers.get(parameters.get("model", next(iter(offers))))
    if offer is None:
        raise InputError(f"model: choose one of {', '.join(offers)}")
    if "strength" not in parameters:
        return offer.name, None
    try:
        strength = float(parameters["strength"])
    except ValueError:
        strength = -1.0
    if not offer.strength or not 0 <= strength <= 1:
        raise InputError(f"strength: {'must be from 0 to 1' if offer.strength else f'{offer.name} has none'}")
    return offer.name, strength


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
    status = {
        name: getattr(job, name) for name in ("state", "stage", "done", "total", "error", "note", "model", "strength")
    }
    status |= {"name": job.source.name, "ahead": request.app.state.queue.ahead(job), "tile": TILE, "pictures": {}}
    if job.state == "done":
        status |= {"file": job.result.name, "bytes": job.result.stat().st_size}
        status["pictures"] = {
            name: {"width": pyramid.width, "height": pyramid.height, "levels": pyramid.levels}
            for name, pyramid in job.pyramids.items()
        }
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
