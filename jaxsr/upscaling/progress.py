"""A progress bar that counts megapixels, because pictures have different sizes."""

import contextlib
import threading
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from jaxsr.errors import InputError
from jaxsr.imaging.picture import picture_size
from jaxsr.upscaling.outcome import Outcome
from jaxsr.upscaling.plan import Job

_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {n:.1f}/{total:.1f} megapixels [{elapsed}<{remaining}, {rate_noinv_fmt}]"


def megapixels(path: Path | str) -> float | None:
    """Millions of pixels of a picture file, from its header; None if it cannot be read."""
    with warnings.catch_warnings():
        # Warnings are issued when the whole picture is read.
        warnings.simplefilter("ignore")
        try:
            height, width = picture_size(path)
        except InputError:
            return None
    return height * width / 1e6


@contextlib.contextmanager
def picture_bar(
    jobs: Sequence[Job], sizes: Mapping[Job, float | None]
) -> Generator[tuple[Callable[[Job, float], None], Callable[[Outcome], None]]]:
    """Show a bar on stderr, if that is a terminal: pictures, megapixels of input, megapixels/s and the time left.

    Args:
      jobs: all pictures.
      sizes: their megapixels; unknown ones do not count.

    Yields:
      The arguments `progress` and `finished` of `upscale_all`: a function to call with a job and the fraction of it
      that is computed, and one to call with each outcome. Skipped and failed pictures do not count as work done.
    """
    size_of = {job: sizes[job] or 0.0 for job in jobs}
    computed = dict.fromkeys(jobs, 0.0)
    ended = {"done": 0, "skipped": 0, "failed": 0}
    lock = threading.RLock()
    # Above zero, because tqdm cannot show a percentage of nothing.
    total = sum(size_of.values()) + 1e-9
    begin = f"0/{len(jobs)} pictures"
    with tqdm(desc=begin, total=total, unit=" megapixels", bar_format=_FORMAT, disable=None, smoothing=0.1) as bar:

        def advance(job, fraction):
            with lock:
                bar.update(size_of[job] * fraction - computed[job])
                computed[job] = size_of[job] * fraction

        def count(outcome):
            with lock:
                ended[outcome.status] += 1
                if outcome.status == "done":
                    advance(outcome.job, 1.0)
                else:
                    bar.total -= size_of[outcome.job] - computed[outcome.job]
                more = "".join(f", {ended[status]} {status}" for status in ("skipped", "failed") if ended[status])
                bar.set_description_str(f"{ended['done']}/{len(jobs)} pictures{more}")

        yield advance, count
