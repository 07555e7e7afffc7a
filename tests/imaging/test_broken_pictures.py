"""Files that are broken, lie about themselves, or mean harm: one sentence each, and never a crash."""

import io
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from jaxsr.errors import InputError
from jaxsr.evaluation.photos import read_set
from jaxsr.imaging.photo import photo_size, read_photo
from jaxsr.imaging.picture import open_picture, picture_size
from jaxsr.imaging.png.chunks import chunk
from jaxsr.imaging.quality import file_quality
from jaxsr.imaging.tiff import own_pages, tiff_tags


def png(width, height, data=b""):
    """A PNG of 8-bit RGB that claims a size, with whatever pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def photo(suffix=".png", side=64, **options):
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, {".jpg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:].upper()), **options)
    return stream.getvalue()


def archive():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as zipped:
        zipped.writestr("a.txt", "no picture")
    return stream.getvalue()


def truncated(suffix):
    whole = photo(suffix)
    return whole[: 2 * len(whole) // 3]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"no picture at all", "no picture in a format that can be read"),
        (archive(), "no picture in a format that can be read"),
        (png(60_000, 60_000), "60000 × 60000 pixels are more than the limit of 500 megapixels"),
        (png(20_000, 20_000, zlib.compress(b"\0" * 1000)), "cannot be read as a picture"),
        (png(0, 10), "cannot be read as a picture"),
        (png(100, 100, zlib.compress(b"\0" * 1000)), "cannot be read as a picture"),
        (truncated(".png"), "cannot be read as a picture"),
        (truncated(".jpg"), "cannot be read as a picture"),
        (truncated(".webp"), "cannot be read as a picture"),
        (truncated(".tif"), "cannot be read as a picture"),
        (truncated(".bmp"), "cannot be read as a picture"),
        (b"BM" + b"\xff" * 60, "cannot be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "no picture in a format"),
    ],
)
def test_broken_files_are_one_sentence(content, words, tmp_path):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match=r"^.*a\.png: ") as caught:
        open_picture(tmp_path / "a.png")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def bitmap(width, height):
    header = struct.pack("<LllHHLLllLL", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<LHHL", 54, 0, 0, 54) + header


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a.bmp", bitmap(30_000, 20_000)),
        ("a.pgm", b"P5 30000 20000 255\n"),
        ("a.ppm", b"P3 30000 20000 255\n"),
        ("a.tga", struct.pack("<3B5x4H2B", 0, 0, 3, 0, 0, 30_000, 20_000, 8, 0)),
    ],
)
def test_the_limit_is_ours_in_the_formats_that_pillow_reads_too(name, head, tmp_path):
    (tmp_path / name).write_bytes(head + bytes(100))
    with pytest.raises(InputError, match=r"30000 × 20000 pixels are more than the limit of 500 megapixels"):
        open_picture(tmp_path / name)
    (tmp_path / "small.pgm").write_bytes(b"P5 40 30 255\n" + bytes(1200))
    with pytest.raises(InputError, match=r"small\.pgm: 40 × 30 pixels are more than the limit of 0\.001 megapixels"):
        open_picture(tmp_path / "small.pgm", largest=1000)


def test_pictures_that_pillow_would_refuse_are_read(tmp_path, monkeypatch):
    (tmp_path / "a.pgm").write_bytes(b"P5 40 30 255\n" + bytes(1200))
    pages = [Image.new("L", (40, 30)), Image.new("L", (20, 15)), Image.new("L", (40, 30))]
    tags = ImageFileDirectory_v2()
    tags[254] = 1
    pages[1].encoderinfo = {"tiffinfo": tags}
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    # In place of pictures beyond Pillow's limit of 179 megapixels.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    assert open_picture(tmp_path / "a.pgm").size == (30, 40)
    assert own_pages(tiff_tags(tmp_path / "a.tif")) == [0, 2]


def test_salvage_is_no_way_out_for_a_jpeg_that_is_whole(tmp_path):
    whole = photo(".jpg")
    precision = whole.index(b"\xff\xc0") + 4
    (tmp_path / "a.jpg").write_bytes(whole[:precision] + bytes([12]) + whole[precision + 1 :])
    with pytest.raises(InputError, match=r"cannot be read as a picture \(VipsJpeg: .*precision 12\)$"):
        open_picture(tmp_path / "a.jpg")


@pytest.mark.parametrize("bigtiff", [False, True])
def test_a_tiff_with_damaged_pixels_is_a_tiff(tmp_path, bigtiff):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    content = pyvips.Image.new_from_array(pixels).write_to_buffer(".tif", bigtiff=bigtiff, compression="deflate")
    (tmp_path / "a.tif").write_bytes(content[:200] + bytes(3000) + content[3200:])
    with pytest.raises(InputError, match=r"a\.tif: cannot be read as a picture \("):
        open_picture(tmp_path / "a.tif")


def test_threads_that_read_broken_files_at_once_do_not_take_one_anothers_words(tmp_path):
    for suffix in (".jpg", ".png", ".webp"):
        (tmp_path / f"a{suffix}").write_bytes(truncated(suffix))

    def message(suffix):
        with pytest.raises(InputError) as caught:
            open_picture(tmp_path / f"a{suffix}")
        return str(caught.value)

    suffixes = [".jpg", ".png", ".webp"] * 100
    with ThreadPoolExecutor(8) as pool:
        for suffix, words in zip(suffixes, pool.map(message, suffixes), strict=True):
            assert words.startswith(f"{tmp_path}/a{suffix}: cannot be read as a picture")
            assert ("--salvage" in words) == (suffix == ".jpg")


def test_what_is_no_file_is_one_sentence(tmp_path):
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    for name, words in (
        ("dangling.png", "No such file"),
        ("absent.png", "No such file"),
        ("pipe.png", "is not a regular file"),
        ("folder.png", "is a folder"),
    ):
        with pytest.raises(InputError, match=rf"{name}.*{words}"):
            open_picture(tmp_path / name)


def test_kinds_of_pixel_that_are_not_taken(tmp_path):
    pyvips.Image.black(8, 8, bands=7).tiffsave(str(tmp_path / "seven.tif"))
    with pytest.raises(InputError, match=r"seven\.tif: 7 channels are neither gray nor RGB"):
        open_picture(tmp_path / "seven.tif")
    pyvips.Image.black(8, 8).cast("int").tiffsave(str(tmp_path / "int.tif"))
    with pytest.raises(InputError, match=r"int\.tif: pixels of type int are not supported"):
        open_picture(tmp_path / "int.tif")


def test_pillows_limit_stops_nobody(tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30), np.uint8)
    for suffix in (".png", ".jpg", ".jp2", ".tif", ".webp"):
        Image.fromarray(pixels).save(tmp_path / f"a{suffix}", quality=70)
    # In place of pictures of more than 89 and 179 megapixels.
    for limit in (1000, 500):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        assert file_quality(tmp_path / "a.jpg") == 70
        for suffix in (".png", ".jpg", ".jp2", ".tif", ".webp"):
            path = tmp_path / f"a{suffix}"
            assert photo_size(path) == picture_size(path) == (40, 30)
            assert read_photo(path).shape == (40, 30, 3)
        ((_, photo),) = read_set([tmp_path / "a.png"])
        np.testing.assert_array_equal(photo, pixels)


def test_pillow_warns_nobody_and_other_warnings_stay(tmp_path):
    # By a program of its own, because pytest has filters of its own.
    program = """
import sys, warnings
from PIL import Image
from jaxsr.imaging.photo import photo_size, read_photo
def unsafe(*_, **__):
    raise AssertionError("catch_warnings is not safe between threads")
warnings.catch_warnings = unsafe
Image.MAX_IMAGE_PIXELS = 1000
for path in sys.argv[1:]:
    assert photo_size(path) == read_photo(path).shape[:2] == (40, 30)
warnings.warn("of another kind")
"""
    paths = [tmp_path / "a.png", tmp_path / "a.tif", tmp_path / "b.tif"]
    Image.new("RGB", (30, 40)).save(paths[0])
    # The second begins with a smaller copy, so libvips reads it.
    for path, copies in zip(paths[1:], (0, 1), strict=True):
        with tifffile.TiffWriter(path) as writer:
            for _ in range(copies):
                writer.write(np.zeros((4, 3, 3), np.uint8), photometric="rgb", description="Of it", subfiletype=1)
            writer.write(np.zeros((40, 30, 3), np.uint8), photometric="rgb", description="A description")
        # The description gets more characters than the file has bytes.
        whole = path.read_bytes()
        place = whole.index(b"\x0e\x01\x02\0") + 4
        path.write_bytes(whole[:place] + b"\xff\xff\xff\0" + whole[place + 4 :])
    ended = subprocess.run([sys.executable, "-c", program, *paths], capture_output=True, text=True)
    assert ended.stderr == "<string>:11: UserWarning: of another kind\n"


def test_the_size_is_in_the_header(tmp_path):
    """Of files that end after it."""
    for suffix in (".bmp", ".jp2", ".ppm", ".tga"):
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (160, 96, 3), np.uint8)).save(tmp_path / f"a{suffix}")
        (tmp_path / f"b{suffix}").write_bytes((tmp_path / f"a{suffix}").read_bytes()[:250])
        assert picture_size(tmp_path / f"b{suffix}") == (160, 96)
        with pytest.raises(InputError, match="cannot be read as a picture"):
            open_picture(tmp_path / f"b{suffix}")
    (tmp_path / "c.bmp").write_bytes(b"BM" + b"\xff" * 60)
    with pytest.raises(InputError, match=r"c\.bmp: cannot be read as a picture"):
        picture_size(tmp_path / "c.bmp")


def test_the_limit_comes_before_the_pixels_that_are_salvaged(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(truncated(".jpg"))
    monkeypatch.setattr(pyvips.Image, "write_to_memory", None)
    monkeypatch.setattr(pyvips.Image, "copy_memory", None)
    with pytest.raises(InputError, match=r"64 × 64 pixels are more than the limit of 0\.001 megapixels"):
        open_picture(tmp_path / "a.jpg", salvage=True, largest=1000)


FUZZ = """
import io, sys
from pathlib import Path
import numpy as np
from PIL import Image
from jaxsr.errors import InputError
from jaxsr.imaging.picture import open_picture

folder, count, random = Path(sys.argv[1]), int(sys.argv[2]), np.random.default_rng(0)
pixels = random.integers(0, 256, (24, 20, 3), np.uint8)
seeds = []
packed = {"compression": "tiff_lzw"}
for kind, options in (
    ("PNG", {}), ("JPEG", {}), ("WEBP", {}), ("GIF", {}), ("BMP", {}), ("TIFF", {}), ("TIFF", packed)
):
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    extra = {"exif": exif, "dpi": (72, 72)} if kind in ("PNG", "JPEG", "TIFF", "WEBP") else {}
    Image.fromarray(pixels).save(stream, kind, **options, **extra)
    seeds.append(np.frombuffer(stream.getvalue(), np.uint8))
read = refused = 0
for number in range(count):
    seed = seeds[number % len(seeds)].copy()
    head = random.integers(2) == 0
    for _ in range(random.integers(1, 6)):
        place = random.integers(min(len(seed), 128) if head else len(seed))
        seed[place] = random.choice([0, 255, random.integers(256), seed[place] ^ (1 << random.integers(8))])
    if random.integers(4) == 0:
        seed = seed[: random.integers(1, len(seed))]
    path = folder / "fuzzed"
    path.write_bytes(seed.tobytes())
    try:
        picture = open_picture(path, largest=1_000_000)
        picture.rows(0, picture.size[0])
        read += 1
    except InputError as error:
        assert "\\n" not in str(error), error
        refused += 1
print(read, refused)
"""


def test_mutated_files_give_pictures_or_sentences(tmp_path):
    """In a process of its own, which would show a crash of libvips."""
    command = [sys.executable, "-c", FUZZ, str(tmp_path), "1000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    read, refused = map(int, done.stdout.split())
    assert read + refused == 1000
    assert min(read, refused) > 100
    assert done.stderr == ""
