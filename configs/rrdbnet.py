"""RRDBNet ×4 with a pixel loss, the first stage of ESRGAN and Real-ESRGAN (Wang et al. 2018, section 4.1).

It starts as an upscaler.

Command:   python scripts/train.py --stage rrdbnet --data DIR --validation DIR --workdir RUN [--init FILE]
Cost:      not measured. For each LR pixel there are eight times the multiplications of SRResNet, so use a GPU.
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    stage="rrdbnet", blocks=23, crop=128, loss="l1", learning_rate=2e-4, schedule="cosine", ema=0.999
)  # fmt: skip
