"""Kill a run at random moments, start it again each time, and compare its final weights bit for bit; by hand.

    python tests/training/kills.py --stage espcn --kills 20
    python tests/training/kills.py --stage srgan --kills 20

Each life ends by SIGKILL: one in four at a random moment of its start, the others at a random moment of the time in
which an uninterrupted run does half of its updates, validations and checkpoints. A run that ends before all kills are
done is compared, and the kills go on with another one.
"""

import argparse
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import safetensors.numpy
from PIL import Image

ROOT = Path(__file__).parents[2]
TINY = ["--crop", "32", "--batch-size", "4", "--devices", "1", "--warmup", "10"]
TINY += ["--checkpoint-every", "10", "--validate-every", "50"]
STAGES = {
    "espcn": ["--stage", "espcn", "--steps", "150"],
    "srgan": ["--stage", "srgan", "--steps", "60", "--from-scratch", "--features", "4", "--blocks", "1"],
}
STAGES["srgan"] += ["--perceptual", "vgg16", "--taps", "conv1_2", "--global-pool", "--ema", "0.9"]
RESULTS = ("last.safetensors", "best.safetensors")


def cut_photos(folder):
    """Eight photos to train on and one to validate on, cut from the samples."""
    for i, sample in enumerate(sorted((ROOT / "jaxsr" / "samples").glob("*.jpg"))[:5]):
        for j in range(2 if i < 4 else 1):
            part = folder / ("train" if i < 4 else "validation")
            part.mkdir(exist_ok=True)
            with Image.open(sample) as photo:
                photo.crop((10, 200 * j, 110, 200 * j + 90)).save(part / f"{i}{j}.png")


def started(stage, photos, workdir):
    """The run's process, with what it says going to a file beside its folder."""
    line = [sys.executable, str(ROOT / "scripts" / "train.py"), *STAGES[stage], *TINY, "--workdir", str(workdir)]
    line += ["--data", str(photos / "train"), "--validation", str(photos / "validation")]
    # A start that has little to compile leaves more of the time to be killed in.
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(photos / "compiled")}
    environment |= {
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
    }
    with workdir.with_suffix(".txt").open("ab") as log:
        return subprocess.Popen(line, stdout=log, stderr=log, env=environment, start_new_session=True)


def state_of(workdir):
    """Updates in the log, and what of checkpoints lies there half written."""
    log = workdir / "metrics.jsonl"
    steps = re.findall(r'"step": (\d+)', log.read_text()) if log.exists() else []
    halves = [path.name for path in (workdir / "checkpoints").glob("*") if not path.name.isdigit()]
    return f"step {steps[-1] if steps else 0:>4}" + (f", within the save of {halves[0]}" if halves else "")


def killed(process, workdir, moments, *, startup, half):
    """Whether it was killed at a random moment; otherwise it ended by itself before."""
    log, begun, early = workdir / "metrics.jsonl", time.monotonic(), moments.random() < 0.25
    before = written(log)
    # The log is cut to the checkpoint's step once that has been read.
    while not early and process.poll() is None and written(log) == before:
        time.sleep(0.02)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(moments.uniform(0, startup if early else half))
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    print(f"killed after {time.monotonic() - begun:5.2f} s: {state_of(workdir)}", flush=True)
    return True


def written(path):
    """When a file was last written, or None."""
    return path.stat().st_mtime_ns if path.exists() else None


def different_bits(workdir, other):
    """How many bits of the weights differ."""
    count = 0
    for name in RESULTS:
        ours, theirs = (safetensors.numpy.load_file(folder / name) for folder in (workdir, other))
        assert ours.keys() == theirs.keys()
        for key in ours:
            pairs = zip(ours[key].tobytes(), theirs[key].tobytes(), strict=True)
            count += sum((a ^ b).bit_count() for a, b in pairs)
    return count


def main():
    """Print a line for each kill, and at last what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=STAGES, default="espcn")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    moments, kills, runs, different = random.Random(arguments.seed), 0, 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cut_photos(folder)
        whole = folder / "whole"
        begun = time.monotonic()
        process = started(arguments.stage, folder, whole)
        while process.poll() is None and not (whole / "metrics.jsonl").exists():
            time.sleep(0.05)
        startup = time.monotonic() - begun
        if process.wait():
            sys.exit(whole.with_suffix(".txt").read_text()[-2000:])
        half = (time.monotonic() - begun - startup) / 2
        print(f"{arguments.stage}: a start takes {startup:.0f} s, what follows {2 * half:.0f} s", flush=True)
        while kills < arguments.kills:
            workdir, runs = folder / f"run{runs}", runs + 1
            process = started(arguments.stage, folder, workdir)
            while kills < arguments.kills and killed(process, workdir, moments, startup=startup, half=half):
                kills += 1
                process = started(arguments.stage, folder, workdir)
            if process.wait():
                sys.exit(workdir.with_suffix(".txt").read_text()[-2000:])
            bits = different_bits(workdir, whole)
            different += bits
            print(f"run {runs} ended: {bits} bits different", flush=True)
    print(f"{arguments.stage}: {kills} kills in {runs} runs, {different} bits different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
