"""Stores and replicas in this process, on this machine's disk and on fsspec's memory file system."""

import contextlib
import fcntl
import json
import os
import secrets
import subprocess
import sys
import zipfile
from pathlib import Path

import forked
import pytest
from PIL import Image

pytest.importorskip("ray")

import jaxsr
from jaxsr.archive import pictures
from jaxsr.archive.plan import plan_archive
from jaxsr.archive.replica import Answer, Replica, Settings, absolute_model
from jaxsr.archive.scratch import joined, run_folder
from jaxsr.archive.store import Store, existing_places, exists, find_pictures, open_store
from jaxsr.archive.transfer import check_writable, clear_abandoned, fetch, put
from jaxsr.errors import InputError
from jaxsr.upscaling.claim import claimed
from jaxsr.upscaling.pictures import upscale_pictures
from jaxsr.upscaling.plan import Job, plan

SCRIPT = Path(__file__).parents[2] / "scripts/upscale_archive.py"
OPTIONS = ("nearest", {}, None, "refuse", False)
NAMES = ("a.png", "a.jpg", "sub/B.PNG", "sub/.hidden/c.png", ".d.png", "texts/e.txt", "out/f_x4.png")


@pytest.fixture
def memory():
    """A folder of its own in fsspec's memory."""
    return open_store(f"memory://{secrets.token_hex(4)}/photos")


@pytest.fixture(params=["disk", "memory"])
def photos(request, tmp_path, memory):
    for name in NAMES:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), "red").save(path, format="PNG")
        put(memory, path, Path(name))
    return open_store(str(tmp_path / "photos")) if request.param == "disk" else memory


def inside(store, name):
    return open_store(f"{store.name}/{name}")


@pytest.mark.parametrize("recursive", [False, True])
def test_the_plan_is_that_of_one_machine(photos, tmp_path, recursive):
    jobs = plan([str(tmp_path / "photos")], str(tmp_path / "photos/out"), label="x4", recursive=recursive)
    tasks = plan_archive(photos, inside(photos, "out"), label="x4", recursive=recursive)
    expected = [tuple(str(path).removeprefix(f"{tmp_path}/photos/") for path in (j.source, j.target)) for j in jobs]
    assert [(str(task.source), f"out/{task.target}") for task in tasks] == expected
    assert [task.job.source for task in tasks] == [photos.label(task.source) for task in tasks]
    assert len(tasks) == (3 if recursive else 2)


def test_results_beside_their_pictures_are_no_pictures(photos):
    (task,) = plan_archive(inside(photos, "sub"), inside(photos, "sub"), label="x4")
    assert str(task.target) == "B_x4.png"
    put_any(photos, "sub/B_x4.png", b"a result")
    assert plan_archive(inside(photos, "sub"), inside(photos, "sub"), label="x4") == [task]


def put_any(store, name, data):
    if store.remote is None:
        Path(store.path(Path(name))).write_bytes(data)
    else:
        with store.remote.open_output_stream(store.path(Path(name))) as stream:
            stream.write(data)


def test_no_folder_and_no_photos(photos):
    with pytest.raises(InputError, match="nowhere: no such folder"):
        find_pictures(inside(photos, "nowhere"))
    with pytest.raises(InputError, match="no photos in this folder; --recursive looks"):
        find_pictures(inside(photos, "texts"))


def test_a_file_appears_whole_or_not_at_all(memory, tmp_path):
    (tmp_path / "new").write_bytes(b"new")
    put(memory, tmp_path / "new", Path("sub/x.png"))
    put_any(memory, "sub/.x.abcd_123.partial.png", b"half")
    put_any(memory, "sub/.y.abcd_123.partial.png", b"of another")
    (tmp_path / "newer").write_bytes(b"newer")
    put(memory, tmp_path / "newer", Path("sub/x.png"))
    assert exists(memory, Path("sub/x.png"))
    assert not exists(memory, Path("sub/y.png"))
    clear_abandoned(memory, [Path("sub/x.png"), Path("z.png")])
    assert {info.base_name for info in listing(memory)} == {"x.png", ".y.abcd_123.partial.png"}
    fetch(memory, Path("sub/x.png"), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"newer"
    assert existing_places(memory, [Path("sub/x.png"), Path("sub/y.png")]) == {Path("sub/x.png")}
    with pytest.raises(FileNotFoundError):
        put(memory, tmp_path / "missing", Path("sub/y.png"))
    assert len(listing(memory)) == 2


def test_a_name_that_leaves_no_room_for_a_longer_one_can_be_put(tmp_path):
    from pyarrow import fs

    # This machine's disk as a remote folder, whose names have at most 255 bytes as those of many stores.
    store = Store("disk", str(tmp_path / "store"), fs.LocalFileSystem())
    (tmp_path / "new").write_bytes(b"new")
    name = "a" * 243 + ".png"
    put(store, tmp_path / "new", Path(name))
    assert [(path.name, path.read_bytes()) for path in Path(store.root).iterdir()] == [(name, b"new")]


def listing(store):
    from pyarrow import fs

    return store.remote.get_file_info(fs.FileSelector(f"{store.root}/sub"))


def test_a_replica_skips_what_was_written_meanwhile_and_names_what_is_bad(photos, tmp_path):
    put_any(photos, "bad.png", b"no picture")
    name = photos.name
    replica = Replica(Settings(name, f"{name}/out", "bicubic", {"scale": 2}, None, "refuse", False))
    done, failed = replica(("a.png", "g.png")), replica(("bad.png", "h.png"))
    assert (done.status, done.reason, done.megapixels) == ("done", "", 1.6e-05)
    assert failed.reason == f"{name}/bad.png: no picture in a format that can be read"
    assert failed.megapixels is None
    assert replica(("a.png", "g.png")) == Answer("skipped", "written meanwhile")
    out = inside(photos, "out")
    assert existing_places(out, [Path("g.png"), Path("h.png")]) == {Path("g.png")}
    got = Path(out.path(Path("g.png")))
    if photos.remote is not None:
        fetch(out, Path("g.png"), got := tmp_path / "g.png")
    with Image.open(got) as picture:
        assert picture.size == (8, 8)


def test_a_folder_that_cannot_be_written_is_known_beforehand(memory, tmp_path):
    check_writable(memory)
    assert memory.remote.get_file_info(memory.root).type.name == "Directory"
    assert existing_places(memory, [Path("x.png")]) == set()
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("a.png", b"")
    with pytest.raises(OSError, match="reading or writing"):
        check_writable(open_store(f"zip://::file://{tmp_path}/photos.zip"))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        check_writable(open_store(str(tmp_path / "file")))


def test_what_no_file_system_answers_to():
    with pytest.raises(InputError, match=r"nope://x: cannot be opened .*nope"):
        open_store("nope://x")
    with pytest.raises(InputError, match="letters of UTF-8"):
        open_store("file:///tmp/\udcff")


def test_a_read_only_file_system_is_named_before_the_work():
    with pytest.raises(InputError, match="data://x: cannot be written"):
        check_writable(open_store("data://x"))


def test_a_name_in_a_store_with_options_is_a_uri_of_the_file():
    from pyarrow import fs

    store = open_store("s3://bucket/photos?region=eu-central-1")
    remote, path = fs.FileSystem.from_uri(store.label(Path("sub/a.png")))
    assert (remote.region, path) == ("eu-central-1", "bucket/photos/sub/a.png")


def test_nothing_is_left_behind_in_a_folder_that_was_never_made(tmp_path):
    clear_abandoned(open_store(str(tmp_path)), [Path("never/made_x4.png")])
    assert list(tmp_path.iterdir()) == []


def test_a_model_means_the_same_in_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("espcn", "own"):
        Path(name).mkdir()
    assert [absolute_model(name) for name in ("espcn", "bicubic", "missing")] == ["espcn", "bicubic", "missing"]
    assert absolute_model("own") == str(tmp_path / "own")


@pytest.mark.parametrize(
    ("package", "source", "told"),
    [
        ("av", "clip.mp4", 'clips need PyAV: pip install "jaxsr[video]"'),
        ("ray", ".", 'an archive needs ray: pip install "jaxsr[ray]"'),
    ],
)
def test_without_a_package_the_way_to_get_it_is_told(package, source, told, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"import sys; sys.modules[{package!r}] = None; from jaxsr.commands import run; run('archive')")
    ended = forked.run([sys.executable, script, source, tmp_path / "out.mp4", "--model", "bicubic"])
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", f"error: {told}\n")


def test_mistakes_are_told_before_a_cluster_is_started(tmp_path):
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "photos/a.png")
    line = [sys.executable, SCRIPT, tmp_path / "photos", tmp_path / "out", "--model", "bicubic"]
    process = forked.run([sys.executable, SCRIPT, "", tmp_path / "out", "--dry-run"])
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr.startswith("error: the name of an input or of the output is empty;")
    process = forked.run([*line, "--address", "127.0.0.1:9"])
    assert process.returncode == 2
    assert process.stderr.startswith("error: no Ray cluster at 127.0.0.1:9: ")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a_x4.png").write_bytes(b"")
    process = forked.run(line)
    assert process.returncode == 2
    assert process.stderr.startswith(f"error: {tmp_path}/out/a_x4.png exists already: ")


def test_a_clip_is_named_as_one_machine_names_it_and_has_no_picture_format(tmp_path):
    pytest.importorskip("av")
    (tmp_path / "clip.mp4").touch()
    flags = ["--model", "bicubic", "--scale", "2", "--dry-run"]
    here = forked.run(
        [sys.executable, SCRIPT.with_name("upscale.py"), tmp_path / "clip.mp4", "-o", f"{tmp_path}/", *flags]
    )
    there = [sys.executable, SCRIPT, tmp_path / "clip.mp4", f"{tmp_path}/", *flags]
    assert here.stdout == forked.run(there).stdout == f"upscale: {tmp_path}/clip.mp4 -> {tmp_path}/clip_x2.mp4\n"
    refused = forked.run([*there, "--format", "tif"])
    assert (refused.returncode, refused.stderr) == (2, "error: --format is for pictures: leave it out\n")


def test_the_only_picture_that_fails_ends_it_as_on_one_machine(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"no picture")
    stores = open_store(str(tmp_path)), open_store(str(tmp_path / "out"))
    tasks, settings = plan_archive(*stores, label="x4"), Settings(str(tmp_path), str(tmp_path / "out"), *OPTIONS)
    failed = Replica(settings)(("a.png", "a_x4.png"))
    monkeypatch.setattr(pictures, "_stream", lambda settings, left, cluster: ((task, failed, False) for task in left))
    with pytest.raises(InputError) as there:
        pictures.upscale_archive(settings, tasks, stores[1], dry_run=False, report=None)
    with pytest.raises(InputError) as here:
        upscale_pictures(jaxsr.load("nearest"), [tasks[0].job], existing="refuse", report=None)
    assert str(there.value) == str(here.value) == f"{tmp_path}/a.png: no picture in a format that can be read"


@pytest.mark.parametrize("why", ["existing", "in another process"])
def test_of_a_clip_that_is_skipped_as_much_is_said_as_on_one_machine(why, tmp_path, capsys):
    pytest.importorskip("av")
    from jaxsr.archive.clips import upscale_clip_on_cluster
    from jaxsr.video.clips import upscale_clips

    job = Job(tmp_path / "clip.mp4", tmp_path / "out.mp4")
    held = claimed(job.target)
    if why == "existing":
        job.target.touch()
        held = contextlib.nullcontext()
    with held:
        there = upscale_clip_on_cluster(job, "nearest", {}, None, existing="keep", cache=False)
        told = capsys.readouterr()
        here = upscale_clips(jaxsr.load("nearest"), [job], None, existing="keep", report=None)
    assert (there, told) == (here, capsys.readouterr())
    assert (here, told.err) == (0, f"0 of 1 clips upscaled, 1 skipped (1 {why}), 0 failed\n")


@pytest.mark.parametrize("way_out", [KeyboardInterrupt, RuntimeError, None])
def test_half_files_go_on_every_way_out(way_out, tmp_path, monkeypatch):
    for name in ("a", "b"):
        Image.new("RGB", (4, 4)).save(tmp_path / f"{name}.png")
    stores, out = (open_store(str(tmp_path)), open_store(str(tmp_path / "out"))), tmp_path / "out"
    tasks = plan_archive(*stores, label="x4")

    def ended(settings, left, cluster):
        out.mkdir()
        (out / ".b_x4.abcd_123.partial.png").write_bytes(b"half")
        (out / ".c_x4.abcd_123.partial.png").write_bytes(b"of another")
        yield left[0], Answer("failed", "the disk is full", disk_full=True), False
        if way_out:
            raise way_out

    monkeypatch.setattr(pictures, "_stream", ended)
    settings = Settings(str(tmp_path), str(out), *OPTIONS)
    with pytest.raises(way_out) if way_out else contextlib.nullcontext():
        pictures.upscale_archive(settings, tasks, stores[1], dry_run=False, report=None)
    assert [path.name for path in out.iterdir()] == [".c_x4.abcd_123.partial.png"]


def test_a_runs_folder_outlives_the_processes_that_joined_it(tmp_path):
    code = "import sys; from jaxsr.archive.scratch import joined; print(joined(sys.argv[1]), flush=True); input()"
    with run_folder() as folder:
        process = subprocess.Popen(
            [sys.executable, "-c", code, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == f"{folder}\n"
        handle = os.open(folder, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(handle)
        Path(folder, "half").touch()
        process.kill()
    assert process.wait()
    assert not Path(folder).exists()
    process.communicate()
    assert joined(folder) is None


def test_a_report_that_fails_hides_no_interrupt(tmp_path, monkeypatch, capsys):
    for name in ("a", "b"):
        Image.new("RGB", (4, 4)).save(tmp_path / f"{name}.png")
    stores = open_store(str(tmp_path)), open_store(str(tmp_path / "out"))
    tasks = plan_archive(*stores, label="x4")

    def interrupted(settings, left, cluster):
        yield left[0], Answer("done", "", seconds=1.0, megapixels=1.6e-5), False
        raise KeyboardInterrupt

    monkeypatch.setattr(pictures, "_stream", interrupted)
    options = {"dry_run": False, "address": None, "workers": None, "cores": None}
    settings = Settings(str(tmp_path), str(tmp_path / "out"), *OPTIONS)
    (tmp_path / "file").write_text("")
    reports = tmp_path / "report.json", tmp_path / "file/report.json"
    for report in reports:
        with pytest.raises(KeyboardInterrupt):
            pictures.upscale_archive(settings, tasks, stores[1], report=report, **options)
        assert "1 of 2 pictures upscaled" in (told := capsys.readouterr().err)
    counts = json.loads(reports[0].read_text())["counts"]
    assert counts == {"done": 1, "skipped": 0, "failed": 0, "left": 1}
    assert f"error: --json {reports[1]}: the report cannot be written" in told
