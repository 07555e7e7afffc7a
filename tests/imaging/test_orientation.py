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


def test_exif_after_the_pixels_of_a_png(tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    with (tmp_path / "a.png").open("r+b") as file:
        insert_at_end(file, [(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))])
    require_upright(tmp_path / "a.png")
    through(tmp_path / "a.png", tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as written:
        assert (written.size, written.getexif()[0x010F]) == ((96, 160), "A camera")
        assert written.getexif().get(0x0112, 1) == 1
