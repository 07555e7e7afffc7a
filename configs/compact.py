"""Compact ×4 with a pixel loss, the first stage of Real-ESRGAN's small networks. It starts as an upscaler.

Command:   python scripts/train.py --stage compact --data DIR --validation DIR --workdir RUN [--init FILE]
Cost:      not measured. For each LR pixel there are a quarter of the multiplications of SRResNet.
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    stage="compact", steps=500_000, crop=128, loss="l1", learning_rate=2e-4, schedule="cosine", ema=0.999
)  # fmt: skip
