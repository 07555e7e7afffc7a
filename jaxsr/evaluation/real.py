"""The section on real photos of the page of results."""

from jaxsr.evaluation.results import REAL_ROWS, REAL_SETS, Figures, generations, markdown

_SECTION = """## Real photos

Kodak24 as people have their photos, a quarter of its size: `web` was reduced and compressed (JPEG 30 to 90), `phone`
blurred, reduced, made noisy and compressed (70 to 95), `old` blurred, reduced, made noisy, compressed, reduced again,
in part sharpened too much, and compressed once more (40 to 90). Nothing was trained on them. PSNR-Y (dB) / LPIPS-Alex:

{table}

`srresnet` is for clean pictures: what a camera or a program reduced itself, PNGs, JPEGs of high quality. `srgan` is for
the same, sharper, with detail that it invents. `srresnet_real` is for pictures with JPEG's artefacts, noise or blur,
and faithful: it removes these and adds nothing. `srgan_real` is for those pictures too, sharp. `--model auto` takes one
of them by looking at the picture. On clean Set5 `srresnet_real` has {clean:.2f} dB, {lost:.2f} dB less than `srresnet`.

![Crops of real photos by every network](real.jpg)

**Where Real-ESRGAN is still better.** {gap}"""


def real_section(figures: Figures) -> str:
    """Markdown: scores on real photos, what each network is for, and what remains worse than Real-ESRGAN's."""
    clean = figures.real["srresnet_real", "Set5"]["mean"]["psnr_y"]
    lost = figures.scores["srresnet", "Set5"]["mean"]["psnr_y"] - clean
    return _SECTION.format(table=real_table(figures), gap=_gap(figures), clean=clean, lost=lost)


def real_table(figures: Figures) -> str:
    """Markdown: PSNR-Y and LPIPS-Alex of each network on each kind of real photos."""
    lines = [["PSNR-Y (dB) / LPIPS-Alex", *REAL_SETS.values()]]
    for row in REAL_ROWS:
        means = [figures.real[row, data]["mean"] for data in REAL_SETS]
        lines.append([row, *(f"{mean['psnr_y']:.2f} / {mean['lpips_alex']:.3f}" for mean in means)])
    return markdown(lines)


def _gap(figures):
    ours, theirs = (
        [figures.real[row, data]["mean"] for data in REAL_SETS] for row in ("srgan_real", "realesrgan-x4plus")
    )
    lpips = [our["lpips_alex"] - their["lpips_alex"] for our, their in zip(ours, theirs, strict=True)]
    psnr = [our["psnr_y"] - their["psnr_y"] for our, their in zip(ours, theirs, strict=True)]
    card = figures.real["srgan_real", next(iter(REAL_SETS))]["card"]
    updates = " + ".join(f"{each['steps']:,}" for each in reversed(generations(card)))
    return (
        f"LPIPS of `srgan_real` is {', '.join(f'{value:+.3f}' for value in lpips)} from that of x4plus on "
        f"{', '.join(REAL_SETS.values())}, its PSNR-Y {', '.join(f'{value:+.2f}' for value in psnr)} dB. It has a "
        f"tenth of the parameters (1.5 of 16.7 million) and {updates} updates on a few hundred photos. In the crops "
        "above, x4plus draws clean straight edges where `srgan_real` leaves rows of dots along them, and flat areas "
        "are smooth there and faintly grained here; on blurred stripes x4plus gives up more of what LR still shows."
    )
