"""The server of the page."""

import contextlib
import ipaddress
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from jaxsr.demo.app import create_app
from jaxsr.demo.jobs import Queue
from jaxsr.demo.models import offered
from jaxsr.demo.upload import Limits
from jaxsr.demo.work import upscale_job
from jaxsr.errors import InputError

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def serve(*, host: str, port: int, models: Sequence[str], limits: Limits, announce: Callable[[str], None]) -> None:
    """Serve the page until SIGINT or SIGTERM. Only the main thread can, and it ignores further signals from then on.

    Uploads and results are in a private temporary folder, which is deleted at the end. On a loopback address, only
    requests that name a loopback host are answered. This prevents DNS rebinding, where another site's name points here.

    Args:
      host: address to listen on. With any address but loopback, others on the network can use the page.
      port: port to listen on; 0 for any free port.
      models: models that the page offers, see `offered`.
      limits: limits on the pictures.
      announce: called with the page's URL once it can be opened.

    Raises:
      InputError: a model cannot be loaded, or the server cannot listen on the address.
    """
    offers = offered(models)
    with _listening(host, port) as listener, tempfile.TemporaryDirectory(prefix="jaxsr-demo-") as folder:
        address, bound = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        hosts = [*LOOPBACK, shown, address] if ipaddress.ip_address(address).is_loopback else ["*"]
        queue = Queue(Path(folder), upscale_job)
        app = create_app(queue, offers=offers, limits=limits, hosts=hosts)
        # An open request delays the end of the server by at most two seconds.
        config = uvicorn.Config(
            app, log_level="warning", lifespan="on", ws="none", server_header=False, timeout_graceful_shutdown=2
        )
        announce(f"http://{shown}:{bound}/")
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            _close(queue)


def _close(queue):
    # A signal cannot end the tile, and would leave pictures behind.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # A closed terminal takes no text.
    with contextlib.suppress(OSError):
        if queue.waiting():
            print("ends after the tile that is being computed", file=sys.stderr, flush=True)
    queue.close()


@contextlib.contextmanager
def _listening(host, port):
    if not host:
        raise InputError("--host: must name an address, such as 127.0.0.1, or 0.0.0.0 for everyone on the network")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise InputError(
            f"--host {host} --port {port}: {error}; choose another, or --port 0 for any free one"
        ) from error
    with listener:
        yield listener
