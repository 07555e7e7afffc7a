"""SRResNet ×4 for photos as people have them: fine-tuned on crops with blur, noise and JPEG, on a CPU.

Command:   python scripts/train.py --config srresnet_real --data DIR --workdir runs/real
Data:      the photos named in jaxsr/weights/bundled/README.md, those of at least 160 pixels on each side.
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
