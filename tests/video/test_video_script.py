"""scripts/upscale.py with clips, as a person runs it."""

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
from jaxsr.video.files import Wishes
from jaxsr.video.inputs import are_clips, check_flags, import_clips, plan_clips

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


def test_frames_that_cannot_be_decoded_are_counted(tmp_path, clip_file, read):
    whole, damaged = clip_file("whole.mkv", codec="mjpeg", pixels="yuvj420p", frames=9), tmp_path / "damaged.mkv"
    with av.open(str(whole)) as clip, av.open(str(damaged), "w") as output:
        stream = output.add_stream_from_template(clip.streams.video[0])
        for number, packet in enumerate(clip.demux(video=0)):
            if packet.size:
                broken = av.Packet(bytes(packet.size)) if number in (3, 6) else av.Packet(bytes(packet))
                broken.pts, broken.dts, broken.is_keyframe = packet.pts, packet.dts, True
                broken.time_base, broken.stream = packet.time_base, stream
                output.mux(broken)
    report, target = tmp_path / "report.json", tmp_path / "larger.mkv"
    result = upscale(damaged, "-o", target, "--model", "bicubic", "--json", report)
    assert result.returncode == 0, result.stderr
    assert "damaged.mkv: 2 of 9 frames could not be decoded" in result.stderr
    assert json.loads(report.read_text())["pictures"][0]["reason"] == "2 of 9 frames could not be decoded"
    shown = [frame.pts for number, frame in enumerate(read(whole)["frames"]) if number not in (3, 6)]
    assert [frame.pts for frame in read(target)["frames"]] == shown


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


def test_a_report_that_fails_hides_no_failed_clip(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    (tmp_path / "no.mp4").write_text("no clip")
    job, report = Job(tmp_path / "no.mp4", tmp_path / "out.mp4"), tmp_path / "file/report.json"
    with pytest.raises(InputError, match=r"no\.mp4: not a clip that can be decoded"):
        import_clips().upscale_clips(jaxsr.load("nearest"), [job], Wishes(), existing="refuse", report=report)
    assert f"error: --json {report}: " in capsys.readouterr().err
