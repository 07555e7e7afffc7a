"""JPEGs that are cut short: what is there, and how much that is."""

from pathlib import Path

import numpy as np
import pyvips

from jaxsr.errors import InputError


def is_jpeg(head: bytes) -> bool:
    """Whether a file that begins so is a JPEG."""
    return head.startswith(b"\xff\xd8")


def salvaged(path: Path) -> tuple[pyvips.Image, tuple[str, ...]]:
    """A JPEG as far as it goes, and a note that says how far where it does not go to its end.

    The rest is gray, as libjpeg leaves it.

    Raises:
      InputError: nothing of it is there.
      pyvips.Error: its header cannot be read.
    """
    with path.open("rb") as file:
        source = pyvips.Source.new_from_descriptor(file.fileno())
        whole = pyvips.Image.new_from_source(source, "", fail_on="error")
        try:
            whole.crop(0, 0, 1, 1).write_to_memory()
            return whole, ()
        except pyvips.Error:
            file.seek(0)
            source = pyvips.Source.new_from_descriptor(file.fileno())
            image = pyvips.Image.new_from_source(source, "", fail_on="none").copy_memory()
    rows = _rows_there(image)
    if not rows:
        raise InputError(f"{path}: nothing of this picture is there")
    if rows == image.height:
        return image, ("cut short: all of its area is there, with less detail than it had",)
    return image, (f"cut short: {100 * rows // image.height} % of it is there, the rest is gray",)


def _rows_there(image):
    """Rows above those that are all of the last pixel's colour."""
    fill = image.getpoint(image.width - 1, image.height - 1)
    _, rows = (image != fill).bandor().project()
    there = np.flatnonzero(rows.numpy().ravel())
    return int(there[-1]) + 1 if there.size else 0
