"""SRGAN ×4 on a CPU in an afternoon: VGG16 at five depths, a little pixel loss, averaged weights.

Command:   python scripts/train.py --config srgan_short --init runs/short --data DIR --validation DIR --workdir RUN
Data:      the photos named in jaxsr/weights/bundled/README.md.
Cost:      2.1 s an update on two cores of an AVX2 server CPU; about 0.5 s on two with AVX-512.
Measured:  from srresnet_short's network, on Kodak24 (validation) LPIPS-Alex .360 → .247 and PSNR-Y 28.40 → 27.18 dB
           at its best, update 1,500 of 2,000; on Set5 .192 → .134 and 31.00 → 29.08 dB, on Set14 .313 → .214 and
           27.77 → 26.48 dB.
Tried:     from an SRResNet of 6,000 updates, --content-ratio 10, PSNR-Y and LPIPS on eight photos of Kodak24, 28.12 dB
           and .392 at the start: at 2e-4 over 1,300 updates 26.57 dB and .311 at best; at 4e-4 the discriminator stays
           undecided for 700 updates, .351 at best. Neither is as good as the run above.
Ratio:     --content-ratio 5, 20 and 80 at update 250 of the same schedule, on Kodak24: LPIPS-Alex .317, .339 and .340,
           PSNR-Y 28.06, 28.24 and 28.23 dB. A stronger adversary is quicker at the start; 20 is what ran to the end.
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
