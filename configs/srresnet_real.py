"""SRResNet ×4 for real photos: fine-tuned on crops with blur, noise and JPEG, on a CPU.

Command:   python scripts/train.py --config srresnet_real --data DIR --workdir runs/real
Data:      the photos named in jaxsr/weights/bundled/README.md that have at least 160 pixels on each side.
Measured:  PSNR-Y +.56, +.79 and +.51 dB above bicubic on Kodak24's web, phone and old photos, 30.90 dB on clean Set5.
           The bundled network had two earlier runs before this one (docs/guides/real-photos.md).
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    init="srresnet",
    degradation="real",
    steps=1_500,
    learning_rate=3e-4,
    schedule="cosine",
    warmup=50,
    ema=0.999,
    dtype="bfloat16",
    cache=True,
    crops_per_photo=1,
    checkpoint_every=100,
)
