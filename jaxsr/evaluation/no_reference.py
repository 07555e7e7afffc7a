"""Score pictures without an original by how natural they look."""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from jaxsr.errors import InputError
from jaxsr.evaluation.niqe import niqe
from jaxsr.evaluation.photos import distinct, photos_in, read_set
from jaxsr.evaluation.report import table_of_each_scale
from jaxsr.upscaling.upscaler import Upscaler

PROTOCOL = (
    "No original to compare with; NIQE (Mittal et al. 2013, the authors' model, lower is more natural) on the whole "
    "96×96 blocks of Y, BT.601 studio range, rounded, a gray file counts as Y; no border cut; mean of per-image values"
)


def score_all(folders: Sequence[str], models: Mapping[str, Upscaler]) -> list[dict[str, Any]]:
    """Score every model on the LR pictures of folders, and print a table for each folder and scale.

    Args:
      folders: folders of pictures; their subfolders are not searched.
      models: upscalers by name; if empty, the pictures themselves are scored.

    Returns:
      As `jaxsr.evaluation.scoring.score_all`. If nothing was upscaled, "scale" is None and "seconds" is absent.

    Raises:
      InputError: a folder has no pictures, or a picture cannot be read or is too small for NIQE.
    """
    found = [(Path(folder).resolve().name, photos_in(folder)) for folder in folders]
    results = []
    for data, paths in distinct(found, list(folders)).items():
        rows = []
        for name, upscaler in (models or {"given": None}).items():
            pictures = tqdm(read_set(paths), f"{name} on {data}", len(paths), unit="picture", disable=None)
            about = {"model": name, "data": data, "card": (upscaler and upscaler.card) or None, "protocol": PROTOCOL}
            rows.append(about | _scores(data, pictures, upscaler))
        print(table_of_each_scale(rows))
        results += rows
    return results


def _scores(data: str, pictures: Iterable[tuple[str, np.ndarray]], upscaler):
    images, seconds = {}, 0.0
    for name, picture in pictures:
        start = time.perf_counter()
        picture = upscaler(picture) if upscaler else picture
        seconds += time.perf_counter() - start
        try:
            images[name] = {"niqe": niqe(picture)}
        except InputError as error:
            raise InputError(f"{data}/{name}: {error}; leave it out") from error
    mean = {"niqe": float(np.mean([scores["niqe"] for scores in images.values()]))}
    timed = {"seconds": seconds} if upscaler else {}
    return {"scale": upscaler and upscaler.scale, "mean": mean, "images": images} | timed
