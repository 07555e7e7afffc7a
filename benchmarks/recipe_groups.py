"""The groups of runs of `recipes.py`, as plain data: the flags of all runs of a group, and the changes of each run."""

from typing import NamedTuple

from recipe_starts import Start, bicubic, loud_branches, randomised, silent_twins


class Run(NamedTuple):
    """What a run changes.

    Attributes:
      flags: flags of `scripts/train.py` that differ from those of the group.
      start: changed weights before the first update.
      first_half: further flags of the first half of the updates. The second half is a run of its own, from the weights
        of the first.
      reduced: the large photos are added at these scales too.
    """

    flags: dict
    start: Start | None = None
    first_half: dict | None = None
    reduced: tuple[float, ...] = ()


class Group(NamedTuple):
    """Runs with the same number of pixels.

    Attributes:
      base: flags of all runs.
      runs: {title: what the run changes}.
      scores: the scores of the validation photos that are stored.
    """

    base: dict
    runs: dict[str, Run]
    scores: tuple[str, ...]


SCRATCH = Group(
    {
        "stage": "srresnet",
        "steps": 400,
        "batch-size": 4,
        "learning-rate": 1.5e-3,
        "schedule": "cosine",
        "warmup": 40,
        "crops-per-photo": 1,
    },
    {
        "as it is": Run({}),
        "as it is, seed 1": Run({"seed": 1}),
        "as it is, seed 2": Run({"seed": 2}),
        "start: PyTorch's default initialisation": Run({"initialisation": "paper"}),
        "start: first convolution random": Run({}, randomised("conv_first")),
        "start: residual branches not silent": Run({}, loud_branches),
        "start: sub-pixel convolutions random": Run({}, randomised("upconv")),
        "start: last convolution random": Run({}, randomised("conv_last")),
        "start: last convolution silent but for R, G, B": Run({}, silent_twins),
        "start: nearly bicubic": Run({}, bicubic),
        "learning rate 1e-4": Run({"learning-rate": 1e-4}),
        "learning rate 5e-4": Run({"learning-rate": 5e-4}),
        "learning rate 3e-3": Run({"learning-rate": 3e-3}),
        "no warm-up": Run({"warmup": 0}),
        "average of parameters (EMA .98)": Run({"ema": 0.98}),
        "L1": Run({"loss": "l1"}),
        "16 crops of 48 pixels": Run({"crop": 48, "batch-size": 16}),
        "1 crop of 192 pixels": Run({"crop": 192, "batch-size": 1}),
        "SOAP, 2e-3": Run({"optimizer": "soap", "learning-rate": 2e-3}),
        "SOAP, 5e-4": Run({"optimizer": "soap", "learning-rate": 5e-4}),
    },
    ("psnr_y",),
)

CONTINUED = Group(
    {
        "stage": "srresnet",
        "init": "srresnet",
        "dtype": "bfloat16",
        "steps": 150,
        "batch-size": 16,
        "crop": 96,
        "learning-rate": 2e-4,
        "schedule": "cosine",
        "warmup": 10,
        "ema": 0.98,
        "crops-per-photo": 1,
    },
    {
        "as it is": Run({}),
        "as it is, seed 1": Run({"seed": 1}),
        "as it is, seed 2": Run({"seed": 2}),
        "9 crops of 128 pixels": Run({"crop": 128, "batch-size": 9}),
        "4 crops of 192 pixels": Run({"crop": 192, "batch-size": 4}),
        "64 crops, 38 updates": Run({"batch-size": 64, "steps": 38}),
        "large photos at 1, .75, .5 and .35 of their size": Run({}, reduced=(0.75, 0.5, 0.35)),
        "the more detailed of two places": Run({"sampling": "detail"}),
        "L1, then MSE": Run({}, first_half={"loss": "l1"}),
        "L1": Run({"loss": "l1"}),
        "no EMA": Run({"ema": 0.0}),
        "learning rate 5e-5": Run({"learning-rate": 5e-5}),
        "learning rate 5e-5, constant": Run({"learning-rate": 5e-5, "schedule": "constant"}),
        "SOAP, 5e-4, 64 crops, 38 updates": Run(
            {"optimizer": "soap", "learning-rate": 5e-4, "batch-size": 64, "steps": 38}
        ),
    },
    ("psnr_y",),
)

# The content loss stays as it is where content ratio and adversarial weight change together.
SRGAN = Group(
    {
        "stage": "srgan",
        "init": "srgan",
        "dtype": "float32",
        "steps": 80,
        "batch-size": 6,
        "crop": 96,
        "learning-rate": 1e-4,
        "discriminator-learning-rate": 4e-4,
        "schedule": "cosine",
        "warmup": 10,
        "ema": 0.98,
        "perceptual": "lpips",
        "content-ratio": 0.5,
        "loss": "l1",
        "pixel-weight": 0.05,
        "discriminator": "unet",
        "adversarial-weight": 0.2,
        "crops-per-photo": 1,
    },
    {
        "as it is": Run({}),
        "as it is, seed 1": Run({"seed": 1}),
        "constant learning rate": Run({"schedule": "constant"}),
        "discriminator's rate 2e-4": Run({"discriminator-learning-rate": 2e-4}),
        "discriminator's rate 1e-4": Run({"discriminator-learning-rate": 1e-4}),
        "relativistic average": Run({"adversarial": "relativistic"}),
        "3 crops of 128 pixels": Run({"crop": 128, "batch-size": 3}),
        "discriminator vgg, 1e-4": Run({"discriminator": "vgg", "discriminator-learning-rate": 1e-4}),
        "adversarial weight .02": Run({"adversarial-weight": 0.02, "content-ratio": 5.0}),
        "no EMA": Run({"ema": 0.0}),
    },
    ("lpips_alex", "psnr_y"),
)

GROUPS = {"scratch": SCRATCH, "continued": CONTINUED, "srgan": SRGAN}
