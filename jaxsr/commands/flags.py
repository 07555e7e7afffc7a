"""The flags that several commands share."""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from jaxsr.errors import InputError

if TYPE_CHECKING:
    from jaxsr.upscaling.existing import Existing

Kernels = Annotated[
    Literal["auto", "xla"] | None,
    tyro.conf.arg(
        help="auto uses the fastest convolutions for this CPU; xla leaves all of them to XLA.\n"
        "None: JAXSR_KERNELS, or auto."
    ),
]
PictureFormat = Literal["png", "jpg", "webp", "gif", "tif"]


@dataclass(frozen=True)
class NetworkFlags:
    """The network, the size of its results, and how it computes."""

    model: str = "auto"
    """auto chooses the bundled network that fits each picture: for clean ones, or for noise and JPEG artefacts.
    Or name a bundled network, a weights file (.safetensors, .pth or .param), or the folder of a training run.
    Or an interpolation: nearest, bilinear or bicubic."""
    sharp: bool = False
    """With auto: use an SRGAN. It is sharper, and it invents detail that it cannot know."""
    strength: float | None = None
    """Strength of an SRGAN, from 0 (faithful: the SRResNet it was trained from) to 1 (sharp). None: 1."""
    base: str | None = None
    """The SRResNet of --strength 0: a bundled name, a weights file or a run.
    None: the one that the SRGAN's card names."""
    self_ensemble: bool = False
    """Average the results for the 8 flips and turns of the picture. It takes eight times as long."""
    color_lock: bool = False
    """Take the low frequencies of the result from the input. This prevents colour shifts."""
    back_project: int = 0
    """Iterations that pull the result towards one whose bicubic reduction is the input. 0: none."""
    scale: float | None = None
    """Output pixels per input pixel. None: the network's own, which is 4 for most.
    With a scale, srresnet stands for the bundled networks of ×2 and ×4. auto takes these for clean pictures, by
    --size too. Where the network's own scale is another, its result is resized bicubically."""
    size: str | None = None
    """Size of the result instead of a scale: WIDTHxHEIGHT in pixels, such as 3840x2160.
    3840x and x2160 keep the aspect ratio."""
    tile: int | None = None
    """Side of a tile in input pixels. None: as large as the free memory allows, usually 512 at most."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Number type that the network computes with."""

    def options(self) -> dict[str, Any]:
        """Keyword arguments of `jaxsr.load` that describe the network: all but its name, the size and the tile."""
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if name not in ("model", "size", "tile")}


@dataclass(frozen=True)
class RunFlags:
    """Which pictures are upscaled, and what the run leaves behind."""

    recursive: bool = False
    """Include the pictures in subfolders, and give their results the same subfolders."""
    skip_existing: bool = False
    """Keep results that exist and make the others.
    Without this flag or --overwrite, the command refuses to start if a result exists."""
    overwrite: bool = False
    """Replace results that exist."""
    dry_run: bool = False
    """Only list what would be done. `jaxsr upscale` adds the network of each picture for which one is chosen."""
    json: Path | None = None
    """File for a report on every picture. None: no report."""
    cache: bool = True
    """Keep compiled programs in your cache folder, so that the next run starts faster (not on x86 processors
    under Linux, where compiling is quick)."""

    def existing(self) -> "Existing":
        """What to do with results that exist. The report is checked too.

        Raises:
          InputError: two flags exclude each other, or the report cannot be written.
        """
        from jaxsr.upscaling.existing import existing_results
        from jaxsr.upscaling.report import check_report

        if self.dry_run and self.json is not None:
            raise InputError("--dry-run writes no report: leave out --json")
        check_report(self.json)
        return existing_results(skip=self.skip_existing, overwrite=self.overwrite)


@dataclass(frozen=True)
class FormatFlags:
    """The format of pictures' results, and what of a file is upscaled."""

    format: PictureFormat | None = None
    """File format of results in a folder. None: png."""
    first_frame: bool = False
    """Upscale only the first picture of an animation or of a TIFF with several pages.
    Otherwise all are upscaled. Animations are written as .gif, .webp or .png (APNG), pages as .tif."""


@dataclass(frozen=True)
class ClipFlags:
    """How the results of clips are encoded."""

    codec: str | None = None
    """FFmpeg's name of the encoder. None: libsvtav1 for .webm, libx265 above 8 bits, otherwise libx264."""
    crf: float | None = None
    """Constant rate factor: a lower one gives a better and larger file. None: one without visible loss."""
    preset: str | None = None
    """The encoder's preset, which trades speed for file size, such as slow. None: the encoder's default."""
    trim: str | None = None
    """The part to upscale: 10-20 in seconds, 1:05-1:20.5, 10- to the end, or -20 from the start."""


def use_kernels(kernels: Kernels) -> None:
    """Set JAXSR_KERNELS for this process and the processes that it starts. None leaves it unchanged.

    Raises:
      InputError: the variable has an unknown value.
    """
    if kernels is not None:
        os.environ["JAXSR_KERNELS"] = kernels
    # Imported here, because it imports JAX.
    from jaxsr.kernels.choice import setting

    setting()
