"""SRResNet ×4 on a CPU in under an hour.

Command:   python scripts/train.py --config srresnet_short --data DIR --validation DIR --workdir runs/short
Data:      the 570 photos named in jaxsr/weights/bundled/README.md.
Cost:      0.43 s an update, 18 minutes in all, on two cores of an AVX-512 server CPU; three times that with AVX2.
Measured:  PSNR-Y 31.00 dB on Set5, 27.77 dB on Set14, 28.40 dB on Kodak24 (validation);
           during training, on Set5, in a second run that was validated on Set5 (docs/curves.png):
             updates                 0      500    1,000  1,500  2,000  2,500
             here                27.56    29.97    30.38  30.76  30.96  30.99
             PyTorch reference   27.5             30.40  30.68  30.90  30.95
           The reference has the same schedule and also starts as an upscaler.
"""

from jaxsr.config import TrainConfig

config = TrainConfig(steps=2_500, learning_rate=1.5e-3, schedule="cosine", warmup=100, cache=True, crops_per_photo=1)
