"""Pictures per second of an archive on two machines of one core, against one.

    python benchmarks/archive.py [--model srresnet] [--count 48] [--side 96] [--repeats 3] [--json FILE]

Each machine is a Ray node of its own, pinned to one core with all its processes; the head, which computes nothing, and
the driver run on any core. One and two workers alternate, on one cluster. Ray's start, the start of the replicas and
their first pictures (import, compilation) are told apart: the rate is that after the first quarter of the results.
For comparison, scripts/upscale.py on the same pictures, pinned to one core, counted likewise. Linux only.

On a machine that others use too, workers do not get a whole core each. So the processor time that they got is measured
as well, and what the ratio would be if they had got it: twice that of pictures per second of processor.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import tyro
from comparison import machine, write_json
from PIL import Image
from ray.cluster_utils import Cluster

ROOT = Path(__file__).parents[1]


def make_photos(folder: Path, *, count: int, side: int) -> None:
    """Squares cut from a photo of the package."""
    folder.mkdir()
    pixels = np.asarray(Image.open(ROOT / "jaxsr/samples/flowers.jpg"))
    random = np.random.default_rng(0)
    for number in range(count):
        top, left = (random.integers(0, length - side) for length in pixels.shape[:2])
        Image.fromarray(pixels[top : top + side, left : left + side]).save(folder / f"{number:04d}.png")


def start_cluster(cores: list[int]) -> Cluster:
    """A head, and for each core a node that is pinned to it."""
    free = os.sched_getaffinity(0)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for core in cores:
        # What is started inherits it.
        os.sched_setaffinity(0, {core})
        cluster.add_node(num_cpus=1)
    os.sched_setaffinity(0, free)
    return cluster


def measure(command: list[str], out: Path, count: int) -> dict:
    """One run of a command, sampled while it runs.

    Returns:
      seconds until the first result and until the end; rate in pictures per second, and cores, the seconds of processor
      per second that the upscaling processes got, both after the first quarter of the results.
    """
    begin, first, seen, used = time.perf_counter(), None, [], {}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        done = len(list(out.glob("[!.]*"))) if out.exists() else 0
        now = time.perf_counter()
        first = first or (now - begin if done else None)
        if count // 4 <= done and (not seen or done > seen[-1][1]):
            used |= processor_seconds(process.pid)
            seen.append((now, done, sum(used.values())))
        time.sleep(0.05)
    if process.returncode or seen[-1][1] != count:
        raise SystemExit(f"{' '.join(command)} failed")
    seconds, pictures, processor = (after - before for before, after in zip(seen[0], seen[-1], strict=True))
    whole = time.perf_counter() - begin
    return {"rate": pictures / seconds, "cores": processor / seconds, "seconds": whole, "first": first}


def processor_seconds(pid: int) -> dict[int, float]:
    """Of each replica that runs, by its process, and of the command itself if that is no driver of replicas."""
    seconds = {}
    for process in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.NoSuchProcess):
            command = " ".join(process.info["cmdline"] or [])
            if command.startswith("ray::MapWorker(Map(Replica))") or (process.pid == pid and "/upscale.py" in command):
                seconds[process.pid] = sum(process.cpu_times()[:2])
    return seconds


def told(run: dict) -> str:
    """A run's rate in words."""
    return f"{run['rate']:.2f} pictures/s on {run['cores']:.2f} cores"


def main(model: str = "srresnet", count: int = 48, side: int = 96, repeats: int = 3, json: Path | None = None) -> None:
    """Print medians and the ratio.

    Args:
      model: As of scripts/upscale_archive.py.
      count: Pictures.
      side: Of each, in pixels.
      repeats: Of each measurement, alternating.
      json: File for the figures (None: not written).
    """
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise SystemExit("two cores are needed")
    found = {"one machine, upscale.py": [], "1 worker": [], "2 workers": []}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "photos")
        make_photos(source, count=count, side=side)
        cluster = start_cluster(cores)
        archive = [sys.executable, str(ROOT / "scripts/upscale_archive.py"), str(source)]
        alone = ["taskset", "-c", str(cores[0]), sys.executable, str(ROOT / "scripts/upscale.py"), str(source), "-o"]
        for repeat in range(repeats):
            for name, runs in found.items():
                out = Path(folder, f"{name[:3]}{repeat}")
                workers = ["--address", cluster.address, "--cores", "1", "--workers", name[0]]
                command = [*alone, str(out)] if name.startswith("one") else [*archive, str(out), *workers]
                runs.append(measure([*command, "--model", model], out, count))
                print(f"{name}: {told(runs[-1])}, load {os.getloadavg()[0]:.1f}", flush=True)
        cluster.shutdown()
    medians = {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in found.items()
    }
    one, two = medians["1 worker"], medians["2 workers"]
    ratio = two["rate"] / one["rate"]
    whole_cores = 2 * (two["rate"] / two["cores"]) / (one["rate"] / one["cores"])
    print(f"{model}, {count} pictures of {side} × {side}, a core for each worker; medians of {repeats}")
    for name, median in medians.items():
        times = f"first result after {median['first']:.1f} s, all after {median['seconds']:.1f} s"
        print(f"{name}: {told(median)}; {times}")
    print(f"two workers / one: {ratio:.2f}; by the processor time that they got, {whole_cores:.2f}")
    if json:
        figures = {"ratio": ratio, "by_processor_time": whole_cores, "medians": medians, "runs": found}
        write_json(json, figures | {"machine": machine()})


if __name__ == "__main__":
    tyro.cli(main)
