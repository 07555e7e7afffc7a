"""VGG16 and VGG19 as feature extractors (Simonyan & Zisserman 2015, arXiv 1409.1556, configurations D and E)."""

from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxsr.errors import InputError
from jaxsr.kernels import Convolution
from jaxsr.models.layers import imagenet_normalised

_CONVOLUTIONS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}

# Mean of BGR in 0 to 255, with which Caffe's (and Keras') networks were trained.
_CAFFE = (103.939, 116.779, 123.68)


def convolutions(depth: int) -> dict[str, int]:
    """The output channels of each convolution in order, from {"conv1_1": 64} to {"conv5_4": 512} for VGG19."""
    return {
        f"conv{stage}_{i}": min(64 * 2 ** (stage - 1), 512)
        for stage, count in enumerate(_CONVOLUTIONS[depth], start=1)
        for i in range(1, count + 1)
    }


def needed_convolutions(depth: int, taps: tuple[str, ...]) -> list[str]:
    """Names of the convolutions up to the last tap.

    Args:
      depth: 16 or 19.
      taps: names of feature maps, "conv5_4" before its ReLU or "relu5_4" after.

    Raises:
      InputError: the network has no such feature map, or none is named.
    """
    names = [*convolutions(depth)]
    known = {tap: i for i, name in enumerate(names) for tap in (name, name.replace("conv", "relu"))}
    unknown = [tap for tap in taps if tap not in known]
    if unknown or not taps:
        raise InputError(
            f"VGG{depth} has no features {', '.join(unknown) or '(none named)'}: choose among conv1_1 to {names[-1]} "
            f"(before ReLU) and relu1_1 to relu{names[-1].removeprefix('conv')} (after)"
        )
    return names[: max(known[tap] for tap in taps) + 1]


class VGG(nn.Module):
    """The convolutions of VGG up to the last requested feature map. Later layers have no parameters here.

    Attributes:
      depth: 16 or 19.
      taps: the feature maps to return. "conv5_4" is before its ReLU, "relu5_4" after.
      normalisation: what the weights were trained with: "imagenet" (torchvision) or "caffe" (Keras). "none" if the
        caller normalises.
      dtype: dtype of computation. Features are returned as float32.
    """

    depth: int = 19
    taps: tuple[str, ...] = ("relu5_4",)
    normalisation: Literal["imagenet", "caffe", "none"] = "imagenet"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array) -> dict[str, jax.Array]:
        """Map RGB [N, H, W, 3] in [−1, 1] to {tap: float32 [N, h, w, c]}, in the network's order."""
        x = self._normalised(images)
        channels, features = convolutions(self.depth), {}
        for name in needed_convolutions(self.depth, self.taps):
            if name.endswith("_1") and name != "conv1_1":
                x = _pooled(x)
            x = Convolution(channels[name], 3, may_tile=True, dtype=self.dtype, name=name)(x)
            features[name] = x
            x = nn.relu(x)
            features[name.replace("conv", "relu")] = x
        return {tap: value.astype(jnp.float32) for tap, value in features.items() if tap in self.taps}

    def _normalised(self, images):
        if self.normalisation == "none":
            return images
        unit = (images + 1) / 2
        if self.normalisation == "caffe":
            return 255 * unit[..., ::-1] - jnp.array(_CAFFE)
        return imagenet_normalised(unit)


def _pooled(x):
    """The maximum of each 2×2 square.

    The gradient of `nn.max_pool` is slow on a CPU (docs/design/cpu-convolutions.md). Here, equal values share the
    gradient; there, the first one gets it all. In float32 the equal values are zeros of a ReLU, which pass no gradient
    on.
    """
    n, height, width, channels = x.shape
    x = x[:, : height // 2 * 2, : width // 2 * 2].reshape(n, height // 2, 2, width // 2, 2, channels)
    x = jnp.maximum(x[:, :, 0], x[:, :, 1])
    return jnp.maximum(x[:, :, :, 0], x[:, :, :, 1])
