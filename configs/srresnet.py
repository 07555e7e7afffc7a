"""SRResNet ×4 by the paper's recipe (Ledig et al. 2017, section 3.2). It starts as an upscaler.

Command:   python scripts/train.py --stage srresnet --data tfds:div2k/bicubic_x4 --validation tests/data/Set14
           --workdir RUN
Data:      a few hundred sharp photos; DIV2K's 800 are enough.
Cost:      10⁶ updates are 1.2e17 FLOP: an hour on one NVIDIA H200, at the 276 updates a second that were measured with
           --dtype bfloat16, or five days on two AVX-512 cores. For less, see srresnet_gpu.py and srresnet_short.py.
Expected:  PSNR-Y 32.05 dB on Set5 (published).
"""

from jaxsr.config import TrainConfig

# The defaults are this recipe.
config = TrainConfig()
