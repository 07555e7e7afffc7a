"""The section on real photos of the page of results."""

from results_page.results import REAL_ROWS, REAL_SETS, Figures, generations, markdown

_SECTION = """## Real photos

Three degradations reduce Kodak24 to a quarter of its size and imitate everyday photos. `web` is reduced and compressed
(JPEG quality 30 to 90). `phone` is blurred, reduced, made noisy and compressed (70 to 95). `old` is blurred, reduced,
made noisy, compressed, reduced again, in some cases sharpened too much, and compressed once more (40 to 90). No network
was trained on these photos. But the degradations with which `srresnet_real` and `srgan_real` were trained were tuned on
them, so the scores of both are somewhat too good. PSNR-Y (dB) / LPIPS-Alex:

{table}

[Which network](guides/upscale.md#which-network) is for which picture. On clean Set5, `srresnet_real` has {clean:.2f}
dB, {lost:.2f} dB less than `srresnet`.

![Crops of real photos by every network](real.jpg)

**Where Real-ESRGAN is still better.** {gap}"""


def real_section(figures: Figures) -> str:
    """Make the section as Markdown: scores on real photos, and where Real-ESRGAN is better."""
    clean = figures.scores["srresnet_real", "Set5"]["mean"]["psnr_y"]
    lost = figures.scores["srresnet", "Set5"]["mean"]["psnr_y"] - clean
    return _SECTION.format(table=real_table(figures), gap=_gap(figures), clean=clean, lost=lost)


def real_table(figures: Figures) -> str:
    """Make the table of PSNR-Y and LPIPS-Alex of each network on each kind of real photos as Markdown."""
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
        f"On {', '.join(REAL_SETS.values())}, LPIPS of `srgan_real` differs from that of x4plus by "
        f"{', '.join(f'{value:+.3f}' for value in lpips)}, and its PSNR-Y by "
        f"{', '.join(f'{value:+.2f}' for value in psnr)} dB. `srgan_real` has a tenth of the parameters (1.5 of 16.7 "
        f"million) and was trained for {updates} updates on a few hundred photos. In the crops above, x4plus draws "
        "clean straight edges where those of `srgan_real` are blurred, with dots here and there. Flat areas are smooth "
        "in the results of x4plus and finely grained in those of `srgan_real`. On blurred stripes, x4plus loses more "
        "of the detail that LR still shows."
    )
