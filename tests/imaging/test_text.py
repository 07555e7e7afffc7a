"""Text of PNG files through a file and back, read by Pillow."""

import numpy as np
import pytest
from pictures import through
from PIL import Image, PngImagePlugin

import jaxsr.imaging.png.text as text_module
from jaxsr.imaging.png.text import read_text
from jaxsr.imaging.resize import resize_uint8

SMOOTH = np.uint8(np.linspace(0, 255, 24 * 36 * 3).reshape(24, 36, 3))
ORIENTATION = 0x0112


TEXTS = {
    "Title": "A smooth picture",
    "Kéy": "plain",
    "Author": "José",
    "Place": "東京 ✓",
    "Note": "größer " * 40,
    "Plain": "x" * 500,
}


@pytest.mark.parametrize("packed", [False, True])
def test_text_of_a_png_stays(packed, tmp_path):
    text = PngImagePlugin.PngInfo()
    for keyword, value in TEXTS.items():
        add = text.add_itxt if keyword == "Place" else text.add_text
        add(keyword, value, zip=packed)
    Image.fromarray(SMOOTH).save(tmp_path / "a.png", pnginfo=text)
    with Image.open(through(tmp_path / "a.png", tmp_path / "b.png")) as written:
        np.testing.assert_array_equal(np.asarray(written), resize_uint8(SMOOTH, 4))
        assert written.text == TEXTS
    with Image.open(through(tmp_path / "b.png", tmp_path / "c.png")) as written:
        assert written.text == TEXTS


def test_xmp_of_a_png_is_no_text_and_stays_one(tmp_path):
    packet = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", packet)
    Image.fromarray(SMOOTH).save(tmp_path / "a.png", pnginfo=text)
    written = through(tmp_path / "a.png", tmp_path / "b.png").read_bytes()
    assert written.count(b"XML:com.adobe.xmp") == 1
    with Image.open(tmp_path / "b.png") as opened:
        assert opened.getexif().get(ORIENTATION, 1) == 1


def test_a_long_text_stays_in_a_file_that_pillow_opens(tmp_path):
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", "x" * 12_000_000)
    Image.fromarray(SMOOTH).save(tmp_path / "a.png", pnginfo=text)
    with Image.open(through(tmp_path / "a.png", tmp_path / "b.png")) as written:
        assert written.info["workflow"] == "x" * 12_000_000


def test_texts_that_would_grow_without_end_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(text_module, "_MOST_BYTES", 10**6)
    text = PngImagePlugin.PngInfo()
    for number in range(5):
        text.add_text(f"T{number}", "é" * 300_000, zip=True)
    Image.fromarray(SMOOTH).save(tmp_path / "a.png", pnginfo=text)
    assert sum(len(value) for _, value in read_text(tmp_path / "a.png")) == 900_000
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole + whole[8:])
    assert read_text(tmp_path / "b.png") == read_text(tmp_path / "a.png")
