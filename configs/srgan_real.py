"""SRGAN ×4 for photos as people have them, on a CPU: content, pixel and adversarial loss by a U-Net discriminator.

Command:   python scripts/train.py --config srgan_real --init runs/real --data DIR --workdir runs/gan_real
Data:      the photos named in jaxsr/weights/bundled/README.md.
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    stage="srgan",
    init="srresnet_real",
    degradation="real",
    steps=3_000,
    batch_size=8,
    crop=64,
    learning_rate=2e-4,
    schedule="cosine",
    warmup=50,
    ema=0.998,
    dtype="bfloat16",
    perceptual="vgg16",
    taps=("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3"),
    tap_weights=(0.1, 0.1, 1.0, 1.0, 1.0),
    content_loss="l1",
    loss="l1",
    pixel_weight=1e-2,
    sharp_targets=True,
    discriminator="unet",
    cache=True,
    crops_per_photo=1,
    checkpoint_every=100,
)
