"""SRGAN ×4 for real photos, on a CPU: LPIPS, a pixel loss, and the adversarial loss of a U-Net discriminator.

Command:   python scripts/train.py --config srgan_real --data DIR --validation DIR --workdir RUN
Data:      the photos named in jaxsr/weights/bundled/README.md, the wallpapers reduced by half.
Measured:  LPIPS-Alex .374, .368 and .444 on Kodak24's web, phone and old photos, from a run of 1,700 updates. The
           bundled network had one more run after it, without sharpened targets (docs/design/real-photos.md).
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    stage="srgan",
    init="srresnet_real",
    degradation="real",
    steps=1_200,
    batch_size=6,
    learning_rate=2e-4,
    schedule="cosine",
    warmup=50,
    ema=0.998,
    dtype="bfloat16",
    perceptual="lpips",
    content_ratio=6.0,
    loss="l1",
    pixel_weight=0.2,
    sharp_targets=True,
    discriminator="unet",
    discriminator_learning_rate=8e-4,
    adversarial_weight=0.05,
    cache=True,
    crops_per_photo=1,
    checkpoint_every=100,
    validate_every=400,
)
