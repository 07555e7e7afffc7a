"""The groups of short runs of `benchmarks/recipes.py`: how they were made, and the words of the page about them."""

from typing import NamedTuple


class Group(NamedTuple):
    """A group of runs, whose figures are `recipes_GROUP.json`.

    Attributes:
      command: how the figures were made, and by which command.
      introduction: what a row is. Names in braces are flags of all runs, and "data".
      remark: what else to know of the table.
      heading: Markdown above the section; the first group stands below that of the chapter.
    """

    command: tuple[str, str]
    introduction: str
    remark: str
    heading: str = ""


GROUPS = {
    "scratch": Group(
        (
            "one change at a time",
            "python benchmarks/recipes.py --data wallpapers BSDS399 T91 --validation Kodak8 --devices 1",
        ),
        "Each row is a run of `srresnet` with one change: {steps} updates of {batch-size} crops at a learning rate of "
        "{learning-rate:g}, on {data}.",
        "An update by SOAP takes longer than one by Adam. A random layer in the initialisation also breaks the path of "
        "the colours through the other layers.",
    ),
    "continued": Group(
        (
            "one change at a time, from the bundled srresnet, with wallpapers reduced by half",
            "python benchmarks/recipes.py --group continued --data wallpapers_half BSDS399 T91 --validation Kodak8",
        ),
        "Each row goes on from the bundled `srresnet` with one change: {steps} updates of {batch-size} crops of {crop} "
        "pixels at a learning rate of {learning-rate:g}, averaged (EMA {ema:g}), in {dtype}, on {data}. Runs "
        "with other crops see as many pixels. Larger crops leave out the photos that are smaller.",
        "An update by SOAP takes longer than one by Adam.",
        "### More updates of the bundled `srresnet`\n\n",
    ),
    "srgan": Group(
        (
            "one change at a time, from the bundled srgan, with wallpapers reduced by half",
            "python benchmarks/recipes.py --group srgan --data wallpapers_half BSDS399 T91 --validation gb82",
        ),
        "Each row goes on from the bundled `srgan` with one change: {steps} updates of {batch-size} crops of {crop} "
        "pixels at a learning rate of {learning-rate:g}, averaged (EMA {ema:g}), in {dtype}, on {data}. The "
        "discriminator, a `{discriminator}` at {discriminator-learning-rate:g}, starts from random weights. The "
        "content loss is that of `{perceptual}`.",
        "LPIPS is better when it is lower.",
        "### More updates of the bundled `srgan`\n\n",
    ),
}
