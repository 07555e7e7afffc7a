"""ESPCN ×4 on RGB (Shi et al. 2016), begun as a bilinear upscaler.

Command:   python scripts/train.py --stage espcn --data DIR --validation DIR --workdir runs/espcn
Cost:      60 updates a second on one core of an AVX-512 server CPU: half an hour.
Measured:  PSNR-Y 30.23 dB on Set5, 28.02 dB on Kodak24. After 6,000 updates: 30.00 dB; at 3e-3 29.64 dB, at 4e-4 29.59
           dB, from the paper's kind of start (--initialisation paper) 29.28 dB, on 32 crops of 48 pixels 29.82 dB, and
           with the most detailed of four places for each crop 0.07 dB less on Kodak24 than with any place (at 3e-3).
           Continued from there at 7e-4 on crops of 192, four an update, with --ema 0.999: 30.24 dB after 15,000 updates
           and 30.23 dB after 25,000 of 60,000, when it was stopped.
Expected:  PSNR-Y 30.76 dB on Set5 for a long run (published, as the SRGAN paper's table has it).
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    stage="espcn", steps=100_000, optimizer="soap", learning_rate=2e-3, schedule="cosine", warmup=500,
    checkpoint_every=5_000, validate_every=5_000, cache=True, crops_per_photo=1,
)  # fmt: skip
