"""Clips made by PyAV: a photo that moves, a tone, and whatever else a test asks for."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

try:
    import av
except ModuleNotFoundError:
    collect_ignore_glob = ["test_*.py"]

PHOTO = np.asarray(Image.open(Path(__file__).parents[2] / "jaxsr/samples/flowers.jpg"))


def make_clip(
    path,
    *,
    frames=12,
    size=(48, 64),
    codec="ffv1",
    pixels="yuv420p",
    times=None,
    time_base=Fraction(1, 90000),
    options=None,
    context=None,
    matrix=None,
    held=(),
    sound=False,
    subtitles=(),
):
    """Write a clip.

    `times` are in its units, `held` the numbers of frames that repeat the one before, `sound` a codec or True for AAC.
    """
    times = times or [3600 * n for n in range(frames)]
    height, width = size
    with av.open(str(path), "w") as output:
        video = output.add_stream(codec, rate=25, width=width, height=height, pix_fmt=pixels, options=options or {})
        video.codec_context.time_base = time_base
        for name, value in (context or {}).items():
            setattr(video.codec_context, name, value)
        if matrix:
            video.set_display_matrix(matrix)
        tone = output.add_stream(sound if isinstance(sound, str) else "aac", rate=48000) if sound else None
        text = output.add_mux_stream("subrip", time_base=Fraction(1, 1000)) if subtitles else None
        if text:
            text.metadata["language"] = "deu"
        for packet in [*_video(video, times, size, pixels, held), *_tone(tone, times[-1] * time_base)]:
            output.mux(packet)
        for start, words in subtitles:
            packet = av.Packet(words.encode())
            packet.pts = packet.dts = start
            packet.duration, packet.time_base, packet.stream = 200, Fraction(1, 1000), text
            output.mux(packet)
    return path


def _video(stream, times, size, pixels, held):
    shown = 0
    for number, time in enumerate(times):
        shown = shown if number in held else number
        part = np.ascontiguousarray(PHOTO[200 : 200 + size[0], 300 + shown % 200 : 300 + shown % 200 + size[1]])
        context = stream.codec_context
        frame = av.VideoFrame.from_ndarray(part, "rgb24")
        frame = frame.reformat(format=pixels, dst_colorspace=context.colorspace, dst_color_range=context.color_range)
        frame.pts, frame.time_base = time, context.time_base
        yield from stream.encode(frame)
    yield from stream.encode()


def _tone(stream, seconds):
    if stream is None:
        return
    wave = np.sin(np.arange(0, int(seconds * 48000), dtype=np.float32) / 20)
    for start in range(0, len(wave) - 1023, 1024):
        frame = av.AudioFrame.from_ndarray(np.stack([wave[start : start + 1024]] * 2), "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        yield from stream.encode(frame)
    yield from stream.encode()


@pytest.fixture
def clip_file(tmp_path):
    """`make_clip` of a name in the test's folder."""
    return lambda name, **options: make_clip(tmp_path / name, **options)


@pytest.fixture
def with_packets():
    """A function that writes a copy of a clip's video, with the packets that `change` makes of (number, bytes).

    `prepare` is called with the new file and its stream, and the options are those of `av.open`.
    """
    return _with_packets


def _with_packets(whole, path, change=lambda number, packet: packet, *, prepare=lambda output, stream: None, **options):
    with av.open(str(whole)) as clip, av.open(str(path), "w", **options) as output:
        stream = output.add_stream_from_template(clip.streams.video[0])
        prepare(output, stream)
        for number, packet in enumerate(clip.demux(video=0)):
            if packet.size and (content := change(number, bytes(packet))):
                copy = av.Packet(content)
                copy.pts, copy.dts, copy.is_keyframe = packet.pts, packet.dts, packet.is_keyframe
                copy.time_base, copy.stream = packet.time_base, stream
                output.mux(copy)
    return path


@pytest.fixture
def read():
    """Decoded frames of a clip, and what its packets and streams are."""
    return _read


def _read(path):
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    with av.open(str(path)) as container:
        packets = {stream.index: [] for stream in container.streams}
        for packet in container.demux():
            if packet.size:
                packets[packet.stream_index].append((packet.pts * packet.time_base, bytes(packet)))
        kinds = [stream.type for stream in container.streams]
        languages = [stream.metadata.get("language") for stream in container.streams]
        aspect = container.streams.video[0].sample_aspect_ratio
    return {"frames": frames, "packets": packets, "kinds": kinds, "languages": languages, "pixel aspect": aspect}
