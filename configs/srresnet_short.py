"""SRResNet ×4 on a CPU in under an hour.

Command:   python scripts/train.py --config srresnet_short --data DIR --validation DIR --workdir runs/short
Data:      the 570 photos named in jaxsr/weights/bundled/README.md.
Cost:      47 minutes on two cores of an AVX-512 server CPU.
Measured:  PSNR-Y 31.00 dB on Set5, 27.77 dB on Set14, 28.40 dB on Kodak24 (validation);
           a PyTorch reference with the same schedule and a start of this kind gave 30.95 dB on Set5.
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    stage="srresnet", steps=2_500, learning_rate=1.5e-3, schedule="cosine", warmup=100, cache=True, crops_per_photo=1
)
