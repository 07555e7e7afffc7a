"""LPIPS 0.1 (Zhang et al. 2018, arXiv 1801.03924): the distance of two images by AlexNet or VGG16."""

from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxsr.models.vgg import VGG

Backbone = Literal["alex", "vgg16"]

# The feature maps that LPIPS compares (Zhang et al. 2018, section 3).
_TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")


class AlexNet(nn.Module):
    """The five convolutions of AlexNet in torchvision's form (Krizhevsky 2014, arXiv 1404.5997)."""

    @nn.compact
    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        """Map [N, H, W, 3], normalised by `imagenet_from_signed`, to the five feature maps after ReLU, by layer."""
        features = {}
        for name, channels, side, stride in (
            ("conv1", 64, 11, 4),
            ("conv2", 192, 5, 1),
            ("conv3", 384, 3, 1),
            ("conv4", 256, 3, 1),
            ("conv5", 256, 3, 1),
        ):
            if name in ("conv2", "conv3"):
                x = nn.max_pool(x, (3, 3), strides=(2, 2))
            padding = 2 if side > 3 else 1
            x = nn.relu(nn.Conv(channels, (side, side), strides=stride, padding=padding, name=name)(x))
            features[name] = x
        return features


class LPIPS(nn.Module):
    """Distance between two images in the features of a trained network."""

    backbone: Backbone = "alex"

    @nn.compact
    def __call__(self, x: jax.Array, y: jax.Array) -> jax.Array:
        """Compare two batches of images.

        Args:
          x: [N, H, W, 3] in [−1, 1], at least 32 pixels on each side.
          y: the same shape and range.

        Returns:
          Distances [N]; 0 for equal images.
        """
        if self.backbone == "alex":
            network = AlexNet(name="backbone")
        else:
            network = VGG(16, _TAPS, normalisation="none", name="backbone")
        distance = jnp.zeros(x.shape[0])
        of_x, of_y = network(imagenet_from_signed(x)), network(imagenet_from_signed(y))
        for i, (a, b) in enumerate(zip(of_x.values(), of_y.values(), strict=True)):
            weights = self.param(f"head_{i}", nn.initializers.ones, (a.shape[-1],))
            distance += jnp.mean((_unit_length(a) - _unit_length(b)) ** 2 @ weights, axis=(1, 2))
        return distance


class LPIPSFeatures(nn.Module):
    """LPIPS on VGG16 as a content loss.

    It returns features whose mean squared errors, summed over the taps, are the LPIPS distance.

    Attributes:
      taps: the feature maps to compare. All five together make LPIPS.
      dtype: dtype of the convolutions.
    """

    taps: tuple[str, ...] = _TAPS
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array) -> dict[str, jax.Array]:
        """Map RGB [N, H, W, 3] in [−1, 1] to {tap: float32 [N, h, w, c]}."""
        network = VGG(16, self.taps, normalisation="none", dtype=self.dtype, name="backbone")
        scaled = {}
        for tap, values in network(imagenet_from_signed(images)).items():
            head = self.param(f"head_{_TAPS.index(tap)}", nn.initializers.ones, (values.shape[-1],))
            # The small number under the root keeps the gradient finite where all features are zero.
            length = jnp.sqrt(jnp.sum(values**2, axis=-1, keepdims=True) + 1e-12)
            scaled[tap] = values / length * jnp.sqrt(head * len(head))
        return scaled


def imagenet_from_signed(images: jax.Array) -> jax.Array:
    """Convert [..., 3] in [−1, 1] to the mean and deviation of ImageNet, to the three decimals that LPIPS uses."""
    return (images - jnp.array([-0.030, -0.088, -0.188])) / jnp.array([0.458, 0.448, 0.450])


def _unit_length(features):
    return features / (jnp.sqrt(jnp.sum(features**2, axis=-1, keepdims=True)) + 1e-10)
