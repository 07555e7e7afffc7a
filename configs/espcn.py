"""ESPCN ×4 on RGB (Shi et al. 2016), begun as a bilinear upscaler, by SOAP.

Command:   python scripts/train.py --stage espcn --data DIR --validation DIR --workdir runs/espcn
Data:      the 570 photos named in jaxsr/weights/bundled/README.md.
Cost:      29 to 35 updates a second on one core of an Intel server CPU with AVX-512: an hour.
Measured:  PSNR-Y 30.60 dB on Set5; whole runs of 375, 1,500 and 6,000 updates: 29.39, 30.06 and 30.29 dB.
           By Adam at 1e-3 (60 updates a second): 29.33, 29.42 and 30.01 dB, and 30.23 dB after 100,000. Of 6,000 by
           Adam: at 3e-3 29.64 dB, at 4e-4 29.59 dB, from the paper's kind of start 29.28 dB, on 32 crops of 48 pixels
           29.82 dB, and with the most detailed of four places for each crop 0.07 dB less on Kodak24 than with any place
           (at 3e-3). Continued from its end at 7e-4 on crops of 192, four an update, with --ema 0.999: 30.24 dB after
           15,000 updates.
Expected:  PSNR-Y 30.76 dB on Set5 for a long run (published, as the SRGAN paper's table has it).
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    stage="espcn", steps=100_000, optimizer="soap", learning_rate=2e-3, schedule="cosine", warmup=500,
    checkpoint_every=5_000, validate_every=5_000, cache=True, crops_per_photo=1,
)  # fmt: skip
