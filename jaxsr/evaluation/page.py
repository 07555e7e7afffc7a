"""The text of the page of results and of the README's table."""

import math

import numpy as np

from jaxsr.evaluation.figures import slope
from jaxsr.evaluation.protocol import PROTOCOL
from jaxsr.evaluation.real import real_section, real_table
from jaxsr.evaluation.results import METRICS, PUBLISHED, ROWS, SETS, Figures, generations, markdown

# Of SRResNet's training (Ledig et al. 2017, section 3.2).
PAPERS_BATCH, PAPERS_UPDATES = 16, (10**5, 10**6)

_EVALUATE = "python scripts/evaluate.py --data tests/data/Set5 tests/data/Set14 Kodak24"
COMMANDS = {
    "scores": f"{_EVALUATE} --model srcnn espcn srresnet --json docs/results/scores/models.json",
    "scores of interpolations": (
        f"{_EVALUATE} --model nearest bilinear bicubic --json docs/results/scores/interpolations.json"
    ),
    "scores of back-projection": (
        f"{_EVALUATE} --model bicubic --back-project 10 --json docs/results/scores/back_projection.json"
    ),
    "scores over the strength": (
        "python scripts/evaluate.py --data tests/data/Set5 tests/data/Set14 --model srgan "
        "--strength 0,0.25,0.5,0.75,1 --json docs/results/scores/strength.json"
    ),
    "the same on Kodak24": (
        "python scripts/evaluate.py --data Kodak24 --model srgan --strength 0.5,1 "
        "--json docs/results/scores/strength_kodak.json"
    ),
    "side by side": (
        "python scripts/evaluate.py --model bicubic espcn srcnn srresnet srgan --data tests/data/Set5 tests/data/Set14 "
        "--sheet sheet.png"
    ),
    "real photos": (
        "python scripts/evaluate.py --data Kodak24 --lr web phone old --lpips alex --model bicubic srresnet srgan "
        "srresnet_real srgan_real realesrgan-x4plus.safetensors --json docs/results/real.json"
    ),
    "speed": "python benchmarks/models.py --rounds 3 --json docs/results/speed.json",
    "the same run in PyTorch": "python benchmarks/twins.py --steps 150 --json docs/results/twins.json",
    "one change at a time": (
        "python benchmarks/recipes.py --data wallpapers BSDS399 T91 --validation Kodak8 "
        "--json docs/results/recipes.json --devices 1"
    ),
    "more crops": (
        "python scripts/train.py --config espcn --data wallpapers BSDS399 T91 --workdir runs/espcn375 --steps 375 "
        "--warmup 31 (1500, 125; 6000, 500), the same with --config srresnet_short, runs/short156, --steps 156 "
        "--warmup 6 (625, 25; 2500, 100), python scripts/evaluate.py --model runs/espcn375 runs/espcn1500 "
        "runs/espcn6000 espcn --data tests/data/Set5 --json …, the same of runs/short156 runs/short625 runs/short2500 "
        "srresnet, and the results of both in docs/results/budgets.json"
    ),
}

_PAGE = """# Results

Made by `scripts/report.py` from the files in `docs/results`, which the commands at the end wrote; the curves of the
PyTorch reference were added by hand.

One protocol for all: {protocol}.

In brackets the published value where one is known: Ledig et al. 2017, and LPIPS of an SRGAN from Ma et al. 2020.
Strength 0.5 lies halfway between the SRResNet (0) and the SRGAN (1).

{scores}

## The networks

{networks}

Seconds per megapixel of the result, {speed}. The code, photos and licences behind each file stand in
[jaxsr/weights/bundled/README.md](../jaxsr/weights/bundled/README.md).

**Why they differ from what is published.** {gaps}

Curves of runs; the PyTorch ones are a reference on the same photos. "Eight of Kodak24", in the commands `Kodak8`, are
the photos 1, 2, 3, 5, 6, 7, 8 and 11, scored in bfloat16, 0.01 to 0.02 dB below float32. The bundled `srgan` is the
best update by LPIPS of its run, not the last, on those eight: its scores on Kodak24 are a little flattered. That run
had been given 200,000 updates and was stopped after 9,000.

![PSNR-Y against updates, for each run](curves.png)

## Perception and distortion

![LPIPS-Alex against PSNR-Y over the strength](strength.png)

## Side by side

The most detailed crops (greatest sum of squared differences of luma) of the photos that have the most detail:

![Crops of Set5 and Set14 by every network](sheet.jpg)

{real}

## Is it the recipe or the budget?

**The same run in PyTorch.** {twins}

![Losses of both programs, and their difference](twins.png)

**More crops.** Whole runs of different length, each with its own cosine schedule to zero; the longest of `srresnet` is
the bundled network's, on a GPU, with another learning rate and batch than the others. {budgets}

![PSNR-Y on Set5 against the crops that a whole run saw](budgets.png)

## What the recipe is made of

{recipes}

## How the figures came about

{commands}
"""


def results_page(figures: Figures) -> str:
    """The page, Markdown, for the folder that its pictures lie in."""
    scores = "\n\n".join(f"### {data}\n\n{scores_table(figures, data)}" for data in SETS)
    machine, size = figures.speed["machine"], figures.speed["size"]
    speed = f"warm, of a {size} × {size} picture, in float32 on {machine['cores']} cores ({machine['processor']})"
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
        recipes=recipes(figures),
        commands="\n".join(f"- {what}: `{command}`" for what, command in commands.items()),
    )


def scores_table(figures: Figures, data: str) -> str:
    """Markdown: every row's scores on a set, the published value in brackets where there is one."""
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
    """Markdown: size, training and speed of each network."""
    lines = [["", "parameters", "updates", "crops an update", "photos", "seconds per megapixel"]]
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
    """Markdown: the README's short tables, of clean pictures and of real photos."""
    chosen = ("bicubic", "srcnn", "espcn", "srresnet", "srgan, strength 0.5", "srgan, strength 1")
    lines = [["PSNR-Y (dB) / SSIM Wang / LPIPS-Alex", *chosen]]
    for data in SETS:
        means = [figures.scores[row, data]["mean"] for row in chosen]
        lines.append([data, *(f"{m['psnr_y']:.2f} / {m['ssim_wang']:.3f} / {m['lpips_alex']:.3f}" for m in means)])
    published = [PUBLISHED[row, "Set5"]["psnr_y"] if (row, "Set5") in PUBLISHED else None for row in chosen]
    lines.append(["Set5, published PSNR-Y", *("–" if value is None else f"{value:.2f}" for value in published)])
    real = (
        "Kodak24 as JPEGs from the web, from a phone with noise and blur, and as old pictures that went through much:"
    )
    return f"{markdown(lines)}\n\n{real}\n\n{real_table(figures)}"


def gaps(figures: Figures) -> str:
    """What stands between each network and its published PSNR-Y on Set5, in sentences."""
    sentences = []
    for row in ("srcnn", "espcn", "srresnet", "srgan, strength 1"):
        result = figures.scores[row, "Set5"]
        below = PUBLISHED[row, "Set5"]["psnr_y"] - result["mean"]["psnr_y"]
        card = result["card"]
        updates = sum(each["steps"] for each in generations(card))
        sentences.append(
            f"`{row.split(',')[0]}` is {abs(below):.2f} dB {'below' if below > 0 else 'above'} the paper's after "
            f"{updates:,} updates on {card['training_photos']['count']} photos."
        )
    return " ".join(sentences) + (
        " The papers trained SRResNet for 10⁶ updates and SRGAN for 2·10⁵ more, on 350,000 photos of ImageNet; their"
        " SRCNN and ESPCN work on luma alone, ours on RGB. Our `srgan` has the higher PSNR-Y and the worse LPIPS: fewer"
        " updates took it away from its SRResNet, and it had a pixel loss beside the others, and VGG16."
    )


def twins(figures: Figures) -> str:
    """What the two programs' losses say, in a sentence."""
    recipe, ours, theirs = (figures.twins[name] for name in ("recipe", "jaxsr", "PyTorch"))
    difference = np.abs(np.divide(ours, theirs) - 1)
    return (
        f"From the same weights, the same {recipe['batch_size']} crops at each update and the same schedule, the "
        f"losses of {recipe['steps']} updates here and in PyTorch differ by {np.median(difference):.1e} in the median "
        f"and {difference.max():.1e} at most (relative), beginning at {difference[0]:.1e}: rounding, carried on by "
        "training."
    )


def budgets(figures: Figures) -> str:
    """The slope over the crops and what a straight line says, in sentences."""
    sentences = []
    for network, points in figures.budgets.items():
        rise, start = slope(points)
        measured = ", ".join(f"{psnr:.2f} dB after {crops:,}" for crops, psnr in points)
        beyond = {f"{n:,}": PAPERS_BATCH * n for n in PAPERS_UPDATES if PAPERS_BATCH * n > points[-1][0]}
        ends = " and ".join(
            f"{start + rise * math.log10(crops):.1f} dB after {updates}" for updates, crops in beyond.items()
        )
        more = f" Extrapolated, not measured: {ends} updates of {PAPERS_BATCH} crops, the paper's." if ends else ""
        sentences.append(
            f"`{network}`: {measured} crops; between the two longest {rise:.2f} dB per tenfold crops.{more}"
        )
    return " ".join(sentences) + " A straight line through two runs is a guess, not a promise."


def recipes(figures: Figures) -> str:
    """Markdown: short runs of SRResNet, each with one change, and how far runs without any lie apart."""
    base, runs = figures.recipes["base"], figures.recipes["runs"]
    alike = [run["psnr_y"] for run in runs.values() if set(run["flags"]) <= {"seed"} and not run["start"]]
    middle = float(np.mean(alike))
    lines = [["", "PSNR-Y (dB)", "difference"]]
    lines += [[title, f"{run['psnr_y']:.2f}", f"{run['psnr_y'] - middle:+.2f}"] for title, run in runs.items()]
    return (
        f"Runs of `srresnet`, {base['steps']} updates of {base['batch-size']} crops at {base['learning-rate']:g}, each "
        f"with one change, on {' '.join(figures.recipes['data'])}; PSNR-Y on {figures.recipes['validation']}, and the "
        f"difference to the mean of the {len(alike)} seeds without any, which lie {np.ptp(alike):.2f} dB apart. What "
        "helps so early need not help in the end. An update by SOAP takes longer than one by Adam, and a random layer "
        f"of the start breaks the way of the colours through the others too.\n\n{markdown(lines)}"
    )
