"""scripts/upscale.py with clips, as a person runs it."""

import errno
import json
import sys
from pathlib import Path

import av
import pytest
from forked import run

import jaxsr
import jaxsr.video
from jaxsr.errors import InputError
from jaxsr.upscaling.plan import Job
from jaxsr.video import clips
from jaxsr.video.files import Wishes
from jaxsr.video.inputs import are_clips, check_flags, import_clips, plan_clips
from jaxsr.video.pipeline import Tally

SCRIPT = Path(__file__).parents[2] / "scripts/upscale.py"


def upscale(*arguments):
    return run([sys.executable, SCRIPT, *map(str, arguments)])


def test_clips_go_to_a_folder(tmp_path, clip_file, read):
    clips = [clip_file(f"{name}.mkv", frames=2) for name in "ab"]
    options = ("--model", "bicubic", "--codec", "libx264", "--crf", 30, "--preset", "fast")
    result = upscale(*clips, "-o", f"{tmp_path}/out/", *options, "--json", tmp_path / "report.json")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "".join(f"{tmp_path}/out/{name}_x4.mkv\n" for name in "ab")
    assert "2 of 2 clips upscaled" in result.stderr
    assert json.loads((tmp_path / "report.json").read_text())["counts"]["done"] == 2
    assert len(read(tmp_path / "out/a_x4.mkv")["frames"]) == 2


def reported(source, target, **wishes):
    """What the report of a run says of its only clip."""
    report = target.with_name("report.json")
    jobs = [Job(source, target)]
    assert clips.upscale_clips(jaxsr.load("bicubic"), jobs, Wishes(**wishes), existing="refuse", report=report) == 0
    (picture,) = json.loads(report.read_text())["pictures"]
    return picture


def test_frames_that_cannot_be_decoded_are_counted(tmp_path, clip_file, with_packets, read, capsys):
    whole = clip_file("whole.mkv", codec="mjpeg", pixels="yuvj420p", frames=9)

    def damage(number, packet):
        # FFmpeg's errors for no JPEG, and for one whose chroma is sampled as none is, which this byte of SOF0 tells.
        at = packet.index(b"\xff\xc0") + 14
        return {0: bytes(len(packet)), 6: packet[:at] + b"\x31" + packet[at + 1 :]}.get(number, packet)

    damaged = with_packets(whole, tmp_path / "damaged.mkv", damage)
    target = tmp_path / "larger.mkv"
    assert reported(damaged, target)["reason"].startswith("2 of 9 packets gave no frame")
    assert "damaged.mkv: 2 of 9 packets gave no frame (damaged, or" in capsys.readouterr().err
    shown = [frame.pts for number, frame in enumerate(read(whole)["frames"]) if number not in (0, 6)]
    assert [frame.pts for frame in read(target)["frames"]] == shown


def test_what_is_never_to_be_shown_is_not_called_lost(tmp_path, clip_file, with_packets, read):
    whole = clip_file("whole.mkv", codec="libvpx", frames=9)

    def hide(number, packet):
        return bytes([packet[0] & ~0x10]) + packet[1:] if number in (3, 6) else packet

    hidden = with_packets(whole, tmp_path / "hidden.mkv", hide)
    assert len(read(hidden)["frames"]) == 7
    assert len(read(hidden)["packets"][0]) == 9
    target = tmp_path / "larger.mkv"
    assert reported(hidden, target, codec="libx264")["reason"] is None
    assert [frame.pts for frame in read(target)["frames"]] == [frame.pts for frame in read(hidden)["frames"]]


@pytest.mark.parametrize("error", [InputError("its frames end"), KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
def test_a_report_that_fails_at_the_end_hides_no_other_error(tmp_path, clip_file, monkeypatch, capsys, error):
    def upscale_clip(*_, **__):
        raise error

    monkeypatch.setattr(clips, "upscale_clip", upscale_clip)
    jobs = [Job(clip_file("clip.mkv", frames=2), tmp_path / "larger.mkv")]
    (tmp_path / "file").write_text("")
    reports = tmp_path / "report.json", tmp_path / "file/report.json"
    for report in reports:
        with pytest.raises(type(error)) as caught:
            clips.upscale_clips(jaxsr.load("nearest"), jobs, Wishes(), existing="refuse", report=report)
        assert str(caught.value) == str(error)
    (picture,) = json.loads(reports[0].read_text())["pictures"]
    assert picture["status"] == ("failed" if isinstance(error, InputError) else "left")
    assert f"error: --json {reports[1]}: the report cannot be written" in capsys.readouterr().err


def test_what_goes_wrong_with_one_clip_does_not_stop_the_others(tmp_path, clip_file, monkeypatch):
    def plan_clip(upscaler, source, *rest, **options):
        if source.stem == "a":
            raise av.error.ExternalError(-1, "no memory for the frame")
        return planned(upscaler, source, *rest, **options)

    planned = clips.plan_clip
    monkeypatch.setattr(clips, "plan_clip", plan_clip)
    jobs = [Job(clip_file(f"{name}.mkv", frames=2), tmp_path / f"{name}_x4.mkv") for name in "ab"]
    assert clips.upscale_clips(jaxsr.load("nearest"), jobs, Wishes(), existing="refuse", report=None) == 1
    assert (jobs[0].target.exists(), jobs[1].target.exists()) == (False, True)


@pytest.mark.parametrize("existing", ["refuse", "keep", "replace"])
def test_what_another_process_has_written_meanwhile_is_left_alone(tmp_path, clip_file, monkeypatch, capsys, existing):
    jobs = [Job(clip_file(f"{name}.mkv", frames=2), tmp_path / f"{name}_x4.mkv") for name in "ab"]

    def upscale_clip(planned, **_):
        jobs[1].target.write_text("theirs")
        return Tally()

    monkeypatch.setattr(clips, "upscale_clip", upscale_clip)
    assert clips.upscale_clips(jaxsr.load("nearest"), jobs, Wishes(), existing=existing, report=None) == 0
    assert jobs[1].target.read_text() == "theirs"
    assert "1 of 2 clips upscaled, 1 skipped (1 written by another process)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("existing", "first", "told"),
    [
        ("refuse", "killed", "resumes from the segments that are finished"),
        ("refuse", "done", "resumes from the segments that are finished with --skip-existing"),
        ("keep", "done", "resumes from the segments that are finished"),
        ("replace", "killed", "resumes from the segments that are finished"),
        ("replace", "done", "begins again"),
    ],
)
def test_an_interrupted_run_says_how_to_go_on(tmp_path, clip_file, monkeypatch, capsys, existing, first, told):
    jobs = [Job(clip_file(f"{name}.mkv", frames=2), tmp_path / f"{name}_x4.mkv") for name in "ab"]

    def upscale_clip(planned, **_):
        if first == "done" and planned.clip.path.stem == "a":
            jobs[0].target.write_text("finished")
            return Tally()
        raise KeyboardInterrupt

    monkeypatch.setattr(clips, "upscale_clip", upscale_clip)
    with pytest.raises(KeyboardInterrupt):
        clips.upscale_clips(jaxsr.load("nearest"), jobs, Wishes(), existing=existing, report=None)
    assert capsys.readouterr().err.endswith(f"the same command {told}\n")


def test_flags_of_the_other_kind_are_refused():
    with pytest.raises(InputError, match="--quality is for pictures"):
        check_flags(True, {"crf": 20}, {"format": None, "quality": 80})
    with pytest.raises(InputError, match="--keep-times is for pictures"):
        check_flags(True, {}, {"recursive": False, "keep_times": True})
    with pytest.raises(InputError, match="--crf is for clips"):
        check_flags(False, {"crf": 20}, {"quality": 80})
    with pytest.raises(InputError, match="a clip among pictures"):
        are_clips(["photo.png", "clip.mkv"])
    assert (are_clips(["a.MP4", "b.mkv"]), are_clips(["photo.png"])) == (True, False)


def test_results_have_names_of_their_own(tmp_path):
    jobs = plan_clips(["a/one.mp4", "b/two.avi", "b/two.mov"], str(tmp_path), label="x4")
    assert [job.target.name for job in jobs] == ["one_x4.mp4", "two.avi_x4.mkv", "two.mov_x4.mov"]
    for inputs, output, message in [
        (["one.mp4"], "one.gif", r"give the output a name in \.mp4"),
        (["one.mp4", "two.mp4"], "three.mp4", "name a folder"),
        (["one.mp4"], "one.mp4", "this would replace an input"),
    ]:
        with pytest.raises(InputError, match=message):
            plan_clips(inputs, output, label="x4")


def test_the_missing_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("jaxsr.video.") and not name.endswith("inputs")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(jaxsr.video, "clips", raising=False)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r'pip install "jaxsr\[video\]"'):
        import_clips()
