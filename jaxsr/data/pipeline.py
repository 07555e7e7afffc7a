"""An endless, resumable stream of crops with grain. The host only decodes and crops.

Photos are visited in proportion to their area, so that all parts of all photos are equally likely. The stream depends
only on the seed and the position in it, not on the number of threads.
"""

import dataclasses
import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import grain
import numpy as np
from grain.experimental import FlatMapIterDataset, FlatMapTransform
from tqdm import tqdm

from jaxsr.data.sampling import PLACES, Sampling, detail
from jaxsr.data.sources import Source
from jaxsr.errors import InputError

_SHUFFLED_TOGETHER = 2**13
# Number of epochs; without it, grain cannot count batches of one.
_ENDLESS = 2**32


def crops(
    source: Source,
    *,
    crop: int,
    batch_size: int,
    seed: int,
    crops_per_photo: int = 1,
    scale: int = 1,
    sampling: Sampling = "uniform",
    shard: tuple[int, int] = (0, 1),
    threads: int | None = None,
) -> grain.IterDataset:
    """An endless stream of batches of HR crops.

    `batch_size` photos are decoded at a time. Each of them gives one crop to each of the next `crops_per_photo`
    batches, so every crop of a batch comes from another visit to a photo. If there are few photos, several epochs are
    shuffled together.

    Args:
      source: the photos.
      crop: side of the square crops in pixels.
      batch_size: crops in a batch.
      seed: determines the order of the photos and the places of the crops; at least 0.
      crops_per_photo: crops taken from each decoded photo.
      scale: HR pixels per LR pixel, for photos with LR files.
      sampling: "uniform" cuts at any place, all equally likely. "detail" draws two such places for each crop and cuts
        at the one with more `detail`.
      shard: (index, count): return the `index`-th of `count` equal parts of every batch; only its photos are decoded.
        A position in the stream is the same for all parts.
      threads: decoding threads; by default one per CPU core, or one if photos are in memory, because several threads
        would only wait for one another (docs/design/training.md).

    Returns:
      An iterable of [batch_size / count, crop, crop, 3] uint8. If the photos have LR files, it yields {"hr": that
      array, "lr": [batch_size / count, crop / scale, crop / scale, 3] uint8}, cut at the same places. Its iterator has
      grain's `get_state` and `set_state`, and orbax can save it.

    Raises:
      InputError: there are no photos, or a photo is smaller than the crop (raised while iterating if its size is
        unknown), or no photo can be decoded (raised while iterating). If only some photos cannot be decoded, others
        replace them, with a warning.
    """
    index, count = shard
    part = slice(index * batch_size // count, (index + 1) * batch_size // count)
    # Not all: a photo that could not be decoded stays out of the cache.
    in_memory = any(photo.pixels is not None for photo in source.photos)
    threads = threads or (1 if in_memory else os.cpu_count() or 1)
    cut = _CutCrops(source, crop, crops_per_photo, part, scale, PLACES[sampling])
    epoch = visits(source, crop=crop)
    # Grain's shuffle takes about 2**16 / length steps for each index, which is milliseconds if there are few photos.
    epochs = np.tile(epoch, -(-_SHUFFLED_TOGETHER // len(epoch)))
    # Grain takes everything with a length and an index; its annotation leaves arrays out.
    positions = grain.MapDataset.source(epochs)  # ty: ignore[invalid-argument-type]
    blocks = positions.seed(seed % 2**32).shuffle().repeat(_ENDLESS).batch(batch_size).random_map(cut)
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * threads)
    return FlatMapIterDataset(blocks.to_iter_dataset(options), _Split(max_fan_out=crops_per_photo))


def visits(source: Source, *, crop: int) -> np.ndarray:
    """One epoch: the index of each photo, repeated in proportion to its area, at least once.

    A photo of mean area has 16 visits, or fewer if all counts have a common divisor; this bounds the length of an
    epoch. Counts are rounded, so photos of mean area are off by up to 3 %, and smaller ones by more. Areas below 1/32
    of the mean are visited too often. Photos of unknown size count as the mean of the others.

    Args:
      source: the photos.
      crop: side of the crops in pixels; no photo may be smaller.

    Returns:
      [visits] int64, ascending.

    Raises:
      InputError: there are no photos, or a photo is known to be smaller than the crop.
    """
    if not len(source):
        raise InputError("there are no photos to train on")
    for name, size in zip(source.names, source.sizes, strict=True):
        if size is not None:
            _require_size(name, size, crop)
    known = [height * width for height, width in filter(None, source.sizes)]
    mean = np.mean(known) if known else 1.0
    areas = np.array([mean if size is None else size[0] * size[1] for size in source.sizes])
    counts = np.maximum(1, np.round(16 * areas / areas.mean()).astype(int))
    return np.repeat(np.arange(len(areas)), counts // np.gcd.reduce(counts))


def cached(source: Source) -> Source:
    """Decode all photos of a source and keep them in memory (3 bytes per pixel), with a progress bar.

    Photos that cannot be decoded stay undecoded, so that the stream of crops is the same with and without the cache.
    """

    def in_memory(photo):
        low = photo.low and in_memory(photo.low)
        try:
            pixels = photo.read()
        except InputError:
            return photo
        return dataclasses.replace(photo, pixels=pixels, size=pixels.shape[:2], low=low)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        photos = tqdm(pool.map(in_memory, source.photos), "Decoding photos", len(source), unit="photo")
        return Source(tuple(photos))


@dataclasses.dataclass(frozen=True)
class _CutCrops(grain.transforms.RandomMap):
    """From indices [photos] to crops [crops_per_photo, photos of the part, crop, crop, 3], or to HR and LR of these."""

    source: Source
    crop: int
    crops_per_photo: int
    part: slice
    scale: int
    places: int

    def random_map(self, element, rng):
        # One draw for the whole block: a generator call costs as much as copying a crop, and all parts draw the same.
        places = rng.random((len(element), self.crops_per_photo, self.places, 2))[self.part]
        element = element[self.part]
        paired = any(photo.low is not None for photo in self.source.photos[:1])
        sides = {"hr": self.crop} | ({"lr": self.crop // self.scale} if paired else {})
        block = {
            name: np.empty((self.crops_per_photo, len(element), side, side, 3), np.uint8)
            for name, side in sides.items()
        }
        for column, (index, photo_places) in enumerate(zip(element.tolist(), places, strict=True)):
            pictures = self._readable(index)
            smallest = "lr" if paired else "hr"
            room = np.array(pictures[smallest].shape[:2]) - sides[smallest] + 1
            for row, corners in enumerate((photo_places * room).astype(int).tolist()):
                cuts = [_cut(pictures, corner, sides, smallest) for corner in corners]
                chosen = cuts[0] if len(cuts) == 1 else max(cuts, key=lambda cut: detail(cut["hr"]))
                for name in sides:
                    block[name][row, column] = chosen[name]
        return block if paired else block["hr"]

    def _readable(self, index):
        """HR, and LR of a pair. A photo that cannot be decoded is always replaced by the same other photo."""
        count = len(self.source)
        for other in range(index, index + count):
            photo = self.source.photos[other % count]
            try:
                pictures = {"hr": photo.read()} | ({"lr": photo.low.read()} if photo.low else {})
            except InputError as error:
                # Python shows equal warnings once, so each photo is named once.
                warnings.warn(f"left out of the training: {error}", stacklevel=2)
            else:
                _require_size(photo.name, pictures["hr"].shape, self.crop)
                return pictures
        raise InputError("none of the training photos can be read any more; the warnings name them")


def _cut(pictures, corner, sides, smallest):
    """Views of each picture at one place, whose corner is in pixels of the smallest picture."""
    cut = {}
    for name, side in sides.items():
        top, left = (place * (side // sides[smallest]) for place in corner)
        cut[name] = pictures[name][top : top + side, left : left + side]
    return cut


@dataclasses.dataclass(eq=False)
class _Split(FlatMapTransform):
    max_fan_out: int

    def flat_map(self, element):
        if isinstance(element, dict):
            return [{name: part[i] for name, part in element.items()} for i in range(len(element["hr"]))]
        return list(element)


def _require_size(name, size, crop):
    if min(size[:2]) < crop:
        raise InputError(f"{name} is {size[1]}×{size[0]} pixels, smaller than the crop of {crop}")
