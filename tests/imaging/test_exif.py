"""EXIF from and to TIFF files, read and written by Pillow and tifffile."""

import io
import struct

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

import jaxsr
from jaxsr.imaging.exif import exif_resolution, updated_exif
from jaxsr.imaging.tiff_exif import read_tiff_exif, write_tiff_exif
from jaxsr.upscaling.files import upscale_file

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 36, 3), np.uint8)
EXIF, GPS, MODEL, COPYRIGHT, ORIENTATION = 0x8769, 0x8825, 0x0110, 0x8298, 0x0112
TAKEN, EXPOSURE, WIDTH, HEIGHT, COMMENT = 0x9003, 0x829A, 0xA002, 0xA003, 0x9286
PHOTO = {TAKEN: "2020:01:02 03:04:05", EXPOSURE: 0.008, WIDTH: 36, HEIGHT: 24, COMMENT: b"ASCII\0\0\0hello"}
PLACE = {1: "N", 2: (48.0, 51.0, 30.5), 3: "E", 4: (2.0, 17.0, 40.0)}


def blob():
    tags = Image.Exif()
    tags[MODEL], tags[COPYRIGHT] = "A camera", "me"
    tags.get_ifd(EXIF).update(PHOTO)
    tags.get_ifd(GPS).update(PLACE)
    return tags.tobytes()


def save(path):
    if path.suffix == ".tif":
        tags = ImageFileDirectory_v2()
        tags[MODEL], tags[COPYRIGHT], tags[EXIF], tags[GPS] = "A camera", "me", PHOTO, PLACE
        Image.fromarray(PIXELS).save(path, tiffinfo=tags)
    else:
        Image.fromarray(PIXELS).save(path, exif=blob())


def require_all(tags, *, width, height):
    assert (tags[MODEL], tags[COPYRIGHT]) == ("A camera", "me")
    expected = PHOTO | {WIDTH: width, HEIGHT: height}
    assert {key: value for key, value in tags.get_ifd(EXIF).items() if key in expected} == expected
    assert dict(tags.get_ifd(GPS)) == PLACE


@pytest.mark.parametrize("source", [".tif", ".jpg", ".png"])
@pytest.mark.parametrize("target", [".tif", ".jpg", ".png", ".webp"])
def test_all_of_it_stays(source, target, tmp_path):
    save(tmp_path / f"a{source}")
    upscale_file(jaxsr.load("bicubic"), tmp_path / f"a{source}", tmp_path / f"b{target}")
    with Image.open(tmp_path / f"b{target}") as written:
        require_all(written.getexif(), width=144, height=96)
        pixels = np.asarray(written)
    if target == ".tif":
        with tifffile.TiffFile(tmp_path / "b.tif") as written:
            np.testing.assert_array_equal(written.asarray(), pixels)
            assert written.pages[0].tags[EXIF].value["DateTimeOriginal"] == PHOTO[TAKEN]


RATING, COMPUTER, MAKER_NOTE = 0x4746, 0x013C, 0x927C


@pytest.mark.parametrize("order", ["II", "MM"])
@pytest.mark.parametrize("target", [".jpg", ".png", ".webp"])
def test_what_enlarging_does_not_change_stays_byte_for_byte(target, order, tmp_path):
    tags = Image.Exif()
    tags.endian = "<" if order == "II" else ">"
    tags[RATING], tags[COMPUTER], tags[ORIENTATION] = 5, "A computer", 6
    tags.get_ifd(EXIF).update({TAKEN: PHOTO[TAKEN], MAKER_NOTE: bytes(range(200))})
    given = tags.tobytes().removeprefix(b"Exif\0\0")
    assert given.startswith(order.encode())
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", exif=tags)
    upscale_file(jaxsr.load("bicubic"), tmp_path / "a.jpg", tmp_path / f"b{target}")
    with Image.open(tmp_path / f"b{target}") as written:
        kept = written.info["exif"].removeprefix(b"Exif\0\0")
        assert written.size == (96, 144)
    differing = [place for place in range(len(given)) if given[place] != kept[place]]
    # The orientation's value, and no more: no sizes, no resolution where there were none.
    assert (len(kept), len(differing)) == (len(given), 1)


SORTED = {RATING: 4, 0x4749: 75, COMPUTER: "A computer", 0x9C9B: "Größe".encode("utf-16-le")}


@pytest.mark.parametrize("source", [".tif", ".jpg"])
def test_a_tiff_keeps_what_programs_sort_photos_by(source, tmp_path):
    tags = Image.Exif()
    tags.update(SORTED)
    Image.fromarray(PIXELS).save(tmp_path / f"a{source}", exif=tags)
    upscale_file(jaxsr.load("bicubic"), tmp_path / f"a{source}", tmp_path / "b.tif")
    upscale_file(jaxsr.load("bicubic"), tmp_path / "b.tif", tmp_path / "c.jpg")
    for name in ("b.tif", "c.jpg"):
        with Image.open(tmp_path / name) as written:
            assert {tag: written.getexif().get(tag) for tag in SORTED} == SORTED


@pytest.mark.parametrize("rating", [-1, 70_000])
def test_a_rating_that_is_none_costs_nothing_else(rating, tmp_path):
    tags = Image.Exif()
    tags[MODEL], tags[RATING] = "A camera", rating
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", exif=tags)
    upscale_file(jaxsr.load("nearest"), tmp_path / "a.jpg", tmp_path / "b.tif")
    with Image.open(tmp_path / "b.tif") as written:
        assert (written.getexif().get(MODEL), written.getexif().get(RATING)) == ("A camera", None)


def test_a_damaged_inner_directory_costs_nothing_else():
    whole = blob().removeprefix(b"Exif\0\0")
    pointer = whole.index(struct.pack(">HHL", EXIF, 4, 1)) + 8
    for broken in (whole[:pointer] + struct.pack(">L", 60_000) + whole[pointer + 4 :], whole[:-30]):
        tags = Image.Exif()
        tags.load(updated_exif(broken, size=(96, 144), resolution=None))
        assert tags[MODEL] == "A camera"


def test_a_thumbnail_that_is_said_to_be_too_long_takes_nothing_along():
    tags = Image.Exif()
    tags[MODEL] = "A camera with a long name"
    body = bytearray(tags.tobytes().removeprefix(b"Exif\0\0"))
    (first,) = struct.unpack_from(">L", body, 4)
    (count,) = struct.unpack_from(">H", body, first)
    struct.pack_into(">L", body, first + 2 + 12 * count, len(body))
    body += struct.pack(">HHHLLHHLL", 2, 0x0201, 4, 1, 10, 0x0202, 4, 1, 2**31) + bytes(4)
    kept = Image.Exif()
    kept.load(updated_exif(bytes(body), size=(96, 144), resolution=None))
    assert kept[MODEL] == "A camera with a long name"


@pytest.mark.parametrize("target", [".jpg", ".png", ".webp", ".tif"])
def test_broken_exif_leaves_the_pixels_alone(target, tmp_path):
    random, whole = np.random.default_rng(0), blob()
    for _ in range(8):
        broken = bytearray(whole)
        for place in random.integers(6, len(whole), 8):
            broken[place] = random.integers(256)
        Image.fromarray(PIXELS).save(tmp_path / "a.webp", exif=bytes(broken))
        upscale_file(jaxsr.load("nearest"), tmp_path / "a.webp", tmp_path / f"b{target}")
        with Image.open(tmp_path / f"b{target}") as written:
            written.load()
            assert sorted(written.size) == [96, 144]


def test_exif_of_any_bytes_is_updated_or_left_out():
    random, whole = np.random.default_rng(0), with_thumbnail()
    for _ in range(1000):
        broken = bytearray(whole)
        for place in random.integers(6, 120, 4):
            broken[place] = random.integers(256)
        exif = bytes(broken[: random.integers(8, len(broken))])
        updated = updated_exif(exif, size=(96, 144), resolution=(3.0, 3.0))
        assert updated[:2] in (b"", whole[6:8])
        exif_resolution(exif)


def with_thumbnail():
    """EXIF that turns the picture, and whose second directory has a thumbnail (EXIF 2.32, section 4.5.2)."""
    thumbnail = io.BytesIO()
    Image.fromarray(PIXELS[::3, ::3]).save(thumbnail, "JPEG")
    data = thumbnail.getvalue()
    first = struct.pack("<HHHLLL", 1, ORIENTATION, 3, 1, 6, 26)
    second = struct.pack("<HHHLLHHLLHHLLL", 3, 0x0103, 3, 1, 6, *(0x0201, 4, 1, 68), *(0x0202, 4, 1, len(data)), 0)
    return b"Exif\0\0II*\0" + struct.pack("<L", 8) + first + second + data


@pytest.mark.parametrize("source", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("target", [".tif", ".jpg", ".png", ".webp"])
def test_a_thumbnail_that_shows_the_picture_unturned_is_left_out(source, target, tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / f"a{source}", exif=with_thumbnail())
    with Image.open(tmp_path / f"a{source}") as given:
        assert 0x0201 in given.getexif().get_ifd(ExifTags.IFD.IFD1)
    upscale_file(jaxsr.load("bicubic"), tmp_path / f"a{source}", tmp_path / f"b{target}")
    with Image.open(tmp_path / f"b{target}") as written:
        assert (written.size, written.getexif().get(ORIENTATION, 1)) == ((96, 144), 1)
        assert 0x0201 not in written.getexif().get_ifd(ExifTags.IFD.IFD1)
        assert b"\xff\xd8\xff" not in written.info.get("exif", b"")


@pytest.mark.parametrize("name", ["© Jürgen".encode(), "© Jürgen".encode("latin-1")])
def test_bytes_beyond_ascii_stay_what_they_are(name, tmp_path):
    save(tmp_path / "a.tif")
    whole = (tmp_path / "a.tif").read_bytes()
    assert whole.count(b"A camera\0") == 1
    (tmp_path / "a.tif").write_bytes(whole.replace(b"A camera\0", name[:8] + b"\0"))
    for target in ("b.tif", "b.jpg", "b.png"):
        upscale_file(jaxsr.load("bicubic"), tmp_path / "a.tif", tmp_path / target)
        with Image.open(tmp_path / target) as written:
            assert written.getexif()[MODEL].encode("latin-1") == name[:8]


@pytest.mark.parametrize("large", [False, True])
def test_the_picture_and_its_pages_stay_where_they_are(large):
    file = io.BytesIO()
    with tifffile.TiffWriter(file, bigtiff=large, byteorder="<") as writer:
        for page in (PIXELS, PIXELS[::-1]):
            writer.write(page, photometric="rgb", description="its own", metadata=None, rowsperstrip=5)
    write_tiff_exif(file, blob(), size=(24, 36))
    file.seek(0)
    with tifffile.TiffFile(file) as written:
        assert written.is_bigtiff == large
        np.testing.assert_array_equal([page.asarray() for page in written.pages], [PIXELS, PIXELS[::-1]])
        tags = written.pages[0].tags
        assert (tags["Model"].value, tags["ImageDescription"].value) == ("A camera", "its own")
        assert tags[EXIF].value["DateTimeOriginal"] == PHOTO[TAKEN]
        assert tags[GPS].value["GPSLatitudeRef"] == "N"


def test_what_cannot_be_read_is_left_out(tmp_path):
    random, whole = np.random.default_rng(0), blob()
    Image.fromarray(PIXELS).save(tmp_path / "a.tif")
    plain = (tmp_path / "a.tif").read_bytes()
    assert read_tiff_exif(tmp_path / "a.tif") == b""
    left_out = 0
    for _ in range(100):
        broken = bytearray(whole)
        for place in random.integers(6, len(whole), 8):
            broken[place] = random.integers(256)
        file = io.BytesIO(plain)
        write_tiff_exif(file, bytes(broken), size=(24, 36))
        left_out += file.getvalue() == plain
        np.testing.assert_array_equal(np.asarray(Image.open(file)), PIXELS)
        (tmp_path / "b.tif").write_bytes(broken[6:])
        read_tiff_exif(tmp_path / "b.tif")
    assert 0 < left_out < 100
