"""SRResNet ×4 on a GPU in minutes: ten times the paper's learning rate, averaged parameters, bfloat16.

Command:   python scripts/train.py --config srresnet_gpu --data DIR --validation DIR --workdir runs/srresnet
Data:      the 570 photos named in jaxsr/weights/bundled/README.md.
Cost:      240 s on one NVIDIA H200 for 1.6·10⁶ crops: 143 updates a second, or 115 with the wait for crops.
Measured:  PSNR-Y 31.83 dB on Set5, 28.26 dB on Set14, 28.81 dB on Kodak24, in float32. During training, on eight
           photos of Kodak24, in bfloat16:
             updates        0  3,050  6,100  9,150 12,200 15,250 18,300 21,350 24,400
             PSNR-Y     25.95  27.77  27.86  27.86  27.97  27.99  27.99  27.98  27.97
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    steps=24_400, batch_size=64, learning_rate=1e-3, schedule="cosine", warmup=500, ema=0.999,
    dtype="bfloat16", cache=True, checkpoint_every=3_050, validate_every=3_050,
)  # fmt: skip
