"""An endless, resumable stream of crops, by grain: decode and crop on the host, nothing else.

Photos are visited in proportion to their area, so that every part of every photo is as likely as any other. Everything
follows from the seed and the position in the stream, whatever the number of threads.
"""

import dataclasses
import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import grain
import numpy as np
from grain.experimental import FlatMapIterDataset, FlatMapTransform
from tqdm import tqdm

from jaxsr.data.sources import Source
from jaxsr.errors import InputError

_SHUFFLED_TOGETHER = 2**13
# Epochs; without a number, grain cannot count batches of one.
_ENDLESS = 2**32


def crops(
    source: Source,
    *,
    crop: int,
    batch_size: int,
    seed: int,
    crops_per_photo: int = 1,
    scale: int = 1,
    shard: tuple[int, int] = (0, 1),
    threads: int | None = None,
) -> grain.IterDataset:
    """Batches of HR crops, without end.

    `batch_size` photos are decoded at a time, and give one crop each to each of the next `crops_per_photo` batches: so
    the crops of a batch always come from as many visits to photos as there are crops. Of few photos, several epochs are
    shuffled together.

    Args:
      source: the photos.
      crop: side of the square crops in pixels.
      batch_size: crops in a batch.
      seed: the order of the photos and the places of the crops; at least 0.
      crops_per_photo: crops taken from each decoded photo.
      scale: HR pixels per LR pixel, for photos with LR files.
      shard: (index, count): the `index`-th of `count` equal parts of every batch; only its photos are decoded. A
        position in the stream is the same for all parts.
      threads: decoding threads; by default one per CPU core, or a single one where photos are in memory: several only
        wait for one another (of crops of 96×96 on two cores, 15,000 a second by 16 threads and 27,000 by one; on 16
        cores, 5,500 by 16).

    Returns:
      An iterable of [batch_size / count, crop, crop, 3] uint8, or where the photos have LR files, of {"hr": that,
      "lr": [batch_size / count, crop / scale, crop / scale, 3] uint8} of the same places. Its iterator has grain's
      `get_state` and `set_state`, and orbax saves it as it is.

    Raises:
      InputError: no photos, or one smaller than the crop (while iterating, where sizes are unknown), or none that can
        be decoded (while iterating). A photo that alone cannot be decoded is replaced and warned about.
    """
    index, count = shard
    part = slice(index * batch_size // count, (index + 1) * batch_size // count)
    # Of those that were to be in memory, some may not have been decodable.
    in_memory = any(photo.pixels is not None for photo in source.photos)
    threads = threads or (1 if in_memory else os.cpu_count() or 1)
    cut = _CutCrops(source, crop, crops_per_photo, part, scale)
    epoch = visits(source, crop=crop)
    # The shuffle of grain takes some 2**16 / length steps for each index: milliseconds where there are few photos.
    epochs = np.tile(epoch, -(-_SHUFFLED_TOGETHER // len(epoch)))
    blocks = (
        grain.MapDataset.source(epochs).seed(seed % 2**32).shuffle().repeat(_ENDLESS).batch(batch_size).random_map(cut)
    )
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * threads)
    return FlatMapIterDataset(blocks.to_iter_dataset(options), _Split(max_fan_out=crops_per_photo))


def visits(source: Source, *, crop: int) -> np.ndarray:
    """One epoch: the index of each photo, as often as its share of the total area asks for, and at least once.

    The smallest photo is visited once, unless it is below 1/16 of the mean area, which bounds the length of an epoch.
    Photos of unknown size count as the mean of the others.

    Args:
      source: the photos.
      crop: side of the crops, against which sizes are checked.

    Returns:
      [visits] int64, ascending.

    Raises:
      InputError: no photos, or one that is known to be smaller than the crop.
    """
    if not len(source):
        raise InputError("there is no photo to train on")
    for name, size in zip(source.names, source.sizes, strict=True):
        if size is not None:
            _require_size(name, size, crop)
    known = [height * width for height, width in filter(None, source.sizes)]
    mean = np.mean(known) if known else 1.0
    areas = np.array([mean if size is None else size[0] * size[1] for size in source.sizes])
    unit = max(areas.min(), areas.mean() / 16)
    return np.repeat(np.arange(len(areas)), np.maximum(1, np.round(areas / unit).astype(int)))


def cached(source: Source, *, threads: int | None = None) -> Source:
    """The same source with all photos decoded and kept in memory (3 bytes a pixel), with a progress bar.

    Photos that cannot be decoded stay as they are, so that the stream of crops is the same with and without the cache.
    """

    def in_memory(photo):
        low = photo.low and in_memory(photo.low)
        try:
            pixels = photo.read()
        except InputError:
            return photo
        return dataclasses.replace(photo, pixels=pixels, size=pixels.shape[:2], low=low)

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        photos = tqdm(pool.map(in_memory, source.photos), "Decoding photos", len(source), unit="photo")
        return Source(tuple(photos))


@dataclasses.dataclass(frozen=True)
class _CutCrops(grain.transforms.RandomMap):
    """[photos] indices to [crops_per_photo, photos of the part, crop, crop, 3], or to such pairs of HR and LR."""

    source: Source
    crop: int
    crops_per_photo: int
    part: slice
    scale: int

    def random_map(self, element, rng):
        # One draw for the whole block: a generator call costs as much as copying a crop, and parts draw alike.
        places = rng.random((len(element), self.crops_per_photo, 2))[self.part]
        element = element[self.part]
        paired = any(photo.low is not None for photo in self.source.photos[:1])
        sides = {"hr": self.crop} | ({"lr": self.crop // self.scale} if paired else {})
        block = {
            name: np.empty((self.crops_per_photo, len(element), side, side, 3), np.uint8)
            for name, side in sides.items()
        }
        for column, (index, photo_places) in enumerate(zip(element.tolist(), places, strict=True)):
            pictures = self._readable(index, paired)
            smallest = "lr" if paired else "hr"
            room = np.array(pictures[smallest].shape[:2]) - sides[smallest] + 1
            for row, corner in enumerate((photo_places * room).astype(int).tolist()):
                for name, side in sides.items():
                    top, left = (place * (side // sides[smallest]) for place in corner)
                    block[name][row, column] = pictures[name][top : top + side, left : left + side]
        return block if paired else block["hr"]

    def _readable(self, index, paired):
        """HR, and LR where there are pairs, or in place of a photo that cannot be decoded always the same other one."""
        count = len(self.source)
        for other in range(index, index + count):
            photo = self.source.photos[other % count]
            try:
                pictures = {"hr": photo.read()} | ({"lr": photo.low.read()} if paired else {})
            except InputError as error:
                # Told once for each photo, as warnings are.
                warnings.warn(f"left out of the training: {error}", stacklevel=2)
            else:
                _require_size(photo.name, pictures["hr"].shape, self.crop)
                return pictures
        raise InputError("none of the training photos can be read any more; the warnings name them")


@dataclasses.dataclass(frozen=True)
class _Split(FlatMapTransform):
    max_fan_out: int

    def flat_map(self, element):
        if isinstance(element, dict):
            return [{name: part[i] for name, part in element.items()} for i in range(len(element["hr"]))]
        return list(element)


def _require_size(name, size, crop):
    if min(size[:2]) < crop:
        raise InputError(f"{name} is {size[1]}×{size[0]} pixels, smaller than the crop of {crop}")
