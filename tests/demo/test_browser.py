"""The page in a real Chromium."""

import io
import re

import numpy as np
import pytest
from chromium import CHROMIUM, QUIET
from PIL import Image

import jaxsr
from jaxsr.upscaling.files import upscale_file

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("starlette", reason='the page needs pip install "jaxsr[demo]"')
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
# Of a test for which the size of the window matters.
on_both = pytest.mark.parametrize("page", SIZES, indirect=True)


@pytest.fixture(scope="module")
def playwright():
    with sync_api.sync_playwright() as it:
        yield it


@pytest.fixture
def page(request, playwright, server, tmp_path):
    """The page in an empty browser; at the end, that it asked nobody but its server and ran into no error."""
    size = getattr(request, "param", "desktop")
    width, height = SIZES[size]
    context = playwright.chromium.launch_persistent_context(
        tmp_path / "profile",
        executable_path=CHROMIUM,
        headless=True,
        args=QUIET,
        viewport={"width": width, "height": height},
        has_touch=size == "phone",
        accept_downloads=True,
    )
    asked, wrong = [], []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(server.url)
    page.locator("#samples button").nth(6).wait_for()
    yield page
    context.close()
    assert wrong == []
    assert asked
    assert [url for url in asked if not url.startswith((server.url, f"blob:{server.url}"))] == []


def drop(page, name, content):
    page.set_input_files("#file", files=[{"name": name, "mimeType": "image/png", "buffer": content}])


def finish(page):
    page.locator("body[data-state=result]").wait_for(timeout=120_000)
    page.wait_for_load_state("networkidle")


def seen(page):
    """What the stage shows, [H, W, 3]."""
    return np.asarray(Image.open(io.BytesIO(page.locator("#stage").screenshot())).convert("RGB")).astype(int)


@on_both
def test_a_photo_is_compared_and_downloaded(page, photo, tmp_path):
    expected = {name: np.asarray(jaxsr.load(name)(photo)).astype(int) for name in ("espcn", "bicubic", "nearest")}
    drop(page, "my dog.png", photo.read_bytes())
    finish(page)
    assert page.locator("#facts").text_content().startswith("576\u00a0×\u00a0576, ")
    page.click("#actual")
    assert page.locator("#zoom").text_content() == "100 %"

    def difference(name, left, right):
        """Of what is between two columns of the stage from the picture there, away from labels and the divider."""
        page.wait_for_load_state("networkidle")
        stage = seen(page)
        top, first = ((side - 576) // 2 for side in stage.shape[:2])
        rows = slice(max(top, 0) + 60, min(top + 576, stage.shape[0]) - 10)
        part = expected[name][rows.start - top : rows.stop - top, left - first : right - first]
        return np.abs(stage[rows, left:right] - part).mean()

    width = page.locator("#stage").bounding_box()["width"]
    middle = int(width / 2)
    left, right = (middle - 130, middle - 30), (middle + 30, middle + 130)
    for name, other, columns in (("bicubic", "espcn", left), ("espcn", "bicubic", right)):
        assert difference(name, *columns) < 0.6 * difference(other, *columns)

    # Dragged to the left, the divider uncovers the result.
    box = page.locator("#divider").bounding_box()
    page.mouse.move(box["x"] + 22, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(middle - 150, box["y"] + 20, steps=5)
    page.mouse.up()
    assert int(page.locator("#divider").get_attribute("aria-valuenow")) == round(100 * (middle - 150) / width)
    assert difference("espcn", *left) < 0.6 * difference("bicubic", *left)
    # And by the keyboard to the right end, which covers it.
    page.locator("#divider").focus()
    page.keyboard.press("End")
    assert difference("bicubic", *right) < 0.6 * difference("espcn", *right)
    page.get_by_text("Nearest").click()
    assert difference("nearest", *right) < 0.6 * difference("bicubic", *right)

    with page.expect_download() as waiting:
        page.click("#download")
    assert waiting.value.suggested_filename == "my dog_x4.png"
    waiting.value.save_as(tmp_path / "downloaded.png")
    upscale_file(jaxsr.load("espcn"), photo, tmp_path / "expected.png")
    assert (tmp_path / "downloaded.png").read_bytes() == (tmp_path / "expected.png").read_bytes()


@on_both
def test_zoom_and_pan_by_wheel_buttons_and_keys(page, photo):
    drop(page, "dog.png", photo.read_bytes())
    finish(page)
    zoom = lambda: float(page.locator("#zoom").text_content().rstrip(" %"))  # noqa: E731
    fitted, before = zoom(), seen(page)
    page.locator("#stage").hover(position={"x": 100, "y": 200})
    page.mouse.wheel(0, -400)
    page.wait_for_timeout(300)
    assert zoom() == pytest.approx(fitted * np.e, rel=0.02)
    page.click("#out")
    assert zoom() == pytest.approx(fitted * np.e / 1.25, rel=0.02)
    page.click("#fit")
    assert zoom() == fitted
    page.locator("#stage").focus()
    page.keyboard.press("1")
    assert zoom() == 100
    page.keyboard.press("+")
    assert zoom() == 125
    page.keyboard.press("1")
    page.wait_for_load_state("networkidle")
    still = seen(page)
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(300)
    moved = seen(page)
    # 80 rows further down, beside the labels and the divider.
    columns = np.r_[150 : still.shape[1] // 2 - 30] if still.shape[1] > 600 else np.r_[10 : still.shape[1] // 2 - 30]
    np.testing.assert_array_equal(moved[60:-100][:, columns], still[140:-20][:, columns])
    page.keyboard.press("0")
    page.wait_for_timeout(300)
    assert zoom() == fitted
    # Without the ring that shows where the keyboard is.
    np.testing.assert_allclose(seen(page)[5:-5, 5:-5], before[5:-5, 5:-5], atol=8)


def test_bad_and_too_large_files_are_one_sentence_on_the_page(page):
    alert = page.get_by_role("alert")
    drop(page, "notes.png", b"this is a text")
    alert.get_by_text("notes.png: no picture in a format that can be read").wait_for()
    assert page.locator("body").get_attribute("data-state") == "empty"
    page.get_by_role("button", name="Dismiss").click()
    assert not alert.is_visible()
    drop(page, "huge.png", bytes(4_000_001))
    alert.get_by_text(re.compile("huge.png is larger than the 4 megabytes")).wait_for()
    assert page.locator("#drop").is_visible()


@pytest.mark.parametrize("answer", [lambda route: route.abort(), lambda route: route.fulfill(status=404, body="gone")])
def test_a_sample_that_does_not_come_is_one_sentence_on_the_page(page, answer):
    page.route("**/samples/**", answer)
    page.locator("#samples button").nth(4).click()
    page.get_by_role("alert").get_by_text(re.compile(r"\.(png|jpg) cannot be fetched")).wait_for(timeout=5000)
    assert page.locator("body").get_attribute("data-state") == "empty"


def test_a_photo_dropped_on_a_page_without_models_is_one_sentence(page, photo):
    alert = page.get_by_role("alert")
    page.route("**/options", lambda route: route.abort())
    page.reload()
    alert.get_by_text("The server of this page does not answer").wait_for(timeout=5000)
    page.get_by_role("button", name="Dismiss").click()
    drop(page, "dog.png", photo.read_bytes())
    alert.get_by_text("This page did not load completely. Reload it.").wait_for(timeout=5000)
    assert page.locator("body").get_attribute("data-state") == "empty"


@on_both
def test_strength_is_there_for_models_that_have_one(page, photo):
    strength = page.get_by_label("Strength")
    assert not strength.is_visible()
    page.get_by_label("Model").select_option("sharper")
    strength.fill("0.25")
    page.locator("#samples button").nth(4).click()
    finish(page)
    assert page.locator("#after-tag").text_content() == "sharper, strength 0.25"
    assert page.locator("#facts").text_content().startswith("288\u00a0×\u00a0288, ")
    # The same photo by another model, from where one is.
    page.get_by_label("Model").select_option("bicubic")
    assert not strength.is_visible()
    page.get_by_role("button", name="Upscale again").click()
    page.locator("#after-tag", has_text="bicubic").wait_for()
    # A reload comes back to it.
    page.reload()
    finish(page)
    assert page.locator("#after-tag").text_content() == "bicubic"


def test_progress_and_cancel(page, server, large):
    drop(page, "large.jpg", large.read_bytes())
    page.get_by_text(re.compile(r"Tile \d+ of \d+")).wait_for(timeout=60_000)
    assert page.get_by_role("progressbar").is_visible()
    page.get_by_role("button", name="Cancel").click()
    assert page.locator("#drop").is_visible()
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(2000)
    assert not [path for path in server.files() if path.name == "large.jpg"]


def test_an_upload_is_cancelled_while_it_is_sent(page, photo):
    # An answer that does not come.
    page.route("**/jobs?*", lambda route: None)
    with page.expect_event("requestfailed") as failed:
        drop(page, "dog.png", photo.read_bytes())
        page.get_by_text("Sending the photo…").wait_for()
        page.get_by_role("button", name="Cancel").click()
    assert (failed.value.method, failed.value.failure) == ("POST", "net::ERR_ABORTED")
    assert page.locator("#drop").is_visible()
    assert not page.get_by_role("alert").is_visible()


def test_a_job_survives_polls_that_fail(page, photo):
    answers = [
        lambda route: route.abort(),
        lambda route: route.fulfill(status=502, body="<html>Bad gateway</html>"),
        lambda route: route.fulfill(status=200, body="<html>Sign in</html>"),
        lambda route: route.fulfill(status=503, json={"error": "busy"}),
    ]
    page.route("**/jobs/*", lambda route: answers.pop(0)(route) if answers else route.continue_())
    drop(page, "dog.png", photo.read_bytes())
    page.get_by_text("The server does not answer. Trying again…").wait_for()
    finish(page)
    assert answers == []


def test_an_answer_that_cannot_be_read_is_one_sentence_on_the_page(page, photo):
    page.route("**/jobs?*", lambda route: route.fulfill(status=413, body="<html>Too large</html>"))
    drop(page, "dog.png", photo.read_bytes())
    alert = page.get_by_role("alert")
    alert.get_by_text("The server of this page sent an answer that cannot be read").wait_for()
    assert "Unexpected token" not in alert.inner_text()


def test_a_job_that_was_out_of_reach_for_long_is_not_deleted(page, photo):
    methods = []
    page.clock.install()
    page.route("**/jobs/*", lambda route: (methods.append(route.request.method), route.abort()))
    drop(page, "dog.png", photo.read_bytes())
    page.get_by_text("The server does not answer. Trying again…").wait_for()
    page.clock.fast_forward(61_000)
    page.get_by_role("alert").get_by_text("The server of this page does not answer").wait_for(timeout=5000)
    assert set(methods) == {"GET"}
    page.unroute("**/jobs/*")
    page.reload()
    finish(page)


def test_what_the_server_refuses_is_forgotten(page, server):
    page.goto(f"{server.url}#absent")
    page.reload()
    page.get_by_role("alert").get_by_text("this picture was deleted").wait_for(timeout=5000)
    assert page.url == server.url
