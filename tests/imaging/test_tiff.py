"""Pages of TIFFs that Pillow or libvips alone would miss, written by tifffile."""

import numpy as np
import pytest
import tifffile

from jaxsr.errors import InputError
from jaxsr.imaging.frames import open_frames
from jaxsr.imaging.photo import photo_size, read_photo
from jaxsr.imaging.picture import open_picture, picture_size

LEVELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3))
SMALL = np.uint8(LEVELS[::4, ::4])


def rows(picture):
    return np.round(picture.rows(0, picture.size[0]) * (1 if picture.colour.format == "uchar" else 255))


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("depth", [8, 16])
def test_a_smaller_copy_before_the_picture_is_not_the_picture(depth, bigtiff, byteorder, tmp_path):
    path = tmp_path / "a.tif"
    full = np.uint8(LEVELS) if depth == 8 else np.uint16(LEVELS * 257)
    with tifffile.TiffWriter(path, bigtiff=bigtiff, byteorder=byteorder) as writer:
        writer.write(SMALL, photometric="rgb", subfiletype=1)
        writer.write(full, photometric="rgb")
    assert open_picture(path).notes == ()
    np.testing.assert_array_equal(rows(open_picture(path)), LEVELS)
    np.testing.assert_array_equal(read_photo(path), LEVELS)
    assert picture_size(path) == photo_size(path) == (40, 60)
    assert open_frames(path) is None
    with tifffile.TiffWriter(path, append=True) as writer:
        writer.write(full[:9], photometric="rgb")
    assert open_picture(path).notes == ("the first of 2 pictures",)
    assert open_picture(path).size == (40, 60)
    assert [picture.size for picture in open_frames(path).pictures] == [(40, 60), (9, 60)]


def test_a_preview_alone_is_said_to_be_one(tmp_path):
    """The layout of raw photos."""
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(SMALL, photometric="rgb", subfiletype=1, subifds=1)
        writer.write(np.uint8(LEVELS), photometric="rgb")
    assert open_picture(tmp_path / "a.tif").notes == ("only the small preview in it can be read",)


def test_a_picture_that_is_marked_as_a_smaller_copy_is_read_without_a_note(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", SMALL, photometric="rgb", subfiletype=1)
    assert open_picture(tmp_path / "a.tif").notes == ()
    np.testing.assert_array_equal(rows(open_picture(tmp_path / "a.tif")), SMALL)


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_a_damaged_tag_takes_neither_the_orientation_nor_the_next_pages(byteorder, bigtiff, tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, bigtiff=bigtiff, byteorder=byteorder) as writer:
        turned = [(274, "H", 1, 6, True)]
        writer.write(np.uint8(LEVELS), photometric="rgb", description="A description", extratags=turned)
        writer.write(np.uint8(LEVELS[:9]), photometric="rgb")
        writer.write(SMALL, photometric="rgb", subfiletype=1)
    with tifffile.TiffFile(path) as file:
        tag = file.pages[0].tags["ImageDescription"]
    width = 8 if bigtiff else 4
    with path.open("r+b") as file:
        # Where the text is, now far beyond the end of the file.
        file.seek(tag.offset + 4 + width)
        file.write((2**31 - 16).to_bytes(width, "little" if byteorder == "<" else "big"))
    assert open_picture(path).notes == ("the first of 2 pictures",)
    assert picture_size(path) == open_picture(path).size == (60, 40)
    assert [picture.size for picture in open_frames(path).pictures] == [(60, 40), (9, 60)]


def test_an_orientation_of_one_byte(tmp_path):
    """TIFF 6.0 asks for two, and libtiff reads both."""
    tifffile.imwrite(tmp_path / "a.tif", np.uint8(LEVELS), photometric="rgb", extratags=[(274, "B", 1, 6, True)])
    assert open_picture(tmp_path / "a.tif").size == (60, 40)


@pytest.mark.parametrize("first", ["cielab", "rgb"])
def test_pages_in_lab(first, tmp_path):
    gray = np.full((24, 40, 3), (153, 0, 0), np.uint8)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(gray, photometric=first)
        for height in (20, 16):
            writer.write(gray[:height], photometric="cielab")
    assert "the first of 3 pictures" in open_picture(tmp_path / "a.tif").notes
    pictures = open_frames(tmp_path / "a.tif").pictures
    assert [picture.size[0] for picture in pictures] == [24, 20, 16]
    for picture in pictures[1:]:
        # CIE 15: L* of 60 is a luminance of 0.2812, which is sRGB's 0.5676 by IEC 61966-2-1.
        np.testing.assert_allclose(picture.rows(0, 16)[5, 5] / 255, 0.5676, atol=0.004)


def test_floats_of_64_bits_are_refused_with_a_way_out(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", LEVELS / 255, photometric="rgb")
    with pytest.raises(InputError, match=r"a\.tif: floats of 64 bits are not supported; save it as 32-bit floats"):
        open_picture(tmp_path / "a.tif")


def test_gray_of_16_bits_with_white_at_zero(tmp_path):
    gray = LEVELS[..., 0]
    tifffile.imwrite(tmp_path / "a.tif", np.uint16(65535 - 257 * gray), photometric="miniswhite")
    np.testing.assert_array_equal(read_photo(tmp_path / "a.tif")[..., 0], gray)
    np.testing.assert_array_equal(rows(open_picture(tmp_path / "a.tif")), gray)
