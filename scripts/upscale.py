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
    strength: float | None = None,
    base: str | None = None,
    self_ensemble: bool = False,
    color_lock: bool = False,
    back_project: int = 0,
    tile: int = 256,
    dtype: Literal["float32", "bfloat16"] = "float32",
) -> int:
    """Upscale pictures with a network.

    Args:
      inputs: Pictures, or folders of which all pictures are taken.
      output: File to write (.png or .jpg); for several pictures a folder, which gets NAME_x4.png for each.
      model: Bundled network, weights file (.safetensors) or folder of a training run; or nearest, bilinear, bicubic.
      strength: Of an SRGAN: 0 for the SRResNet it was trained from (faithful) to 1 for all of it (sharp). None: 1.
      base: That SRResNet: bundled name, weights file or run. None: found by what the SRGAN's card says.
      self_ensemble: Average over the 8 flips and turns of the picture; eight times the work.
      color_lock: Take the low frequencies of the result from the input, against colour shifts.
      back_project: Iterations that pull the result towards one whose bicubic reduction is the input (0: none).
      tile: Side in input pixels of the tiles that large pictures are divided into; smaller takes less memory.
      dtype: Type of number that the network computes with.
    """
    from jaxsr.upscaling.batch import find_inputs, name_outputs, upscale_file

    upscaler = jaxsr.load(
        model,
        dtype=dtype,
        tile=tile,
        strength=strength,
        base=base,
        self_ensemble=self_ensemble,
        color_lock=color_lock,
        back_project=back_project,
    )
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
