"""The input gradient of a convolution, as convolutions by oneDNN on x86 processors."""

import jax
import jax.numpy as jnp

from jaxsr.kernels import onednn


def input_gradient(gradient: jax.Array, kernel: jax.Array, *, stride: int = 1) -> jax.Array:
    """The input gradient of a convolution whose kernel is centred on its pixel.

    Pixels at the same offset from the stride's grid (a phase) meet the same weights of the kernel. Their gradients are
    a convolution of the output's gradient with these weights, turned by 180°. As in `onednn`, this works on one device
    and has no derivative.

    Args:
      gradient: gradient of the output, [N, h, w, D], float32 or bfloat16.
      kernel: [side, side, C, D] of the same dtype, side odd and at least 2·stride − 1.
      stride: stride along both axes.

    Returns:
      [N, h·stride, w·stride, C]. The first H rows and W columns belong to the input.
    """
    side = kernel.shape[0]
    edge, phases = side // 2, []
    for phase in range(stride):
        first = (phase + edge) % stride
        weights, after = len(range(first, side, stride)), (phase + edge) // stride
        phases.append((slice(first, None, stride), (weights - 1 - after, after)))
    rows = [
        [
            onednn.convolved(gradient, kernel[down, across][::-1, ::-1], padding=(above, left), transposed=True)
            for across, left in phases
        ]
        for down, above in phases
    ]
    n, height, width, channels = rows[0][0].shape
    whole = jnp.stack([jnp.stack(row, axis=3) for row in rows], axis=2)
    return whole.reshape(n, stride * height, stride * width, channels)
