"""RRDBNet ×4 with a pixel loss, as ESRGAN and Real-ESRGAN begin (Wang et al. 2018, section 4.1), begun as an upscaler.

Command:   python scripts/train.py --stage rrdbnet --data DIR --validation DIR --workdir RUN [--init FILE]
Cost:      not measured: eight times the products of SRResNet for each LR pixel; for a GPU.
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    stage="rrdbnet", blocks=23, crop=128, loss="l1", learning_rate=2e-4, schedule="cosine", ema=0.999
)  # fmt: skip
