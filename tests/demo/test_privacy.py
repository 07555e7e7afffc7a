"""What the page's process does not give away, and whom it does not listen to."""

import asyncio
import json
from pathlib import Path

import pytest
from page_server import ROOT, is_done

app = pytest.importorskip("jaxsr.demo.app", reason='the page needs pip install "jaxsr[demo]"')


def test_no_file_of_the_machine_can_be_asked_for(server, photo):
    job = server.job(photo.read_bytes(), name="../../../../etc/evil.png", model="bicubic")
    assert server.wait(job, until=is_done)["name"] == "evil.png"
    secret = server.temporary / "secret.txt"
    secret.write_text("unguessed")
    up = "/".join([".."] * 12)
    for target in (secret, Path("/etc/passwd"), ROOT / "pyproject.toml"):
        for root in ("", "/page", "/samples", job, f"{job}/tiles", f"{job}/tiles/after", f"{job}/file"):
            for climb in (up, up.replace(".", "%2e"), up.replace("/", "%2f"), up.replace("/", "%5c"), "", "file="):
                for path in (f"{root}/{climb}{target}", f"{root}?file={target}", f"{root}/file={climb}{target}"):
                    _, _, body = server.ask("GET", path)
                    assert target.read_bytes() not in body, path
    for path in ("/page/", "/samples/small", "/jobs", "/jobs/", "/page/../app.py", "/page/%2e%2e/app.py"):
        assert server.ask("GET", path)[0] in (404, 405), path
    server.ask("DELETE", job)


def test_links_are_not_followed(server, photo, tmp_path, monkeypatch):
    secret = tmp_path / "secret.jpg"
    secret.write_text("unguessed")
    job = server.job(photo.read_bytes(), model="bicubic")
    server.wait(job, until=is_done)
    tile = max(server.temporary.rglob("after_files/0/0_0.jpg"), key=lambda path: path.stat().st_mtime)
    assert server.ask("GET", f"{job}/tiles/after/0/0/0")[2] == tile.read_bytes()
    tile.unlink()
    tile.symlink_to(secret)
    assert server.ask("GET", f"{job}/tiles/after/0/0/0")[0] == 404
    server.ask("DELETE", job)

    samples = tmp_path / "samples"
    samples.mkdir()
    (samples / "link.jpg").symlink_to(secret)
    (samples / "own.jpg").write_text("own")
    monkeypatch.setattr(app, "SAMPLES", samples)
    page = app.create_app(None, offers={}, limits=None, hosts=["*"])
    assert asyncio.run(get(page, "/samples/own.jpg")) == (200, b"own")
    assert asyncio.run(get(page, "/samples/link.jpg"))[0] == 404


async def get(page, path):
    """(status, body) of a request to an ASGI application."""
    scope = {"type": "http", "method": "GET", "scheme": "http", "path": path, "root_path": "", "query_string": b""}
    # Without it an answer with a file waits for the client to go.
    scope |= {"asgi": {"version": "3.0", "spec_version": "2.4"}}
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request"}

    await page(scope | {"headers": [(b"host", b"127.0.0.1")]}, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def test_tokens_cannot_be_guessed_and_folders_are_private(server, photo):
    paths = [server.job(photo.read_bytes(), model="bicubic") for _ in range(3)]
    tokens = {path.removeprefix("/jobs/") for path in paths}
    assert len(tokens) == 3
    assert {len(token) for token in tokens} == {32}
    assert [folder.stat().st_mode & 0o777 for folder in server.temporary.glob("jaxsr-demo-*")] == [0o700]
    names = [path.name for path in server.temporary.rglob("*")]
    assert not [name for name in names if any(token in name for token in tokens)]
    for path in paths:
        server.ask("DELETE", path)


def test_other_sites_can_neither_name_nor_use_it(server, photo):
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example"):
        assert server.ask("GET", "/options", headers={"Host": host})[0] == 400
    own = server.url.rstrip("/")
    for headers, code in (
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": own, "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        # Behind a proxy the page's own origin is another than the server's.
        ({"Origin": "https://demo.example", "Sec-Fetch-Site": "same-origin"}, 201),
        ({"Origin": own}, 201),
    ):
        status, _, body = server.ask("POST", "/jobs?model=bicubic", body=photo.read_bytes(), headers=headers)
        assert status == code, headers
    path = f"/jobs/{json.loads(body)['token']}"
    assert server.ask("DELETE", path, headers={"Origin": "https://evil.example"})[0] == 403
    assert server.ask("DELETE", path)[0] == 204


@pytest.mark.parametrize("path", ["/", "/page/page.js", "/options", "/absent", "/jobs/absent/file"])
def test_every_answer_ties_the_browser_down(server, path):
    _, headers, _ = server.ask("GET", path)
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers
