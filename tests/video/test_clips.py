"""Clips from file to file."""

import dataclasses
import os
import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from random_networks import save_family

import jaxsr
from jaxsr.errors import InputError
from jaxsr.imaging.resize import resize
from jaxsr.upscaling.size import parse_size
from jaxsr.video.clip import open_clip
from jaxsr.video.decoding import decode
from jaxsr.video.encoding import segment_writer
from jaxsr.video.files import Wishes, plan_clip, upscale_clip
from jaxsr.video.segments import cut, segment_file, work_folder
from jaxsr.video.trim import parse_trim
from jaxsr.weights import store

QUARTER = [0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30]
UNEVEN = [100, 3700, 4900, 12000, 15600, 30000, 31000, 45000, 50000, 61111, 70000, 90000]


@pytest.fixture(scope="module")
def bicubic():
    return jaxsr.load("bicubic", scale=2)


def upscale(upscaler, source, target, **wishes):
    return upscale_clip(plan_clip(upscaler, source, target, Wishes(**wishes)))


def beside_swscale(before, after):
    """The differences of a frame's RGB from libswscale's RGB of the frame before, enlarged by our bicubic."""
    theirs = np.asarray(resize(before.to_ndarray(format="rgb24").astype(np.float32)[None], 2))[0]
    return after.to_ndarray(format="rgb24") - np.clip(theirs, 0, 255)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_times_sound_and_rotation_are_kept(tmp_path, clip_file, read, bicubic, suffix):
    options = {"codec": "libx264", "options": {"bf": "2"}, "matrix": QUARTER, "sound": True, "held": (3, 4)}
    options["context"] = {"sample_aspect_ratio": Fraction(4, 3)}
    source, target = clip_file(f"clip{suffix}", times=UNEVEN, **options), tmp_path / f"larger{suffix}"
    tally = upscale(bicubic, source, target)
    assert (tally.frames, tally.held) == (12, 2)
    before, after = read(source), read(target)
    assert [f.pts * f.time_base for f in after["frames"]] == [f.pts * f.time_base for f in before["frames"]]
    assert after["packets"][1] == before["packets"][1]
    assert after["packets"][1]
    assert {frame.rotation for frame in after["frames"]} == {before["frames"][0].rotation} != {0}
    assert {(frame.width, frame.height) for frame in after["frames"]} == {(128, 96)}
    assert after["pixel aspect"] == before["pixel aspect"] == Fraction(4, 3)
    assert not work_folder(target).exists()


def test_a_size_is_that_of_the_clip_as_it_is_shown(tmp_path, clip_file, bicubic):
    source = clip_file("upright.mp4", codec="libx264", frames=2, matrix=QUARTER)
    for text, coded in (("96x128", (96, 128)), ("96x", (96, 128)), ("x256", (192, 256))):
        target = tmp_path / f"{text}.mp4"
        planned = plan_clip(bicubic, source, target, Wishes(size=parse_size(text, scale=None)))
        # The clip has 64 × 48 pixels, and is shown as 48 × 64.
        assert planned.encoding.size == coded


def test_subtitles_are_kept(tmp_path, clip_file, read, bicubic):
    source = clip_file("clip.mkv", subtitles=[(40, "Hallo"), (240, "Welt")])
    upscale(bicubic, source, tmp_path / "larger.mkv")
    before, after = read(source), read(tmp_path / "larger.mkv")
    assert after["packets"][1] == before["packets"][1]
    assert [words for _, words in after["packets"][1]] == [b"Hallo", b"Welt"]
    assert (after["kinds"], after["languages"]) == (["video", "subtitle"], [None, "deu"])
    with pytest.raises(InputError, match=r"cannot hold stream 1 .* subrip; give the output a name in .mkv"):
        upscale(bicubic, source, tmp_path / "larger.mp4", codec="libx264")


@pytest.mark.parametrize(
    ("pixels", "tags"),
    [
        ("yuv420p10le", (1, 9, 9, 14)),
        ("yuv420p", (1, 1, 1, 1)),
        ("yuv420p", (2, 5, 5, 6)),
        ("yuv422p", (1, 1, 1, 13)),
    ],
)
def test_colours_bits_and_tags_are_kept(tmp_path, clip_file, read, bicubic, pixels, tags):
    names = ("color_range", "colorspace", "color_primaries", "color_trc")
    source = clip_file("clip.mkv", pixels=pixels, frames=2, context=dict(zip(names, tags, strict=True)))
    upscale(bicubic, source, tmp_path / "larger.mkv", codec="ffv1")
    before, after = (read(path)["frames"][1] for path in (source, tmp_path / "larger.mkv"))
    assert after.format.name == pixels
    assert tuple(getattr(after, name) for name in names) == tags
    # It places chroma elsewhere, hence means.
    difference = beside_swscale(before, after)
    assert np.abs(difference.mean((0, 1))).max() < 0.7
    assert np.abs(difference).mean() < 3


@pytest.mark.parametrize(("codec", "pixels"), [("ffv1", "bgr0"), ("mjpeg", "yuvj420p")])
def test_rgb_and_jpeg_become_what_players_play(tmp_path, clip_file, read, bicubic, codec, pixels):
    source = clip_file("clip.mkv", codec=codec, pixels=pixels, frames=2)
    upscale(bicubic, source, tmp_path / "larger.mp4", crf=1)
    before, after = (read(path)["frames"][1] for path in (source, tmp_path / "larger.mp4"))
    # libswscale itself is up to one and a half levels too dark on the way back from luma and chroma.
    assert after.format.name in ("yuv420p", "yuvj420p")
    assert np.abs(beside_swscale(before, after).mean((0, 1))).max() < 2


def test_gray_keeps_its_contrast_where_there_is_no_gray(tmp_path, clip_file, read, bicubic):
    source = clip_file("clip.mkv", pixels="gray", frames=2)
    upscale(bicubic, source, tmp_path / "larger.webm", codec="libsvtav1", crf=5)
    before, after = (read(path)["frames"][1] for path in (source, tmp_path / "larger.webm"))
    assert (after.format.name, after.color_range, after.colorspace) == ("yuv420p", 1, 1)
    difference = beside_swscale(before, after)
    assert np.abs(difference.mean((0, 1))).max() < 2
    assert np.abs(difference).mean() < 4


def test_chroma_of_h264_lies_where_mpeg_places_it_at_each_range(tmp_path, clip_file, read, bicubic):
    # H.264 puts chroma on every second pixel whatever the range (ITU-T H.264, E.2.1); only JPEG puts it between.
    edges = {}
    for name, codec, pixels, full in (
        ("limited", "libx264", "yuv420p", 1),
        ("full", "libx264", "yuvj420p", 2),
        ("jpeg", "mjpeg", "yuvj420p", 2),
    ):
        source = tmp_path / f"{name}.mkv"
        with av.open(str(source), "w") as output:
            options = {"qp": "0"} if codec == "libx264" else {"qmin": "1", "qmax": "1"}
            stream = output.add_stream(codec, rate=25, width=64, height=32, pix_fmt=pixels, options=options)
            stream.codec_context.color_range, stream.codec_context.colorspace = full, 1
            frame = av.VideoFrame(64, 32, pixels)
            for plane, level in zip(frame.planes, (126, 100, 128), strict=True):
                samples = np.full((plane.height, plane.line_size), level, np.uint8)
                samples[:, plane.width // 2 :] += 0 if level == 126 else 30
                plane.update(samples.tobytes())
            output.mux([*stream.encode(frame), *stream.encode()])
        upscale(jaxsr.load("bilinear", scale=2), source, tmp_path / f"{name}_x2.mkv", codec="ffv1")
        plane = read(tmp_path / f"{name}_x2.mkv")["frames"][0].planes[1]
        row = np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[16, : plane.width].astype(float)
        # The share of the row that is low tells where the edge lies, to a part of a sample.
        edges[name] = ((row[-1] - row) / (row[-1] - row[0])).sum()
    assert abs(edges["full"] - edges["limited"]) < 0.1
    # JPEG's samples lie half a pixel of the clip farther right: half a sample of the result.
    assert abs(edges["jpeg"] - edges["limited"] - 0.5) < 0.15


def test_an_unnamed_matrix_is_named_as_players_take_it(tmp_path, clip_file, read, bicubic):
    upscale(bicubic, clip_file("clip.mkv", frames=2), tmp_path / "larger.mkv", codec="ffv1")
    assert read(tmp_path / "larger.mkv")["frames"][0].colorspace == 6


def test_a_killed_run_goes_on_to_the_same_result(tmp_path, clip_file, read, bicubic):
    options = {"codec": "libx264", "options": {"g": "50", "preset": "ultrafast"}, "size": (32, 32)}
    source = clip_file("clip.mp4", frames=300, **options)
    whole, resumed = tmp_path / "whole.mp4", tmp_path / "resumed.mp4"
    wishes = {"codec": "libx264", "preset": "ultrafast"}
    upscale(bicubic, source, whole, **wishes)
    killed = (
        "import os, signal, sys; from pathlib import Path; import jaxsr; from jaxsr.video.files import *\n"
        f"plan = plan_clip(jaxsr.load('bicubic', scale=2), *map(Path, sys.argv[1:]), Wishes(**{wishes}))\n"
        "count = iter(range(9999))\n"
        "upscale_clip(plan, progress=lambda: next(count) == 200 and os.kill(os.getpid(), signal.SIGKILL))"
    )
    ended = subprocess.run([sys.executable, "-c", killed, source, resumed], check=False)
    assert ended.returncode == -9
    planned = plan_clip(bicubic, source, resumed, Wishes(**wishes))
    assert len(planned.segments) > len(planned.left) > 0
    tally = upscale_clip(planned)
    assert tally.frames < 200
    assert not resumed.with_name(f".{resumed.name}.segments").exists()
    assert read(resumed)["packets"] == read(whole)["packets"]
    assert resumed.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("frames", [1, 2])
def test_few_frames_keep_their_times_in_x265(tmp_path, clip_file, read, bicubic, frames):
    source, wishes = clip_file("clip.mkv", frames=frames), {"codec": "libx265", "preset": "ultrafast"}
    for attempt in range(6):
        target = tmp_path / f"{attempt}.mkv"
        upscale(bicubic, source, target, **wishes)
        assert [frame.pts for frame in read(target)["frames"]] == [frame.pts for frame in read(source)["frames"]]


def test_x264_gives_the_same_result_each_time(tmp_path, clip_file, read, bicubic):
    source = clip_file("clip.mkv", frames=60, size=(64, 96))
    results = []
    for attempt in range(6):
        upscale(bicubic, source, tmp_path / f"{attempt}.mp4", codec="libx264")
        results.append((tmp_path / f"{attempt}.mp4").read_bytes())
    assert len(set(results)) == 1


def test_segments_of_other_wishes_are_not_mixed_in(tmp_path, clip_file, bicubic):
    source, target = clip_file("clip.mkv"), tmp_path / "larger.mkv"
    planned = plan_clip(bicubic, source, target, Wishes(codec="ffv1"))
    segment_file(planned.folder, 0).write_bytes(b"something")
    with pytest.raises(InputError, match="--overwrite to begin again"):
        plan_clip(bicubic, source, target, Wishes(codec="libx264"))
    anew = plan_clip(bicubic, source, target, Wishes(codec="libx264"), anew=True)
    assert anew.left == anew.segments


def test_segments_cover_each_frame_once_and_begin_with_key_frames(clip_file):
    clip = open_clip(clip_file("clip.mkv", frames=3))
    times = tuple(range(0, 1000 * 40, 40))
    clip = dataclasses.replace(clip, times=times, keys=times[::50], last=40)
    segments = cut(clip)
    assert [time for s in segments for time in times if s.start <= time < s.stop] == list(times)
    assert [s.frames for s in segments] == [150] * 6 + [100]
    assert all(s.start in clip.keys for s in segments)
    assert [s.frames for s in cut(dataclasses.replace(clip, keys=times[:1]))] == [240] * 4 + [40]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_part_has_the_frames_of_the_whole(clip_file, suffix):
    coder = {"codec": "libx264", "options": {"g": "12", "bf": "3", "x264-params": "open-gop=1"}}
    clip = open_clip(clip_file(f"clip{suffix}", frames=60, **coder))
    whole = list(decode(clip, clip.times[0], clip.times[-1] + 1))
    assert [frame.time for frame in whole] == list(clip.times)
    for first in (0, 11, 12, 13, 30, 59):
        part = list(decode(clip, clip.times[first], clip.times[-1] + 1))
        assert [frame.time for frame in part] == list(clip.times[first:])
        for ours, theirs in zip(part, whole[first:], strict=True):
            assert all(map(np.array_equal, ours.planes, theirs.planes))


@pytest.mark.parametrize("frames", [4, 50])
def test_a_cut_inside_a_group_of_frames_loses_none(tmp_path, clip_file, read, bicubic, frames):
    # Frames before time zero are hidden by an edit list, as by `ffmpeg -ss … -c copy`: here ten, with their key frame.
    times = [3600 * (n - 10) for n in range(10 + frames)]
    source = clip_file("cut.mp4", codec="libx264", times=times, options={"g": "20", "bf": "0"})
    shown = [frame.pts * frame.time_base for frame in read(source)["frames"]]
    assert len(shown) == frames
    assert upscale(bicubic, source, tmp_path / "larger.mp4").frames == frames
    assert [frame.pts * frame.time_base for frame in read(tmp_path / "larger.mp4")["frames"]] == shown


def test_two_recordings_in_one_file_are_refused(tmp_path, clip_file, read):
    first, second = (clip_file(f"{frames}.ts", codec="libx264", frames=frames) for frames in (5, 8))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    # FFmpeg decodes the frames of both, at the same times.
    assert len(read(joined)["frames"]) == 13
    with pytest.raises(
        InputError, match=r"times of its frames go back; make new times with `ffmpeg -i joined\.ts -fps"
    ):
        open_clip(joined)
    # With all B-frames that x264 allows, the frames' times go back from packet to packet, and that is no reason.
    ordinary = clip_file("ordinary.ts", codec="libx264", frames=40, options={"bf": "8", "b-adapt": "0"})
    assert len(open_clip(ordinary).times) == 40


@pytest.mark.parametrize(("sound", "codec"), [("libopus", "libx264"), (None, "libsvtav1"), (None, "libvpx-vp9")])
def test_what_a_header_refuses_is_refused_before_the_work(tmp_path, clip_file, bicubic, sound, codec):
    clip = clip_file("clip.mkv", frames=3, sound=sound or False)
    with pytest.raises(InputError, match=r"this format cannot hold .*; give the output a name in \.mkv"):
        plan_clip(bicubic, clip, tmp_path / "larger.mov", Wishes(codec=codec))
    plan_clip(bicubic, clip, tmp_path / "larger.mp4", Wishes(codec=codec))


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="the priority of a thread is not told here")
def test_no_encoder_changes_the_priority_of_the_thread(tmp_path, clip_file, bicubic):
    """SVT-AV1 gives root's thread real-time priority where it is opened."""
    before = os.sched_getscheduler(0)
    planned = plan_clip(bicubic, clip_file("clip.mkv", frames=3), tmp_path / "larger.mp4", Wishes(codec="libsvtav1"))
    assert os.sched_getscheduler(0) == before
    with segment_writer(tmp_path / "segment.nut", planned.encoding):
        assert os.sched_getscheduler(0) == before


def test_sound_packets_of_one_time_go_into_any_format(tmp_path, clip_file, read, bicubic):
    ordinary, source = clip_file("ordinary.mkv", frames=10, sound=True), tmp_path / "coarse.mkv"
    with av.open(str(ordinary)) as clip, av.open(str(source), "w") as output:
        streams = {stream.index: output.add_stream_from_template(stream) for stream in clip.streams}
        for packet in clip.demux():
            if packet.size:
                if packet.stream_index == 1:
                    packet.pts = packet.dts = max(packet.pts, 0) // 60 * 60
                packet.stream = streams[packet.stream_index]
                output.mux(packet)
    before = read(source)["packets"][1]
    assert len({time for time, _ in before}) < len(before)
    for suffix in (".mkv", ".mp4"):
        upscale(bicubic, source, tmp_path / f"larger{suffix}", codec="libx264")
        after = read(tmp_path / f"larger{suffix}")["packets"][1]
        assert [sound for _, sound in after] == [sound for _, sound in before]
        assert max(abs(one - other) for (one, _), (other, _) in zip(after, before, strict=True)) < Fraction(1, 100)


def test_a_damaged_frame_takes_no_other_with_it(clip_file):
    path = clip_file("clip.mp4", codec="libx264", frames=40, options={"g": "10"})
    with av.open(str(path)) as container:
        last = [packet for packet in container.demux(video=0) if packet.size][-1]
    content = bytearray(path.read_bytes())
    content[last.pos : last.pos + last.size] = bytes(last.size)
    path.write_bytes(content)
    clip = open_clip(path)
    decoded = [frame.time for frame in decode(clip, clip.times[0], clip.times[-1] + 1)]
    assert decoded == [time for time in clip.times if time != last.pts]


def test_trimming_keeps_sound_in_step(tmp_path, clip_file, read, bicubic):
    source, target = clip_file("clip.mkv", frames=50, sound=True), tmp_path / "part.mkv"
    upscale(bicubic, source, target, codec="ffv1", trim=parse_trim("0.4-1.2"))
    before, after = read(source), read(target)
    assert len(after["frames"]) == 20
    assert after["frames"][0].pts == 0
    heard = dict(map(reversed, before["packets"][1]))
    shifts = {heard[sound] - time for time, sound in after["packets"][1]}
    assert max(abs(shift - Fraction(2, 5)) for shift in shifts) <= Fraction(1, 500)
    with pytest.raises(InputError, match=r"leaves no frame of its 1\.96 seconds"):
        upscale(bicubic, source, target, trim=parse_trim("5-"))


@pytest.mark.parametrize(
    ("size", "coded", "name"),
    [
        (None, (192, 256), "srresnet"),
        ("96x128", (96, 128), "srresnet_x2"),
        ("98x128", (98, 128), "srresnet"),
        ("x1024", (768, 1024), "srresnet"),
    ],
)
def test_a_clip_gets_the_network_of_its_size(tmp_path, clip_file, monkeypatch, size, coded, name):
    (tmp_path / "bundled").mkdir()
    monkeypatch.setattr(store, "BUNDLED", tmp_path / "bundled")
    save_family(tmp_path / "bundled", (2, 4))
    # The clip has 64 × 48 pixels, and is shown as 48 × 64.
    source = clip_file("upright.mp4", codec="libx264", frames=2, matrix=QUARTER)
    wishes = Wishes(size=parse_size(size, scale=None))
    planned = plan_clip(jaxsr.load("auto"), source, tmp_path / "larger.mp4", wishes)
    assert planned.upscaler.name == planned.choice.model == name
    assert planned.encoding.size == coded


def test_spans():
    assert parse_trim("1:05-1:20.5") == (65, Fraction(161, 2))
    assert (parse_trim("10-"), parse_trim("-20"), parse_trim("1:00:00-")) == ((10, None), (0, 20), (3600, None))
    for text in ("-", "10", "20-10", "a-b", "1:2:3:4-", "5.-10", "10-1:30:"):
        with pytest.raises(InputError, match="give start and end as 10-20"):
            parse_trim(text)


def test_what_cannot_be_upscaled_is_told_in_a_sentence(tmp_path, clip_file, bicubic):
    fields = clip_file("fields.mp4", codec="libx264", options={"x264-params": "interlaced=1"})
    with pytest.raises(InputError, match=r"interlaced; make whole frames .* `ffmpeg -i fields.mp4 -vf bwdif"):
        open_clip(fields)
    (tmp_path / "text.mp4").write_text("no clip")
    with pytest.raises(InputError, match="not a clip that can be decoded"):
        open_clip(tmp_path / "text.mp4")
    clip = clip_file("clip.mkv", frames=2)
    for wishes, message in [
        ({"codec": "none"}, "--codec none: FFmpeg has no such encoder here; choose one of libx264"),
        ({"codec": "ffv1", "crf": 20}, "--crf 20: ffv1 has no such option"),
        ({"codec": "libx264", "preset": "hasty"}, "libx264 refuses .* --preset hasty"),
        ({"size": lambda size: (95, 127)}, "127x95 has an odd side"),
    ]:
        with pytest.raises(InputError, match=message):
            plan_clip(bicubic, clip, tmp_path / "larger.mp4", Wishes(**wishes))
