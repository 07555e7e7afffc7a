"""Every kind of picture through a file and back, read by programs that are not ours."""

import io

import numpy as np
import pytest
import pyvips
from pictures import smooth, through
from PIL import Image, ImageCms, IptcImagePlugin
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

import jaxsr
from jaxsr.errors import InputError
from jaxsr.imaging.encoding import Curve, Encoding
from jaxsr.imaging.icc import icc_profile
from jaxsr.imaging.metadata import attach
from jaxsr.imaging.picture import open_picture, picture_size
from jaxsr.imaging.resize import resize, resize_uint8
from jaxsr.imaging.writing import WRITTEN_SUFFIXES, check_target

ROWS, COLUMNS = np.mgrid[:24, :36]
SMOOTH = smooth(24, 36)
ORIENTATION, MAKE, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x0112, 0x010F, 0x011A, 0x011B, 0x0128


def profile(name):
    """One of the profiles that libvips carries, as bytes."""
    image = pyvips.Image.new_from_array(SMOOTH).copy(interpretation="srgb")
    return image.icc_transform(name, input_profile="srgb").get("icc-profile-data")


@pytest.mark.parametrize("suffix", WRITTEN_SUFFIXES)
def test_every_format_in_and_out(suffix, tmp_path):
    finest = {"quality": 100, "subsampling": 0}
    options = {".webp": {"lossless": True}, ".jpg": finest, ".jpeg": finest}.get(suffix, {})
    Image.fromarray(SMOOTH).save(tmp_path / f"a{suffix}", **options)
    with Image.open(through(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")) as written:
        kind, pixels = written.format, np.asarray(written.convert("RGB")).astype(int)
    with Image.open(tmp_path / f"a{suffix}") as source:
        assert kind == source.format
        read = np.asarray(source.convert("RGB"))
    lossy = {".webp": 3, ".jpg": 2, ".jpeg": 2, ".gif": 12}.get(suffix, 0)
    assert np.abs(pixels - resize_uint8(read, 4)).mean() <= lossy
    assert picture_size(tmp_path / f"b{suffix}") == (96, 144)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "1", "P"])
def test_every_kind_of_pixel_of_eight_bits(mode, tmp_path):
    picture = Image.fromarray(SMOOTH).convert(mode)
    picture.save(tmp_path / "a.png")
    with Image.open(through(tmp_path / "a.png", tmp_path / "b.png")) as written:
        assert written.mode == {"1": "L", "P": "RGB"}.get(mode, mode)
        kind = {"1": "L", "P": "RGB"}.get(mode, mode)
        expected = jaxsr.load("bicubic")(picture.convert(kind))
        np.testing.assert_array_equal(np.asarray(written), np.asarray(expected))


def test_a_portable_graymap_of_sixteen_bits(tmp_path):
    gray = SMOOTH[..., 0].astype(np.uint16) * 257 - 1
    (tmp_path / "a.pgm").write_bytes(b"P5 36 24 65535\n" + gray.astype(">u2").tobytes())
    with Image.open(through(tmp_path / "a.pgm", tmp_path / "b.png")) as written:
        assert written.mode == "I;16"
        np.testing.assert_array_equal(np.asarray(written), np.asarray(jaxsr.load("bicubic")(Image.fromarray(gray))))


def test_a_palette_with_transparency(tmp_path):
    palette = Image.fromarray(SMOOTH).quantize(16)
    palette.save(tmp_path / "a.png", transparency=3)
    with Image.open(through(tmp_path / "a.png", tmp_path / "b.png")) as written:
        assert written.mode == "RGBA"
        opacity = np.asarray(written)[..., 3].astype(int)
    with Image.open(tmp_path / "a.png") as source:
        hidden = np.float32(np.asarray(source.convert("RGBA"))[..., 3:])
    assert np.abs(opacity - np.clip(resize(hidden, 4)[..., 0], 0, 255)).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("gray", [True, False])
def test_sixteen_bits_stay_sixteen(gray, suffix, tmp_path):
    deep = np.uint16(257 * SMOOTH.astype(int) + COLUMNS[..., None])
    deep = deep[..., 0] if gray else deep
    space = "grey16" if gray else "rgb16"
    pyvips.Image.new_from_array(deep).copy(interpretation=space).write_to_file(str(tmp_path / f"a{suffix}"))
    written = pyvips.Image.new_from_file(str(through(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")))
    assert (written.format, written.bands) == ("ushort", 1 if gray else 3)
    expected = resize(np.float32(deep.reshape(24, 36, -1)), 4)
    np.testing.assert_allclose(written.numpy().reshape(96, 144, -1), expected, atol=1.1)
    with Image.open(through(tmp_path / f"a{suffix}", tmp_path / "c.jpg")) as eight:
        assert eight.mode == ("L" if gray else "RGB")


def test_floats_in_a_tiff(tmp_path):
    unit = np.float32(SMOOTH[..., 0] / 255)
    Image.fromarray(unit).save(tmp_path / "a.tif")
    with Image.open(through(tmp_path / "a.tif", tmp_path / "b.tif")) as written:
        assert written.mode == "F"
        np.testing.assert_allclose(np.asarray(written), resize(unit[..., None], 4)[..., 0], atol=1e-5)
    Image.fromarray(255 * unit).save(tmp_path / "wide.tif")
    with pytest.raises(InputError, match=r"wide\.tif: its floating-point pixels leave the range from 0 to 1"):
        through(tmp_path / "wide.tif", tmp_path / "c.tif")
    assert not (tmp_path / "c.tif").exists()


@pytest.mark.parametrize(
    ("head", "values", "expected"),
    [
        ("P1", [0, 1, 1, 0, 0, 1], [255, 0, 0, 255, 255, 0]),
        ("P2 # a comment", [0, 7, 9, 15, 1, 3], [0, 119, 153, 255, 17, 51]),
        ("P3", range(0, 180, 10), range(0, 180, 10)),
    ],
)
def test_portable_pixmaps_of_plain_numbers(head, values, expected, tmp_path):
    """One of P1 is black; the largest value of P2 here is 15."""
    largest = {"P1": "", "P2": "15", "P3": "255"}[head[:2]]
    (tmp_path / "a.ppm").write_text(f"{head}\n3 2\n{largest}\n{' '.join(map(str, values))}\n")
    found = open_picture(tmp_path / "a.ppm").rows(0, 2)
    np.testing.assert_array_equal(found.ravel(), list(expected))
    for text in ("P1 is the first word of a letter", "P2", "P3\n3 2\n255\n1 2 3"):
        (tmp_path / "b.ppm").write_text(text)
        with pytest.raises(InputError, match=r"b\.ppm: (cannot be read as a picture|empty, or no picture)"):
            open_picture(tmp_path / "b.ppm")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_a_colour_profile_is_kept_and_its_colours_too(suffix, tmp_path):
    p3 = profile("p3")
    options = {"lossless": True} if suffix == ".webp" else {"quality": 100, "subsampling": 0}
    Image.fromarray(SMOOTH).save(tmp_path / f"a{suffix}", icc_profile=p3, **options)
    with Image.open(through(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")) as written:
        assert written.info["icc_profile"] == p3
        pixels = np.asarray(written).astype(int)
    with Image.open(tmp_path / f"a{suffix}") as source:
        difference = pixels - resize_uint8(np.asarray(source), 4)
    # To sRGB and back: where sRGB has these colours, nothing is lost but roundings.
    assert np.abs(difference).mean() < 2.5


def test_the_network_sees_srgb_as_littlecms_makes_it(tmp_path):
    p3 = profile("p3")
    Image.fromarray(SMOOTH).save(tmp_path / "a.png", icc_profile=p3)
    ours = 255 * open_picture(tmp_path / "a.png").rows(0, 24)
    srgb = ImageCms.createProfile("sRGB")
    theirs = ImageCms.profileToProfile(Image.fromarray(SMOOTH), io.BytesIO(p3), srgb, renderingIntent=1)
    assert np.abs(ours - np.asarray(theirs)).max() < 1.5
    assert np.abs(ours - SMOOTH).max() > 5


@pytest.mark.parametrize("suffix", [".bmp", ".gif"])
def test_colours_are_srgb_where_no_profile_can_be_kept(suffix, tmp_path):
    Image.fromarray(SMOOTH).save(tmp_path / "a.png", icc_profile=profile("p3"))
    shown = open_picture(tmp_path / "a.png").rows(0, 24)
    with Image.open(through(tmp_path / "a.png", tmp_path / f"b{suffix}")) as written:
        pixels = np.asarray(written.convert("RGB"), np.float32) / 255
    np.testing.assert_allclose(pixels.mean((0, 1)), shown.mean((0, 1)), atol=0.004)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".gif", ".bmp", ".tif"])
@pytest.mark.parametrize("deep", [False, True])
def test_gray_keeps_its_profile_or_is_converted_by_it(deep, suffix, tmp_path):
    icc = icc_profile(Encoding(curve=Curve(1.8)), gray=True)
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint16), (16, 1))
    image = pyvips.Image.new_from_array(ramp * 257 if deep else ramp.astype(np.uint8))
    image = image.copy(interpretation="grey16" if deep else "b-w")
    attach(image, "icc-profile-data", icc)
    image.write_to_file(str(tmp_path / "a.png"))
    jaxsr.upscale(tmp_path / "a.png", tmp_path / f"b{suffix}", model="nearest", scale=1)
    with Image.open(tmp_path / f"b{suffix}") as written:
        kept = written.info.get("icc_profile")
        levels = np.asarray(written.convert("RGB") if written.mode == "P" else written, float)
    levels = levels.reshape(16, 64, -1)[..., 0] / (257 if levels.max() > 255 else 1)
    if suffix in (".webp", ".gif", ".bmp"):
        assert kept is None
        light = (ramp / 255) ** 1.8
        expected = 255 * np.where(light < 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    else:
        assert kept == icc
        expected = ramp
    assert np.abs(levels - expected).mean() < {".webp": 2, ".gif": 3}.get(suffix, 1)


@pytest.mark.parametrize("with_profile", [True, False])
@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_stays_cmyk_where_it_can(with_profile, suffix, tmp_path):
    inks = Image.fromarray(SMOOTH).convert("CMYK")
    icc = {"icc_profile": profile("cmyk")} if with_profile else {}
    inks.save(tmp_path / f"a{suffix}", **icc)
    with Image.open(through(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")) as written:
        assert (written.mode, written.size) == ("CMYK", (144, 96))
        assert written.info.get("icc_profile") == icc.get("icc_profile")
        again = open_picture(tmp_path / f"b{suffix}").rows(0, 96)
    before = open_picture(tmp_path / f"a{suffix}").rows(0, 24)
    assert np.abs(again - resize(before, 4)).mean() < 0.03
    with Image.open(through(tmp_path / f"a{suffix}", tmp_path / "b.png")) as written:
        assert written.mode == "RGB"
        assert "icc_profile" not in written.info


CUT, LAB = profile("p3")[:300], ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


@pytest.mark.parametrize(
    ("mode", "icc"),
    [("RGB", CUT), ("RGB", LAB), ("RGB", profile("cmyk")), ("RGB", b"x" * 200), ("L", CUT), ("CMYK", b"x" * 200)],
)
def test_an_unusable_profile_is_dropped_with_a_note_when_the_picture_is_opened(mode, icc, tmp_path):
    pairs = [(".jpg", ".png"), (".tif", ".jpg"), (".webp", ".tif")]
    for source, target in pairs[: 3 if mode == "RGB" else 2]:
        picture = Image.fromarray(SMOOTH).convert(mode)
        options = {"lossless": True} if source == ".webp" else {}
        for name, extra in (("plain", {}), ("marked", {"icc_profile": icc})):
            picture.save(tmp_path / f"{name}{source}", **options, **extra)
        (note,) = open_picture(tmp_path / f"marked{source}").notes
        read_as = "common CMYK" if mode == "CMYK" else "sRGB"
        assert note == f"its colour profile cannot be read; the colours are read as {read_as}"
        with pytest.warns(UserWarning, match="its colour profile cannot be read"):
            through(tmp_path / f"marked{source}", tmp_path / f"b{target}")
        with (
            Image.open(tmp_path / f"b{target}") as written,
            Image.open(through(tmp_path / f"plain{source}", tmp_path / f"c{target}")) as expected,
        ):
            assert written.info.get("icc_profile") == expected.info.get("icc_profile")
            np.testing.assert_array_equal(np.asarray(written), np.asarray(expected))


def exif(orientation):
    tags = Image.Exif()
    tags[ORIENTATION], tags[MAKE] = orientation, "Cámara"
    return tags


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_exif_stays_and_the_orientation_is_applied_once(orientation, suffix, tmp_path):
    Image.fromarray(SMOOTH).save(tmp_path / f"a{suffix}", exif=exif(orientation), quality=100, dpi=(150, 150))
    with Image.open(through(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")) as written:
        kept = written.getexif()
        assert kept.get(ORIENTATION, 1) == 1
        assert kept[MAKE].startswith("C")
        pixels = np.asarray(written).astype(int)
    turns = {1: 0, 3: 2, 6: 3, 8: 1}[orientation]
    expected = resize_uint8(np.rot90(SMOOTH, turns), 4)
    assert pixels.shape == expected.shape
    assert np.abs(pixels - expected).mean() < 4


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (b'tiff:Orientation="6"', b'tiff:Orientation="1"'),
        (b"tiff:Orientation = '6'", b"tiff:Orientation = '1'"),
        (b"><tiff:Orientation> 6</tiff:Orientation", b"><tiff:Orientation> 1</tiff:Orientation"),
    ],
)
def test_xmp_stays_with_its_orientation_reset(given, kept, tmp_path):
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Artist="me" ' + given + b"/>"
        b"</rdf:RDF></x:xmpmeta>"
    )
    Image.fromarray(SMOOTH).save(tmp_path / "a.jpg", xmp=xmp, exif=exif(6))
    with Image.open(through(tmp_path / "a.jpg", tmp_path / "b.jpg")) as written:
        assert b'tiff:Artist="me" ' + kept + b"/>" in written.info["xmp"]


@pytest.mark.parametrize("source", [".jpg", ".tif"])
@pytest.mark.parametrize("target", [".jpg", ".tif"])
def test_iptc_stays_where_other_programs_find_it(target, source, tmp_path):
    iptc = b"\x1c\x02\x78\0\5Hello\x1c\x02\x50\0\2Me"
    plain = io.BytesIO()
    if source == ".jpg":
        # Another resource, with a name, comes first.
        block = b"Photoshop 3.0\x008BIM\4\2\4name\0\0\0\0\3one\x008BIM\4\4\0\0\0\0\0\x11" + iptc + b"\0"
        Image.fromarray(SMOOTH).save(plain, "JPEG")
        whole = plain.getvalue()
        segment = b"\xff\xed" + (len(block) + 2).to_bytes(2, "big") + block
        (tmp_path / "a.jpg").write_bytes(whole[:2] + segment + whole[2:])
    else:
        tags = ImageFileDirectory_v2()
        tags[33723], tags.tagtype[33723] = iptc, 7
        Image.fromarray(SMOOTH).save(tmp_path / "a.tif", tiffinfo=tags)
    for name in (f"a{source}", through(tmp_path / f"a{source}", tmp_path / f"b{target}")):
        with Image.open(tmp_path / name) as opened:
            assert IptcImagePlugin.getiptcinfo(opened) == {(2, 120): b"Hello", (2, 80): b"Me"}
            if opened.format == "TIFF":
                assert opened.tag_v2[33723] == iptc


# 72 is also what libvips says where it knows of none.
@pytest.mark.parametrize("dpi", [300, 72])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
def test_resolution_grows_by_one_ratio_for_each_axis(suffix, dpi, tmp_path):
    Image.fromarray(SMOOTH).save(tmp_path / "a.png", dpi=(dpi, dpi))
    with Image.open(through(tmp_path / "a.png", tmp_path / f"b{suffix}", size=lambda size: (48, 108))) as written:
        assert written.size == (108, 48)
        # Of a JPEG, Pillow says the first twice.
        tags = [written.getexif().get(tag) for tag in (X_RESOLUTION, Y_RESOLUTION)]
        assert (tags if suffix == ".jpg" else written.info["dpi"]) == pytest.approx((3 * dpi, 2 * dpi), abs=0.1)


@pytest.mark.parametrize("with_exif", [True, False])
@pytest.mark.parametrize("source", [".png", ".jpg", ".webp", ".tif", ".gif"])
@pytest.mark.parametrize("target", [".png", ".jpg", ".webp", ".gif", ".bmp", ".tif"])
def test_no_resolution_is_made_up(target, source, with_exif, tmp_path):
    options = {"exif": exif(6)} if with_exif and source != ".gif" else {}
    Image.fromarray(SMOOTH).save(tmp_path / f"a{source}", **options)
    with Image.open(through(tmp_path / f"a{source}", tmp_path / f"b{target}")) as written:
        # Pillow says 72 dpi for a JPEG with EXIF that does not tell, and 1 for such a TIFF.
        assert written.info.get("dpi", (1, 1)) in ((1, 1), *[(72, 72)] * ("exif" in options))
        assert not {X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT}.intersection(written.getexif())


@pytest.mark.parametrize("target", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize(("value", "unit"), [(72.0, 1), (IFDRational(0, 1), 2), (IFDRational(1, 0), 2)])
def test_a_resolution_without_a_unit_or_of_zero_is_none(value, unit, target, tmp_path):
    tags = exif(6)
    tags[X_RESOLUTION] = tags[Y_RESOLUTION] = value
    tags[RESOLUTION_UNIT] = unit
    Image.fromarray(SMOOTH).save(tmp_path / "a.jpg", exif=tags)
    with Image.open(through(tmp_path / "a.jpg", tmp_path / f"b{target}")) as written:
        # A JPEG, a PNG and a WebP keep the zeros of their EXIF.
        assert written.info.get("dpi", (1, 1)) in ((0, 0), (1, 1), (72, 72))


@pytest.mark.parametrize("kind", ["animation", "pages"])
def test_no_resolution_is_made_up_for_several_pictures(kind, tmp_path):
    source, target = ("a.gif", "b.png") if kind == "animation" else ("a.tif", "b.tif")
    frames = [Image.fromarray(SMOOTH), Image.fromarray(SMOOTH[::-1])]
    frames[0].save(tmp_path / source, save_all=True, append_images=frames[1:])
    jaxsr.upscale(tmp_path / source, tmp_path / target, model="bicubic")
    with Image.open(tmp_path / target) as written:
        for number in range(2):
            written.seek(number)
            assert written.info.get("dpi", (1, 1)) == (1, 1)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_resolution_grows_in_exif_too(suffix, tmp_path):
    tags = exif(6)
    tags[X_RESOLUTION] = tags[Y_RESOLUTION] = 300.0
    tags[RESOLUTION_UNIT] = 2
    Image.fromarray(SMOOTH).save(tmp_path / f"a{suffix}", exif=tags, dpi=(300, 300))
    with Image.open(through(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")) as written:
        kept = written.getexif()
        assert (kept[X_RESOLUTION], kept[Y_RESOLUTION], kept[RESOLUTION_UNIT]) == (1200, 1200, 2)
        if suffix != ".webp":
            assert written.info["dpi"] == pytest.approx((1200, 1200), abs=0.1)


def test_jpeg_is_not_subsampled_and_of_quality_95(tmp_path):
    Image.fromarray(SMOOTH).save(tmp_path / "a.png")
    with Image.open(through(tmp_path / "a.png", tmp_path / "b.jpg")) as written:
        assert {layer[1:3] for layer in written.layer} == {(1, 1)}
        reference = io.BytesIO()
        Image.fromarray(SMOOTH).save(reference, "JPEG", quality=95)
        with Image.open(reference) as other:
            assert written.quantization == other.quantization


def test_brackets_and_spaces_in_names(tmp_path):
    Image.fromarray(SMOOTH).save(tmp_path / "a [Q=1] b.png")
    with Image.open(through(tmp_path / "a [Q=1] b.png", tmp_path / "c [x].png")) as written:
        np.testing.assert_array_equal(np.asarray(written), resize_uint8(SMOOTH, 4))


def test_a_result_too_large_for_a_bitmap_is_refused_before_the_work(tmp_path):
    for mode, side in (("RGB", 37_837), ("L", 65_535)):
        Image.fromarray(SMOOTH).convert(mode).save(tmp_path / "a.png")
        picture = open_picture(tmp_path / "a.png")
        check_target(picture, tmp_path / "b.bmp", size=(side, side))
        with pytest.raises(InputError, match=r"b\.bmp: BMP has at most 4\.3 gigabytes, and the result has .* \.tif"):
            check_target(picture, tmp_path / "b.bmp", size=(side + 2, side + 2))


@pytest.mark.parametrize("suffix", [".ppm", ".jp2"])
def test_colours_of_more_than_eight_bits_that_are_read_with_eight(suffix, tmp_path):
    Image.fromarray(SMOOTH).save(tmp_path / f"a{suffix}")
    assert open_picture(tmp_path / f"a{suffix}").notes == ()
    if suffix == ".ppm":
        (tmp_path / "a.ppm").write_bytes(b"P6 36 24 65535\n" + (SMOOTH.astype(">u2") * 257).tobytes())
    else:
        # The header alone says so here; the depth in it is one less.
        whole = (tmp_path / "a.jp2").read_bytes()
        at = whole.index(b"ihdr") + 14
        (tmp_path / "a.jp2").write_bytes(whole[:at] + bytes([15]) + whole[at + 1 :])
    picture = open_picture(tmp_path / f"a{suffix}")
    assert picture.notes == ("its colours are read with 8 bits per channel, of which it has more",)
    assert picture.colour.format == "uchar"
