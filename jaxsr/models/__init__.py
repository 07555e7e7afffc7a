"""The networks, as Flax linen modules.

Each maps LR [N, H, W, 3] in [0, 1] to SR [N, H·scale, W·scale, 3] in [−1, 1]. `Network` has what else is known of each.
Start with `network.py` and `espcn.py`. The discriminators and the feature networks of losses and LPIPS are here too.
"""

from jaxsr.models.compact import Compact
from jaxsr.models.espcn import ESPCN
from jaxsr.models.msrresnet import MSRResNet
from jaxsr.models.rrdbnet import RRDBNet
from jaxsr.models.srcnn import SRCNN
from jaxsr.models.srresnet import SRResNet

MODELS = {
    "srresnet": SRResNet,
    "espcn": ESPCN,
    "srcnn": SRCNN,
    "msrresnet": MSRResNet,
    "rrdbnet": RRDBNet,
    "compact": Compact,
}

__all__ = ["ESPCN", "MODELS", "SRCNN", "Compact", "MSRResNet", "RRDBNet", "SRResNet"]
