"""Crops per second from photos on disk and in memory, and the share of time that training would wait for them.

    python benchmarks/data.py [--data DIR ...] [--no-pytorch] [--json FILE]

Photos of 481×321 (BSDS) and 2048×1365 pixels are cut from those of --data, or assembled from the bundled samples, and
written as JPEG of quality 95. Waiting is measured for a step that keeps all cores busy, like training on a CPU, and for
one that leaves them free, like training on an accelerator. PyTorch's DataLoader has a worker for each core, which
decodes a photo for each crop. It runs in turns with ours from disk, with one crop per photo and with the default of
four.
"""

import dataclasses
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tyro
from comparison import CORES, write_json

from jaxsr.data.pipeline import cached, crops
from jaxsr.data.sources import Source, open_source
from jaxsr.errors import reported
from jaxsr.imaging.photo import save_image

SHAPES = {"BSDS": (321, 481), "2048": (1365, 2048)}


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    data: tuple[str, ...] = ("samples",)
    """Sources of the photos: folders, tfds:SET, samples."""
    photos: int = 24
    """Photos of each size."""
    crop: int = 96
    """Side of the crops, in pixels."""
    batch_size: int = 16
    """Crops in a batch."""
    seconds: float = 3.0
    """Time for each measurement of crops per second."""
    cpu_step: float = 0.9
    """Length of a training step that keeps the CPU busy, in seconds."""
    accelerator_step: float = 0.02
    """Length of a training step that leaves the CPU free, in seconds."""
    pytorch: bool = True
    """Compare with PyTorch's DataLoader."""
    json: Path | None = None
    """Write the figures here too."""


def write_photos(folder: Path, source: Source, shape: tuple[int, int], count: int) -> Source:
    """Write JPEG photos of one shape. Originals that are too small are mirrored first."""
    rng = np.random.default_rng(0)
    for number in range(count):
        photo = source[number % len(source)]
        while any(have < want for have, want in zip(photo.shape[:2], shape, strict=True)):
            axis = int(np.argmin(np.divide(photo.shape[:2], shape)))
            photo = np.concatenate([photo, np.flip(photo, axis=axis)], axis=axis)
        top, left = (rng.integers(have - want + 1) for have, want in zip(photo.shape[:2], shape, strict=True))
        save_image(folder / f"{number:03}.jpg", photo[top : top + shape[0], left : left + shape[1]])
    return open_source([str(folder)])


def crops_per_second(batches: Iterator[np.ndarray], seconds: float, *, skip: int) -> float:
    """Crops per second, after the first `skip` batches."""
    for _ in range(skip):
        next(batches)
    start, count = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds:
        count += len(next(batches))
    return count / elapsed


def waiting_share(batches: Iterator[np.ndarray], consume: Callable[[np.ndarray], None], *, steps: int) -> float:
    """The share of time that a consumer spends in `next(batches)`, without the first batch."""
    consume(next(batches))
    waiting, start = 0.0, time.perf_counter()
    for _ in range(steps):
        asked = time.perf_counter()
        batch = next(batches)
        waiting += time.perf_counter() - asked
        consume(batch)
    return waiting / (time.perf_counter() - start)


def busy_step(seconds: float) -> Callable[[np.ndarray], None]:
    """A step that multiplies matrices on all cores."""
    matrix = np.ones((1024, 1024), np.float32)

    def consume(batch):
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            matrix @ matrix

    return consume


def measure(options: Options, name: str, on_disk: Source) -> Iterator[dict]:
    """Yield the rows of the table for photos of one size."""
    for kept, per_photo in itertools.product((False, True), (1, 4, 16)):
        source = cached(on_disk) if kept else on_disk

        def batches(source=source, per_photo=per_photo):
            return _batches(source, options, crops_per_photo=per_photo)

        row = {"photos": name, "cached": kept, "crops_per_photo": per_photo}
        # Batches that were prepared before the measurement do not count.
        row["crops_per_second"] = crops_per_second(batches(), options.seconds, skip=5 * per_photo)
        row["waiting_cpu"] = waiting_share(batches(), busy_step(options.cpu_step), steps=10)
        free = lambda batch: time.sleep(options.accelerator_step)  # noqa: E731
        row["waiting_accelerator"] = waiting_share(batches(), free, steps=200)
        yield row


def against_pytorch(options: Options, folder: Path, *, rounds: int = 3) -> dict:
    """Crops per second from the JPEG files of a folder, in turns with PyTorch, and the ratio PyTorch / jaxsr."""
    import torch_data

    rates = {"1 crop a photo": [], "4 crops a photo": [], "PyTorch": []}
    for _ in range(rounds):
        for rate, count in zip(rates.values(), (1, 4), strict=False):
            ours = _batches(open_source([str(folder)]), options, crops_per_photo=count)
            rate.append(crops_per_second(ours, options.seconds, skip=20))
        theirs = torch_data.batches(folder, crop=options.crop, batch_size=options.batch_size)
        rates["PyTorch"].append(crops_per_second(theirs, options.seconds, skip=20))
        del ours, theirs
    medians = {who: statistics.median(values) for who, values in rates.items()}
    ratios = {who: medians["PyTorch"] / value for who, value in medians.items() if who != "PyTorch"}
    print(f"{folder.name}, crops/s from disk: {', '.join(f'{who} {value:,.0f}' for who, value in medians.items())}")
    print(f"{folder.name}, ratio of times: {', '.join(f'{who} {value:.2f}' for who, value in ratios.items())}")
    return {"crops_per_second": rates, "ratio": ratios["1 crop a photo"], "ratios": ratios}


def _batches(source, options, *, crops_per_photo):
    settings = {"crop": options.crop, "batch_size": options.batch_size, "seed": 0}
    return iter(crops(source, crops_per_photo=crops_per_photo, **settings))


def main(options: Options) -> None:
    print(f"{options.crop}-pixel crops, batches of {options.batch_size}, {CORES} cores")
    cpu, accelerator = f"{options.cpu_step:g} s on the CPU", f"{options.accelerator_step:g} s elsewhere"
    print(f"{'photos':>6} {'cached':>6} {'crops/photo':>11} {'crops/s':>8}   waiting, steps of {cpu} / {accelerator}")
    rows, compared, originals = [], {}, open_source(options.data)
    with tempfile.TemporaryDirectory() as folder:
        for name, shape in SHAPES.items():
            for row in measure(options, name, write_photos(Path(folder, name), originals, shape, options.photos)):
                rows.append(row)
                print(
                    f"{row['photos']:>6} {'yes' if row['cached'] else 'no':>6} {row['crops_per_photo']:>11} "
                    f"{row['crops_per_second']:>8,.0f}   {row['waiting_cpu']:.2%} / {row['waiting_accelerator']:.2%}",
                    flush=True,
                )
        for name in SHAPES if options.pytorch else ():
            compared[name] = against_pytorch(options, Path(folder, name))
    write_json(options.json, {"results": rows, "pytorch": compared})


if __name__ == "__main__":
    with reported():
        main(tyro.cli(Options, description=__doc__))
