"""PNG files of ours, read by libpng (Pillow), libspng (libvips) and zlib."""

import io
import itertools
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

import jaxsr.imaging.png.writing
from jaxsr.imaging.png.deflate import compressed_rows
from jaxsr.imaging.png.filters import average, paeth
from jaxsr.imaging.png.writing import write_png
from jaxsr.imaging.resize import resize_uint8

SAMPLES = Path(jaxsr.__file__).parent / "samples"
KINDS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


def written(pixels, **options):
    image = pyvips.Image.new_from_array(pixels)
    deep = pixels.dtype == np.uint16
    gray = image.bands < 3
    file = io.BytesIO()
    image = image.copy(interpretation=("grey16" if deep else "b-w") if gray else "rgb16" if deep else "srgb")
    write_png(file, image, keep="all", **options)
    return file.getvalue()


def chunks(png):
    place, found = 8, []
    while place < len(png):
        (length,) = struct.unpack_from(">L", png, place)
        body = png[place + 4 : place + 8 + length]
        assert struct.unpack_from(">L", png, place + 8 + length) == (zlib.crc32(body),)
        found.append((body[:4], body[4:]))
        place += length + 12
    return found


def textured(height, width, bands, dtype):
    """A slope with noise, so that neither repetitions nor filters are all there is to it."""
    rows, columns, channels = np.mgrid[:height, :width, :bands]
    noise = np.random.default_rng(0).normal(0, 0.004, (height, width, bands))
    return (np.clip((rows + 2 * columns + 9 * channels) % 300 / 300 + noise, 0, 1) * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("compression", ["fast", "balanced", "small"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("mode", KINDS)
def test_every_kind_of_pixel_comes_back(mode, dtype, compression, monkeypatch):
    # A few rows in each block.
    monkeypatch.setattr(jaxsr.imaging.png.writing, "_BLOCK", 1500)
    pixels = textured(67, 103, KINDS[mode], dtype)
    png = written(pixels, compression=compression)
    by_libvips = pyvips.Image.new_from_buffer(png, "").numpy().reshape(pixels.shape)
    np.testing.assert_array_equal(by_libvips, pixels)
    with Image.open(io.BytesIO(png)) as opened:
        # Pillow has no colours of 16 bits.
        assert opened.mode == (
            "I;16" if (mode, dtype) == ("L", np.uint16) else "RGBA" if "A" in mode and dtype == np.uint16 else mode
        )
        opened.load()
    names = [name for name, _ in chunks(png)]
    assert names[0] == b"IHDR"
    assert names[-1] == b"IEND"
    assert names.count(b"IDAT") > 4
    # Its Adler-32 is that of the whole, which zlib holds against the one at the end.
    lines = zlib.decompress(b"".join(body for name, body in chunks(png) if name == b"IDAT"))
    assert len(lines) == 67 * (103 * KINDS[mode] * pixels.itemsize + 1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9000), (9000, 1), (3, 2)])
def test_narrow_and_flat_pictures(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(written(pixels)))), pixels)


def test_filters_are_those_of_the_standard():
    rows = np.random.default_rng(0).integers(0, 256, (9, 300), np.uint8)
    # Small differences too, where Paeth's choices are equally far.
    rows[4:] //= 64
    filtered = {3: average(rows, 3), 4: paeth(rows, 3)}
    whole = rows.astype(int)
    for row in range(1, 9):
        for place in range(300):
            left = whole[row, place - 3] if place >= 3 else 0
            above = whole[row - 1, place]
            corner = whole[row - 1, place - 3] if place >= 3 else 0
            # min takes the first of those that are equally near.
            nearest = min((left, above, corner), key=lambda value: abs(left + above - corner - value))
            foretold = {3: (left + above) // 2, 4: nearest}
            for number, residuals in filtered.items():
                assert residuals[row - 1, place] == (whole[row, place] - foretold[number]) % 256


@pytest.mark.parametrize("name", ["city", "waves"])
def test_upscaled_photos_are_no_larger_than_pillow_writes_them(name):
    photo = np.asarray(Image.open(SAMPLES / f"{name}.jpg"))[:200, :200]
    pixels = resize_uint8(photo, 4)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    sizes = {
        compression: len(written(pixels, compression=compression)) for compression in ("fast", "balanced", "small")
    }
    assert sizes["small"] < sizes["balanced"] <= sizes["fast"]
    assert sizes["balanced"] < 1.05 * len(file.getvalue())


def test_flat_areas_and_drawings_take_little():
    drawing = np.zeros((500, 500, 4), np.uint8)
    drawing[100:400, 200:300] = [200, 30, 90, 255]
    file = io.BytesIO()
    Image.fromarray(drawing).save(file, format="PNG")
    assert len(written(drawing)) < 2 * len(file.getvalue())


def test_all_cores_take_part_and_the_file_is_the_same(monkeypatch):
    pixels = textured(600, 500, 3, np.uint8)
    monkeypatch.setattr(jaxsr.imaging.png.writing, "_BLOCK", 20_000)
    # Three blocks must be there at once, or none goes on.
    meeting, calls = threading.Barrier(3), itertools.count()

    def met(*arguments, **options):
        if next(calls) < 3:
            meeting.wait(timeout=60)
        return compressed_rows(*arguments, **options)

    files = []
    for threads, function in ((1, compressed_rows), (3, met)):
        monkeypatch.setattr(jaxsr.imaging.png.writing, "compressed_rows", function)
        monkeypatch.setattr(pyvips, "concurrency_get", lambda threads=threads: threads)
        files.append(written(pixels))
    assert files[0] == files[1]


def test_pixels_are_asked_for_as_they_are_written(monkeypatch):
    # 64 megapixels, of which a few blocks are there at a time.
    asked, made = [], []
    rows = jaxsr.imaging.png.writing._rows
    monkeypatch.setattr(
        jaxsr.imaging.png.writing, "_rows", lambda image, top, bottom: asked.append(top) or rows(image, top, bottom)
    )
    monkeypatch.setattr(pyvips, "concurrency_get", lambda: 2)

    class File(io.RawIOBase):
        def write(self, data):
            made.append(data[4:8])
            ahead.append(len(asked) - made.count(b"IDAT"))

    ahead = []
    image = pyvips.Image.black(8000, 8000, bands=3).copy(interpretation="srgb")
    file = File()
    write_png(file, image, keep="all", compression="fast")
    assert len(asked) > 100
    assert max(ahead) < 8
