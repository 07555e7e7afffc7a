"""Pictures of phones and of the web: HEIC, TGA, ICO, Lab, JPEGs that are cut short, comments, and times."""

import io
import os
import sys

import numpy as np
import pytest
import pyvips
import tifffile
from pictures import P3_TO_SRGB, smooth, through
from PIL import Image, ImageCms, JpegImagePlugin

import jaxsr
from jaxsr.errors import InputError
from jaxsr.imaging.comments import read_comments
from jaxsr.imaging.picture import open_picture, picture_size
from jaxsr.imaging.resize import resize_uint8
from jaxsr.upscaling.files import file_stages

ROWS, COLUMNS = np.mgrid[:24, :40]
SMOOTH = smooth(24, 40)
NOISE = np.random.default_rng(0).integers(0, 256, (160, 96, 3), np.uint8)


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# XYZ of D50 to linear sRGB (as Lindbloom lists it).
D50_TO_SRGB = np.array(
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]]
)


@pytest.fixture
def heif():
    return pytest.importorskip("pillow_heif")


def test_heic_is_turned_once_and_keeps_profile_and_exif(heif, tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A phone"
    turned = np.ascontiguousarray(np.rot90(SMOOTH))
    picture = heif.from_bytes("RGB", (24, 40), turned.tobytes())
    picture.save(tmp_path / "a.heic", exif=exif.tobytes(), icc_profile=PROFILE, quality=95, chroma=444)
    assert picture_size(tmp_path / "a.heic") == (24, 40)
    opened = open_picture(tmp_path / "a.heic")
    assert np.abs(opened.rows(0, 24).astype(int) - SMOOTH).mean() < 2
    with Image.open(through(tmp_path / "a.heic", tmp_path / "b.jpg")) as written:
        assert written.size == (160, 96)
        assert written.info["icc_profile"] == PROFILE
        assert (written.getexif()[0x010F], written.getexif()[0x0112]) == ("A phone", 1)
        assert np.abs(np.asarray(written).astype(int) - resize_uint8(SMOOTH, 4)).mean() < 3


def test_heic_of_ten_bits_in_display_p3_without_a_profile(heif, tmp_path):
    flat = np.full((24, 40, 3), [40_000, 36_000, 30_000], np.uint16)
    numbers = {"color_primaries": 12, "transfer_characteristics": 13, "matrix_coefficients": 0}
    save = {"quality": -1, "chroma": 444, **numbers}
    heif.from_bytes("RGB;16", (40, 24), flat.tobytes()).save(tmp_path / "a.heic", **save)
    picture = open_picture(tmp_path / "a.heic")
    assert (picture.stored.format, picture.encoding.primaries[0]) == ("ushort", (0.68, 0.32))
    sample = flat[0, 0] / 65535
    light = P3_TO_SRGB @ ((sample + 0.055) / 1.055) ** 2.4
    np.testing.assert_allclose(picture.rows(0, 24)[9, 9], 1.055 * light ** (1 / 2.4) - 0.055, atol=2e-3)
    numbers["transfer_characteristics"] = 16
    heif.from_bytes("RGB;16", (40, 24), flat.tobytes()).save(tmp_path / "b.heic", **save | numbers)
    with pytest.raises(InputError, match=r"b\.heic: its colours are HDR \(PQ\), which is not supported"):
        open_picture(tmp_path / "b.heic")


def test_heic_with_opacity_broken_and_without_the_extra(heif, tmp_path, monkeypatch):
    rgba = np.dstack([SMOOTH, np.where(COLUMNS < 20, 255, 0).astype(np.uint8)])
    heif.from_bytes("RGBA", (40, 24), rgba.tobytes()).save(tmp_path / "a.heic", quality=95)
    opacity = open_picture(tmp_path / "a.heic").opacity_rows(0, 24)
    assert opacity[:, :16].min() > 0.9
    assert opacity[:, 24:].max() < 0.1
    whole = (tmp_path / "a.heic").read_bytes()
    (tmp_path / "b.heic").write_bytes(whole[: len(whole) - 200])
    with pytest.raises(InputError, match=r"b\.heic: cannot be read as a picture"):
        open_picture(tmp_path / "b.heic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError, match=r'a\.heic: HEIC needs pillow-heif: pip install "jaxsr\[heic\]"'):
        open_picture(tmp_path / "a.heic")


SEVERAL = [Image.fromarray(np.roll(SMOOTH, shift, 1)) for shift in (0, 7, 14)]


def test_the_first_of_several_pictures_in_a_heic(heif, tmp_path):
    file = heif.from_pillow(SEVERAL[0])
    for further in SEVERAL[1:]:
        file.add_from_pillow(further)
    file.save(tmp_path / "a.heic", quality=95)
    assert open_picture(tmp_path / "a.heic").notes == ("the first of 3 pictures",)


def test_the_first_of_several_pictures_in_a_jpeg(tmp_path):
    SEVERAL[0].save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=SEVERAL[1:])
    picture = open_picture(tmp_path / "a.jpg")
    assert (picture.notes, picture.size) == (("the first of 3 pictures",), (24, 40))
    whole = (tmp_path / "a.jpg").read_bytes()
    for place in range(len(whole) - len(whole) // 3):
        if whole[place : place + 4] == b"MPF\0":
            (tmp_path / "a.jpg").write_bytes(whole[: place + 4] + bytes(8) + whole[place + 12 :])
    assert open_picture(tmp_path / "a.jpg").notes == ()


GAIN_MAP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" '
    b'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1">'
    b"<GCamera:MicroVideo>1</GCamera:MicroVideo></rdf:Description></rdf:RDF></x:xmpmeta>"
)


@pytest.mark.parametrize("target", [".jpg", ".png", ".webp", ".tif"])
def test_a_gain_map_is_no_further_picture_and_is_not_promised(target, tmp_path):
    SEVERAL[1].info["xmp"] = GAIN_MAP
    SEVERAL[0].save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[SEVERAL[1]], xmp=GAIN_MAP)
    whole = (tmp_path / "a.jpg").read_bytes()
    assert whole.count(b"hdrgm:Version") == 2
    assert open_picture(tmp_path / "a.jpg").notes == ()
    written = pyvips.Image.new_from_file(str(through(tmp_path / "a.jpg", tmp_path / f"b{target}"))).get("xmp-data")
    assert b"hdr-gain-map" in written
    assert not [key for key in (b"hdrgm:Version", b"MotionPhoto", b"MicroVideo") if key in written]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_tga(mode, tmp_path):
    picture = Image.fromarray(SMOOTH).convert(mode)
    picture.save(tmp_path / "a.tga")
    kind = "RGB" if mode == "P" else mode
    with Image.open(through(tmp_path / "a.tga", tmp_path / "b.png")) as written:
        np.testing.assert_array_equal(np.asarray(written), np.asarray(jaxsr.load("bicubic")(picture.convert(kind))))


def test_the_largest_of_an_icon(tmp_path):
    Image.fromarray(SMOOTH).save(tmp_path / "a.ico", sizes=[(16, 16), (40, 24)])
    picture = open_picture(tmp_path / "a.ico")
    assert picture.size == (24, 40)
    assert picture.notes == ("the largest of 2 pictures",)
    np.testing.assert_array_equal(picture.rows(0, 24), SMOOTH)


def srgb_of_lab(lightness, a, b):
    """CIE 15, and to sRGB."""
    y = (lightness + 16) / 116
    ratios = np.array([y + a / 500, y, y - b / 200])
    ratios = np.where(ratios > 6 / 29, ratios**3, 3 * (6 / 29) ** 2 * (ratios - 4 / 29))
    xyz = np.array([0.9642, 1.0, 0.8249]) * ratios
    rgb = D50_TO_SRGB @ xyz
    return 1.055 * rgb ** (1 / 2.4) - 0.055


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("photometric", ["CIELAB", "ICCLAB"])
def test_lab(photometric, depth, tmp_path):
    colour = (60, 20, -30)
    if photometric == "CIELAB":
        stored = [60 * (2**depth - 1) / 100, *(np.array(colour[1:]) * (1 if depth == 8 else 256) % 2**depth)]
    else:
        stored = [60 * (2**depth - 1) / 100, *((np.array(colour[1:]) + 128) * (1 if depth == 8 else 256))]
    pixels = np.full((24, 40, 3), np.round(stored).astype(np.uint16)).astype(np.uint8 if depth == 8 else np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric=photometric)
    picture = open_picture(tmp_path / "a.tif")
    rows = picture.rows(0, 24)[5, 5]
    np.testing.assert_allclose(rows / 255 if depth == 8 else rows, srgb_of_lab(*colour), atol=0.004)
    assert picture.notes == ("its colours are CIE Lab; those of the result are sRGB",)
    with (
        pytest.warns(UserWarning, match="CIE Lab"),
        tifffile.TiffFile(through(tmp_path / "a.tif", tmp_path / "b.tif")) as file,
    ):
        assert (file.pages[0].photometric.name, file.pages[0].bitspersample) == ("RGB", depth)


def test_a_jpeg_cut_short_is_read_as_far_as_it_goes(tmp_path):
    whole = io.BytesIO()
    Image.fromarray(NOISE).save(whole, "JPEG", quality=90)
    (tmp_path / "a.jpg").write_bytes(whole.getvalue()[: whole.getbuffer().nbytes // 2])
    with pytest.raises(InputError, match=r"a\.jpg: cannot be read .*; salvage \(--salvage\) reads what is there"):
        open_picture(tmp_path / "a.jpg")
    picture = open_picture(tmp_path / "a.jpg", salvage=True)
    assert picture.size == (160, 96)
    (note,) = picture.notes
    percent = int(note.removeprefix("cut short: ").partition(" %")[0])
    assert 40 <= percent <= 60
    # A block's last row takes its chroma from the next block too.
    rows = percent * 160 // 100 // 16 * 16 - 17
    np.testing.assert_array_equal(picture.rows(0, rows), np.asarray(Image.open(whole))[:rows])
    assert np.ptp(picture.rows(0, 160)[-16:]) == 0


def test_a_progressive_jpeg_cut_short_and_one_of_which_nothing_is_there(tmp_path):
    whole = io.BytesIO()
    Image.fromarray(NOISE).save(whole, "JPEG", progressive=True)
    (tmp_path / "a.jpg").write_bytes(whole.getvalue()[: whole.getbuffer().nbytes // 2])
    assert open_picture(tmp_path / "a.jpg", salvage=True).notes == (
        "cut short: all of its area is there, with less detail than it had",
    )
    (tmp_path / "b.jpg").write_bytes(whole.getvalue()[:100])
    with pytest.raises(InputError, match=r"b\.jpg: no part of this picture is there"):
        open_picture(tmp_path / "b.jpg", salvage=True)
    (tmp_path / "c.jpg").write_bytes(whole.getvalue())
    assert open_picture(tmp_path / "c.jpg", salvage=True).notes == ()


COMMENT = "Größe, 1/250 s".encode()


@pytest.mark.parametrize("source", [".jpg", ".gif"])
@pytest.mark.parametrize("target", [".jpg", ".gif", ".png"])
def test_comments_stay(source, target, tmp_path):
    Image.fromarray(SMOOTH).save(tmp_path / f"a{source}", comment=COMMENT, dpi=(72, 72))
    with Image.open(through(tmp_path / f"a{source}", tmp_path / f"b{target}")) as written:
        written.load()
        kept = written.info["Comment" if target == ".png" else "comment"]
    assert (kept.encode() if target == ".png" else kept) == COMMENT


def test_long_and_several_comments(tmp_path):
    Image.fromarray(SMOOTH).save(tmp_path / "a.gif", comment=COMMENT * 40)
    assert read_comments(through(tmp_path / "a.gif", tmp_path / "b.gif")) == (COMMENT * 40,)
    plain = (tmp_path / "plain.jpg", tmp_path / "two.jpg")
    Image.fromarray(SMOOTH).save(plain[0])
    whole = plain[0].read_bytes()
    plain[1].write_bytes(whole[:2] + b"\xff\xfe\0\5one\xff\xfe\0\5two" + whole[2:])
    assert read_comments(plain[1]) == (b"one", b"two")
    with Image.open(through(plain[1], tmp_path / "b.jpg")) as written:
        assert [body for name, body in written.applist if name == "COM"] == [b"one", b"two"]
        assert JpegImagePlugin.get_sampling(written) == 0


def test_broken_files_have_the_comments_before_the_break(tmp_path):
    random = np.random.default_rng(0)
    for kind in ("JPEG", "GIF"):
        stream = io.BytesIO()
        Image.fromarray(SMOOTH).save(stream, kind, comment=COMMENT)
        for _ in range(100):
            data = np.frombuffer(stream.getvalue(), np.uint8).copy()
            data[random.integers(6, len(data), 5)] = random.integers(0, 256, 5)
            (tmp_path / "a").write_bytes(data[: random.integers(8, len(data))].tobytes())
            assert all(isinstance(one, bytes) for one in read_comments(tmp_path / "a"))


def test_times_are_kept_on_request(tmp_path):
    Image.fromarray(SMOOTH).save(tmp_path / "a.png")
    os.utime(tmp_path / "a.png", ns=(10**18, 10**18 + 5))
    stages = file_stages(jaxsr.load("bicubic"), keep_times=True)
    stages.write(stages.compute(stages.read(tmp_path / "a.png"), tmp_path / "b.png", None), tmp_path / "b.png")
    assert (tmp_path / "b.png").stat().st_mtime_ns == 10**18 + 5
    through(tmp_path / "a.png", tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_mtime_ns > 10**18 + 10**9
