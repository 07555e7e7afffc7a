"""A page to drop a photo on: `jaxsr demo`."""

import signal
import sys
import webbrowser

from jaxsr.errors import needing


def main(
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    models: tuple[str, ...] = (),
    max_megapixels: float = 12.0,
    max_megabytes: float = 50.0,
    keep_minutes: float = 30.0,
    open: bool = False,
) -> None:
    """Serve a page that upscales pictures, until Ctrl-C.

    Args:
      host: Address to listen on. With 0.0.0.0, everyone on the network can use the page.
      port: Port to listen on. 0: any free port.
      models: Models that the page offers: bundled networks, weights files, folders of runs, or interpolations.
        None given: auto, all bundled networks, and bicubic.
      max_megapixels: Largest picture accepted, in millions of pixels.
      max_megabytes: Largest file accepted, in millions of bytes.
      keep_minutes: Minutes for which a picture and its result are kept after the last request for them.
      open: Open the page in the browser.
    """
    with needing("the page needs {}", {"starlette": "demo", "uvicorn": "demo"}):
        from jaxsr.demo.models import default_models
        from jaxsr.demo.server import serve
        from jaxsr.demo.upload import Limits

    def announce(url):
        print(url, flush=True)
        if open:
            webbrowser.open(url)

    # SIGTERM and a closed terminal end the process as Ctrl-C does, so that everything is cleaned up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # Under nohup it stays ignored.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    limits = Limits(megapixels=max_megapixels, megabytes=max_megabytes, keep_minutes=keep_minutes)
    serve(host=host, port=port, models=models or default_models(), limits=limits, announce=announce)
