"""SRResNet ×4 for photos as people have them: fine-tuned on crops with blur, noise and JPEG, on a CPU.

Command:   python scripts/train.py --config srresnet_real --data DIR --workdir runs/real
Data:      the photos named in jaxsr/weights/bundled/README.md, those of at least 160 pixels on each side.

PSNR-Y on the degraded Kodak24 photos `web`, `phone` and `old`, above bicubic's, and on clean Set5, as the recipe of
degradation was tuned (see jaxsr/data/degradation/recipes.py; each row goes on from the one before):

    2,000 updates, blur to sigma 3, noise to 15, often two compressions     +.39 +.67 +.52   30.34 dB
    1,000 updates, each step left out more often than not                    +.49 +.76 +.51   30.66 dB
    1,500 updates, a third of the crops only reduced and compressed          +.57 +.79 +.51   30.90 dB

This file is the last row's; `srresnet` has -.04 +.19 -.19 and 31.83 dB.
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    stage="srresnet",
    init="srresnet",
    degradation="real",
    steps=1_500,
    learning_rate=3e-4,
    schedule="cosine",
    warmup=50,
    ema=0.999,
    dtype="bfloat16",
    cache=True,
    crops_per_photo=1,
    checkpoint_every=100,
)
