"""The text of the page of results and of the README's table."""

import math

import numpy as np

from jaxsr.evaluation.protocol import PROTOCOL
from results_page.commands import COMMANDS
from results_page.plots import slope
from results_page.real import real_section, real_table
from results_page.recipes import recipes_sections
from results_page.results import METRICS, PUBLISHED, ROWS, SETS, Figures, generations, markdown

# The training of SRResNet in Ledig et al. 2017, section 3.2.
PAPERS_BATCH, PAPERS_UPDATES = 16, (10**5, 10**6)

_PAGE = """# Results

`scripts/report.py page` makes this page from the files in `docs/results`. The commands at the end of the page make
these files; only the curves of the PyTorch reference were added by hand.

All scores follow one protocol: {protocol}.

Published values are in brackets. They are from Ledig et al. 2017; LPIPS of an SRGAN is from Ma et al. 2020. Strength
0.5 is halfway between the SRResNet (0) and the SRGAN (1).

{scores}

## The networks

{networks}

Times are per megapixel of the result, {speed}. The code, photos and licences behind each file are listed in
`jaxsr/weights/bundled/README.md`.

**Why the scores differ from the published ones.** {gaps}

The curves show the validation scores of the runs. The PyTorch curves are a reference: a plain PyTorch loop, not part of
this repository, that trained the same network on the same photos. "Eight of Kodak24" (`Kodak8` in the commands) are the
photos 1, 2, 3, 5, 6, 7, 8 and 11. They were scored in bfloat16, which gives 0.01 to 0.02 dB less than float32. The
curve of SRGAN is that of the first of the three runs of the bundled `srgan`, which was planned for 200,000 updates and
stopped after 9,000. The second began with its update of the best LPIPS on those eight photos, so the scores on Kodak24
are slightly too good.

![PSNR-Y against updates, for each run](curves.png)

## Perception and distortion

![LPIPS-Alex against PSNR-Y over the strength](strength.png)

## Side by side

These are the most detailed crops of the photos with the most detail. Detail is the sum of squared differences of luma.

![Crops of Set5 and Set14 by every network](sheet.jpg)

{real}

## Is it the recipe or the budget?

**The same run in PyTorch.** {twins}

![Losses of both programs, and their difference](twins.png)

**More crops.** These are whole runs of different length, each with its own cosine schedule to zero. The longest run of
`srresnet` is that of the bundled network. It ran on a GPU, with another learning rate and batch size than the other
runs. {budgets}

![PSNR-Y on Set5 against the crops that a whole run saw](budgets.png)

## What the recipe is made of

{recipes}

## How the figures came about

The LR folders `web`, `phone` and `old` of Kodak24 were given, and no command makes them. `sheet.jpg` and `real.jpg` are
each a `sheet.png` of the commands, saved as JPEG. The README's `before_after.jpg` was put together by hand from the
results of `jaxsr upscale` for `jaxsr/samples/small/dog.png`.

{commands}
"""


def results_page(figures: Figures) -> str:
    """Make the page as Markdown, for the folder of its pictures."""
    scores = "\n\n".join(f"### {data}\n\n{scores_table(figures, data)}" for data in SETS)
    machine, size = figures.speed["machine"], figures.speed["size"]
    speed = f"without compilation, for a picture of {size}×{size} pixels, in float32 on {machine['cores']} cores"
    speed += f" ({machine['processor']})"
    commands = COMMANDS | {run["title"]: run["command"] for run in figures.runs.values()}
    return _PAGE.format(
        protocol=PROTOCOL,
        scores=scores,
        networks=networks_table(figures),
        speed=speed,
        gaps=gaps(figures),
        twins=twins(figures),
        budgets=budgets(figures),
        real=real_section(figures),
        recipes=recipes_sections(figures.recipes),
        commands="\n".join(f"- {what}: `{command}`" for what, command in commands.items()),
    )


def scores_table(figures: Figures, data: str) -> str:
    """Make the table of all scores on a set as Markdown, with published values in brackets."""
    lines = [["", *(title for title, _ in METRICS.values())]]
    for row in ROWS:
        mean, published = figures.scores[row, data]["mean"], PUBLISHED.get((row, data), {})
        cells = [
            f"{mean[metric]:{form}} ({published[metric]:{form}})" if metric in published else f"{mean[metric]:{form}}"
            for metric, (_, form) in METRICS.items()
        ]
        lines.append([row, *cells])
    return markdown(lines)


def networks_table(figures: Figures) -> str:
    """Make the table of size, training and speed of each network as Markdown."""
    lines = [["", "parameters", "updates", "crops per update", "photos", "seconds per megapixel"]]
    for name, speed in figures.speed["networks"].items():
        row = next((row for row in reversed(ROWS) if row.split(",")[0] == name), None)
        if row is None:
            continue
        card = figures.scores[row, SETS[0]]["card"]
        training = ["–"] * 3
        if card:
            updates = " + ".join(f"{each['steps']:,}" for each in reversed(generations(card)))
            batches = " + ".join(str(each["recipe"]["batch_size"]) for each in reversed(generations(card)))
            training = [updates, batches, str(card["training_photos"]["count"])]
        parameters = f"{speed['parameters']:,}" if speed["parameters"] else "–"
        lines.append([name, parameters, *training, f"{speed['seconds_per_megapixel']:.2f}"])
    return markdown(lines)


def readme_table(figures: Figures) -> str:
    """Make the README's short tables, for clean pictures and for real photos, as Markdown."""
    chosen = ("bicubic", "srcnn", "espcn", "srresnet", "srgan, strength 0.5", "srgan, strength 1")
    lines = [["PSNR-Y (dB) / SSIM Wang / LPIPS-Alex", *chosen]]
    for data in SETS:
        means = [figures.scores[row, data]["mean"] for row in chosen]
        lines.append([data, *(f"{m['psnr_y']:.2f} / {m['ssim_wang']:.3f} / {m['lpips_alex']:.3f}" for m in means)])
    published = [PUBLISHED[row, "Set5"]["psnr_y"] if (row, "Set5") in PUBLISHED else None for row in chosen]
    lines.append(["Set5, published PSNR-Y", *("–" if value is None else f"{value:.2f}" for value in published)])
    real = (
        "Kodak24, degraded to JPEGs from the web, phone photos with noise and blur, and old pictures saved many times. "
        "The\nrecipe of `srresnet_real` and `srgan_real` was tuned on these pictures, so their scores are somewhat too "
        "good:"
    )
    return f"{markdown(lines)}\n\n{real}\n\n{real_table(figures)}"


def gaps(figures: Figures) -> str:
    """Compare each network with its published PSNR-Y on Set5, in sentences, and explain the differences."""
    sentences = []
    for row in ("srcnn", "espcn", "srresnet", "srgan, strength 1"):
        result = figures.scores[row, "Set5"]
        below = PUBLISHED[row, "Set5"]["psnr_y"] - result["mean"]["psnr_y"]
        card = result["card"]
        updates = sum(each["steps"] for each in generations(card))
        sentences.append(
            f"`{row.split(',')[0]}` is {abs(below):.2f} dB {'below' if below > 0 else 'above'} the paper's value after "
            f"{updates:,} updates on {card['training_photos']['count']} photos."
        )
    return " ".join(sentences) + (
        " The papers trained SRResNet for 10⁶ updates and SRGAN for 2·10⁵ more, on 350,000 photos of ImageNet. Their"
        " SRCNN and ESPCN work on luma alone, ours on RGB. Our `srgan` has a higher PSNR-Y and a worse LPIPS than the"
        " paper's: it is fewer updates away from its SRResNet, it was trained with an additional pixel loss, and its"
        " content loss uses VGG16, in its last runs as LPIPS does."
    )


def twins(figures: Figures) -> str:
    """Compare the losses of the two programs, in sentences."""
    recipe, ours, theirs = (figures.twins[name] for name in ("recipe", "jaxsr", "PyTorch"))
    difference = np.abs(np.divide(ours, theirs) - 1)
    return (
        f"jaxsr and PyTorch start from the same weights and use the same {recipe['batch_size']} crops at each update "
        f"and the same schedule. Over {recipe['steps']} updates, the relative difference of their losses is "
        f"{np.median(difference):.1e} in the median and {difference.max():.1e} at most. At the first update it is "
        f"{difference[0]:.1e}. It comes from rounding, which training amplifies."
    )


def budgets(figures: Figures) -> str:
    """State the slope of PSNR-Y over the crops and its extrapolation by a straight line, in sentences."""
    sentences = []
    for network, points in figures.budgets.items():
        rise, start = slope(points)
        measured = ", ".join(f"{psnr:.2f} dB after {crops:,}" for crops, psnr in points)
        beyond = {f"{n:,}": PAPERS_BATCH * n for n in PAPERS_UPDATES if PAPERS_BATCH * n > points[-1][0]}
        ends = " and ".join(
            f"{start + rise * math.log10(crops):.1f} dB after {updates}" for updates, crops in beyond.items()
        )
        more = f" Extrapolated, not measured: {ends} updates of {PAPERS_BATCH} crops, as in the paper." if ends else ""
        sentences.append(
            f"`{network}` has {measured} crops. Between its two longest runs, PSNR-Y rises by {rise:.2f} dB per "
            f"tenfold crops.{more}"
        )
    return " ".join(sentences) + " A straight line through two runs is only a rough estimate."
