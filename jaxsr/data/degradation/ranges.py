"""The ranges and probabilities of the degradations, as plain data."""

from typing import NamedTuple

Range = tuple[float, float]


class Round(NamedTuple):
    """One round of blur, resizing, noise and compression (Wang et al. 2021, sections 3.1 and 3.2).

    Attributes:
      blur: probability of blur.
      shapes: relative frequency of isotropic Gaussian, anisotropic Gaussian, isotropic generalised, anisotropic
        generalised, isotropic plateau and anisotropic plateau kernels, and of sinc filters.
      sigma: standard deviation of the kernels, in pixels of the round's input.
      power: exponent of the generalised kernels.
      plateau_power: exponent of the plateau-shaped kernels.
      resize: probabilities of enlarging, of reducing and of neither.
      factor: range of sizes, relative to the first round's input or to the last round's output.
      noise: probability of noise.
      gaussian: probability that noise is Gaussian; otherwise it is Poisson noise.
      sigma_noise: standard deviation of Gaussian noise, in levels of 255.
      poisson: scale of Poisson noise.
      gray_noise: probability that noise is gray.
      jpeg: probability of compression.
      quality: JPEG quality of the compression.
      subsampled: probability of 4:2:0.
    """

    blur: float
    sigma: Range
    resize: tuple[float, float, float]
    factor: Range
    sigma_noise: Range
    poisson: Range
    shapes: tuple[float, ...] = (0.45, 0.25, 0.12, 0.03, 0.12, 0.03, 0.1)
    power: Range = (0.5, 4.0)
    plateau_power: Range = (1.0, 2.0)
    noise: float = 1.0
    gaussian: float = 0.5
    gray_noise: float = 0.4
    jpeg: float = 1.0
    quality: Range = (30.0, 95.0)
    subsampled: float = 1.0


class Ranges(NamedTuple):
    """Two rounds, and the steps after them.

    Attributes:
      rounds: the first at HR resolution, the second near LR resolution.
      last_sinc: probability of a sinc filter at the end, before or after the last compression.
      sharpening: probability that the picture is sharpened at the end.
      sharpening_amount: strength of the unsharp masking.
      clean: fraction of the crops that are only reduced, as by `bicubic`.
      compressed: fraction of the crops that are reduced in this way and then only compressed, as in the last round.
    """

    rounds: tuple[Round, Round]
    last_sinc: float
    sharpening: float = 0.0
    sharpening_amount: Range = (0.2, 1.5)
    clean: float = 0.0
    compressed: float = 0.0


# With a probability of .1 a kernel is a sinc filter, otherwise one of the published mixture.
_SHAPES_2021 = (0.405, 0.225, 0.108, 0.027, 0.108, 0.027, 0.1)
# The published ranges. The published program sharpens the originals first, and it reduces by bilinear and bicubic
# interpolation without antialiasing (bicubic with a = −0.75), where these reductions are antialiased with a = −0.5.
WANG_2021 = Ranges(
    rounds=(
        Round(
            shapes=_SHAPES_2021,
            blur=1.0,
            sigma=(0.2, 3.0),
            resize=(0.2, 0.7, 0.1),
            factor=(0.15, 1.5),
            sigma_noise=(1.0, 30.0),
            poisson=(0.05, 3.0),
        ),
        Round(
            shapes=_SHAPES_2021,
            blur=0.8,
            sigma=(0.2, 1.5),
            resize=(0.3, 0.4, 0.3),
            factor=(0.3, 1.2),
            sigma_noise=(1.0, 25.0),
            poisson=(0.05, 2.5),
        ),
    ),
    last_sinc=0.8,
)

# Milder, and most steps, but not the last JPEG, are left out more often than not, because most photos have only one or
# two of these faults. The first round has the faults from before the reduction, the second those that arose at the size
# of LR.
REAL = Ranges(
    rounds=(
        Round(
            blur=0.45,
            sigma=(0.2, 2.2),
            resize=(0.0, 0.3, 0.7),
            factor=(0.35, 1.2),
            noise=0.2,
            sigma_noise=(1.0, 10.0),
            poisson=(0.05, 1.0),
            jpeg=0.25,
            quality=(40.0, 95.0),
            subsampled=0.9,
        ),
        Round(
            blur=0.05,
            sigma=(0.2, 1.0),
            resize=(0.05, 0.05, 0.9),
            factor=(0.7, 1.2),
            noise=0.4,
            sigma_noise=(1.0, 10.0),
            poisson=(0.05, 1.0),
            jpeg=0.95,
            subsampled=0.95,
        ),
    ),
    last_sinc=0.03,
    sharpening=0.1,
    sharpening_amount=(0.2, 1.2),
    clean=0.1,
    compressed=0.3,
)

RANGES = {"real": REAL, "wang2021": WANG_2021}
