"""Compact ×4 with a pixel loss, as Real-ESRGAN's small networks begin, begun as an upscaler.

Command:   python scripts/train.py --stage compact --data DIR --validation DIR --workdir RUN [--init FILE]
Cost:      not measured: a quarter of the products of SRResNet for each LR pixel.
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    stage="compact", steps=500_000, crop=128, loss="l1", learning_rate=2e-4, schedule="cosine", ema=0.999
)  # fmt: skip
