"""Colours of PNG files by their chunks, held by closed forms and by littleCMS."""

import io
import struct
import zlib

import numpy as np
import pytest
import pyvips
from pictures import P3_TO_SRGB, through
from PIL import Image, ImageCms

import jaxsr
from jaxsr.errors import InputError
from jaxsr.imaging.picture import open_picture
from jaxsr.imaging.png.chunks import read_chunks

LINEAR, P3, SRGB_GAMMA = struct.pack(">L", 100_000), (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000), 45455
PATCH = np.array([120, 140, 100], np.uint8)


def encoded(light):
    """sRGB of light, both in [0, 1] (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)


def decoded(samples):
    return np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)


def save(path, pixels, **chunks):
    """A PNG by hand: 8 or 16 bits, gray or RGB or with opacity."""
    kinds = {1: 0, 2: 4, 3: 2, 4: 6}
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    height, width, bands = pixels.shape
    depth = 8 * pixels.dtype.itemsize
    header = struct.pack(">LLBBBBB", width, height, depth, kinds[bands], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(f">u{depth // 8}").tobytes() for row in pixels)
    body = [(b"IHDR", header), *((kind.encode(), data) for kind, data in chunks.items())]
    body += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    packed = [struct.pack(">L", len(d)) + k + d + struct.pack(">L", zlib.crc32(k + d)) for k, d in body]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


def flat(patch, side=12):
    return np.broadcast_to(patch, (side, side, *np.shape(patch))).copy()


def chunks_of(path):
    return dict(read_chunks(path, (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"sBIT")))


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ({"gAMA": LINEAR}, encoded(PATCH / 255)),
        ({"gAMA": struct.pack(">L", 55556)}, encoded((PATCH / 255) ** 1.8)),
        ({"cHRM": struct.pack(">8L", *P3)}, encoded(P3_TO_SRGB @ decoded(PATCH / 255))),
        ({"gAMA": LINEAR, "cHRM": struct.pack(">8L", *P3)}, encoded(P3_TO_SRGB @ (PATCH / 255))),
        ({"cICP": bytes([12, 13, 0, 1])}, encoded(P3_TO_SRGB @ decoded(PATCH / 255))),
        ({"cICP": bytes([1, 8, 0, 1])}, encoded(PATCH / 255)),
        ({"cICP": bytes([1, 1, 0, 1])}, encoded(((PATCH / 255 + 0.099) / 1.099) ** (1 / 0.45))),
        ({"cICP": bytes([1, 4, 0, 1]), "sRGB": b"\0", "gAMA": LINEAR}, encoded((PATCH / 255) ** 2.2)),
        ({"sRGB": b"\0", "gAMA": LINEAR}, PATCH / 255),
        ({"gAMA": struct.pack(">L", SRGB_GAMMA)}, PATCH / 255),
        ({"cICP": bytes([1, 13, 0, 1]), "gAMA": LINEAR}, PATCH / 255),
        (
            {"gAMA": struct.pack(">L", SRGB_GAMMA), "cHRM": struct.pack(">8L", *P3)},
            encoded(P3_TO_SRGB @ (PATCH / 255) ** (1e5 / SRGB_GAMMA)),
        ),
    ],
)
@pytest.mark.parametrize("depth", [8, 16])
def test_the_network_sees_srgb_and_the_result_is_of_the_files_colours(chunks, expected, depth, tmp_path):
    patch = PATCH if depth == 8 else PATCH.astype(np.uint16) * 257
    save(tmp_path / "a.png", flat(patch), **chunks)
    picture = open_picture(tmp_path / "a.png")
    rows = picture.rows(0, 12)
    seen = rows / 255 if rows.dtype == np.uint8 else rows
    np.testing.assert_allclose(seen[5, 5], expected, atol=1.5e-4)
    result = pyvips.Image.new_from_file(str(through(tmp_path / "a.png", tmp_path / "b.png"))).numpy()
    assert result.dtype == patch.dtype
    np.testing.assert_allclose(result[20, 20].astype(int), patch, atol=0 if depth == 8 else 12)
    assert chunks_of(tmp_path / "b.png") == {kind.encode(): body for kind, body in chunks.items()}


def test_gray_of_linear_light(tmp_path):
    save(tmp_path / "a.png", flat(np.uint8(60)), gAMA=LINEAR)
    np.testing.assert_allclose(open_picture(tmp_path / "a.png").rows(0, 12), encoded(60 / 255), atol=1e-4)
    with Image.open(through(tmp_path / "a.png", tmp_path / "b.png")) as written:
        assert (written.mode, written.getpixel((20, 20)), written.info["gamma"]) == ("L", 60, 1.0)


def test_an_edge_is_resized_as_srgb_and_not_as_light(tmp_path):
    """A step between two values of linear light goes through the values that sRGB has between them."""
    light = np.where(np.arange(16) < 8, 20, 230).astype(np.uint8)
    save(tmp_path / "a.png", np.tile(light[None, :, None], (16, 1, 3)), gAMA=LINEAR)
    with Image.open(through(tmp_path / "a.png", tmp_path / "b.png")) as written:
        row = np.asarray(written)[30, :, 0] / 255
    shown = np.tile(encoded(light / 255).astype(np.float32)[None, :], (16, 1))
    np.testing.assert_allclose(row, decoded(jaxsr.load("bicubic")(shown)[30]), atol=0.004)


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("gray", [True, False])
def test_other_formats_get_a_profile_that_littlecms_reads(gray, suffix, tmp_path):
    patch = np.uint8(60) if gray else PATCH
    chunks = {"gAMA": LINEAR, "cHRM": struct.pack(">8L", *P3)}
    save(tmp_path / "a.png", flat(patch), **chunks)
    expected = encoded(60 / 255 if gray else P3_TO_SRGB @ (PATCH / 255))
    with Image.open(through(tmp_path / "a.png", tmp_path / f"b{suffix}")) as written:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(written.info["icc_profile"]))
        flags = ImageCms.Flags.NOOPTIMIZE
        # Pillow's littleCMS takes profiles of gray to gray alone.
        wanted = "L" if written.mode == "L" else "RGB"
        srgb = ImageCms.createProfile("sRGB")
        if wanted == "RGB":
            shown = ImageCms.profileToProfile(written, profile, srgb, 1, wanted, flags=flags)
            np.testing.assert_allclose(np.asarray(shown)[20, 20] / 255, expected, atol=0.012)
        else:
            assert abs(written.getpixel((20, 20)) - 60) <= 1
            assert profile.profile.xcolor_space == "GRAY"


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([9, 16, 0, 1], r"HDR \(PQ, by its cICP chunk\)"),
        ([9, 18, 0, 1], r"HDR \(HLG, by its cICP chunk\)"),
        ([1, 13, 0, 0], "narrow range"),
    ],
)
def test_what_is_not_taken_is_one_sentence(numbers, words, tmp_path):
    save(tmp_path / "a.png", flat(PATCH), cICP=bytes(numbers))
    with pytest.raises(InputError, match=rf"a\.png: .*{words}.*; convert it to"):
        open_picture(tmp_path / "a.png")


@pytest.mark.parametrize(
    "chunks",
    [{"gAMA": bytes(4)}, {"gAMA": b"\0\0\0\1"}, {"cHRM": bytes(32)}, {"cICP": b"\1\2\0\1"}, {"cHRM": b"short"}],
)
def test_unsupported_values_are_told_of(chunks, tmp_path):
    save(tmp_path / "a.png", flat(PATCH), **chunks)
    picture = open_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.rows(0, 12)[5, 5], PATCH)
    assert "unsupported values" in picture.notes[0]
    with pytest.warns(UserWarning, match="unsupported values"):
        through(tmp_path / "a.png", tmp_path / "b.png")
    assert chunks_of(tmp_path / "b.png") == {}


def test_a_profile_goes_before_gamma_and_cicp_before_a_profile(tmp_path):
    sRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    iccp = b"sRGB\0\0" + zlib.compress(sRGB)
    save(tmp_path / "a.png", flat(PATCH), iCCP=iccp, gAMA=LINEAR)
    np.testing.assert_array_equal(open_picture(tmp_path / "a.png").rows(0, 12)[5, 5], PATCH)
    assert set(chunks_of(through(tmp_path / "a.png", tmp_path / "b.png"))) == {b"iCCP", b"gAMA"}
    save(tmp_path / "a.png", flat(PATCH), cICP=bytes([1, 8, 0, 1]), iCCP=iccp)
    np.testing.assert_allclose(open_picture(tmp_path / "a.png").rows(0, 12)[5, 5], encoded(PATCH / 255), atol=1e-4)
    assert set(chunks_of(through(tmp_path / "a.png", tmp_path / "b.png"))) == {b"cICP"}


def test_significant_bits_reach_white(tmp_path):
    """Ten bits in sixteen, the others left zero: the largest is white."""
    ten = np.uint16([[[1023 << 6, 512 << 6, 0]]])
    save(tmp_path / "a.png", np.tile(ten, (12, 12, 1)), sBIT=bytes([10, 10, 10]))
    np.testing.assert_allclose(open_picture(tmp_path / "a.png").rows(0, 12)[5, 5], [1, 512 / 1023, 0], atol=1e-5)
    assert chunks_of(through(tmp_path / "a.png", tmp_path / "b.png"))[b"sBIT"] == bytes([16, 16, 16])
    save(tmp_path / "a.png", np.full((12, 12, 4), 255 - 7, np.uint8), sBIT=bytes([5, 5, 5, 8]))
    picture = open_picture(tmp_path / "a.png")
    np.testing.assert_allclose(picture.rows(0, 12), 1)
    np.testing.assert_allclose(picture.opacity_rows(0, 12), 248 / 255)
