"""The request that submits a picture."""

import asyncio
import shutil

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from jaxsr.demo.jobs import PageJob
from jaxsr.demo.upload import check_megapixels, receive, safe_name
from jaxsr.errors import InputError

# Largest number of pictures that are not done.
_MOST_WAITING = 20


async def submit(request: Request) -> Response:
    """Answer `POST /jobs`: receive the picture, and add it to the queue as a job.

    Raises:
      HTTPException: too many pictures are waiting, the picture did not arrive in time, or it cannot be stored.
      InputError: the model or strength is not offered, or the picture is beyond the limits or cannot be read.
    """
    state = request.app.state
    offer, strength = _chosen(request.query_params, state.offers)
    if (waiting := state.queue.waiting() + state.receiving) >= _MOST_WAITING:
        raise HTTPException(503, f"{waiting} pictures are already waiting; try again in a few minutes")
    # Those that are still arriving have a place too.
    state.receiving += 1
    try:
        return await _received(request, state.queue, state.limits, offer, strength)
    finally:
        state.receiving -= 1


async def _received(request, queue, limits, offer, strength):
    folder = None
    try:
        folder = queue.new_folder()
        # A separate folder, so that the upload's name cannot collide with the names of results.
        source = folder / "upload" / safe_name(request.query_params.get("name", ""))
        source.parent.mkdir()
        length = request.headers.get("content-length", "")
        announced = int(length) if length.isdecimal() else 0
        # So that stalled senders do not keep their places.
        async with asyncio.timeout(60 * limits.keep_minutes):
            await receive(request.stream(), source, limits=limits, announced=announced)
        try:
            await run_in_threadpool(check_megapixels, source, limits=limits)
        except InputError as error:
            raise type(error)(str(error).replace(f"{source.parent}/", "")) from error
        # Nobody would get the token.
        if await request.is_disconnected():
            raise ClientDisconnect
    except BaseException as error:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        # The sender is gone, or the server ends.
        if isinstance(error, ClientDisconnect | asyncio.CancelledError):
            return Response(status_code=400)
        if isinstance(error, TimeoutError):
            raise HTTPException(408, f"the picture did not arrive within {limits.keep_minutes:g} minutes") from error
        if isinstance(error, OSError):
            raise HTTPException(507, f"the server cannot store the picture ({error.strerror})") from error
        raise
    job = PageJob(folder, source, offer, strength)
    queue.add(job)
    return JSONResponse({"token": job.token}, 201)


def _chosen(parameters, offers):
    """(offer, strength) of a request. Raises `InputError` if they are not offered."""
    offer = offers.get(parameters.get("model", next(iter(offers))))
    if offer is None:
        raise InputError(f"model: choose one of {', '.join(offers)}")
    if "strength" not in parameters:
        return offer, None
    try:
        strength = float(parameters["strength"])
    except ValueError:
        strength = -1.0
    if not offer.has_strength:
        raise InputError(f"strength: {offer.name} has none")
    if not 0 <= strength <= 1:
        raise InputError("strength: must be from 0 to 1")
    return offer, strength
