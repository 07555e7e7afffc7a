"""Upscale pictures: `python scripts/upscale.py photo.jpg -o photo_x4.png`."""

import sys
from typing import Annotated, Literal

import tyro
from tqdm import tqdm

import jaxsr
from jaxsr import errors


def main(
    inputs: tyro.conf.Positional[tuple[str, ...]],
    output: Annotated[str, tyro.conf.arg(aliases=["-o"])],
    *,
    model: str = "srresnet",
    tile: int = 256,
    dtype: Literal["float32", "bfloat16"] = "float32",
) -> int:
    """Upscale pictures with a network.

    Args:
      inputs: Pictures, or folders of which all pictures are taken.
      output: File to write (.png or .jpg); for several pictures a folder, which gets NAME_x4.png for each.
      model: Bundled network, weights file (.safetensors) or folder of a training run; or nearest, bilinear, bicubic.
      tile: Side in input pixels of the tiles that large pictures are divided into; smaller takes less memory.
      dtype: Type of number that the network computes with.
    """
    from jaxsr.upscaling.batch import find_inputs, name_outputs, upscale_file

    upscaler = jaxsr.load(model, dtype=dtype, tile=tile)
    sources = find_inputs(inputs)
    targets = name_outputs(sources, output, scale=upscaler.scale)
    failed = 0
    for source, target in zip(sources, targets, strict=True):
        try:
            with errors.reported(), tqdm(desc=source.name, unit="tile", disable=None) as bar:

                def show(done, total, bar=bar):
                    bar.total = total
                    bar.update(done - bar.n)

                upscale_file(upscaler, source, target, progress=show)
        except SystemExit:
            if len(sources) == 1:
                raise
            failed += 1
        else:
            print(target)
    if failed:
        print(f"{len(sources) - failed} of {len(sources)} pictures upscaled, {failed} failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    with errors.reported():
        sys.exit(tyro.cli(main))
