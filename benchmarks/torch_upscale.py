"""The alternative to scripts/upscale.py: the same SRResNet in PyTorch, from file to file.

    python benchmarks/torch_upscale.py WEIGHTS.pt SOURCE TARGET [--tile 256]

Without --tile, it is the simplest program: Pillow, and the whole picture at once. With --tile, reading, tiling and
writing are jaxsr's, and only the network is PyTorch's.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import tyro
from comparison import CORES, ROOT
from tyro.conf import Positional

sys.path.insert(0, str(ROOT / "tests/models"))
import torch_community
import torch_twins


def network(weights: Path) -> Callable[[np.ndarray], np.ndarray]:
    """A function from uint8 [H, W, 3] to uint8 [4H, 4W, 3]."""
    torch.set_num_threads(CORES)
    # As JAX chooses it for the program on the other side.
    on_gpu = torch.cuda.is_available() and os.environ.get("JAX_PLATFORMS") != "cpu"
    torch.set_default_device("cuda" if on_gpu else "cpu")
    twin = torch_twins.SRResNet()
    twin.load_state_dict(torch.load(weights, weights_only=True))
    return upscaler(twin, "float32")


def twin_of(model: str) -> torch.nn.Module:
    """The PyTorch twin of the bundled SRResNet, or of a file with an RRDBNet or an SRVGGNetCompact."""
    from jaxsr.weights.community import renamed
    from jaxsr.weights.opening import open_weights
    from jaxsr.weights.porting import read_tensors

    weights = open_weights(model)
    ours = weights.model
    match type(ours).__name__:
        case "SRResNet":
            return torch_twins.load(torch_twins.SRResNet(ours.scale, ours.features, ours.blocks), weights.variables)
        case "RRDBNet":
            twin = torch_community.RRDBNet(ours.features, ours.growth, ours.blocks, ours.scale)
        case "Compact":
            twin = torch_community.Compact(ours.scale, ours.features, ours.convolutions)
        case name:
            raise SystemExit(f"{model}: there is no {name} in PyTorch here; name srresnet, an RRDBNet or a Compact")
    twin.load_state_dict({name: torch.tensor(value) for name, value in renamed(read_tensors(model)).items()})
    return twin


def upscaler(twin: torch.nn.Module, dtype: str, *, compiled: bool = False) -> Callable[[np.ndarray], np.ndarray]:
    """A function from uint8 [H, W, 3] to uint8 [H·scale, W·scale, 3] that runs a twin.

    "bfloat16" is autocast. A compiled twin is that of `torch.compile`.
    """
    twin = twin.to(memory_format=torch.channels_last).eval()
    network = torch.compile(twin) if compiled else twin
    # The output of the community's networks is in [0, 1], that of the papers' networks in [−1, 1].
    darkest = 0 if twin.__module__ == "torch_community" else -1
    device = torch.get_default_device()

    def apply(image):
        low = torch.from_numpy(image).to(device).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=dtype == "bfloat16"):
            unit = (network(low).float().clamp(darkest, 1) - darkest) / (1 - darkest)
            levels = (unit * 255).round().to(torch.uint8)
        return levels[0].permute(1, 2, 0).cpu().numpy()

    return apply


def main(
    weights: Positional[Path], source: Positional[Path], target: Positional[Path], tile: int | None = None
) -> None:
    """Upscale a picture.

    Args:
      weights: A state_dict of the twin.
      source: The picture.
      target: The file to write.
      tile: Side of the tiles, in LR pixels (None: no tiles).
    """
    apply = network(weights)
    if tile is None:
        from PIL import Image

        picture = np.array(Image.open(source).convert("RGB"))
        Image.fromarray(apply(picture)).save(target)
        return
    from jaxsr.models import SRResNet
    from jaxsr.upscaling.files import upscale_file
    from jaxsr.upscaling.tiling import cropped, upscale_strips
    from jaxsr.upscaling.upscaler import Upscaler

    def strips(rows, size, to, progress):
        options = {"size": size, "scale": 4, "halo": SRResNet().halo, "tile": tile, "progress": progress}
        return upscale_strips(cropped(apply, scale=4), rows, **options)

    upscale_file(Upscaler("PyTorch", 4, {}, "SRResNet in PyTorch", strips), source, target)


if __name__ == "__main__":
    tyro.cli(main)
