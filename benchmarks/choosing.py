"""Which network `--model auto` chooses for folders of pictures that are known to be clean or degraded.

    python benchmarks/choosing.py --clean DIR [DIR ...] --real DIR [DIR ...] [--json FILE]

Clean photos are examined as arrays, so without the history of their files: at full size, and reduced by 4 with MATLAB's
bicubic. Real photos are examined as files, as arrays, and as arrays without their first 3 rows and 5 columns, so that
JPEG's blocks begin elsewhere.
"""

from pathlib import Path

import numpy as np
import tyro
from comparison import write_json
from PIL import Image

from jaxsr.errors import reported
from jaxsr.evaluation.photos import find_set, read_set
from jaxsr.evaluation.protocol import hr_and_lr
from jaxsr.upscaling.choice import FAITHFUL, choose_for


def main(*, clean: tuple[Path, ...] = (), real: tuple[Path, ...] = (), json: Path | None = None) -> None:
    shares = {}
    for folder in clean:
        photos = [photo for _, photo in read_set(find_set(folder)[1])]
        shares[f"clean: {folder}"] = share(photos, FAITHFUL[0])
        shares[f"clean: {folder}, reduced by 4"] = share(
            [hr_and_lr(photo, scale=4)[1] for photo in photos], FAITHFUL[0]
        )
    for folder in real:
        _, paths = find_set(folder)
        shares[f"real: {folder}"] = share(paths, FAITHFUL[1])
        arrays = [np.asarray(Image.open(path)) for path in paths]
        shares[f"real: {folder}, as arrays"] = share(arrays, FAITHFUL[1])
        shares[f"real: {folder}, as arrays, cropped"] = share([array[3:, 5:] for array in arrays], FAITHFUL[1])
    for name, (right, count) in shares.items():
        print(f"{right:4} of {count:4} right, {right / count:5.0%}  {name}")
    write_json(json, {name: {"right": right, "count": count} for name, (right, count) in shares.items()})


def share(pictures: list, model: str) -> tuple[int, int]:
    """The number of pictures that get this network, and the number of all pictures."""
    return sum(choose_for(picture, sharp=False).model == model for picture in pictures), len(pictures)


if __name__ == "__main__":
    with reported():
        tyro.cli(main, description=__doc__)
