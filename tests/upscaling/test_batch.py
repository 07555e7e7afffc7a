from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jaxsr
from jaxsr.errors import InputError
from jaxsr.upscaling.batch import find_inputs, name_outputs, upscale_file


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "b.jpg"):
        Image.new("RGB", (6, 5), "teal").save(folder / name)
    return folder


def test_a_folder_stands_for_its_photos(photos):
    (photos / "notes.txt").write_text("")
    assert find_inputs([str(photos)]) == [photos / "a.png", photos / "b.jpg"]
    assert find_inputs([str(photos / "b.jpg"), "absent.png"]) == [photos / "b.jpg", Path("absent.png")]
    with pytest.raises(InputError, match="at least one"):
        find_inputs([])
    (photos / "empty").mkdir()
    with pytest.raises(InputError, match="no photos"):
        find_inputs([str(photos / "empty")])


def test_one_picture_goes_to_a_file_or_into_a_folder(tmp_path, photos):
    source = [photos / "b.jpg"]
    for output, target in (
        (f"{tmp_path}/c.png", tmp_path / "c.png"),
        (f"{tmp_path}/c.JPEG", tmp_path / "c.JPEG"),
        (f"{tmp_path}/new/", tmp_path / "new/b_x4.png"),
        (f"{photos}", photos / "b_x4.png"),
    ):
        assert name_outputs(source, output, scale=4) == [target]
    for output in (f"{tmp_path}/new", f"{tmp_path}/c.gif"):
        with pytest.raises(InputError, match=r"\.png, \.jpg, \.jpeg"):
            name_outputs(source, output, scale=4)


def test_several_pictures_go_into_a_folder(tmp_path, photos):
    sources = [photos / "a.png", photos / "b.jpg"]
    targets = [tmp_path / "new/a_x2.png", tmp_path / "new/b_x2.png"]
    assert name_outputs(sources, f"{tmp_path}/new", scale=2) == targets
    (tmp_path / "file").write_text("")
    for output in (f"{tmp_path}/c.png", f"{tmp_path}/file"):
        with pytest.raises(InputError, match="name a folder"):
            name_outputs(sources, output, scale=2)


def test_nothing_that_is_needed_is_replaced(tmp_path, photos):
    (tmp_path / "link.png").symlink_to(photos / "a.png")
    for output in (f"{photos}/a.png", f"{photos}/../photos/a.png", f"{tmp_path}/link.png"):
        with pytest.raises(InputError, match="replace an input"):
            name_outputs([photos / "a.png"], output, scale=4)
    with pytest.raises(InputError, match=r"both .*a\.png and .*a\.jpg"):
        name_outputs([photos / "a.png", photos / "a.jpg"], f"{tmp_path}/new", scale=4)


def test_a_result_with_transparency_is_no_jpeg(tmp_path):
    source = tmp_path / "glass.png"
    Image.new("RGBA", (6, 5), (0, 128, 128, 77)).save(source)
    upscaler = jaxsr.load("bicubic")
    with pytest.raises(InputError, match=r"larger\.jpg: JPEG has no transparency.* \.png"):
        upscale_file(upscaler, source, tmp_path / "larger.jpg")
    upscale_file(upscaler, source, tmp_path / "larger.png")
    written = np.asarray(Image.open(tmp_path / "larger.png"))
    np.testing.assert_array_equal(written, np.full((20, 24, 4), (0, 128, 128, 77)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["glass.png", "larger.png"]
