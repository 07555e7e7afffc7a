"""ESPCN ×4 on RGB (Shi et al. 2016), trained with SOAP. It starts as a bilinear upscaler.

Command:   python scripts/train.py --stage espcn --data DIR --validation DIR --workdir runs/espcn
Data:      the 570 photos named in jaxsr/weights/bundled/README.md.
Cost:      29 to 35 updates a second on one core of an Intel server CPU with AVX-512: an hour.
Measured:  PSNR-Y 30.60 dB on Set5. docs/design/training.md has shorter runs, and runs with Adam.
Expected:  PSNR-Y 30.76 dB on Set5 after a long run (published, in the SRGAN paper's table).
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    stage="espcn", steps=100_000, optimizer="soap", learning_rate=2e-3, schedule="cosine", warmup=500,
    checkpoint_every=5_000, validate_every=5_000, cache=True, crops_per_photo=1,
)  # fmt: skip
