"""Clips as they are found: damaged, cut, with the metadata and the streams of other programs."""

from pathlib import Path

import av
import numpy as np
import pytest

import jaxsr
from jaxsr.errors import InputError
from jaxsr.files import LONGEST_NAME
from jaxsr.video import encoding, joining
from jaxsr.video.clip import open_clip
from jaxsr.video.decoding import decode
from jaxsr.video.encoding import segment_writer
from jaxsr.video.files import Wishes, plan_clip, upscale_clip
from jaxsr.video.segments import segment_file, work_folder


def upscale(source, target, **wishes):
    planned = plan_clip(jaxsr.load("bicubic", scale=2), source, target, Wishes(**wishes))
    return planned, upscale_clip(planned)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".avi"])
def test_metadata_in_other_letters_than_utf8_are_copied(tmp_path, clip_file, with_packets, suffix):
    whole = clip_file(f"whole{suffix}", codec="libx264", frames=2, options={"bf": "0"})
    name = lambda output, _: output.metadata.update(title="Grünes Häuschen")  # noqa: E731
    source = with_packets(whole, tmp_path / f"latin{suffix}", prepare=name, metadata_encoding="latin-1")
    for target in (tmp_path / "larger.mkv", tmp_path / "larger.mp4"):
        upscale(source, target, codec="libx264")
        with av.open(str(target), metadata_encoding="latin-1") as result:
            assert result.metadata["title"] == "Grünes Häuschen"


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
@pytest.mark.parametrize("phone", [True, False])
def test_what_a_phone_says_of_itself_is_copied(tmp_path, clip_file, with_packets, suffix, phone):
    usual = {"title": "Garden", "creation_time": "2024-05-01T10:00:00.000000Z", "location": "+52.5000+013.4000/"}
    apple = {
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.model": "iPhone 15",
        "com.apple.quicktime.creationdate": "2024-05-01T12:00:00+0200",
        "com.apple.quicktime.location.ISO6709": "+52.5000+013.4000/",
    }
    said = usual | (apple if phone else {})
    plain, target = clip_file("plain.mov", codec="libx264", frames=2), tmp_path / f"larger{suffix}"
    options = {"prepare": lambda output, _: output.metadata.update(said), "options": {"movflags": "use_metadata_tags"}}
    upscale(with_packets(plain, tmp_path / "clip.mov", **options), target, codec="libx264")
    with av.open(str(target)) as result:
        # Matroska's names of keys are upper case.
        found = {key.lower(): value for key, value in result.metadata.items()}
    for key, value in said.items():
        assert found[key.lower()] == value
    assert "encoder" in found
    # Apple's place for keys, beside which there is no other, is for such clips alone.
    assert (b"mdta" in target.read_bytes()) == (phone and suffix != ".mkv")


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".flv", ".mkv"])
def test_a_clip_that_begins_before_a_key_frame_has_the_frames_after_it(tmp_path, clip_file, with_packets, read, suffix):
    whole = clip_file(f"whole{suffix}", codec="libx264", frames=40, options={"g": "10", "bf": "0"})
    cut = with_packets(whole, tmp_path / f"cut{suffix}", lambda number, packet: packet if number > 5 else b"")
    shown = read(cut)["frames"]
    assert len(shown) == 30
    clip = open_clip(cut)
    frames = list(decode(clip, clip.times[0], clip.times[-1] + 1))
    assert [frame.time for frame in frames] == [frame.pts for frame in shown]


def test_a_clip_damaged_from_its_middle_on_keeps_its_beginning(tmp_path, clip_file, with_packets):
    whole = clip_file("whole.mkv", codec="mjpeg", pixels="yuvj420p", frames=9)
    change = {number: b"damaged" for number in range(4, 9)}
    damaged = with_packets(whole, tmp_path / "damaged.mkv", lambda number, packet: change.get(number, packet))
    _, tally = upscale(damaged, tmp_path / "larger.mkv")
    assert (tally.frames, tally.lost) == (4, 5)
    nothing = with_packets(whole, tmp_path / "nothing.mkv", lambda number, packet: b"damaged")
    with pytest.raises(InputError, match="none of its frames can be decoded"):
        open_clip(nothing)


def test_fonts_are_copied_to_matroska_and_told_of_elsewhere(tmp_path, clip_file, with_packets):
    attach = lambda output, _: output.add_attachment("a.ttf", "application/x-truetype-font", b"a font")  # noqa: E731
    source = with_packets(clip_file("plain.mkv", codec="libx264", frames=2), tmp_path / "fonts.mkv", prepare=attach)
    for suffix, notes in ((".mkv", ()), (".mp4", ("stream 1 (attachment) is not copied",))):
        planned, _ = upscale(source, tmp_path / f"larger{suffix}", codec="libx264")
        assert planned.clip.notes == notes
        assert (b"a font" in planned.target.read_bytes()) == (not notes)


def test_statistics_of_the_old_video_are_not_copied(tmp_path, clip_file, with_packets):
    # As MKVToolNix writes them.
    statistics = ("BPS", "BPS-eng", "DURATION-eng", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES-eng", "_STATISTICS_TAGS-eng")
    said = dict.fromkeys(statistics, "1000") | {"title": "Garden", "BPM": "120"}
    plain, source = clip_file("plain.mkv", codec="libx264", frames=2), tmp_path / "clip.mkv"
    with_packets(plain, source, prepare=lambda _, stream: stream.metadata.update(said))
    upscale(source, tmp_path / "larger.mkv", codec="libx264")
    with av.open(str(tmp_path / "larger.mkv")) as result:
        assert result.streams[0].metadata.keys() == {"title", "BPM", "DURATION"}


def test_a_name_as_long_as_names_can_be_gets_its_folder(tmp_path, clip_file, read):
    target = tmp_path / f"{'x' * (LONGEST_NAME - 4)}.mkv"
    upscale(clip_file("clip.mkv", frames=2), target, codec="ffv1")
    assert len(read(target)["frames"]) == 2
    assert work_folder(target) != work_folder(target.with_name("y" + target.name[1:]))


@pytest.mark.parametrize("name", ["10:30.mkv", "2024-05-01T10:00:00.mkv"])
def test_a_colon_in_a_name_begins_no_protocol(tmp_path, clip_file, read, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    clip_file("clip.mkv", frames=2).rename(name)
    upscale(Path(name), Path(f"x:{name}"), codec="ffv1")
    assert len(read(tmp_path / f"x:{name}")["frames"]) == 2
    assert {path.name for path in tmp_path.iterdir()} == {name, f"x:{name}"}
    with pytest.raises(FileNotFoundError):
        open_clip(Path("y:absent.mkv"))


def test_segments_without_a_recipe_are_not_taken(tmp_path, clip_file):
    source, target = clip_file("clip.mkv", frames=2), tmp_path / "larger.mkv"
    leftover = segment_file(work_folder(target), 0)
    leftover.parent.mkdir()
    leftover.write_bytes(b"of an unknown run")
    _, tally = upscale(source, target, codec="ffv1")
    assert tally.frames == 2


def test_segments_of_unlike_machines_can_be_joined(tmp_path, clip_file, read, monkeypatch):
    source = clip_file("clip.mkv", frames=2)
    planned = plan_clip(jaxsr.load("bicubic", scale=2), source, tmp_path / "larger.mkv", Wishes(codec="libx265"))
    black = tuple(np.zeros(shape, np.uint8) for shape in ((96, 128), (48, 64), (48, 64)))
    usual = planned.encoding.options["x265-params"]
    for number, machine in enumerate(("asm=0:pools=2", "frame-threads=3")):
        options = planned.encoding.options | {"x265-params": f"{usual}:{machine}"}
        unlike = encoding.replace(planned.encoding, options=options)
        with segment_writer(segment_file(planned.folder, number), unlike) as write:
            write(planned.clip.times[number], black)
    files = [segment_file(planned.folder, number) for number in (0, 1)]
    assert joining.join(planned.clip, files, planned.target, planned.encoding, shift=False) == 2
    assert len(read(planned.target)["frames"]) == 2


@pytest.mark.parametrize(("codec", "encoder"), [("h264", "libx264"), ("hevc", "libx265"), ("av1", "libsvtav1")])
def test_a_codec_means_its_encoder_with_the_usual_options(tmp_path, clip_file, codec, encoder):
    source = clip_file("clip.mkv", frames=2)
    plans = [
        plan_clip(jaxsr.load("bicubic", scale=2), source, tmp_path / f"{name}.mkv", Wishes(codec=name))
        for name in (codec, encoder)
    ]
    assert plans[0].encoding == plans[1].encoding
    assert plans[0].encoding.options["crf"]
