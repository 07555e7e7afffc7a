"""Upscaling: a small picture in a warm process, and photos by the command line.

    python benchmarks/upscale.py warm [--model FILE] [--size WIDTH HEIGHT] [--tiles SIDE…] [--compiled] [--json FILE]
    python benchmarks/upscale.py photos [--megapixels 0.1 1 12] [--pytorch] [--json FILE]

`warm` goes from uint8 to uint8 in one process, with `jaxsr.load` and with the same weights in PyTorch (channels_last,
inference mode, one thread per core). The network is the bundled SRResNet on 128×128, or a file of an RRDBNet on 256×256
or of an SRVGGNetCompact on 640×360. PSNR is measured against the photo that was reduced for it. With --tiles, jaxsr is
also timed with tiles of these sides; with --compiled, PyTorch also with `torch.compile`.

`photos` runs scripts/upscale.py twice on each photo, in a process of its own, with reading and writing. The first run
fills the compilation cache, and the second one counts; above 4 megapixels there is one run, which counts. Memory is the
largest resident set of the process. With --pytorch, benchmarks/torch_upscale.py runs after it: the same network in
PyTorch, with the same tiles, reading and writing. The photos are cut or mirrored from a bundled photo.
"""

import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import tyro
from comparison import CORES, ROOT, counted_flops, in_turns, pytorch, report, report_rates, require_equal, write_json
from PIL import Image

_SIZES = {"SRResNet": (128, 128), "RRDBNet": (256, 256), "Compact": (640, 360)}


def warm(
    model: str = "srresnet",
    rounds: int = 9,
    size: tuple[int, int] | None = None,
    dtypes: tuple[str, ...] = ("float32", "bfloat16"),
    tiles: tuple[int, ...] = (),
    compiled: bool = False,
    json: Path | None = None,
) -> None:
    """Compare with PyTorch in one process.

    Args:
      model: srresnet, srgan, or another program's file of an RRDBNet or an SRVGGNetCompact.
      rounds: Timed runs of each program.
      size: Width and height of the LR picture, in pixels (None: by the network).
      dtypes: Dtypes of computation. PyTorch's bfloat16 is autocast.
      tiles: Sides of tiles, in LR pixels, with which jaxsr is timed too. Otherwise it chooses them by the memory.
      compiled: Time PyTorch with torch.compile too. It needs a C++ compiler on a CPU.
      json: File for the figures (None: not written).
    """
    pytorch()
    from torch_upscale import twin_of, upscaler

    import jaxsr
    from jaxsr.evaluation.metrics import psnr
    from jaxsr.imaging.resize import resize_uint8
    from jaxsr.weights.opening import open_weights

    programs, twin = {}, twin_of(model)
    for dtype in dtypes:
        ours = jaxsr.load(model, dtype=dtype)
        programs |= {f"jaxsr {dtype}": ours, f"PyTorch {dtype}": upscaler(twin, dtype)}
        programs |= {f"jaxsr {dtype}, tiles of {tile}": jaxsr.load(model, dtype=dtype, tile=tile) for tile in tiles}
        if compiled:
            programs[f"PyTorch {dtype}, compiled"] = upscaler(twin, dtype, compiled=True)
    width, height = size or _SIZES[type(twin).__name__]
    enlarged = [int(ours.scale) * side for side in (height, width)]
    pixels = enlarged[0] * enlarged[1]
    original = np.asarray(photo(max(pixels, enlarged[0] ** 2 * 4 / 3, enlarged[1] ** 2 * 3 / 4) * 1.01 / 1e6))
    original = original[: enlarged[0], : enlarged[1]]
    low = np.asarray(resize_uint8(original, 1 / ours.scale))
    programs = {name: partial(program, low) for name, program in programs.items()}
    results = {name: program() for name, program in programs.items()}
    scores = {name: float(psnr(result[None], original[None])[0]) for name, result in results.items()}
    for name, score in scores.items():
        print(f"{name}: {score:.3f} dB")
    for dtype in dtypes:
        ours, theirs = (results[f"{program} {dtype}"].astype(int) for program in ("jaxsr", "PyTorch"))
        levels = np.abs(ours - theirs)
        print(f"{dtype}: levels differ by {levels.max()} at most, {(levels > 0).mean():.3%} of them")
    if "float32" in dtypes:
        require_equal("PSNR", [scores["jaxsr float32"]], [scores["PyTorch float32"]], within=1e-3)
    seconds = in_turns(programs, rounds=rounds)
    compared = f"{Path(model).stem}, {width}×{height} to {enlarged[1]}×{enlarged[0]}, warm"
    weights = open_weights(model)
    flops = counted_flops(weights.model.apply, weights.variables, low[None].astype(np.float32))
    rates = report_rates(seconds, amounts={"megapixels": pixels / 1e6}, flops=flops)
    report(compared, seconds, json_file=json, psnr=scores, **rates)


def photo(megapixels: float) -> Image.Image:
    """A 4:3 photo of that many megapixels, mirrored from a sample as often as necessary."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(height * 4 / 3)
    pixels = np.asarray(Image.open(ROOT / "jaxsr/samples/flowers.jpg"))
    pixels = np.concatenate([pixels, pixels[::-1]])
    pixels = np.concatenate([pixels, pixels[:, ::-1]], axis=1)
    tiles = (-(-height // pixels.shape[0]), -(-width // pixels.shape[1]), 1)
    return Image.fromarray(np.tile(pixels, tiles)[:height, :width])


def measure(command: list, *, cache: Path) -> dict:
    """Seconds, processor seconds and peak megabytes of one run of a Python program."""
    command = [sys.executable, *map(str, command)]
    start = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | {"XDG_CACHE_HOME": str(cache)}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    seconds, processor = time.perf_counter() - start, usage.ru_utime + usage.ru_stime
    return {"seconds": seconds, "processor_seconds": processor, "peak_megabytes": usage.ru_maxrss / 1e3}


def save_torch_weights(path: Path) -> None:
    """Write the bundled SRResNet as a state_dict."""
    import jax

    # A GPU's memory is for the programs that are measured.
    jax.config.update("jax_platforms", "cpu")
    torch, torch_twins = pytorch()
    from jaxsr.weights import load_weights

    twin = torch_twins.load(torch_twins.SRResNet(), load_weights("srresnet").variables)
    torch.save(twin.state_dict(), path)


def photos(
    model: str = "srresnet",
    megapixels: tuple[float, ...] = (0.1, 1.0, 12.0),
    suffix: str = ".png",
    tile: int = 512,
    pytorch: bool = False,
    json: Path | None = None,
) -> None:
    """Upscale photos by the command line.

    Args:
      model: As in scripts/upscale.py.
      megapixels: Sizes of the photos, in 10⁶ pixels.
      suffix: Suffix of the results.
      tile: Side of the tiles, in LR pixels.
      pytorch: Do the same in PyTorch, in turns (srresnet only).
      json: File for the figures (None: not written).
    """
    rows = []
    print(f"{model}, {CORES} cores, tiles of {tile}; seconds with start-up, reading and writing")
    with tempfile.TemporaryDirectory() as folder:
        weights, run = Path(folder, "twin.pt"), partial(measure, cache=Path(folder, "cache"))
        if pytorch:
            save_torch_weights(weights)
        for size in megapixels:
            source, target, theirs = (Path(folder, f"{name}{suffix}") for name in ("photo", "ours", "theirs"))
            picture = photo(size)
            picture.save(source)
            ours = [ROOT / "scripts/upscale.py", source, "-o", target, "--overwrite", "--model", model, "--tile", tile]
            first = run(ours)
            again = first if size > 4 else run(ours)
            exact = picture.width * picture.height / 1e6
            row = {"megapixels": exact, "first": first, **again, "per_megapixel": again["seconds"] / exact}
            if pytorch:
                row["pytorch"] = run([ROOT / "benchmarks/torch_upscale.py", weights, source, theirs, "--tile", tile])
                row["ratio"] = again["seconds"] / row["pytorch"]["seconds"]
            rows.append(row | {"load": os.getloadavg()[0]})
            print(
                f"{picture.width} × {picture.height}: {again['seconds']:.1f} s (at first {first['seconds']:.1f}), "
                f"{again['seconds'] / exact:.1f} s per megapixel, peak {again['peak_megabytes']:.0f} MB"
                + ("; PyTorch {seconds:.1f} s, {peak_megabytes:.0f} MB".format(**row["pytorch"]) if pytorch else "")
                + (f", ratio {row['ratio']:.2f}" if pytorch else ""),
                flush=True,
            )
    write_json(json, {"ratio": rows[-1].get("ratio"), "results": rows})


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"warm": warm, "photos": photos}, description=__doc__)
