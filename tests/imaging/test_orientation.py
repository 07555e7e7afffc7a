"""The orientation that EXIF or XMP gives is that of `open_picture`, of `read_photo`, and of the sizes."""

import numpy as np
import pytest
from pictures import through
from PIL import Image, PngImagePlugin

from jaxsr.imaging.photo import photo_size, read_photo
from jaxsr.imaging.picture import open_picture, picture_size
from jaxsr.imaging.png.chunks import insert_at_end

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)
UPRIGHT = np.rot90(PIXELS, -1)


def require_upright(path, *, lossless=True):
    picture = open_picture(path)
    assert picture.size == picture_size(path) == photo_size(path) == (40, 24)
    for pixels in (picture.rows(0, 40), read_photo(path)):
        np.testing.assert_allclose(pixels, UPRIGHT, atol=0 if lossless else 60)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_an_orientation_in_xmp_alone_is_applied_once(suffix, tmp_path):
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    options = {
        ".jpg": {"quality": 100, "subsampling": 0, "xmp": XMP},
        ".png": {"pnginfo": text},
        ".tif": {"tiffinfo": {700: XMP}},
        ".webp": {"lossless": True, "xmp": XMP},
    }
    path, result = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    Image.fromarray(PIXELS).save(path, **options[suffix])
    require_upright(path, lossless=suffix != ".jpg")
    through(path, result)
    assert photo_size(result) == picture_size(result) == (160, 96)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_that_in_exif_comes_first(suffix, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 1
    Image.fromarray(PIXELS).save(tmp_path / f"a{suffix}", exif=exif, xmp=XMP)
    assert open_picture(tmp_path / f"a{suffix}").size == photo_size(tmp_path / f"a{suffix}") == (24, 40)


def with_late_exif(path, exif, **options):
    """Write a PNG whose EXIF follows the pixels."""
    Image.fromarray(PIXELS).save(path, **options)
    with path.open("r+b") as file:
        insert_at_end(file, [(b"eXIf", exif.removeprefix(b"Exif\0\0"))])


def test_exif_after_the_pixels_of_a_png(tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    with_late_exif(tmp_path / "a.png", exif.tobytes())
    require_upright(tmp_path / "a.png")
    through(tmp_path / "a.png", tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as written:
        assert (written.size, written.getexif()[0x010F]) == ((96, 160), "A camera")
        assert written.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize(("orientation", "size"), [(None, (40, 24)), (1, (24, 40))])
def test_xmp_counts_only_if_exif_after_the_pixels_gives_no_orientation(orientation, size, tmp_path):
    exif, text = Image.Exif(), PngImagePlugin.PngInfo()
    exif[0x010F] = "A camera"
    if orientation:
        exif[0x0112] = orientation
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    path = tmp_path / "a.png"
    with_late_exif(path, exif.tobytes(), pnginfo=text)
    assert open_picture(path).size == picture_size(path) == photo_size(path) == read_photo(path).shape[:2] == size


@pytest.mark.parametrize(
    "exif",
    # An orientation of 2³² − 1 (EXIF 2.32, section 4.6.2: type LONG), and no EXIF at all.
    [b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x04\0\0\0\x01\xff\xff\xff\xff\0\0\0\0", b"rubbish"],
)
def test_no_orientation_in_damaged_exif_after_the_pixels(exif, tmp_path):
    with_late_exif(tmp_path / "a.png", exif)
    assert open_picture(tmp_path / "a.png").size == picture_size(tmp_path / "a.png") == (24, 40)
    assert photo_size(tmp_path / "a.png") == (24, 40)


def test_an_avif_is_not_turned_by_its_xmp(tmp_path):
    """AVIF 1.2, section 5, as HEIF: only the file's own transformations turn a picture."""
    path = tmp_path / "a.avif"
    Image.fromarray(PIXELS).save(path, xmp=XMP)
    assert open_picture(path).size == picture_size(path) == photo_size(path) == read_photo(path).shape[:2] == (24, 40)
