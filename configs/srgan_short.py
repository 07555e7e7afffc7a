"""SRGAN ×4 on a CPU in about an hour: VGG16 at five depths, a little pixel loss, averaged weights.

Command:   python scripts/train.py --config srgan_short --init runs/short --data DIR --validation DIR --workdir RUN
Data:      the photos named in jaxsr/weights/bundled/README.md.
Cost:      2.1 s an update on two cores of an AVX2 server CPU; about 0.5 s on two with AVX-512.
Measured:  starting from srresnet_short's network, at the best update, 1,500 of 2,000:
                        LPIPS-Alex     PSNR-Y
             Kodak24    .360 → .247    28.40 → 27.18 dB    (validation)
             Set5       .192 → .134    31.00 → 29.08 dB
             Set14      .313 → .214    27.77 → 26.48 dB
           docs/design/training.md has other learning rates and content ratios.
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    stage="srgan",
    steps=2_000,
    batch_size=8,
    crop=64,
    learning_rate=2e-4,
    schedule="cosine",
    warmup=50,
    ema=0.995,
    perceptual="vgg16",
    taps=("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3"),
    tap_weights=(0.1, 0.1, 1.0, 1.0, 1.0),
    content_loss="l1",
    loss="l1",
    pixel_weight=1e-2,
    cache=True,
    crops_per_photo=1,
    checkpoint_every=100,
    validate_every=250,
)
