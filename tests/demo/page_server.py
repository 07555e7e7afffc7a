"""A real server process, asked as any program on the network can ask it."""

import contextlib
import http.client
import json
import os
import signal
import sys
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from forked import Forked

ROOT = Path(__file__).parents[2]


@dataclass
class Server:
    """The page's process.

    Attributes:
      process: of scripts/demo.py.
      url: as it printed it.
      temporary: the folder in which it makes its private one.
    """

    process: Forked
    url: str
    temporary: Path

    def ask(self, method, path, *, body=None, headers=()):
        """(status, headers, body) of a request whose path is sent as it is."""
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.url).netloc, timeout=120)
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def json(self, method, path, **options):
        status, _, body = self.ask(method, path, **options)
        return status, json.loads(body) if body else None

    def submit(self, body, *, name="photo.png", **query):
        return self.json("POST", "/jobs?" + urllib.parse.urlencode({"name": name, **query}), body=body)

    def job(self, body, **query):
        status, answer = self.submit(body, **query)
        assert status == 201, answer
        return f"/jobs/{answer['token']}"

    def wait(self, path, *, until):
        """The first status of a job that `until` holds of."""
        for _ in range(1200):
            status, answer = self.json("GET", path)
            assert status == 200, answer
            if until(answer):
                return answer
            assert answer["state"] in ("queued", "running"), answer
            time.sleep(0.1)
        raise AssertionError(f"still {answer}")

    def files(self):
        # Unlike rglob, walk takes no offence at folders that disappear under it.
        return [Path(folder, name) for folder, _, names in os.walk(self.temporary) for name in names]


def is_done(status):
    return status["state"] == "done"


@contextlib.contextmanager
def serving(temporary, *arguments, **options):
    """A server of these arguments, ended by SIGTERM. The options are of its process."""
    command = [sys.executable, ROOT / "scripts/demo.py", "--port", "0", *map(str, arguments)]
    process = Forked(command, cwd=ROOT, env=os.environ | {"TMPDIR": str(temporary)}, **options)
    try:
        yield Server(process, process.first_line(), temporary)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.communicate(60)
