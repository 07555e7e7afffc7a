import io
import os
import struct
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from jaxsr.data.inspection import format_table, inspect
from jaxsr.data.looks import look_at
from jaxsr.data.pipeline import crops
from jaxsr.data.sources import SAMPLES, file_photos, open_source


def picture(name):
    return Image.open(SAMPLES / f"{name}.jpg")


@pytest.fixture
def folders(tmp_path):
    train, validation = tmp_path / "train", tmp_path / "validation"
    train.mkdir()
    validation.mkdir()
    for name in ("city", "flowers", "guitar", "nyc"):
        (train / f"{name}.jpg").write_bytes((SAMPLES / f"{name}.jpg").read_bytes())
    for name in ("sumac", "waves"):
        picture(name).save(validation / f"{name}.png")
    return train, validation


def found(inspection):
    return {row.name.rsplit("/", 1)[-1]: row.problem for row in inspection.rows}


def names(inspection):
    return [name.rsplit("/", 1)[-1] for name in inspection.usable.names]


@pytest.mark.parametrize("full", [False, True])
def test_different_photos_are_all_usable(folders, full):
    train, validation = folders
    inspection = inspect([train], crop=96, validation=open_source([validation]), full=full)
    assert inspection.rows == ()
    assert len(inspection.usable) == inspection.total == 4
    assert format_table(inspection) == "4 of 4 photos usable"


@pytest.mark.parametrize("full", [False, True])
def test_every_kind_of_problem_is_found(folders, full):
    train, validation = folders
    picture("city").crop((0, 0, 95, 300)).save(train / "narrow.png")
    (train / "broken.jpg").write_bytes((SAMPLES / "sumac.jpg").read_bytes()[:20_000])
    (train / "text.png").write_text("no picture")
    picture("guitar").resize((288, 288)).save(train / "half.jpg", quality=80)
    picture("guitar").save(train / "again.png")
    picture("waves").save(train / "leak.jpg", quality=30)
    picture("sumac").resize((200, 200)).save(train / "small_leak.webp")
    inspection = inspect([train], crop=96, validation=open_source([validation]), full=full)
    problems = found(inspection)
    assert problems.pop("narrow.png") == "too small: 95×300, a crop needs 96"
    assert "truncated" in problems.pop("broken.jpg")
    assert "no picture" in problems.pop("text.png")
    assert "validation set" in problems["leak.jpg"]
    assert problems.pop("leak.jpg").endswith("waves.png")
    assert problems.pop("small_leak.webp").endswith("sumac.png")
    # Three of a kind: one of the two largest stays.
    assert problems.pop("half.jpg").startswith("duplicate of")
    assert problems.pop("guitar.jpg").endswith("again.png")
    assert problems == {}
    assert names(inspection) == ["again.png", "city.jpg", "flowers.jpg", "nyc.jpg"]
    assert inspection.total == 11


def test_a_photo_turned_by_its_orientation_is_still_the_same(folders):
    train, validation = folders
    exif = Image.Exif()
    exif[0x0112] = 6
    waves = picture("waves").crop((0, 0, 576, 400))
    waves.save(validation / "waves.png")
    waves.transpose(Image.Transpose.ROTATE_90).save(train / "turned.jpg", quality=95, exif=exif)
    assert np.array_equal(ImageOps.exif_transpose(Image.open(train / "turned.jpg")).size, waves.size)
    assert found(inspect([train], crop=96, validation=open_source([validation])))["turned.jpg"].endswith("waves.png")


def test_large_photos_are_left_to_the_full_check_unless_they_are_jpegs(folders):
    train, _ = folders
    large = picture("waves").resize((1200, 1200))
    large.save(train / "waves.png", compress_level=1)
    large.save(train / "waves.jpg")
    quick, full = inspect([train], crop=96), inspect([train], crop=96, full=True)
    assert quick.rows == ()
    assert quick.uncompared == 1
    assert "--check-data" in format_table(quick)
    assert found(full)["waves.png"].endswith("waves.jpg")
    assert full.uncompared == 0


def test_the_same_file_is_known_without_decoding_it(folders):
    train, validation = folders
    for side, copies in (
        (1200, [train / "one.png", train / "two.png"]),
        (1300, [train / "leak.png", validation / "l.png"]),
    ):
        picture("waves").resize((side, side)).save(copies[0], compress_level=1)
        copies[1].write_bytes(copies[0].read_bytes())
    problems = found(inspect([train], crop=96, validation=open_source([validation])))
    assert problems.keys() == {"two.png", "leak.png"}
    assert problems["two.png"].endswith("duplicate of " + str(train / "one.png"))
    assert problems["leak.png"].endswith(str(validation / "l.png"))


def test_a_copy_of_a_large_validation_photo_is_found_by_a_quick_look(folders):
    train, validation = folders
    large = picture("guitar").resize((1200, 1200))
    large.save(validation / "large.png", compress_level=1)
    large.save(train / "guitar.jpg")
    inspection = inspect([train], crop=96, validation=open_source([validation]))
    assert found(inspection) == {"guitar.jpg": f"also in the validation set: {validation / 'large.png'}"}


def test_what_is_left_can_be_trained_on(folders):
    train, _ = folders
    (train / "broken.png").write_bytes(b"")
    picture("nyc").resize((90, 90)).save(train / "small.png")
    inspection = inspect([train], crop=96)
    assert next(iter(crops(inspection.usable, crop=96, batch_size=4, seed=0))).shape == (4, 96, 96, 3)


def test_nothing_usable_is_told_and_left_to_the_caller(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    inspection = inspect([tmp_path], crop=96)
    assert len(inspection.usable) == 0
    assert format_table(inspection).endswith("0 of 1 photos usable")


def test_broken_validation_photos_are_listed_too(folders):
    train, validation = folders
    (validation / "broken.png").write_bytes(b"")
    inspection = inspect([train], crop=96, validation=open_source([validation]))
    assert found(inspection)["broken.png"].startswith("validation photo: unreadable")
    assert len(inspection.usable) == 4


def test_transparency_is_named_and_an_opaque_alpha_channel_is_not(folders):
    train, _ = folders
    for name, lowest in (("opaque", 255), ("clear", 254)):
        photo = picture("waves" if lowest == 255 else "sumac").convert("RGBA")
        photo.putalpha(
            Image.fromarray(np.linspace(255, lowest, photo.width * photo.height).astype(np.uint8)).resize(photo.size)
        )
        photo.save(train / f"{name}.png", compress_level=1)
    picture("city").resize((1100, 1100)).convert("RGBA").save(train / "large.png", compress_level=1)
    inspection = inspect([train], crop=96)
    said = {row.name.rsplit("/", 1)[-1]: row.problem for row in inspection.notes}
    assert said == {
        "clear.png": "is partly transparent: trained on as it looks on white",
        "large.png": "has an alpha channel: trained on as it looks on white",
    }
    assert {"clear.png", "large.png", "opaque.png"} <= set(names(inspection))
    assert "is partly transparent" in format_table(inspection)


@pytest.mark.parametrize("colours", ["minisblack", "rgb"])
def test_a_float_tiff_is_looked_at_like_any_other_photo(folders, colours):
    train, _ = folders
    unit = np.asarray(picture("waves"), np.float32)[:400, :300] / 255
    tifffile.imwrite(train / "float.tif", unit if colours == "rgb" else unit.mean(-1), photometric=colours)
    tifffile.imwrite(train / "hdr.tif", 3 * unit, photometric="rgb")
    inspection = inspect([train], crop=96)
    assert "float.tif" in names(inspection)
    assert found(inspection)["hdr.tif"].endswith("leave the range from 0 to 1; save it within that")


@pytest.mark.parametrize("full", [False, True])
def test_a_large_photo_that_libvips_reads_is_decoded_by_the_full_check_alone(tmp_path, full):
    pixels = np.random.default_rng(0).random((1100, 1000, 3), np.float32)
    tifffile.imwrite(tmp_path / "float.tif", pixels, photometric="rgb")
    (photo,) = open_source([tmp_path]).photos
    (look,) = look_at([photo], full=full)
    assert (look.size, look.thumbnail is not None, look.whole) == ((1100, 1000), full, full)


def test_an_avif_is_looked_at_as_it_is_read_to_train_on(tmp_path):
    for name, numbers in {"p3": (12, 13), "hdr": (9, 16)}.items():
        # So large that a quick look at others of its format reads the header alone.
        path = tmp_path / f"{name}.avif"
        Image.new("RGB", (1100, 1000), (160, 140, 110)).save(path, speed=10)
        before, after = path.read_bytes().split(b"colrnclx")
        path.write_bytes(before + b"colrnclx" + struct.pack(">HH", *numbers) + after[4:])
    inspection = inspect([tmp_path], crop=96)
    assert found(inspection) == {
        "hdr.avif": "unreadable: its colours are HDR (PQ), which is not supported; convert it to SDR"
    }
    assert inspection.usable.sizes == [(1000, 1100)]


@pytest.fixture(scope="module")
def opened():
    """The paths of files as they are opened, by Python's own audit of the process."""
    paths, listening = [], [True]

    def note(event, arguments):
        if listening and event == "open" and isinstance(arguments[0], str | os.PathLike):
            paths.append(str(arguments[0]))

    sys.addaudithook(note)
    yield paths
    listening.clear()


def test_files_that_have_not_changed_are_not_read_again(folders, tmp_path, opened, monkeypatch):
    train, validation = folders
    (train / "broken.jpg").write_bytes(b"")
    kept = tmp_path / "looks.npz"
    sources = {"crop": 96, "validation": open_source([validation], headers=False), "kept": kept}

    def look():
        opened.clear()
        inspection = inspect([train], **sources)
        read = {path.rsplit("/", 1)[-1] for path in opened if path.startswith((str(train), str(validation)))}
        return inspection, read

    photos = {path.name for folder in folders for path in folder.iterdir()}
    written = [path.stat().st_ctime_ns for folder in folders for path in folder.iterdir()]
    clock = SimpleNamespace(time_ns=lambda: min(written))
    monkeypatch.setattr("jaxsr.data.looks.time", clock)
    # What has only just been written may be written again within a tick of the clock.
    first, read = look()
    assert read == photos
    assert look()[1] == photos
    clock.time_ns = lambda: max(written) + 2_100_000_000
    assert look()[1] == photos
    again, read = look()
    assert read == {"broken.jpg"}
    assert again.rows == first.rows
    assert [(p.name, p.size, p.digest) for p in again.usable.photos] == [
        (p.name, p.size, p.digest) for p in first.usable.photos
    ]
    # Other pixels of the same name and size, and of the same time as far as a program can set it.
    before = (train / "city.jpg").stat()
    content = (train / "city.jpg").read_bytes()
    (train / "city.jpg").write_bytes(content[:-100] + bytes(98) + content[-2:])
    os.utime(train / "city.jpg", ns=(before.st_atime_ns, before.st_mtime_ns))
    changed, read = look()
    assert read == {"broken.jpg", "city.jpg"}
    digests = [{p.name: p.digest for p in each.usable.photos} for each in (first, changed)]
    assert [name.rsplit("/", 1)[-1] for name, digest in digests[0].items() if digest != digests[1][name]] == [
        "city.jpg"
    ]
    kept.write_bytes(b"torn")
    assert look()[1] == photos


def test_a_photo_of_an_earlier_quick_look_is_decoded_once(tmp_path, opened, monkeypatch):
    path, kept = tmp_path / "city.jpg", tmp_path / "looks.npz"
    path.write_bytes((SAMPLES / path.name).read_bytes())
    later = path.stat().st_ctime_ns + 2_100_000_000
    monkeypatch.setattr("jaxsr.data.looks.time", SimpleNamespace(time_ns=lambda: later))
    for full, read in ((False, True), (True, True), (True, False), (False, False)):
        opened.clear()
        (look,) = look_at(file_photos([path], headers=False), full=full, kept=kept)
        assert (str(path) in opened, look.whole or not full) == (read, True)


def test_a_long_table_is_cut(tmp_path):
    for number in range(30):
        buffer = io.BytesIO()
        Image.fromarray(np.full((8, 8 + number, 3), number, np.uint8)).save(buffer, "PNG")
        (tmp_path / f"{number:02}.png").write_bytes(buffer.getvalue())
    table = format_table(inspect([tmp_path], crop=96), limit=10).splitlines()
    assert len(table) == 12
    assert table[-2] == "… and 20 more"
