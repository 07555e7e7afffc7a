import itertools
import os
import threading
import time

import numpy as np
import pytest
from PIL import Image

from jaxsr.data.pipeline import cached, crops, visits
from jaxsr.data.sampling import PLACES
from jaxsr.data.sources import Photo, Source, open_source
from jaxsr.errors import InputError

SIZES = [(12, 20), (40, 30), (24, 24), (60, 90)]


def coordinates(number, size):
    """A photo whose pixels say where they are: (row, column, photo)."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.stack([rows, columns, np.full(size, number)], axis=-1).astype(np.uint8)


def in_memory(sizes=SIZES, known=True):
    return Source(
        tuple(
            Photo(f"photo {i}", lambda: None, size if known else None, coordinates(i, size))
            for i, size in enumerate(sizes)
        )
    )


def take(dataset, count):
    return np.stack(list(itertools.islice(dataset, count)))


def test_batches_of_one_are_counted_too():
    (batch,) = itertools.islice(crops(open_source(["samples"]), crop=32, batch_size=1, seed=0), 1)
    assert batch.shape == (1, 32, 32, 3)


def test_each_crop_is_a_piece_of_a_photo():
    source = in_memory()
    batches = take(crops(source, crop=10, batch_size=6, seed=0, crops_per_photo=3), 50)
    assert batches.shape == (50, 6, 10, 10, 3)
    assert batches.dtype == np.uint8
    for crop in batches.reshape(-1, 10, 10, 3):
        top, left, number = crop[0, 0]
        assert np.array_equal(crop, source[number][top : top + 10, left : left + 10])


def test_each_place_is_equally_likely():
    source = in_memory([(12, 14)])
    corners = take(crops(source, crop=10, batch_size=10, seed=1, crops_per_photo=2), 300)[:, :, 0, 0, :2].reshape(-1, 2)
    counts = np.bincount(corners[:, 0].astype(int) * 5 + corners[:, 1], minlength=15)
    assert counts.size == 15
    # Chi-square of 14 degrees of freedom: 42.6 is exceeded once in 10,000 times.
    assert ((counts - 200) ** 2 / 200).sum() < 42.6


def test_photos_are_visited_in_proportion_to_their_area():
    source = in_memory([(20, 20), (20, 60), (40, 100)])
    # 16 visits for the mean area of 1867.
    assert np.bincount(visits(source, crop=10)).tolist() == [3, 10, 34]
    # Epochs are shuffled together up to 2**13 visits, here 175 of 47.
    numbers = take(crops(source, crop=10, batch_size=47, seed=0), 2 * 175)[:, :, 0, 0, 2].reshape(2, -1)
    assert [np.bincount(epochs).tolist() for epochs in numbers] == [[3 * 175, 10 * 175, 34 * 175]] * 2
    assert not np.array_equal(*numbers)


@pytest.mark.parametrize("widths", [[1000, 1490, 1510, 1490], [700, 1040, 1060, 1000], [640, 640, 950, 970]])
def test_no_part_of_a_photo_is_much_likelier_than_another(widths):
    photos = tuple(Photo(str(width), lambda: None, (1000, width)) for width in widths)
    density = np.bincount(visits(Source(photos), crop=96)) / widths
    assert density / density.mean() == pytest.approx(np.ones(4), abs=0.05)


def test_tiny_photos_are_visited_once_and_unknown_sizes_alike():
    assert np.bincount(visits(in_memory([(10, 10), (400, 400), (400, 400)]), crop=10)).tolist() == [1, 24, 24]
    assert visits(in_memory(known=False), crop=10).tolist() == [0, 1, 2, 3]


def test_the_stream_follows_the_seed_and_not_the_threads():
    def stream(seed, threads):
        return take(crops(in_memory(), crop=8, batch_size=4, seed=seed, crops_per_photo=2, threads=threads), 20)

    assert np.array_equal(stream(5, 1), stream(5, 4))
    assert not np.array_equal(stream(5, 1), stream(6, 1))


def test_several_crops_of_a_photo_go_to_successive_batches():
    batches = take(crops(in_memory(), crop=8, batch_size=5, seed=0, crops_per_photo=3), 9)
    numbers = batches[:, :, 0, 0, 2]
    assert all(np.array_equal(numbers[i], numbers[i - i % 3]) for i in range(9))
    assert not np.array_equal(batches[0], batches[1])


@pytest.mark.parametrize("sampling", PLACES)
@pytest.mark.parametrize("position", [0, 1, 7, 31])
def test_the_stream_goes_on_where_its_state_was_taken(position, sampling):
    dataset = crops(in_memory(), crop=8, batch_size=4, seed=2, crops_per_photo=3, sampling=sampling)
    iterator = iter(dataset)
    for _ in range(position):
        next(iterator)
    state = iterator.get_state()
    expected = take(iterator, 12)
    resumed = iter(dataset)
    resumed.set_state(state)
    assert np.array_equal(take(resumed, 12), expected)


@pytest.mark.parametrize("sampling", PLACES)
def test_shards_share_out_each_batch(sampling):
    options = {"crop": 8, "batch_size": 6, "seed": 3, "crops_per_photo": 2, "sampling": sampling}
    whole, parts = crops(in_memory(), **options), [crops(in_memory(), **options, shard=(i, 3)) for i in range(3)]
    taken = [take(part, 9) for part in parts]
    assert [part.shape for part in taken] == [(9, 2, 8, 8, 3)] * 3
    assert np.array_equal(np.concatenate(taken, axis=1), take(whole, 9))


def test_a_part_goes_on_at_the_position_of_the_whole():
    options = {"crop": 8, "batch_size": 6, "seed": 3, "crops_per_photo": 2}
    whole, part = (iter(crops(in_memory(), **options, shard=shard)) for shard in ((0, 1), (1, 2)))
    take(whole, 5)
    part.set_state(whole.get_state())
    assert np.array_equal(take(part, 4), take(whole, 4)[:, 3:])


def test_a_cached_source_gives_the_same_stream(tmp_path):
    for number, size in enumerate(SIZES):
        Image.fromarray(coordinates(number, size)).save(tmp_path / f"{number}.png")
    source = open_source([tmp_path])
    memory = cached(source)
    assert memory.names == source.names
    assert memory.sizes == source.sizes == SIZES
    for path in tmp_path.iterdir():
        path.unlink()
    options = {"crop": 8, "batch_size": 4, "seed": 3}
    assert np.array_equal(take(crops(memory, **options), 10), take(crops(in_memory(), **options), 10))


def test_a_photo_smaller_than_the_crop_is_named():
    with pytest.raises(InputError, match="photo 0 is 20×12 pixels, smaller than the crop of 16"):
        crops(in_memory(), crop=16, batch_size=4, seed=0)
    with pytest.raises(InputError, match="photo 0 is 20×12 pixels, smaller than the crop of 16"):
        take(crops(in_memory(known=False), crop=16, batch_size=4, seed=0), 2)


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_photo_that_breaks_on_decoding_is_named_and_always_replaced_alike(tmp_path, in_memory):
    for i, name in enumerate("abc"):
        Image.fromarray(coordinates(i, (20, 20))).save(tmp_path / f"{name}.png")
    whole = (tmp_path / "a.png").read_bytes()
    # The header stays, so that the photo passes for good until it is decoded.
    (tmp_path / "a.png").write_bytes(whole[:60])
    source = open_source([tmp_path])
    source = cached(source) if in_memory else source
    with pytest.warns(UserWarning, match=r"left out of the training: .*a\.png"):
        broken = take(crops(source, crop=16, batch_size=4, seed=0), 40)
    (tmp_path / "a.png").write_bytes(whole)
    mended = take(crops(open_source([tmp_path]), crop=16, batch_size=4, seed=0), 40)
    numbers = mended[:, :, 0, 0, 2]
    assert set(numbers.ravel()) == {0, 1, 2}
    assert np.array_equal(broken[..., :2], mended[..., :2])
    assert np.array_equal(broken[:, :, 0, 0, 2], np.where(numbers == 0, 1, numbers))


def test_photos_that_all_break_are_told(tmp_path):
    Image.fromarray(coordinates(0, (20, 20))).save(tmp_path / "a.png")
    source = open_source([tmp_path])
    (tmp_path / "a.png").write_text("overwritten")
    with (
        pytest.warns(UserWarning, match=r"a\.png: empty, or no picture"),
        pytest.raises(InputError, match="none of the training photos can be read"),
    ):
        take(crops(source, crop=16, batch_size=4, seed=0), 1)


def test_nothing_to_train_on():
    with pytest.raises(InputError, match="no photo"):
        crops(Source(()), crop=16, batch_size=4, seed=0)


class Watched(np.ndarray):
    """A photo that notes which threads cut it."""

    def __getitem__(self, place):
        self.threads.add(threading.get_ident())
        time.sleep(1e-3)
        return np.asarray(super().__getitem__(place))


@pytest.mark.parametrize(("threads", "expected"), [(None, {1}), (4, {2, 3, 4})])
def test_photos_in_memory_are_cut_by_a_single_thread(tmp_path, monkeypatch, threads, expected):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    pixels = np.zeros((40, 40, 3), np.uint8).view(Watched)
    pixels.threads = set()
    # Not all have to be in memory.
    photos = (*[Photo("kept", lambda: None, (40, 40), pixels)] * 7, *open_source([str(tmp_path)]).photos)
    take(crops(Source(photos), crop=16, batch_size=2, seed=0, threads=threads), 40)
    # The stream is set up in the thread that asks.
    assert len(pixels.threads - {threading.get_ident()}) in expected
