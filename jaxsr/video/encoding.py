"""Encoding of frames to the file of a segment, and reading of its packets."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import Flags

from jaxsr.errors import InputError
from jaxsr.files import replacing
from jaxsr.kernels.processor import processor_features
from jaxsr.video.clip import LIMITED_RANGE, Clip
from jaxsr.video.color import BT709, Coding
from jaxsr.video.ffmpeg import location, usual_priority
from jaxsr.video.planes import PlaneLayout, Planes, frame_of

# For each encoder, a CRF without visible loss, and its usual preset.
_USUAL = {
    "libx264": {"crf": "18", "preset": "medium"},
    "libx265": {"crf": "20", "preset": "medium"},
    "libsvtav1": {"crf": "24", "preset": "8"},
}
# Seconds added to the times in a segment's file: NUT has no negative times, but decoding can start before zero.
_LEAD = 3600
# x265 and SVT-AV1 print past FFmpeg's log, so they must be silenced themselves: by an option, and by the environment.
# Nor may x265 write the machine's processor and cores into the header, of which a result has only one.
_QUIET = {"libx265": {"x265-params": "log-level=error:info=0"}}
os.environ.setdefault("SVT_LOG", "1")


@dataclass(frozen=True)
class VideoEncoding:
    """How frames are encoded. The attributes that are not explained are those of `Clip`, of the result.

    Attributes:
      codec: FFmpeg's name of the encoder.
      options: options of the encoder.
      lead: added to a frame's time in a segment's file, in units of time.
    """

    codec: str
    options: dict[str, str]
    size: tuple[int, int]
    layout: PlaneLayout
    coding: Coding
    tags: tuple[int, int, int, int]
    sample_aspect: Fraction | None
    time_base: Fraction
    rate: Fraction
    lead: int


def choose_encoding(
    clip: Clip, size: tuple[int, int], suffix: str, *, codec: str | None, crf: float | None, preset: str | None
) -> VideoEncoding:
    """Choose how the result of a clip is encoded.

    Args:
      clip: the clip.
      size: (height, width) of the result.
      suffix: suffix of the result's file.
      codec: FFmpeg's name of the encoder; None for libsvtav1 in .webm, libx265 above 8 bits, otherwise libx264.
      crf: constant rate factor, lower is better; None for one without visible loss.
      preset: the encoder's name for how thorough it is; None for its usual one.

    Raises:
      InputError: this build of FFmpeg has no such encoder, or the encoder refuses the frames or the options.
    """
    name = codec or ("libsvtav1" if suffix == ".webm" else "libx264" if clip.layout.bits == 8 else "libx265")
    try:
        encoder = av.Codec(name, "w")
    except av.codec.codec.UnknownCodecError as error:
        there = ", ".join(usual for usual in _USUAL if usual in av.codecs_available)
        raise InputError(f"--codec {name}: FFmpeg has no such encoder here; choose one of {there}") from error
    # Of h264, for example, FFmpeg chooses the encoder.
    name = encoder.name
    layout = _layout(clip, encoder, size)
    given = {} if crf is None else {"crf": f"{crf:g}"}
    given |= {"preset": preset} if preset else {}
    options = _USUAL.get(name, {}) | given
    known = {option.name for option in av.CodecContext.create(name, "w").supported_options.private}
    for option in options.keys() - known:
        raise InputError(f"--{option} {options[option]}: {name} has no such option; leave it out")
    options |= _QUIET.get(name, {})
    lead = round(_LEAD / clip.time_base) - clip.times[0]
    colors = _colors(clip, layout)
    encoding = VideoEncoding(name, options, size, layout, *colors, clip.sample_aspect, clip.time_base, clip.rate, lead)
    _try(encoding, given)
    return encoding


def _layout(clip, encoder, size):
    there = {format.name for format in encoder.video_formats or ()}
    # The result is at least twice as large, so halved chroma still has as many samples as the clip's.
    for layout in (clip.layout, PlaneLayout("yuv", clip.layout.bits, (True, True))):
        if layout.name in there:
            break
    else:
        raise InputError(
            f"{clip.path}: {encoder.name} does not take {layout.name}; give --codec libx265, or ffv1 with a name in "
            ".mkv"
        )
    for length, half in zip(size, layout.halved, strict=True):
        if half and length % 2:
            raise InputError(
                f"the result of {size[1]}x{size[0]} has an odd side, but {layout.name} needs even sides; give even "
                "ones with --size"
            )
    return layout


def _colors(clip, layout):
    """Coding and tags: those of the clip, with chroma where players expect it."""
    if clip.layout.kind != "yuv" and layout.kind == "yuv":
        return Coding(BT709, full=False, cosited=True), (LIMITED_RANGE, BT709, *clip.tags[2:])
    return replace(clip.coding, cosited=True), clip.tags


def _try(encoding, given):
    """Open the encoder once, so that it refuses options now and not after hours of work."""
    try:
        _open(av.CodecContext.create(encoding.codec, "w"), encoding)
    except (av.FFmpegError, ValueError) as error:
        flags = " ".join(f"--{name} {value}" for name, value in given.items())
        height, width = encoding.size
        raise InputError(
            f"{encoding.codec} refuses {width} × {height} {encoding.layout.name} {flags}: "
            f"{getattr(error, 'strerror', None) or error}"
        ) from error


def _open(context, encoding):
    # x264's AVX-512 code gives other results from run to run (core 165: its macroblock tree), that for AVX2 does not.
    careful = encoding.codec == "libx264" and "avx512f" in processor_features()
    context.options = encoding.options | ({"x264-params": "asm=avx2"} if careful else {})
    context.height, context.width = encoding.size
    context.pix_fmt = encoding.layout.name
    context.time_base, context.framerate = encoding.time_base, encoding.rate
    set_picture(context, encoding)
    # PyAV's default is one slice for each core, which makes x264 compress worse.
    context.thread_type = "AUTO"
    # One header for all segments, as most formats require.
    context.flags |= Flags.global_header
    with usual_priority():
        context.open()


def set_picture(context: av.VideoCodecContext, encoding: VideoEncoding) -> None:
    """Set the tags of the colours and the aspect of the pixels."""
    if encoding.sample_aspect:
        context.sample_aspect_ratio = encoding.sample_aspect
    context.color_range, context.colorspace, context.color_primaries, context.color_trc = encoding.tags


@contextmanager
def segment_writer(path: Path, encoding: VideoEncoding) -> Generator[Callable[[int, Planes], None]]:
    """Give a function that writes a frame, from its time and planes. The file appears complete or not at all.

    The format is NUT, the only one that keeps any unit of time.
    """
    with replacing(path) as temporary, av.open(location(temporary), "w", format="nut") as output:
        stream = output.add_stream(encoding.codec, rate=encoding.rate)
        assert isinstance(stream, av.VideoStream), encoding.codec
        _open(stream.codec_context, encoding)
        count = 0

        def write(time, planes):
            nonlocal count
            count += 1
            frame = frame_of(planes, encoding.layout)
            frame.pts, frame.time_base = time + encoding.lead, encoding.time_base
            output.mux(stream.encode(frame))

        yield write
        for packet in stream.encode():
            if count <= 2:
                # x265 makes up decoding times for so few frames, and NUT would make the frames' times fit them.
                packet.dts = packet.pts
            output.mux(packet)


def segment_packets(path: Path, encoding: VideoEncoding) -> Iterator[tuple[int, av.Packet]]:
    """Yield (time of the frame in the clip, packet) of a segment, in the order of decoding."""
    with av.open(location(path)) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size:
                assert packet.pts is not None, path
                # NUT can choose a finer unit of time.
                time = round(packet.pts * packet.time_base / encoding.time_base) - encoding.lead
                packet.pts, packet.time_base = time, encoding.time_base
                yield time, packet
