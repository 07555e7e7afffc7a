"""LR files beside the photos: what is paired, what is said, and what a network gets."""

import jax
import numpy as np
import pytest
from PIL import Image

from jaxsr.data.degradation import make_paired
from jaxsr.data.inspection import format_table, inspect
from jaxsr.data.low import with_low
from jaxsr.data.pipeline import cached, crops
from jaxsr.data.sources import open_source
from jaxsr.errors import InputError
from jaxsr.evaluation.protocol import hr_and_lr

SCALE, CROP = 4, 32


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Four photos, a subfolder among them, with their reductions in a folder beside."""
    folder = tmp_path_factory.mktemp("pairs")
    source = open_source(["samples"])
    for number, name in enumerate(("a", "b", "sub/c", "sub/d")):
        low = hr_and_lr(source[number][: 130 + number, :150], scale=SCALE)[1]
        for kind, picture, suffix in (("hr", source[number][: 130 + number, :150], ""), ("lr", low, "x4")):
            path = folder / kind / f"{name}{suffix}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
    return folder


def paired(folder):
    found = inspect([str(folder / "hr")], crop=CROP)
    return with_low(found, [str(folder / "hr")], [str(folder / "lr")], scale=SCALE)


def stream(source, **options):
    return iter(crops(source, crop=CROP, batch_size=4, seed=0, scale=SCALE, **options))


def mismatch(low, high):
    """Levels between LR crops and reduced HR crops, without the edges, beyond which crops know nothing."""
    reduced = np.stack([hr_and_lr(crop, scale=SCALE)[1] for crop in high])
    return np.abs(reduced[:, 2:-2, 2:-2].astype(int) - low[:, 2:-2, 2:-2]).max()


def test_crops_of_both_are_of_the_same_place(folders):
    source = paired(folders).usable
    assert len(source) == 4
    batches = stream(source, crops_per_photo=2)
    for _ in range(6):
        batch = next(batches)
        assert (batch["hr"].shape, batch["lr"].shape) == ((4, 32, 32, 3), (4, 8, 8, 3))
        assert mismatch(batch["lr"], batch["hr"]) <= 1


def test_the_stream_is_the_same_from_memory_in_parts_and_after_a_stop(folders):
    source = paired(folders).usable
    plain, memory = stream(source), stream(cached(source))
    parts = [stream(source, shard=(index, 2)) for index in (0, 1)]
    for _ in range(3):
        batch = next(plain)
        jax.tree.map(np.testing.assert_array_equal, batch, next(memory))
        together = jax.tree.map(lambda *halves: np.concatenate(halves), *map(next, parts))
        jax.tree.map(np.testing.assert_array_equal, batch, together)
    state = plain.get_state()
    expected = next(plain)
    again = stream(source)
    again.set_state(state)
    jax.tree.map(np.testing.assert_array_equal, next(again), expected)


def test_both_are_turned_alike(folders):
    batch = next(stream(paired(folders).usable))
    low, high = make_paired(scale=SCALE)(jax.random.key(0), batch)
    low, high = (np.asarray(np.round(x), np.uint8) for x in (low * 255, (high + 1) * 127.5))
    assert mismatch(low, high) <= 1
    assert any(not np.array_equal(turned, crop) for turned, crop in zip(high, batch["hr"], strict=True))


def test_what_does_not_match_is_in_the_table(folders, tmp_path):
    for path in (folders / "hr").rglob("*.png"):
        target = tmp_path / "hr" / path.relative_to(folders / "hr")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    (tmp_path / "lr").mkdir()
    with Image.open(folders / "lr" / "ax4.png") as low:
        low.save(tmp_path / "lr" / "a.png")
        low.resize((30, 20)).save(tmp_path / "lr" / "b_x4.png")
        low.save(tmp_path / "lr" / "z.png")
    found = paired(tmp_path)
    assert [photo.low.name for photo in found.usable.photos] == [str(tmp_path / "lr" / "a.png")]
    table = format_table(found)
    assert "1 of 4 photos usable" in table
    assert f"its LR file {tmp_path / 'lr' / 'b_x4.png'} has 30×20 pixels, and ×4 needs 37×32" in table
    assert table.count("no LR file of this name") == 2
    assert f"{tmp_path / 'lr' / 'z.png'}" in table
    with pytest.raises(InputError, match="LR files are for a folder"):
        with_low(found, ["samples"], [str(tmp_path / "lr")], scale=SCALE)


@pytest.mark.parametrize("full", [False, True])
def test_a_large_lr_file_that_breaks_off_is_found_by_the_full_check(tmp_path, full):
    """As a large photo is: a quick look reads its header alone."""
    high, low = tmp_path / "hr" / "a.png", tmp_path / "lr" / "a.png"
    high.parent.mkdir()
    low.parent.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (1100, 1000, 3), np.uint8)
    Image.fromarray(noise.repeat(2, axis=0).repeat(2, axis=1)).save(high, compress_level=1)
    Image.fromarray(noise).save(low, compress_level=1)
    low.write_bytes(low.read_bytes()[:-100_000])
    folders = [str(high.parent)], [str(low.parent)]
    found = with_low(inspect(folders[0], crop=CROP), *folders, scale=2, full=full)
    assert [photo.name for photo in found.usable.photos] == ([] if full else [str(high)])
    assert ("cannot be read" in format_table(found)) == full


def test_an_lr_file_of_a_photo_that_is_left_out_is_not_called_lonely(folders, tmp_path):
    """Nor does a second photo of the same name vanish without a row."""
    (tmp_path / "hr" / "sub").mkdir(parents=True)
    (tmp_path / "lr" / "sub").mkdir(parents=True)
    photo = (folders / "hr" / "a.png").read_bytes()
    (tmp_path / "hr" / "a.png").write_bytes(photo)
    with Image.open(folders / "hr" / "a.png") as high:
        high.transpose(Image.Transpose.ROTATE_180).convert("RGB").save(tmp_path / "hr" / "a.bmp")
        high.crop((0, 0, 8, 8)).save(tmp_path / "hr" / "sub" / "small.png")
    low = (folders / "lr" / "ax4.png").read_bytes()
    for name in ("ax4.png", "sub/smallx4.png"):
        (tmp_path / "lr" / name).write_bytes(low)
    found = paired(tmp_path)
    table = format_table(found)
    assert len(found.usable.photos) == 1
    assert "has the name of" in table
    assert "no photo of this name" not in table
