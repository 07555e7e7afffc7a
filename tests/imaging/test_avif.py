"""AVIF whose colours are given by numbers, written by Pillow, against closed forms."""

import struct

import numpy as np
import pytest
import pyvips
from pictures import P3_TO_SRGB, through
from PIL import Image

from jaxsr.errors import InputError
from jaxsr.imaging.boxes import primary_numbers
from jaxsr.imaging.photo import read_photo
from jaxsr.imaging.picture import open_picture, picture_size

COLOUR = (160, 140, 110)


def avif(path, *, primaries, transfer, picture=None, **options):
    """An AVIF, flat if no picture is given, whose box of colours has these numbers."""
    picture = picture or Image.new("RGB", (40, 24), COLOUR)
    picture.save(path, **{"quality": 100, "subsampling": "4:4:4"} | options)
    whole = path.read_bytes()
    place = whole.index(b"colrnclx") + 8
    path.write_bytes(whole[:place] + struct.pack(">HH", primaries, transfer) + whole[place + 4 :])
    return path


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused(transfer, name, tmp_path):
    avif(tmp_path / "a.avif", primaries=9, transfer=transfer)
    with pytest.raises(InputError, match=rf"a\.avif: its colours are HDR \({name}\), which is not supported"):
        open_picture(tmp_path / "a.avif")
    with pytest.raises(InputError, match=rf"a\.avif: its colours are HDR \({name}\), which is not supported"):
        read_photo(tmp_path / "a.avif")


def test_display_p3_without_a_profile(tmp_path):
    picture = open_picture(avif(tmp_path / "a.avif", primaries=12, transfer=13))
    with Image.open(tmp_path / "a.avif") as opened:
        sample = np.asarray(opened)[9, 9] / 255
    light = P3_TO_SRGB @ ((sample + 0.055) / 1.055) ** 2.4
    expected = 1.055 * light ** (1 / 2.4) - 0.055
    np.testing.assert_allclose(picture.rows(0, 24)[9, 9], expected, atol=2e-3)
    # To train on, too.
    photo = read_photo(tmp_path / "a.avif")
    assert (photo.shape, photo.dtype) == ((24, 40, 3), np.uint8)
    np.testing.assert_allclose(photo[9, 9], 255 * expected, atol=1)
    through(tmp_path / "a.avif", tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as written:
        np.testing.assert_allclose(np.asarray(written)[40, 40], 255 * sample, atol=1)
    assert b"cICP" + bytes([12, 13, 0, 1]) in (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("numbers", [(1, 13), (2, 2), (1, 2), (2, 13)])
def test_a_photo_whose_numbers_name_no_other_colours_is_what_pillow_reads(numbers, tmp_path):
    # With halved chroma, libvips' reader gives other pixels.
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8))
    options = {"picture": picture, "subsampling": "4:2:0"}
    path = avif(tmp_path / "a.avif", primaries=numbers[0], transfer=numbers[1], **options)
    with Image.open(path) as opened:
        np.testing.assert_array_equal(read_photo(path), np.asarray(opened))


def test_srgb_and_a_profile_go_before_the_numbers(tmp_path):
    for numbers in ((1, 13), (2, 2)):
        picture = open_picture(avif(tmp_path / "a.avif", primaries=numbers[0], transfer=numbers[1]))
        assert (picture.encoding, picture.colour_chunks) == (None, ())
        assert primary_numbers(tmp_path / "a.avif") == numbers
    with Image.open(through_p3(tmp_path)) as opened:
        icc = opened.info["icc_profile"]
    Image.new("RGB", (40, 24), COLOUR).save(tmp_path / "c.avif", icc_profile=icc)
    assert open_picture(tmp_path / "c.avif").encoding is None


def through_p3(folder):
    """A TIFF with a profile of Display P3."""
    avif(folder / "p3.avif", primaries=12, transfer=13)
    return through(folder / "p3.avif", folder / "p3.tif")


def box(kind, body):
    return struct.pack(">L4s", 8 + len(body), kind) + body


def colr(primaries, transfer):
    return box(b"colr", b"nclx" + struct.pack(">HHHB", primaries, transfer, 0, 0x80))


@pytest.mark.parametrize("wide", [False, True])
def test_the_numbers_are_those_of_the_primary_picture(wide, tmp_path):
    """Written from the standard: items of 16 and 32 bits, properties of 7 and 15 bits."""
    number, place = (">L", ">H") if wide else (">H", ">B")
    version = bytes([wide, 0, 0, wide])
    ipma = version + struct.pack(">L", 2)
    for item, places in ((7, (1, 2)), (9, (1, 3))):
        essential = 0x8000 if wide else 0x80
        ipma += struct.pack(number, item) + bytes([len(places)])
        ipma += b"".join(struct.pack(place, index | essential) for index in places)
    ipco = box(b"ispe", bytes(12)) + colr(1, 13) + colr(12, 16)
    meta = bytes(4) + box(b"hdlr", bytes(24)) + box(b"pitm", version[:3] + b"\0" + struct.pack(number, 9))
    meta += box(b"iprp", box(b"ipco", ipco) + box(b"ipma", ipma))
    whole = box(b"ftyp", b"avif" + bytes(4)) + box(b"free", bytes(5)) + box(b"meta", meta) + box(b"mdat", bytes(9))
    (tmp_path / "a.avif").write_bytes(whole)
    assert primary_numbers(tmp_path / "a.avif") == (12, 16)
    random = np.random.default_rng(0)
    for _ in range(100):
        broken = np.frombuffer(whole, np.uint8).copy()
        broken[random.integers(8, len(broken), 3)] = random.integers(0, 256, 3)
        (tmp_path / "a.avif").write_bytes(broken[: random.integers(len(broken) // 2, len(broken))].tobytes())
        primary_numbers(tmp_path / "a.avif")


@pytest.mark.parametrize("bits", [10, 12])
def test_white_is_white_at_any_depth(bits, tmp_path):
    levels = np.zeros((64, 64, 3), np.uint16)
    levels[:32] = 65535
    levels[48:] = 2**15
    image = pyvips.Image.new_from_array(levels).copy(interpretation="rgb16")
    image.heifsave(str(tmp_path / "a.avif"), compression="av1", bitdepth=bits, lossless=True)
    rows = open_picture(tmp_path / "a.avif").rows(0, 64)
    assert (rows[0].min(), rows[40].max()) == (1, 0)
    np.testing.assert_allclose(rows[60], 2 ** (bits - 1) / (2**bits - 1), atol=1e-5)


def test_the_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (40, 24), colour) for colour in (COLOUR, (0, 0, 0))]
    tags = Image.Exif()
    # No orientation, with which Pillow crashes when it writes an animation.
    tags[0x010F] = "A phone"
    options = {"save_all": True, "append_images": frames[1:], "exif": tags}
    path = avif(tmp_path / "a.avif", primaries=12, transfer=13, picture=frames[0], **options)
    assert path.read_bytes()[8:12] == b"avis"
    picture = open_picture(path)
    assert (picture.notes, picture.size, picture_size(path)) == (("the first of 2 pictures",), (24, 40), (24, 40))
    assert picture.encoding.primaries[0] == (0.68, 0.32)
    with pytest.warns(UserWarning, match="the first of 2"):
        through(path, tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as written:
        assert written.getexif()[0x010F] == "A phone"
        np.testing.assert_allclose(np.asarray(written)[40, 40], COLOUR, atol=3)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a\.avif: cannot be read as a picture"):
        open_picture(path)
