"""The page's process, asked over HTTP."""

import http.client
import io
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from urllib.parse import urlsplit

import forked
import numpy as np
import pytest
from page_server import ROOT, is_done, serving
from PIL import Image

import jaxsr
from jaxsr.demo.models import offered
from jaxsr.upscaling.files import upscale_file

pytest.importorskip("starlette", reason='the page needs pip install "jaxsr[demo]"')


def png(height, width, seed=0):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def gone(server, path, within=60):
    """Whether a job's folder disappears in these seconds: of a running job when its tile is done."""
    for _ in range(10 * within):
        if not [file for file in server.files() if file.name == path]:
            return True
        time.sleep(0.1)
    return False


def test_what_is_offered_is_what_can_be_loaded(server):
    _, options = server.json("GET", "/options")
    offers = {model["name"]: (model["scale"], model["strength"]) for model in options["models"]}
    assert offers == {"espcn": (4, False), "bicubic": (4, False), "sharper": (2, True)}
    assert options["limits"]["megabytes"] == 4
    assert "small/dog.png" in options["samples"]
    for sample in options["samples"]:
        assert server.ask("GET", f"/samples/{sample}")[2] == (ROOT / "jaxsr/samples" / sample).read_bytes()


def test_a_run_is_offered_by_its_own_name_from_inside_its_folder(sharper, monkeypatch):
    monkeypatch.chdir(sharper)
    assert list(offered([".", "espcn", "auto, sharp"])) == ["sharper", "espcn", "auto, sharp"]


def test_the_file_is_the_one_that_the_library_writes(server, photo, sharper, tmp_path):
    for model, source, strength, scale in (("espcn", "espcn", None, 4), ("sharper", sharper, 0.25, 2)):
        query = {"model": model} | ({} if strength is None else {"strength": strength})
        path = server.job(photo.read_bytes(), name="my dog.png", **query)
        status = server.wait(path, until=is_done)
        code, headers, body = server.ask("GET", f"{path}/file")
        assert (code, headers["content-type"]) == (200, "image/png")
        assert headers["content-disposition"] == f"attachment; filename*=utf-8''my%20dog_x{scale}.png"
        upscale_file(jaxsr.load(source, strength=strength), photo, tmp_path / "expected.png")
        assert body == (tmp_path / "expected.png").read_bytes()
        assert (status["file"], status["bytes"]) == (f"my dog_x{scale}.png", len(body))
        assert server.ask("DELETE", path)[0] == 204
        assert server.json("GET", path)[0] == 404


def test_of_an_animation_it_says_what_is_taken(server):
    file, frames = io.BytesIO(), [Image.new("RGB", (9, 9), shade) for shade in ("black", "white", "red")]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    path = server.job(file.getvalue(), name="moving.gif", model="bicubic")
    assert server.wait(path, until=is_done)["note"] == "the first of 3 pictures"
    server.ask("DELETE", path)


def test_tiles_show_the_picture(server, photo):
    path = server.job(photo.read_bytes(), model="espcn")
    status = server.wait(path, until=is_done)
    result = np.asarray(Image.open(io.BytesIO(server.ask("GET", f"{path}/file")[2]))).astype(int)
    assert {name: (p["width"], p["height"]) for name, p in status["pictures"].items()} == {
        "before": (144, 144),
        "enlarged": (576, 576),
        "after": (576, 576),
    }
    assert {picture["tile"] for picture in status["pictures"].values()} == {512}
    bicubic = np.asarray(jaxsr.load("bicubic")(photo)).astype(int)
    shown = {}
    for name, expected in (("after", result), ("enlarged", bicubic)):
        shown[name] = np.zeros_like(result)
        for column in range(2):
            for row in range(2):
                tile = server.ask("GET", f"{path}/tiles/{name}/1/{column}/{row}")[2]
                here = np.s_[row * 512 : row * 512 + 512, column * 512 : column * 512 + 512]
                shown[name][here] = np.asarray(Image.open(io.BytesIO(tile)))
        # JPEG of quality 98; the two pictures differ by more.
        assert np.abs(shown[name] - expected).mean() < 0.5 * np.abs(result - bicubic).mean()
    assert server.ask("GET", f"{path}/tiles/after/{'1' * 5000}/0/0")[0] == 404
    for place in ("after/2/0/0", "after/1/2/0", "other/0/0/0", "after/-1/0/0", "after/1/0/../0", "upload/0/0/0"):
        assert server.ask("GET", f"{path}/tiles/{place}")[0] == 404
    server.ask("DELETE", path)


def test_what_is_announced_as_too_large_is_refused_before_it_is_sent(server):
    status, answer = server.json("POST", "/jobs?name=big.png", headers={"Content-Length": "4000001"})
    assert status == 413
    assert "big.png is larger than the 4 megabytes" in answer["error"]


@pytest.mark.parametrize(
    ("query", "body", "code", "sentence"),
    [
        ({"name": "notes.jpg"}, b"this is a text", 400, "notes.jpg: no picture in a format that can be read"),
        ({"name": "none.png"}, b"", 400, "none.png: the file is empty"),
        ({"name": "big.png"}, bytes(4_000_001), 413, "big.png is larger than the 4 megabytes .* --max-megabytes"),
        ({"name": "big.png"}, iter([bytes(1_000_000)] * 5), 413, "big.png is larger than the 4 megabytes"),
        ({"name": "line.png"}, png(1, 65_536), 413, "line.png has 65536 × 1 pixels; this page accepts no side of more"),
        ({"name": "wide.png"}, png(1, 8), 400, "model: choose one of espcn, bicubic, sharper"),
        ({"strength": "0.5"}, png(1, 8), 400, "strength: espcn has none"),
        ({"model": "sharper", "strength": "1.5"}, png(1, 8), 400, "strength: must be from 0 to 1"),
        ({"model": "sharper", "strength": "nan"}, png(1, 8), 400, "strength: must be from 0 to 1"),
        ({"model": "sharper", "strength": "much"}, png(1, 8), 400, "strength: must be from 0 to 1"),
    ],
)
def test_what_is_refused_leaves_one_sentence_and_no_file(server, query, body, code, sentence):
    if query.get("name") == "wide.png":
        query = query | {"model": "../espcn"}
    before = server.files()
    status, answer = server.submit(body, **query)
    assert status == code
    assert set(answer) == {"error"}
    assert re.match(sentence, answer["error"])
    assert str(server.temporary) not in answer["error"]
    assert server.files() == before


def test_a_picture_that_breaks_on_the_way_fails_in_one_sentence(server, photo):
    path = server.job(photo.read_bytes()[:20000], name="cut.png", model="bicubic")
    status = server.wait(path, until=lambda status: status["state"] == "failed")
    assert status["error"].startswith("cut.png: ")
    assert not [file for file in server.files() if file.name == "cut.png"]


def test_the_queue_is_done_in_order_and_any_of_it_can_be_cancelled(server, large, photo):
    first = server.job(large.read_bytes(), name="first.jpg", model="espcn")
    second = server.job(photo.read_bytes(), name="second.png", model="bicubic")
    third = server.job(photo.read_bytes(), name="third.png", model="bicubic")
    assert [server.json("GET", path)[1]["ahead"] for path in (first, second, third)] == [0, 1, 2]
    assert server.ask("DELETE", second)[0] == 204
    assert gone(server, "second.png")
    assert server.json("GET", third)[1]["ahead"] == 1
    running = server.wait(first, until=lambda status: status["done"] >= 2)
    assert running["state"] == "running"
    assert running["done"] < running["total"]
    assert server.ask("DELETE", first)[0] == 204
    assert [server.json("GET", path)[0] for path in (first, second)] == [404, 404]
    server.wait(third, until=is_done)
    # The next one begins when the one before has put its things away.
    assert gone(server, "first.jpg")
    server.ask("DELETE", third)


def test_pictures_that_are_still_arriving_have_a_place_among_those_that_wait(tmp_path, photo):
    with serving(tmp_path, "--models", "bicubic") as server:
        halves, rest = photo.read_bytes()[:1000], photo.read_bytes()[1000:]
        slow = [http.client.HTTPConnection("127.0.0.1", urlsplit(server.url).port) for _ in range(20)]
        for connection in slow:
            connection.putrequest("POST", "/jobs?name=slow.png")
            connection.putheader("Content-Length", str(photo.stat().st_size))
            connection.endheaders(halves)
        deadline = time.monotonic() + 30
        while server.submit(png(8, 8), name="one.png")[0] != 503:
            assert time.monotonic() < deadline
        for connection in slow:
            connection.send(rest)
            assert connection.getresponse().status == 201
            connection.close()


def test_an_upload_that_stalls_loses_its_place(tmp_path, photo):
    with serving(tmp_path, "--models", "bicubic", "--keep-minutes", 0.02) as server:
        slow = http.client.HTTPConnection("127.0.0.1", urlsplit(server.url).port, timeout=60)
        slow.putrequest("POST", "/jobs?name=slow.png")
        slow.putheader("Content-Length", str(photo.stat().st_size))
        slow.endheaders(photo.read_bytes()[:1000])
        answer = slow.getresponse()
        assert (answer.status, json.loads(answer.read())) == (
            408,
            {"error": "the picture did not arrive within 0.02 minutes"},
        )
        assert not [file for file in server.files() if file.name == "slow.png"]
        slow.close()


def test_a_photo_whose_sender_left_is_not_upscaled(server, photo):
    body = photo.read_bytes()
    leaving = http.client.HTTPConnection("127.0.0.1", urlsplit(server.url).port)
    leaving.request("POST", "/jobs?name=left.png", body=body[:-1], headers={"Content-Length": str(len(body))})
    deadline = time.monotonic() + 30
    while not [file for file in server.files() if file.name == "left.png"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # So that it arrives together with the end of the connection.
    leaving.sock.send(body[-1:], getattr(socket, "MSG_MORE", 0))
    leaving.close()
    assert gone(server, "left.png", within=20)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process are Linux's")
def test_a_full_disk_is_said_in_one_sentence(tmp_path, photo):
    with serving(tmp_path, "--models", "bicubic") as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (8192, 8192))
        status, answer = server.submit(photo.read_bytes(), name="dog.png")
        assert (status, answer["error"]) == (507, "the server cannot store the picture (File too large)")
        assert not [file for file in server.files() if file.name == "dog.png"]


def test_limits_hold(tmp_path, photo):
    with serving(tmp_path, "--models", "bicubic", "--max-megapixels", 6, "--keep-minutes", 0.05) as server:
        status, answer = server.submit(png(2000, 3001), name="wide.png")
        assert status == 413
        assert answer["error"].startswith("wide.png has 3001 × 2000 pixels, more than the 6 megapixels")
        forgotten = server.job(photo.read_bytes(), name="forgotten.png")
        server.wait(forgotten, until=is_done)
        assert gone(server, "forgotten.png")
        assert server.json("GET", forgotten)[0] == 404


@pytest.mark.parametrize("way_out", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_is_left_behind(way_out, tmp_path, large):
    with serving(tmp_path, "--models", "espcn") as server:
        running = server.job(large.read_bytes())
        server.wait(running, until=lambda status: status["done"] >= 1)
        server.process.send_signal(way_out)
        server.process.communicate(60)
        assert list(tmp_path.iterdir()) == []
        assert server.process.returncode == (130 if way_out == signal.SIGINT else 0)


def test_under_nohup_it_survives_the_terminal(tmp_path):
    with serving(tmp_path, "--models", "bicubic", ignored=[signal.SIGHUP]) as server:
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert server.ask("GET", "/options")[0] == 200


def test_however_often_ctrl_c_is_pressed_it_says_what_it_waits_for_and_leaves_nothing(tmp_path, large):
    # Bicubic is one long step, and a photo that is still arriving keeps the server from ending at the first.
    with serving(tmp_path, "--models", "bicubic") as server:
        slow = http.client.HTTPConnection("127.0.0.1", urlsplit(server.url).port)
        slow.putrequest("POST", "/jobs?name=slow.png")
        slow.putheader("Content-Length", "1000")
        slow.endheaders(b"some")
        running = server.job(large.read_bytes())
        server.wait(running, until=lambda status: status["state"] == "running")
        for _ in range(4):
            server.process.send_signal(signal.SIGINT)
            time.sleep(0.3)
        _, told = server.process.communicate(120)
        assert server.process.returncode == 130
        assert told == "ends after the tile that is being computed\ninterrupted\n"
        assert list(tmp_path.iterdir()) == []
        slow.close()


@pytest.mark.parametrize("host", ["127.1", "LOCALHOST"])
def test_every_spelling_of_loopback_answers_to_its_own_names_alone(tmp_path, host):
    with serving(tmp_path, "--models", "bicubic", "--host", host) as server:
        assert server.url.startswith(f"http://{host}:")
        assert server.ask("GET", "/options")[0] == 200
        assert server.ask("GET", "/options", headers={"Host": "evil.example"})[0] == 400


def refused(*arguments, by=forked.run, **options):
    """The one line with which the script ends."""
    result = by([sys.executable, ROOT / "scripts/demo.py", *map(str, arguments)], **options)
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1, result.stderr
    return result.stderr


def test_what_cannot_be_served_is_said_in_one_sentence(server, tmp_path):
    port = server.url.rstrip("/").rpartition(":")[2]
    assert f"--port {port}" in refused("--port", port, "--models", "bicubic")
    assert "--max-megapixels 0: must be more than 0" in refused("--max-megapixels", 0)
    assert "--keep-minutes inf: must be more than 0, and finite" in refused("--keep-minutes", "inf")
    assert "--host: must name an address" in refused("--host", "", "--models", "bicubic")
    assert "absent: no such weights file" in refused("--models", "absent")
    # A package of this name that is not there, however much is installed.
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError(\"No module named 'uvicorn'\", name='uvicorn')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    anew = partial(subprocess.run, capture_output=True, text=True, timeout=120)
    assert (
        refused(by=anew, env=os.environ | {"PYTHONPATH": path})
        == 'error: the page needs uvicorn: pip install "jaxsr[demo]"\n'
    )
