"""scripts/upscale_archive.py on a Ray cluster of two machines, which are process trees, of which one is killed."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from forked import run
from PIL import Image

pytest.importorskip("ray")

SCRIPT = Path(__file__).parents[2] / "scripts/upscale_archive.py"
COUNT = 200
# Ray starts its processes by fork and exec, of which JAX warns whatever follows the fork.
pytestmark = pytest.mark.filterwarnings("ignore:os.fork")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A head without cores and two machines of one core."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path_factory.mktemp("ray") / "token"))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Ray leaves it to the end of the process to close the logs of those it starts.
        warnings.simplefilter("ignore", ResourceWarning)
        # A dead machine is known for it after two seconds, not fifteen.
        health = {
            "health_check_initial_delay_ms": 0,
            "health_check_period_ms": 500,
            "health_check_failure_threshold": 4,
        }
        head = {"num_cpus": 0, "include_dashboard": False, "_system_config": health}
        made = Cluster(initialize_head=True, head_node_args=head)
        machines = [made.add_node(num_cpus=1) for _ in range(2)]
        yield made, machines
        made.shutdown()


def photos(folder, *, side, count):
    random = np.random.default_rng(0)
    for number in range(count):
        path = folder / ("" if number % 2 else "sub") / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (side, side, 3), np.uint8)).save(path)
    return folder


def of_folder(source):
    """--recursive, which clips refuse."""
    return [] if str(source).endswith(".mp4") else ["--recursive"]


def start(cluster, *arguments):
    command = [sys.executable, SCRIPT, *arguments, *of_folder(arguments[0]), "--address", cluster.address]
    return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def on_one_machine(source, target, *options):
    command = [sys.executable, SCRIPT.with_name("upscale.py"), source, "-o", target, *of_folder(source), *options]
    process = run(command)
    return process.returncode, process.stderr


def contents(folder):
    """The bytes of all files, hidden ones too."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_one_of_two_machines_is_killed(cluster, tmp_path):
    made, machines = cluster
    source, out = photos(tmp_path / "photos", side=96, count=COUNT), tmp_path / "out"
    process = start(made, source, out, "--model", "bicubic", "--json", tmp_path / "report.json")
    deadline = time.monotonic() + 120
    while len(list(out.rglob("[!.]*.png"))) < COUNT // 5:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "the replicas did not start"
        time.sleep(0.002)
    made.remove_node(machines.pop(), allow_graceful=False)
    assert len(list(out.rglob("[!.]*.png"))) < COUNT, "it was killed too late"
    written, told = process.communicate(timeout=200)
    assert process.returncode == 0, told
    assert "2 × the network" in told
    assert "warning: a process or machine died" in told
    counts = json.loads((tmp_path / "report.json").read_text())["counts"]
    assert counts["done"] + counts["skipped"] == COUNT
    assert len(set(written.split())) == len(written.split()) == counts["done"]
    assert on_one_machine(source, tmp_path / "expected", "--model", "bicubic")[0] == 0
    assert len(contents(out)) == COUNT
    assert contents(out) == contents(tmp_path / "expected")


def test_from_a_zip_to_a_cached_folder_past_a_bad_file(cluster, tmp_path):
    made, _ = cluster
    folder = photos(tmp_path / "photos", side=8, count=6)
    (folder / "sub/bad.jpg").write_bytes(b"no picture")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in folder.rglob("*.*"):
            archive.write(path, Path("archive", path.relative_to(folder)))
    code, _ = on_one_machine(folder, tmp_path / "expected", "--model", "espcn", "--format", "tif")
    assert code == 1
    (tmp_path / "out/sub").mkdir(parents=True)
    shutil.copy(tmp_path / "expected/001_x4.tif", tmp_path / "out/001_x4.tif")
    source = f"zip://archive::file://{tmp_path}/photos.zip"
    target = f"simplecache::file://{tmp_path}/out"
    options = ["--model", "espcn", "--format", "tif", "--skip-existing", "--json", tmp_path / "report.json"]
    process = start(made, source, target, *options)
    written, told = process.communicate(timeout=200)
    assert process.returncode == 1, told
    bad = f"{source}/sub/bad.jpg: no picture in a format that can be read"
    assert f"error: {bad}\n5 of 7 pictures upscaled, 1 skipped (1 existing), 1 failed\n" in told
    assert set(written.split()) == {
        f"{target}/{name}_x4.tif" for name in ("003", "005", "sub/000", "sub/002", "sub/004")
    }
    pictures = json.loads((tmp_path / "report.json").read_text())["pictures"]
    assert [p["reason"] for p in pictures if p["status"] == "failed"] == [bad]
    assert [p["megapixels"] for p in pictures if p["status"] == "done"] == [6.4e-05] * 5
    assert contents(tmp_path / "out") == contents(tmp_path / "expected")


@pytest.mark.parametrize(("local", "number"), [(False, signal.SIGINT), (True, signal.SIGTERM)])
def test_a_run_that_is_ended_leaves_nothing_behind(cluster, tmp_path, monkeypatch, local, number):
    source, out, scratch = photos(tmp_path / "photos", side=1200, count=4), tmp_path / "out", tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    # The names of Ray's sockets must be short.
    monkeypatch.setenv("RAY_TMPDIR", tempfile.gettempdir())
    made = SimpleNamespace(address="local") if local else cluster[0]
    if local:
        # The cluster's token is not that of another one.
        monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    process = start(made, source, out, "--model", "bicubic", "--workers", "1", "--cores", "1")
    deadline = time.monotonic() + 120
    while not list(out.rglob(".*.partial.png")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "the replica did not start"
        time.sleep(0.002)
    assert list(scratch.glob("jaxsr-archive-*/jaxsr-archive-*"))
    process.send_signal(number)
    _, told = process.communicate(timeout=100)
    assert process.returncode == 130, told
    assert told.endswith("the same command goes on from here with --skip-existing\ninterrupted\n"), told
    assert list(scratch.iterdir()) == []
    assert not [name for name in contents(out) if name.name.startswith(".")]


def test_a_cluster_without_room(cluster, tmp_path):
    made, _ = cluster
    source = photos(tmp_path / "photos", side=8, count=2)
    process = start(made, source, tmp_path / "out", "--model", "bicubic", "--cores", "64")
    _, told = process.communicate(timeout=100)
    assert process.returncode == 2
    assert "error: the cluster has no machine with 64 cores: the largest has 1\n" in told


def test_a_clip_whose_machine_is_killed_is_that_of_one_process(cluster, tmp_path):
    pytest.importorskip("av")
    made, _ = cluster
    machine = made.add_node(num_cpus=1)
    clip, out, segments = tmp_path / "clip.mp4", tmp_path / "out.mp4", tmp_path / ".out.mp4.segments"
    write_clip(clip, frames=700)
    options = ["--model", "bicubic", "--preset", "ultrafast"]
    process = start(made, clip, out, *options, "--cores", "1")
    deadline = time.monotonic() + 120
    while not list(segments.glob("[!.]*.nut")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "the replicas did not start"
        time.sleep(0.002)
    made.remove_node(machine, allow_graceful=False)
    written, told = process.communicate(timeout=200)
    assert (process.returncode, written) == (0, f"{out}\n"), told
    assert not segments.exists()
    assert on_one_machine(clip, tmp_path / "expected.mp4", *options)[0] == 0
    assert out.read_bytes() == (tmp_path / "expected.mp4").read_bytes()


def write_clip(path, *, frames):
    import av

    random = np.random.default_rng(0)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, width=32, height=32, options={"g": "60"})
        for _ in range(frames):
            frame = av.VideoFrame.from_ndarray(random.integers(0, 256, (32, 32, 3), np.uint8))
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
