"""SRResNet ×4 on a CPU in under an hour.

Command:   python scripts/train.py --config srresnet_short --data DIR --validation DIR --workdir runs/short
Data:      the 572 photos named in the README.
Cost:      2,500 updates at about 0.9 s on two cores.
Expected:  PSNR-Y 30.95 dB on Set5.
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    stage="srresnet", steps=2_500, learning_rate=1.5e-3, schedule="cosine", warmup=100, cache=True, crops_per_photo=1
)
