"""Parts that the benchmarks share: timing programs in turns, PyTorch and its twins of our networks, and records."""

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from jaxsr.files import replacing

ROOT = Path(__file__).parents[1]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

Seconds = dict[str, list[float]]


def pytorch() -> tuple[ModuleType, ModuleType]:
    """PyTorch with one thread per core, on the GPU if JAX has one, and the module of our networks in PyTorch."""
    try:
        import torch
    except ModuleNotFoundError:
        raise SystemExit("the comparison needs PyTorch: pip install -e '.[torch]'") from None
    sys.path.insert(0, str(ROOT / "tests/models"))
    import torch_twins

    torch.set_num_threads(CORES)
    torch.backends.cudnn.benchmark = True
    if on_gpu() and not torch.cuda.is_available():
        raise SystemExit("JAX is on a GPU and PyTorch has none: install PyTorch for CUDA, or set JAX_PLATFORMS=cpu")
    torch.set_default_device("cuda" if on_gpu() else "cpu")
    return torch, torch_twins


def on_gpu() -> bool:
    """Whether JAX computes on a GPU."""
    import jax

    return jax.default_backend() == "gpu"


def channels_last(images: Any):
    """Images [N, H, W, C] as PyTorch's [N, C, H, W], in the same memory layout."""
    import torch

    return torch.from_numpy(np.array(images, np.float32)).to(torch.get_default_device()).permute(0, 3, 1, 2)


def in_turns(programs: dict[str, Callable[[], Any]], *, rounds: int) -> Seconds:
    """Seconds of each program's timed calls: `rounds` of them, in turns, each after a call that is not timed.

    The first call after another program takes up to a quarter longer. In real training, an update follows an update.
    """
    seconds = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            program()
            start = time.perf_counter()
            program()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def photo_crops(count: int, size: int, *, seed: int) -> np.ndarray:
    """Crops of the bundled photos, uint8 [count, size, size, 3]."""
    from jaxsr.data.sources import open_source

    rng, photos = np.random.default_rng(seed), open_source(["samples"])
    crops = []
    for number in range(count):
        photo = photos[number % len(photos)]
        top, left = (rng.integers(length - size + 1) for length in photo.shape[:2])
        crops.append(photo[top : top + size, left : left + size])
    return np.stack(crops)


def product_rate(size: int = 8192, repeats: int = 20) -> float:
    """FLOP per second of a large bfloat16 product: the device's rate, to compare a network's rate with."""
    import jax
    import jax.numpy as jnp

    a, b = (jax.random.normal(jax.random.key(seed), (size, size), jnp.bfloat16) for seed in (0, 1))
    product = jax.jit(lambda a, b: a @ b)
    product(a, b).block_until_ready()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        results = [product(a, b) for _ in range(repeats)]
        results[-1].block_until_ready()
        seconds.append((time.perf_counter() - start) / repeats)
    return 2 * size**3 / float(np.median(seconds))


def counted_flops(step: Callable, *arguments: Any) -> float:
    """FLOP of one call, as XLA counts them for the GPU program, on every machine.

    The CPU program has fewer or more, depending on the processor (jaxsr/kernels/choice.py).
    """
    import jax

    shapes = jax.tree.map(lambda value: jax.ShapeDtypeStruct(value.shape, value.dtype), arguments)
    # The CPU compiler counts. The GPU compiler has no count before it compiles.
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        return jax.jit(step).trace(*shapes).lower(lowering_platforms=("cuda",)).cost_analysis()["flops"]


def report_rates(seconds: Seconds, *, amounts: dict[str, float], flops: float) -> dict:
    """Print and return how much programs do in a second, and their FLOP per second.

    Args:
      seconds: from `in_turns`.
      amounts: {unit: how much of it a call does}, such as updates or megapixels.
      flops: FLOP of one call.
    """
    peak = product_rate() if on_gpu() else None
    rates = {}
    for name, values in seconds.items():
        median = float(np.median(values))
        rates[name] = {unit: amount / median for unit, amount in amounts.items()}
        share = f", {flops / median / peak:.1%} of a large bfloat16 product's" if peak else ""
        done = ", ".join(f"{rate:,.4g} {unit}/s" for unit, rate in rates[name].items())
        rates[name]["flops"] = flops / median
        print(f"  {name:<18} {done}, {flops / median:.3g} FLOP/s{share}")
    return {"rates": rates, "amounts": amounts, "flops_per_call": flops, "product_rate": peak}


def require_equal(what: str, ours: list[float], theirs: list[float], *, within: float) -> float:
    """The largest relative difference of two programs' results.

    Raises:
      SystemExit: it is larger than `within`, so the programs do not compute the same.
    """
    difference = float(np.max(np.abs(np.divide(ours, theirs) - 1)))
    print(f"{what}: equal to PyTorch's within {difference:.2%} ({len(ours)} compared)", flush=True)
    if difference > within:
        raise SystemExit(f"{what}: {ours} differ from PyTorch's {theirs}; there is nothing to compare")
    return difference


def report(compared: str, seconds: Seconds, *, json_file: Path | None, **more: Any) -> None:
    """Print medians and ratios, and write all figures to `json_file` if there is one.

    Programs are named "jaxsr DTYPE" and "PyTorch DTYPE". `ratio` is jaxsr's median over PyTorch's in float32,
    `ratio_bfloat16` in bfloat16, and `ratio_fastest` for the fastest dtype of each.
    """
    medians = {name: float(np.median(values)) for name, values in seconds.items()}
    print(f"{compared}; {CORES} cores, load {os.getloadavg()[0]:.1f}")
    for name, values in seconds.items():
        low, high = np.percentile(values, [25, 75])
        spread = f"quartiles {low:.3f} to {high:.3f}, fastest {min(values):.3f}, {len(values)} runs"
        print(f"  {name:<18} {medians[name]:8.3f} s  ({spread})")
    ratios = {
        name: medians[f"jaxsr {dtype}"] / medians[f"PyTorch {dtype}"]
        for name, dtype in (("ratio", "float32"), ("ratio_bfloat16", "bfloat16"))
        if f"jaxsr {dtype}" in medians
    }
    fastest = [min(v for name, v in medians.items() if name.startswith(who)) for who in ("jaxsr", "PyTorch")]
    ratios["ratio_fastest"] = fastest[0] / fastest[1]
    print("  " + ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in ratios.items()))
    write_json(json_file, {"compared": compared, **ratios, "medians": medians, "seconds": seconds, **more})


def write_json(path: Path | None, figures: dict) -> None:
    """Write figures and the machine as JSON, completely or not at all. Without a path, nothing is written."""
    if path is None:
        return
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(figures | {"machine": _machine()}, indent=2) + "\n")


def _machine():
    """Cores, processor, system and load, and the GPU if JAX has one."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor()
    found = {"cores": CORES, "processor": processor, "system": platform.platform(), "load": os.getloadavg()}
    if "jax" in sys.modules and on_gpu():
        found["gpu"] = sys.modules["jax"].devices()[0].device_kind
    return found
