"""Checks which arrays are images."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxsr.errors import InputError


def checked_array(image: Any) -> np.ndarray:
    """Convert an image to uint8, or to float32 in [0, 1].

    Args:
      image: an array [H, W, 3], [H, W] or [N, H, W, 3], uint8 or float in [0, 1].

    Raises:
      InputError: the image is not such an array, or it is empty.
    """
    if not hasattr(image, "__array__"):
        raise InputError(f"a {type(image).__name__} is not an image: give an array, a PIL image or a path")
    image = np.asarray(image)
    if not (image.ndim == 2 or (image.ndim in (3, 4) and image.shape[-1] == 3)):
        raise InputError(f"an array of shape {image.shape} is not an image: give [H, W, 3], [H, W] or [N, H, W, 3]")
    if image.size == 0:
        raise InputError(f"the image is empty: its shape is {image.shape}")
    if image.dtype == np.uint8:
        return image
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise InputError(f"an array of {image.dtype} is not an image: give uint8, or float in [0, 1]")
    image = image.astype(np.float32)
    if not np.isfinite(image).all():
        raise InputError("the image has NaN or infinite values")
    # Rounding may carry values slightly outside the range. Values farther outside follow another convention.
    low, high = image.min(), image.max()
    if low < -0.01 or high > 1.01:
        raise InputError(f"the image has values from {low:.4g} to {high:.4g}: floats must be in [0, 1]")
    return np.clip(image, 0.0, 1.0)
