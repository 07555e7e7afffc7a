"""What all networks have in common."""

import flax.linen as nn


class Network(nn.Module):
    """A network for upscaling, as tiles, folders and exports need to know it.

    Those of `jaxsr.models.MODELS` have the fields `scale` and `dtype`.
    """

    # The factors by which such a network can upscale.
    scales = (2, 3, 4, 8)
    # Channels of the widest layer. Networks that let one choose have a field of this name.
    features = 64

    @property
    def halo(self) -> int:
        """Number of LR pixels on each side that an output pixel can depend on."""
        raise TypeError(f"{type(self).__name__} does not say how far its output pixels see")

    @property
    def unshuffle(self) -> int:
        """Side of the squares of LR pixels that become channels. Tiles begin and end at multiples of it."""
        return 1

    @property
    def upsampling_halo(self) -> int | None:
        """The halo, in feature pixels, of the second half of a network that can run in halves; None if it cannot."""
        return None

    @property
    def layers_held(self) -> int | None:
        """Feature layers in memory at once, as `jaxsr.upscaling.engine.working_bytes` counts them; None: the usual."""
        return None
