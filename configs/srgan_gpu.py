"""SRGAN ×4 on a GPU in minutes: srgan_short.py with larger batches of larger crops and a constant learning rate.

Command:   python scripts/train.py --config srgan_gpu --init srresnet --data DIR --validation DIR --workdir RUN
Data:      the 570 photos named in jaxsr/weights/bundled/README.md.
Cost:      127 s on one NVIDIA H200 for the whole run, with 128 updates a second on the way.
Measured:  starting from srresnet_gpu's network, on eight photos of Kodak24, in bfloat16:
             updates        0  1,500  3,000  4,500  6,000  7,500  9,000
             LPIPS-Alex  .313   .232   .191   .185   .192   .190   .191
             PSNR-Y     27.97  27.13  26.93  26.43  26.63  26.28  26.15
           At update 4,500, the best, Set5 goes from LPIPS-Alex .175 to .105 and from PSNR-Y 31.83 to 30.00 dB. After
           update 3,300 the discriminator is ahead, and the generator drifts away from the picture. A lower learning
           rate was not tried.
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    stage="srgan",
    steps=9_000,
    learning_rate=2e-4,
    warmup=200,
    ema=0.999,
    dtype="bfloat16",
    perceptual="vgg16",
    taps=("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3"),
    tap_weights=(0.1, 0.1, 1.0, 1.0, 1.0),
    content_loss="l1",
    loss="l1",
    pixel_weight=1e-2,
    cache=True,
    checkpoint_every=1_500,
    validate_every=1_500,
)
