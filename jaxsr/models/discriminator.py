"""The discriminator of SRGAN (Ledig et al. 2017, section 2.1.1 and figure 4)."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxsr.kernels import Convolution, dense_product, torch_uniform
from jaxsr.models.layers import BatchNorm


class Discriminator(nn.Module):
    """Eight convolutions and two dense layers. For 96×96 crops there are 23,563,649 parameters.

    Attributes:
      features: channels of the first convolution (64 in the paper). The others have up to eight times as many.
      global_pool: whether to average the last feature map. The parameters then do not depend on the crop size.
      dtype: dtype of the convolutions. Parameters, statistics and the dense layers are float32: rounding the dense
        layers' weights would take longer than multiplying by them.
    """

    features: int = 64
    global_pool: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Judge how real images look.

        Args:
          x: [N, H, W, 3] in [−1, 1], H and W multiples of 16.
          train: normalise with the batch's statistics and update the running ones ("batch_stats" must be mutable).

        Returns:
          Logits [N] float32. Positive means real.
        """
        conv = partial(Convolution, side=3, may_tile=True, dtype=self.dtype)
        norm = partial(BatchNorm, use_running_average=not train, dtype=self.dtype)
        for i in range(8):
            features, stride = self.features * 2 ** (i // 2), 1 + i % 2
            x = conv(features, stride=stride, use_bias=i == 0, name=f"conv_{i}")(x)
            x = nn.leaky_relu(norm(name=f"norm_{i}")(x) if i else x, 0.2)
        x = x.mean(axis=(1, 2)) if self.global_pool else x.reshape(x.shape[0], -1)
        dense = partial(nn.Dense, kernel_init=torch_uniform, dot_general=dense_product)
        x = nn.leaky_relu(dense(16 * self.features, name="dense_0")(x.astype(jnp.float32)), 0.2)
        return dense(1, name="dense_1")(x)[:, 0]
