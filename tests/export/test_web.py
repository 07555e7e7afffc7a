"""The static page in a real Chromium, by WASM, against the library."""

import functools
import http.server
import io
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import tyro
from chromium import CHROMIUM, QUIET
from PIL import Image
from random_networks import random_variables

import jaxsr
from jaxsr.commands.export import main
from jaxsr.errors import InputError
from jaxsr.models import SRResNet
from jaxsr.weights import Weights, save_weights

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("onnxruntime", reason='exporting needs pip install "jaxsr[export]"')
in_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The page, with espcn and a small srresnet whose name needs encoding in an address."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not here")
    here = tmp_path_factory.mktemp("web")
    model = SRResNet(4, 8, 1)
    save_weights(here / "small #1?50%.safetensors", Weights(model, random_variables(model), {}))
    try:
        tyro.cli(main, args=["espcn", str(here / "small #1?50%.safetensors"), str(here / "page"), "--format", "web"])
    except InputError as error:
        if "npm could not download" not in str(error):
            raise
        pytest.skip(str(error))
    return here


@pytest.fixture
def page(folder, tmp_path):
    """The page in an empty browser; at the end, that it asked nobody but its server and ran into no error."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=folder / "page"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url, asked, wrong = f"http://127.0.0.1:{server.server_port}/", [], []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=QUIET)
        context = browser.new_context(viewport={"width": 1000, "height": 700}, accept_downloads=True)
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(url)
        page.locator("#samples button").nth(6).wait_for()
        yield page
        browser.close()
    server.shutdown()
    server.server_close()
    assert wrong == []
    assert [each for each in asked if not each.startswith((url, f"blob:{url}"))] == []


def upscaled(page, model, image, path):
    """The file that the page makes of an image."""
    content = io.BytesIO()
    image.save(content, "PNG")
    page.locator("#model").select_option(model)
    page.set_input_files(
        "#file", files=[{"name": "my photo.png", "mimeType": "image/png", "buffer": content.getvalue()}]
    )
    page.locator("body[data-state=result]").wait_for(timeout=120_000)
    with page.expect_download() as waiting:
        page.click("#download")
    waiting.value.save_as(path)
    page.click("#new")
    return waiting.value.suggested_filename, np.asarray(Image.open(path)).astype(int)


@in_chromium
def test_the_page_makes_what_the_library_makes(page, folder, tmp_path):
    photo = Image.open(Path(jaxsr.__file__).parent / "samples/flowers.jpg").crop((100, 50, 390, 110))
    # Two tiles side by side.
    assert photo.width > 240
    for name, source in (("espcn", "espcn"), ("small #1?50%", folder / "small #1?50%.safetensors")):
        file, theirs = upscaled(page, name, photo, tmp_path / "theirs.png")
        assert file == "my photo_x4.png"
        assert (theirs[..., 3] == 255).all()
        ours = np.asarray(jaxsr.load(source)(photo)).astype(int)
        assert np.abs(theirs[..., :3] - ours).max() <= 1
    opacity = np.zeros((60, 80), np.uint8)
    opacity[10:50, 10:70], opacity[20:40, 30:50] = 255, 128
    photo = photo.crop((0, 0, 80, 60))
    photo.putalpha(Image.fromarray(opacity))
    _, theirs = upscaled(page, "espcn", photo, tmp_path / "theirs.png")
    ours = np.asarray(jaxsr.load("espcn")(photo)).astype(int)
    assert np.abs(theirs[..., 3] - ours[..., 3]).max() <= 1
    # Canvases keep colours weighted with their opacity, which rounds them.
    weighted = [picture[..., :3] * picture[..., 3:] / 255 for picture in (theirs, ours)]
    assert np.abs(weighted[0] - weighted[1]).max() <= 3


@in_chromium
def test_the_divider_uncovers_the_result_and_bad_files_are_one_sentence(page):
    page.set_input_files("#file", files=[{"name": "notes.png", "mimeType": "image/png", "buffer": b"a text"}])
    page.get_by_role("alert").get_by_text("notes.png: this browser cannot read it as a picture").wait_for()
    assert page.locator("body").get_attribute("data-state") == "empty"
    page.locator("#samples button").nth(4).click()
    page.locator("body[data-state=result]").wait_for(timeout=120_000)
    page.wait_for_load_state("networkidle")

    def seen():
        picture = Image.open(io.BytesIO(page.locator("#stage").screenshot())).convert("RGB")
        return np.asarray(picture).astype(int)[100:500, 350:650]

    page.locator("#divider").focus()
    page.keyboard.press("End")
    page.wait_for_timeout(300)
    bicubic = seen()
    page.keyboard.press("Home")
    page.wait_for_timeout(300)
    # The network's edges are steeper than bicubic's.
    assert np.abs(np.diff(seen(), axis=1)).mean() > 1.1 * np.abs(np.diff(bicubic, axis=1)).mean()


def test_what_is_in_the_way_is_said_in_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").touch()
    with pytest.raises(InputError, match="taken exists already"):
        tyro.cli(main, args=[str(tmp_path / "taken"), "--format", "web"])
    names = ["a/best.safetensors", "b/best.safetensors"]
    with pytest.raises(InputError, match="2 models are called best"):
        tyro.cli(main, args=["espcn", *names, str(tmp_path / "page"), "--format", "web"])
    with pytest.raises(InputError, match="2 models are called x,"):
        tyro.cli(main, args=["a/x.pth.tar", "b/x.pth", str(tmp_path / "page"), "--format", "web"])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="needs npm"):
        tyro.cli(main, args=["runs/gan_0.1", "runs/gan_0.5", str(tmp_path / "page"), "--format", "web"])
    with pytest.raises(InputError, match="needs npm to download onnxruntime-web@"):
        tyro.cli(main, args=[str(tmp_path / "page"), "--format", "web"])
    with pytest.raises(InputError, match="--float16 is for files"):
        tyro.cli(main, args=[str(tmp_path / "page"), "--format", "web", "--float16"])
    with pytest.raises(InputError, match="--overwrite is for files"):
        tyro.cli(main, args=[str(tmp_path / "taken"), "--format", "web", "--overwrite"])
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
