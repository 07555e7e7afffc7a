"""Animations and pages: every picture, in its time, as programs that are not ours show it."""

import struct
import zlib

import numpy as np
import pytest
import pyvips
import tifffile
from pictures import through
from PIL import Image, ImageSequence

import jaxsr
from jaxsr.errors import InputError
from jaxsr.imaging.frame_writing import ticked
from jaxsr.imaging.frames import open_frames
from jaxsr.imaging.picture import open_picture
from jaxsr.imaging.png.animation import read_apng
from jaxsr.imaging.png.chunks import chunk, insert_before_pixels
from jaxsr.imaging.resize import resize_uint8
from jaxsr.upscaling.files import file_stages, upscale_file

ROWS, COLUMNS = np.mgrid[:24, :36]
BACKGROUND = np.uint8(np.stack([COLUMNS * 7, ROWS * 10, COLUMNS + ROWS], -1))
TIMES = (50, 100, 70, 250)


def frame(number, *, clear=False):
    """A square that wanders over a picture, or over nothing."""
    below = np.zeros_like(BACKGROUND) if clear else BACKGROUND
    pixels = np.dstack([below, np.full((24, 36), 0 if clear else 255, np.uint8)])
    pixels[6:16, 2 + 6 * number : 14 + 6 * number] = (220, 40, 90, 255)
    return pixels if clear else pixels[..., :3]


def animation(*, clear=False):
    return [frame(number, clear=clear) for number in (0, 1, 0, 2)]


def save(path, frames, **options):
    first, *others = map(Image.fromarray, frames)
    options = {"duration": list(TIMES), "loop": 3, **options}
    first.save(path, save_all=True, append_images=others, **options)
    return path


def shown(path):
    """(pixels with opacity, milliseconds) of each frame, by Pillow; of WebP, whose opacity it drops, by libvips."""
    if path.suffix == ".webp":
        roll = pyvips.Image.new_from_file(str(path), n=-1)
        pixels = (roll if roll.hasalpha() else roll.bandjoin(255)).numpy()
        return list(zip(np.split(pixels, roll.get("n-pages")), roll.get("delay"), strict=True))
    with Image.open(path) as opened:
        return [(np.asarray(one.convert("RGBA")), one.info["duration"]) for one in ImageSequence.Iterator(opened)]


def plays(path):
    with Image.open(path) as opened:
        # A GIF says how often it is repeated after the first time.
        return opened.info["loop"] + (path.suffix == ".gif")


@pytest.mark.parametrize("source", [".gif", ".webp", ".png"])
@pytest.mark.parametrize("target", [".gif", ".webp", ".png"])
def test_all_frames_in_their_time_and_as_often(source, target, tmp_path):
    options = {".webp": {"lossless": True}}.get(source, {})
    save(tmp_path / f"a{source}", animation(), **options)
    before, after = shown(tmp_path / f"a{source}"), shown(through(tmp_path / f"a{source}", tmp_path / f"b{target}"))
    assert [time for _, time in after] == [time for _, time in before] == list(TIMES)
    assert plays(tmp_path / f"b{target}") == plays(tmp_path / f"a{source}")
    for (small, _), (large, _) in zip(before, after, strict=True):
        expected = resize_uint8(small[..., :3], 4)
        assert large[..., 3].min() == 255
        assert np.abs(large[..., :3].astype(int) - expected).mean() <= {".gif": 6, ".webp": 3, ".png": 0}[target]


@pytest.mark.parametrize("source", [".gif", ".webp", ".png"])
@pytest.mark.parametrize("target", [".gif", ".webp", ".png"])
def test_transparency_and_what_a_frame_leaves_behind(source, target, tmp_path):
    options = {".webp": {"lossless": True}, ".png": {"disposal": 1}}.get(source, {"disposal": 2})
    save(tmp_path / f"a{source}", animation(clear=True), **options)
    after = shown(through(tmp_path / f"a{source}", tmp_path / f"b{target}"))
    for number, (large, _) in zip((0, 1, 0, 2), after, strict=True):
        opacity = np.repeat(np.repeat(frame(number, clear=True)[..., 3], 4, 0), 4, 1).astype(int)
        # Apart from the edges of the square.
        assert np.mean(np.abs(large[..., 3] - opacity) > 64) < 0.03
        inside = large[30:58, 4 * (4 + 6 * number) : 4 * (12 + 6 * number), :3].astype(int)
        assert np.abs(inside - (220, 40, 90)).mean() < 5


def by_hand(path, *, disposals, blends):
    """An animated PNG whose frames are small parts, written by Pillow."""
    parts = [frame(0, clear=True)]
    for number in (1, 2, 3):
        part = np.zeros((24, 36, 4), np.uint8)
        place = part[2 * number : 2 * number + 9, 5 * number : 5 * number + 8]
        place[..., :3] = (30 * number, 200, 10)
        place[..., 3] = 255 * (np.add.outer(np.arange(9), np.arange(8)) % 2)
        parts.append(part)
    return save(path, parts, disposal=disposals, blend=blends)


@pytest.mark.parametrize(
    ("disposals", "blends"),
    [
        ([0, 0, 0, 0], [0, 0, 0, 0]),
        ([1, 1, 1, 1], [0, 0, 0, 0]),
        ([0, 2, 2, 0], [0, 0, 0, 0]),
        ([0, 0, 0, 0], [0, 1, 1, 1]),
        ([1, 1, 1, 1], [0, 1, 1, 1]),
    ],
)
def test_apng_is_composed_as_pillow_composes_it(disposals, blends, tmp_path):
    by_hand(tmp_path / "a.png", disposals=disposals, blends=blends)
    frames, times, count = read_apng(tmp_path / "a.png")
    assert (times, count) == (list(TIMES), 3)
    for ours, (theirs, _) in zip(frames, shown(tmp_path / "a.png"), strict=True):
        visible = theirs[..., 3:] > 0
        assert np.abs(ours.astype(int) - theirs)[..., 3].max() <= 1
        assert (np.abs(ours.astype(int) - theirs) * visible).max() <= 2


@pytest.mark.parametrize(("disposal", "left"), [(0, (200, 0, 0, 255)), (1, (0, 0, 0, 0)), (2, (10, 20, 30, 255))])
def test_what_a_part_leaves_behind_by_the_standard(disposal, left, tmp_path):
    """A part of 3 × 3 is laid over a picture and disposed of before another is laid elsewhere."""
    below = np.full((8, 8, 4), (10, 20, 30, 255), np.uint8)
    part = np.full((3, 3, 4), (200, 0, 0, 255), np.uint8)
    parts = [(below, 0, 0), (part, 1, disposal), (part, 5, 0)]
    chunks = [(b"IHDR", struct.pack(">LL5B", 8, 8, 8, 6, 0, 0, 0)), (b"acTL", struct.pack(">LL", 3, 0))]
    for number, (pixels, at, dispose) in enumerate(parts):
        side = len(pixels)
        packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))
        chunks.append((b"fcTL", struct.pack(">5L2H2B", max(0, 2 * number - 1), side, side, at, at, 1, 8, dispose, 1)))
        chunks.append((b"fdAT", struct.pack(">L", 2 * number) + packed) if number else (b"IDAT", packed))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in [*chunks, (b"IEND", b"")]))
    frames, times, count = read_apng(tmp_path / "a.png")
    assert (times, count) == ([125, 125, 125], 0)
    assert [tuple(one[2, 2]) for one in frames] == [(10, 20, 30, 255), (200, 0, 0, 255), left]
    assert [tuple(one[6, 6]) for one in frames] == [(10, 20, 30, 255), (10, 20, 30, 255), (200, 0, 0, 255)]


def test_half_opaque_over_opaque_is_the_mean(tmp_path):
    """Pillow lays opacity on opacity in its own way, so by Porter & Duff's formula."""
    below, above = np.full((8, 8, 4), (200, 100, 0, 255), np.uint8), np.full((8, 8, 4), (0, 50, 100, 51), np.uint8)
    save(tmp_path / "a.png", [below, above], duration=[10, 10], blend=[0, 1])
    frames, *_ = read_apng(tmp_path / "a.png")
    np.testing.assert_allclose(frames[1], np.broadcast_to((160, 90, 20, 255), (8, 8, 4)), atol=1)


def test_frames_that_repeat_are_computed_once(tmp_path):
    save(tmp_path / "a.gif", animation())
    made = []
    upscaler = jaxsr.load("bicubic")
    counted = type(upscaler)(
        upscaler.name, 4, {}, "", lambda rows, *rest: made.append(1) or upscaler.strips(rows, *rest)
    )
    told = []
    upscale_file(counted, tmp_path / "a.gif", tmp_path / "b.png", progress=lambda *counts: told.append(counts))
    assert len(made) == 3
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    frames = [pixels for pixels, _ in shown(tmp_path / "b.png")]
    np.testing.assert_array_equal(frames[0], frames[2])


def test_colours_of_an_animated_png_are_those_of_its_chunks(tmp_path):
    save(tmp_path / "a.png", animation())
    with (tmp_path / "a.png").open("r+b") as file:
        insert_before_pixels(file, [(b"gAMA", (100_000).to_bytes(4))])
    picture = open_frames(tmp_path / "a.png").pictures[1]
    light = frame(1)[8, 12] / 255
    np.testing.assert_allclose(picture.rows(8, 9)[0, 12], 1.055 * light ** (1 / 2.4) - 0.055, atol=1e-4)
    before, after = shown(tmp_path / "a.png"), shown(through(tmp_path / "a.png", tmp_path / "b.png"))
    for (small, _), (large, _) in zip(before, after, strict=True):
        np.testing.assert_allclose(large[36, 4:8].astype(int).mean(0), small[9, 1], atol=16)
    with Image.open(tmp_path / "b.png") as written:
        assert written.info["gamma"] == 1


def test_the_first_frame_alone_on_request(tmp_path):
    for suffix in (".gif", ".png", ".webp"):
        save(tmp_path / f"a{suffix}", animation())
        assert open_picture(tmp_path / f"a{suffix}").notes == ("the first of 4 pictures",)
    with pytest.warns(UserWarning, match="the first of 4 pictures"):
        through(tmp_path / "a.gif", tmp_path / "b.jpg", first_frame=True)
    with pytest.warns(UserWarning, match="the first of 4 pictures"):
        jaxsr.load("bicubic")(tmp_path / "a.gif")
    with pytest.raises(InputError, match=r"b\.jpg: its format does not hold the 4 frames of .*a\.gif; .*--first-frame"):
        through(tmp_path / "a.gif", tmp_path / "b.jpg")
    with Image.open(tmp_path / "b.jpg") as written:
        assert written.size == (144, 96)
        assert np.abs(np.asarray(written).astype(int) - resize_uint8(frame(0), 4)).mean() < 6


def test_one_frame_is_a_picture(tmp_path):
    Image.fromarray(BACKGROUND).save(tmp_path / "a.gif")
    assert open_frames(tmp_path / "a.gif") is None
    with Image.open(through(tmp_path / "a.gif", tmp_path / "b.jpg")) as written:
        assert written.format == "JPEG"


def test_an_animation_of_no_frames_is_one_picture(tmp_path):
    """PNG, third edition, section 11.3.6.1: 0 is not a valid number of frames."""
    Image.fromarray(BACKGROUND).save(tmp_path / "a.png")
    with (tmp_path / "a.png").open("r+b") as file:
        insert_before_pixels(file, [(b"acTL", struct.pack(">LL", 0, 0))])
    assert open_picture(tmp_path / "a.png").notes == ()
    assert open_frames(tmp_path / "a.png") is None


def test_too_many_frames_and_broken_ones_are_one_sentence(tmp_path):
    save(tmp_path / "a.gif", animation())
    save(tmp_path / "a.png", animation())
    with pytest.raises(InputError, match=r"a\.gif: its frames have .* megapixels together.*--first-frame"):
        open_frames(tmp_path / "a.gif", largest=2000)
    with pytest.raises(InputError, match=r"a\.png: its frames have"):
        open_frames(tmp_path / "a.png", largest=2000)
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: whole.rindex(b"fcTL") - 4])
    with pytest.raises(InputError, match=r"b\.png: .* of its . frames are there"):
        open_frames(tmp_path / "b.png")
    random = np.random.default_rng(0)
    sentences = []
    for _ in range(100):
        broken = np.frombuffer(whole, np.uint8).copy()
        broken[random.integers(33, len(broken), 4)] = random.integers(0, 256, 4)
        (tmp_path / "b.png").write_bytes(broken.tobytes())
        try:
            open_frames(tmp_path / "b.png", largest=10**6)
        except InputError as error:
            sentences.append(str(error))
    assert len(sentences) > 20
    assert not any("\n" in sentence for sentence in sentences)


def test_a_gif_without_its_end_is_told_of(tmp_path):
    save(tmp_path / "a.gif", animation())
    whole = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "b.gif").write_bytes(whole[: len(whole) * 2 // 3])
    frames, fewer = open_frames(tmp_path / "a.gif"), open_frames(tmp_path / "b.gif")
    assert len(fewer.pictures) < len(frames.pictures)
    assert frames.pictures[0].notes == ()
    assert fewer.pictures[0].notes == ("its end is missing, and frames may be",)


def test_ticks_keep_the_length_of_the_whole():
    assert ticked([33.3] * 30, 10)[:3] == [30, 40, 30]
    assert sum(ticked([100 / 3] * 30, 10)) == 1000
    assert ticked([1, 1, 0], 10) == [10, 10, 0]


def test_pages_of_a_tiff_of_any_size_and_kind(tmp_path):
    deep = (np.random.default_rng(0).integers(0, 2**16, (10, 12))).astype(np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(BACKGROUND, photometric="rgb")
        writer.write(BACKGROUND[::2, ::2], photometric="rgb", subfiletype=1)
        writer.write(deep, photometric="minisblack")
        writer.write(255 - BACKGROUND[:8], photometric="rgb")
    with tifffile.TiffFile(through(tmp_path / "a.tif", tmp_path / "b.tif")) as written:
        pages = [page.asarray() for page in written.pages]
    assert [page.shape for page in pages] == [(96, 144, 3), (40, 48), (32, 144, 3)]
    np.testing.assert_array_equal(pages[0], resize_uint8(BACKGROUND, 4))
    assert pages[1].dtype == np.uint16
    np.testing.assert_array_equal(pages[2], resize_uint8(255 - BACKGROUND[:8], 4))
    with pytest.raises(InputError, match=r"c\.png: its format does not hold the 3 pages"):
        through(tmp_path / "a.tif", tmp_path / "c.png")
    with tifffile.TiffWriter(tmp_path / "one.tif") as writer:
        writer.write(BACKGROUND, photometric="rgb")
        writer.write(BACKGROUND[::2, ::2], photometric="rgb", subfiletype=1)
    assert open_frames(tmp_path / "one.tif") is None
    assert open_picture(tmp_path / "one.tif").notes == ()


def test_what_is_not_written_leaves_nothing_behind(tmp_path):
    save(tmp_path / "a.gif", animation())
    stages = file_stages(jaxsr.load("bicubic"))
    computed = stages.compute(stages.read(tmp_path / "a.gif"), tmp_path / "b.gif", None)
    stages.discard(computed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gif"]


def test_the_compression_of_an_animated_png_is_the_one_asked_for(tmp_path):
    waves = [127 + 80 * np.sin((ROWS + COLUMNS + 9 * number) / 7) + 0 * BACKGROUND[..., 0] for number in range(3)]
    save(tmp_path / "a.png", [np.uint8(np.dstack([wave] * 3)) for wave in waves], duration=50)
    results = [through(tmp_path / "a.png", tmp_path / f"{way}.png", compression=way) for way in ("fast", "small")]
    assert results[1].stat().st_size < 0.8 * results[0].stat().st_size
    for (fast, _), (small, _) in zip(*map(shown, results), strict=True):
        np.testing.assert_array_equal(fast, small)
