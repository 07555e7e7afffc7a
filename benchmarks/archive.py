"""Pictures per second of an archive on two one-core machines, against one.

    python benchmarks/archive.py [--model srresnet] [--count 48] [--side 96] [--repeats 3] [--json FILE]

Each machine is a Ray node whose processes are pinned to one core. The head, which computes nothing, and the driver run
on any core. Runs with one and with two workers alternate on one cluster. The rate is measured after the first quarter
of the results, so it leaves out the start of Ray, the start of the replicas and their first pictures (import,
compilation). scripts/upscale.py runs on the same pictures, pinned to one core, and is measured in the same way. Linux
only.

On a shared machine, workers do not get a whole core each. The processor time that they get is therefore measured too.
From it follows the ratio for whole cores: twice the ratio of pictures per processor second.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import tyro
from comparison import ROOT, photo_crops, write_json
from PIL import Image
from ray.cluster_utils import Cluster


def start_cluster(cores: list[int]) -> Cluster:
    """Start a head, and one node pinned to each core."""
    free = os.sched_getaffinity(0)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for core in cores:
        # Processes inherit the affinity of the process that starts them.
        os.sched_setaffinity(0, {core})
        cluster.add_node(num_cpus=1)
    os.sched_setaffinity(0, free)
    return cluster


def measure(command: list[str], out: Path, count: int) -> dict:
    """Run a command and sample its progress.

    Returns:
      "first" and "seconds", the seconds until the first result and until the end. "rate", the pictures per second, and
      "cores", the processor seconds per second of the upscaling processes, both after the first quarter of the results.
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
    """Processor seconds of each running replica, by process id, and of the command itself if it is upscale.py."""
    seconds = {}
    for process in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.NoSuchProcess):
            command = " ".join(process.info["cmdline"] or [])
            if command.startswith("ray::MapWorker(Map(_Process))") or (process.pid == pid and "/upscale.py" in command):
                seconds[process.pid] = sum(process.cpu_times()[:2])
    return seconds


def told(run: dict) -> str:
    """The rate of a run in words."""
    return f"{run['rate']:.2f} pictures/s on {run['cores']:.2f} cores"


def main(model: str = "srresnet", count: int = 48, side: int = 96, repeats: int = 3, json: Path | None = None) -> None:
    """Print medians and the ratio.

    Args:
      model: As in scripts/upscale_archive.py.
      count: Number of pictures.
      side: Side of each picture, in pixels.
      repeats: Runs of each program, in turns.
      json: File for the figures (None: not written).
    """
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise SystemExit("two cores are needed")
    found = {"one machine, upscale.py": [], "1 worker": [], "2 workers": []}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "photos")
        source.mkdir()
        for number, crop in enumerate(photo_crops(count, side, seed=0)):
            Image.fromarray(crop).save(source / f"{number:04d}.png")
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
    write_json(json, {"ratio": ratio, "by_processor_time": whole_cores, "medians": medians, "runs": found})


if __name__ == "__main__":
    tyro.cli(main)
